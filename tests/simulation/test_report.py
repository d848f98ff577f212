"""What a failing run shows: words, pictures and a test file, of made-up and of real runs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
from a2a.types import StreamResponse, Task, TaskState, TaskStatus, TaskStatusUpdateEvent

from actors.runtime import ActorRef
from actors.runtime.journal.port import Ack, Append
from actors.runtime.journal.record import Record
from actors.simulation import trace as seen
from actors.simulation.choices import Choices, Recorded, Seeded
from actors.simulation.faults import FaultPlan
from actors.simulation.invariants.rule import Invariant, Saw, Violation, invariant
from actors.simulation.report import NoAddress, explain, pytest_file, write
from actors.simulation.report.explanation import LINES
from actors.simulation.report.lines import Weight, told
from actors.simulation.report.path import chart_of, walk
from actors.simulation.report.sequence import ARROWS, sequence
from actors.simulation.report.testfile import digest8
from actors.simulation.sandbox import Simulation
from actors.simulation.scenarios import SCENARIOS, Scenario, whims
from actors.simulation.search import Failure, search
from actors.simulation.simulate import SimulationFailed, simulate
from actors.simulation.trace import Trace
from actors.simulation.world import World
from actors.task.chart import task_chart
from actors.task.messages import AgentEvent, Emitted, Get, task_ref
from actors.task.policy import Policy
from actors.task.ports import RunId
from actors.task.record import Failure as Why
from actors.task.record import Kind
from statechart import Table

ROOT = Path(__file__).parent.parent.parent


# -- a real run that fails


@invariant(90, "Nobody ever loses an acknowledgement.")
def everything_acknowledged(trace: Trace, policy: Policy, saw: Saw) -> Iterator[str]:
    """False on purpose: a lost acknowledgement is one of the faults."""
    for stored in trace.all(seen.Stored):
        saw()
        if not stored.told:
            yield f"{stored.append.log}: {stored.node} does not know of {stored.append.expected}"


@cache
def real(scenario: str = "whims") -> Failure:
    found = search(SCENARIOS[scenario], schedules=300, invariants=(everything_acknowledged,))
    assert found.failure is not None
    return found.failure


FALSE = (everything_acknowledged,)
WHIMS = SCENARIOS["whims"]
ADDRESSED = replace(WHIMS, name="tests.simulation.test_report:ADDRESSED")


# -- a made-up run


@dataclass(frozen=True, slots=True, kw_only=True)
class Told(Scenario):
    """A scenario whose every run is the same made-up one, independent of the simulator."""

    entries: tuple[Any, ...] = ()

    def __call__(self, choices: Choices, *, detailed: bool = False) -> Trace:
        trace = Trace(detailed=True)
        for entry in self.entries:
            if isinstance(entry, Exception):
                raise entry
            trace.add(entry)
        return trace


def nobody(world: World) -> None:
    """Let nobody in."""


def failure_of(*entries: Any, text: str = "t1: 2 follows nothing") -> Failure:
    return Failure(
        scenario=Told(name="made up", inhabit=nobody, entries=entries),
        choices=[0, 3, 1],
        found=[0, 0, 3, 0, 1, 0],
        seed=17,
        violations=(Violation(3, "gap_free", text),),
    )


def status(state: str, text: str = "") -> bytes:
    update = TaskStatusUpdateEvent(task_id="t1", status=TaskStatus(state=state))
    if text:
        update.status.message.parts.add(text=text)
    return StreamResponse(status_update=update).SerializeToString()


def task(state: str) -> bytes:
    made = Task(id="t1", status=TaskStatus(state=state))
    return StreamResponse(task=made).SerializeToString()


def record(seq: int, kind: Kind, payload: bytes = b"", **facts: int | str) -> Record:
    return Record(seq, 1, 0, kind, payload, facts)


def append(*records: Record) -> Append:
    return Append("t1", 1, records[0].seq - 1, records, _NOBODY)


_NOBODY: Any = None
RUN = RunId("t1", 1, 1)
WORKING, COMPLETED = task("TASK_STATE_WORKING"), status("TASK_STATE_COMPLETED", "done; #1 <b>")
EMITTED = Emitted(
    RUN, (AgentEvent(Kind.TASK, "task_working", TaskState.TASK_STATE_WORKING, WORKING),)
)
ACCEPTED, STARTED = record(1, Kind.ACCEPTED), record(2, Kind.STARTED, run=1, message=1)

STORY = (
    seen.Began("n1"),
    seen.Asked("c1.1", "c1", "n1", "send", "t1", ("hello", "settled")),
    seen.Asked("c2.1", "c2", "n1", "subscribe", "t1", 4),
    seen.Delivered("n1", "outside", task_ref("t1"), Get()),
    seen.Stored("n1", append(ACCEPTED, STARTED), Ack.STORED, told=True),
    seen.Emission("n1", RUN, WORKING, late=False),
    seen.Delivered("n1", "x", task_ref("t1"), EMITTED),
    seen.Refused("n1", (append(record(3, Kind.TASK, WORKING)),)),
    seen.Stored("n1", append(record(3, Kind.TASK, WORKING)), Ack.STORED, told=False),
    seen.Crashed("n1", "torn"),
    seen.Began("n2"),
    seen.Stored("n1", append(record(4, Kind.STATUS, COMPLETED)), Ack.FENCED, told=True),
    seen.Over("n1", RUN, Why("InternalError", "the agent broke"), cancel=False),
    seen.Dead("n2", None, Get(), "superseded"),
    seen.Streamed("c2.1", 3, StreamResponse.FromString(COMPLETED)),
    seen.Answered("c1.1", None, ConnectionError("n1 crashed")),
    seen.Answered("c2.1", None, None),
    seen.FaultsStopped(),
    seen.Quiet(("timer of t1",)),
)

EXPLAINED = """\
made up: 1 violation
invariant 3 (gap_free): Sequence numbers are gap-free.
    t1: 2 follows nothing
REPLAYED, IT DOES NOT BREAK 3: the code is not what it was, or the run depends on something that \
is not chosen (time, chance, order of a set)

Found with seed 17: 6 choices, shrunk to 3. To repeat it, run the scenario with
    Recorded([0, 3, 1])
No test file: scenario 'made up' has no address; name it 'module:attribute' after the place it \
can be imported from, or enter it into SCENARIOS.

What happened (places in the trace; run task/epoch.run); it is about t1:
   0 n1 starts
   1 c1 asks n1: send 'hello' to t1, wait for settled (request c1.1)
   2 c2 asks n1: subscribe to t1 after 4 (request c2.1)
   3 journal stores t1 1-2 ACCEPTED, STARTED for n1
   4 agent emits Task WORKING in run t1/1.1
   5 append FAILED for n1: t1 3
   6 journal stores t1 3 TASK for n1; the ACKNOWLEDGEMENT IS LOST
   7 n1 CRASHES; of an append under way a torn part survives
   8 n2 starts
   9 journal REFUSES t1 4 STATUS of n1: fenced, epoch 1
  10 agent's execute of run t1/1.1 raised InternalError: the agent broke
  11 dead letter on n2: Get (superseded)
  12 c2 reads 3: status COMPLETED 'done; #1 <b>' (request c2.1)
  13 c1 is answered: ConnectionError: n1 crashed (request c1.1)
  14 c2 is answered: the end of the stream (request c2.1)
  15 no more faults from here on
  16 nothing can happen any more, and this is LEFT: timer of t1
Left out: 2 deliveries.
"""


# -- in words


def test_an_explanation_says_what_broke_how_to_repeat_it_and_what_happened() -> None:
    assert explain(failure_of(*STORY)).text == EXPLAINED


def test_every_kind_of_entry_has_words_of_its_own() -> None:
    kinds = [each for each in vars(seen).values() if hasattr(each, "_fields")]
    known = [each for each in kinds if each.__module__ == seen.__name__]
    assert len(known) > 20
    for kind in known:
        source = Path(ROOT, "actors/simulation/report/lines.py").read_text()
        assert re.search(rf"\bseen\.{kind.__name__}: ", source), kind


def test_a_long_run_is_cut_to_faults_and_what_came_last() -> None:
    noise = tuple(
        seen.Asked(f"c{n}.1", f"c{n}", "n1", "get", "t2" if n % 2 else "t1") for n in range(500)
    )
    entries = (seen.Crashed("n1", "all"), seen.Broke("stuck"), *noise)
    text = explain(failure_of(*entries)).text
    lines = text.splitlines()
    assert len(lines) == LINES
    assert "n1 CRASHES" in text
    assert "THE RUN BROKE: stuck" in text
    assert "get t1" in lines[-2]
    assert "get t2" not in text
    shown = sum("get t1" in line for line in lines)
    assert lines[-1] == f"Left out: {500 - shown} lighter or earlier lines."


def test_long_choices_and_many_violations_still_fit() -> None:
    many = tuple(Violation(3, "gap_free", f"t1: {'long ' * 200}{n}") for n in range(50))
    long = replace(failure_of(*STORY), choices=[7] * 3000, violations=many)
    lines = explain(long).text.splitlines()
    assert len(lines) <= LINES
    assert "    and 46 more" in lines
    left = next(line for line in lines if "all of them in `failure.choices`" in line)
    told_left = int(re.findall(r"\d+", left)[0])
    shown = [line for line in lines if set(line.replace("Recorded([", "")) <= set(" ,7")]
    assert 3000 - told_left == sum(line.count("7") for line in shown if "7" in line)


def test_the_real_run_is_told_to_be_the_one_that_broke() -> None:
    found = explain(real(), FALSE)
    assert "invariant 90 (everything_acknowledged): Nobody ever loses" in found.text
    assert "ACKNOWLEDGEMENT IS LOST" in found.text
    assert f"Recorded({real().choices})"[:40] in found.text
    assert "DOES NOT BREAK" not in found.text
    assert len(found.text.splitlines()) <= LINES


def test_a_run_that_replays_differently_is_told_so() -> None:
    calm = replace(real(), choices=[])
    assert "REPLAYED, IT DOES NOT BREAK 90" in explain(calm, FALSE).text
    assert "DOES NOT BREAK" not in explain(calm).text, "nobody can tell: 90 is not among them"


def test_places_are_those_of_the_trace_that_was_judged() -> None:
    judged = ADDRESSED(Recorded(real().choices))
    lines = [*told(ADDRESSED(Recorded(real().choices), detailed=True))]
    outside = [line for line in lines if line.weight is not Weight.DELIVERY]
    assert [line.place for line in outside] == [*range(len(judged.entries))]
    assert [line.text for line in outside] == [line.text for line in told(judged)]
    assert len(lines) > len(outside)


def test_an_explanation_is_the_same_each_time() -> None:
    assert explain(real(), FALSE) == explain(real(), FALSE)


def test_a_run_that_broke_shows_what_broke_it() -> None:
    entries = (*STORY, seen.Broke("out of order"), seen.NotRepeated("time.time() in agent.py:3"))
    found = explain(failure_of(*entries))
    assert "THE RUN BROKE: out of order" in found.text
    assert "NOT REPEATABLE: time.time() in agent.py:3" in found.text
    assert "the run broke: out of order" in read_sequence(found.sequence).notes


def test_a_run_that_raises_when_it_is_repeated_is_told_so() -> None:
    found = explain(failure_of(*STORY, RuntimeError("out of order")))
    assert "REPLAYED, IT RAISES RuntimeError: out of order" in found.text
    assert read_sequence(found.sequence).notes == ["invariant 3 (gap_free): t1: 2 follows nothing"]


# -- as a sequence diagram

PARTICIPANT = re.compile(r"    participant (\w+) as (.+)")
ARROW = re.compile(r"    (\w+)(->>|-->>|-x)(\w+): (.+)")
NOTE = re.compile(r"    Note over (\w+)(?:,(\w+))?: (.+)")
CODE = re.compile(r"#(\d+);")


@dataclass
class Picture:
    names: dict[str, str] = field(default_factory=dict)
    arrows: list[tuple[str, str, str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def decoded(text: str) -> str:
    assert not set(CODE.sub("", text)) & set("#;<>%{}"), text
    return CODE.sub(lambda found: chr(int(found[1])), text)


def read_sequence(text: str) -> Picture:
    """Read what Mermaid would: everything declared before use, every line well-formed."""
    head, *lines = text.splitlines()
    assert head == "sequenceDiagram"
    picture = Picture()
    for line in lines:
        if found := PARTICIPANT.fullmatch(line):
            assert not picture.arrows
            assert not picture.notes
            assert found[1] not in picture.names
            picture.names[found[1]] = decoded(found[2])
        elif found := ARROW.fullmatch(line):
            ends = picture.names[found[1]], picture.names[found[3]]
            picture.arrows.append((ends[0], found[2], ends[1], decoded(found[4])))
        else:
            found = NOTE.fullmatch(line)
            assert found, line
            assert {found[1], found[2] or found[1]} <= picture.names.keys()
            picture.notes.append(decoded(found[3]))
    assert len(set(picture.names.values())) == len(picture.names)
    return picture


def test_a_sequence_shows_who_told_whom_and_what_went_wrong() -> None:
    picture = read_sequence(explain(failure_of(*STORY)).sequence)
    assert [*picture.names.values()] == [
        *("c1", "c2", "n1 entry", "n1 task:t1", "n1 journal", "agent", "journal disk")
    ]
    assert picture.arrows == [
        ("c1", "->>", "n1 entry", "c1.1 send 'hello' to t1, wait for settled"),
        ("c2", "->>", "n1 entry", "c2.1 subscribe to t1 after 4"),
        ("n1 entry", "->>", "n1 task:t1", "Get"),
        ("n1 journal", "->>", "journal disk", "append t1 1-2 ACCEPTED, STARTED"),
        ("agent", "->>", "n1 task:t1", "Emitted task_working"),
        ("n1 journal", "->>", "journal disk", "append t1 3 TASK"),
        ("n1 journal", "->>", "journal disk", "append t1 4 STATUS"),
        ("n1 entry", "-->>", "c2", "c2.1 reads 3 status COMPLETED 'done; #1 <b>'"),
        ("n1 entry", "-x", "c1", "c1.1 ConnectionError: n1 crashed"),
        ("n1 entry", "-->>", "c2", "c2.1 the end of the stream"),
    ]
    assert picture.notes == [
        "n1 starts",
        "append FAILED for n1: t1 3",
        "stored, the acknowledgement to n1 is lost",
        "n1 CRASHES; of an append under way a torn part survives",
        "n2 starts",
        "fenced, epoch 1",
        "dead letter on n2: Get (superseded)",
        "no more faults",
        "invariant 3 (gap_free): t1: 2 follows nothing",
    ]


def test_a_long_sequence_shows_its_end_and_names_the_faults_before() -> None:
    trace = Trace(detailed=True)
    for entry in STORY:
        trace.add(entry)
    for number in range(ARROWS):
        trace.add(seen.Delivered("n2", "outside", ActorRef("task", f"t{number % 3}"), Get()))
    picture = read_sequence(sequence(trace))
    assert len(picture.arrows) == ARROWS
    assert picture.notes[0].startswith("10 arrows before this are left out: n1 starts; n1 CRASHES")
    assert [*picture.names.values()] == ["n2 entry", "n2 task:t0", "n2 task:t1", "n2 task:t2"]


def test_hostile_names_and_texts_do_not_break_a_picture() -> None:
    evil = 'end; %%{init}%% as <br> "x"\n#35; \u2028 \udc00 `&'
    trace = Trace(detailed=True)
    trace.add(seen.Asked("1", evil, "n1", "get", evil))
    trace.add(seen.Asked("2", "end", "n1", evil, "t1"))
    trace.add(seen.Asked("3", "", "n1", "", ""))
    trace.add(seen.Delivered("n1", "outside", task_ref(evil), Get()))
    trace.add(seen.Failed("n1", evil))
    picture = read_sequence(sequence(trace, [Violation(1, "x", evil)]))
    assert len(picture.arrows) == 4
    assert len(picture.names) == 5
    sequence(trace).encode()


def test_names_that_look_alike_stay_apart() -> None:
    trace = Trace(detailed=True)
    for name in ("a b", "a.b"):
        trace.add(seen.Asked(name, name, "n1", "get", "t1"))
    picture = read_sequence(sequence(trace))
    assert [tail for tail, *_ in picture.arrows] == ["a b", "a.b"]


def test_real_runs_give_well_formed_sequences_and_name_their_faults() -> None:
    faults = 0
    for seed in range(60):
        trace = WHIMS(Seeded(seed), detailed=True)
        picture = read_sequence(sequence(trace))
        assert 0 < len(picture.arrows) <= ARROWS
        told_faults = "\n".join(picture.notes)
        for crash in trace.all(seen.Crashed):
            faults += 1
            assert f"{crash.node} CRASHES" in told_faults
    assert faults > 5


def test_deliveries_come_from_whom_they_can_come_from() -> None:
    trace = WHIMS(Recorded([]), detailed=True)
    arrows = read_sequence(sequence(trace)).arrows
    heads = {text.split()[0]: tail for tail, _, head, text in arrows if head.startswith("n1 ")}
    assert heads["Send"] == "n1 entry"
    assert heads["Emitted"] == "agent"
    assert heads["GroupStored"] == "journal disk"
    assert heads["AppendRecords"] == "n1 task:t1"
    assert heads["Appended"] == "n1 journal"
    assert heads["Launch"] == "n1 task:t1"
    assert heads["Delivered"] == "webhook"


# -- as a chart

SPEC = Policy.spec()


def lit(picture: str) -> set[str]:
    found = re.search(r"^ +class (\S+) lit$", picture, re.MULTILINE)
    return set(found[1].split(",")) if found else set()


def test_a_chart_lights_the_way_of_a_log_with_the_numbers_of_its_records() -> None:
    log = (
        ACCEPTED,
        STARTED,
        record(3, Kind.TASK, WORKING),
        record(4, Kind.STATUS, status("TASK_STATE_INPUT_REQUIRED")),
        record(5, Kind.STATUS, COMPLETED),
    )
    picture = chart_of(Policy.sdk(), "t1", log)
    way = ("absent", "working", "input_required", "completed", "idle", "running")
    assert lit(picture) == {*way, "lifecycle", "open", "interrupted", "terminal", "run"}
    for number, row in (
        ("①", "absent --> absent : ① send"),
        ("②", "idle --> running : ② start"),
        ("③", "absent --> working : ③ task_working"),
        ("④", "open·any --> input_required : ④ status_input_required"),
        ("⑤", "open·any --> completed : ⑤ status_completed"),
    ):
        assert row in picture
        assert picture.count(number) == 1
    assert "%% 5 STATUS: completed | running" in picture.splitlines()


def test_a_task_made_at_admission_and_a_run_begun_again_take_their_own_rows() -> None:
    log = (
        ACCEPTED,
        record(2, Kind.TASK, task("TASK_STATE_SUBMITTED"), core=1),
        record(3, Kind.STARTED, run=1, message=1),
        record(4, Kind.EPOCH_CLAIMED),
        record(5, Kind.STARTED, run=2, message=1, again=1),
    )
    table = task_chart(Policy.spec(recovery="rerun")).compile()
    steps = [[edge.trigger for edge in step] for step in walk(table, log).steps]
    assert steps == [["send"], [], ["start"], [], ["lost", "start"]]


def test_a_chart_says_where_a_log_departs_from_it() -> None:
    table = chart_table()
    after = record(4, Kind.STATUS, status("TASK_STATE_WORKING"))
    way = walk(table, (ACCEPTED, STARTED, record(3, Kind.TASK, task("TASK_STATE_FAILED")), after))
    assert way.remarks[-1] == "4 STATUS: working | idle; no row leads here"
    assert way.steps[-1] == ()


@pytest.mark.parametrize(
    "strange",
    [
        record(7, Kind.STARTED, run=1, message=1),
        record(2, Kind.REFUSED, message=9),
        record(2, Kind.STATUS, COMPLETED),
        record(2, Kind.STATUS, b"\xff"),
        record(2, Kind.TASK, task("TASK_STATE_UNSPECIFIED")),
    ],
    ids=["gap", "refused nothing", "no task", "no event", "no state"],
)
def test_a_log_that_makes_no_sense_is_shown_as_far_as_it_does(strange: Record) -> None:
    way = walk(chart_table(), (ACCEPTED, strange))
    assert way.remarks[0] == "1 ACCEPTED: absent | idle"
    assert len(way.remarks) == 2
    chart_of(SPEC, "t1", (ACCEPTED, strange))


def chart_table() -> Table:
    return task_chart(Policy.sdk()).compile()


@pytest.mark.parametrize(
    "policy",
    [
        *(Policy.sdk(), Policy.spec()),
        *(Policy.sdk(recovery="rerun"), Policy.spec(recovery="rerun")),
    ],
    ids=["sdk", "spec", "sdk rerun", "spec rerun"],
)
def test_the_logs_of_sound_runs_follow_the_chart(policy: Policy) -> None:
    scenario = replace(WHIMS, policy=policy)
    table = task_chart(policy).compile()
    terminal = 0
    for seed in range(150):
        for log in scenario(Seeded(seed)).logs.values():
            way = walk(table, log)
            doubts = [each for each in way.remarks if "cannot follow" in each or "no row" in each]
            assert not doubts, (seed, way.remarks)
            terminal += "terminal" in way.at
    assert terminal > 50


def test_the_chart_is_that_of_the_task_that_the_violation_names() -> None:
    entries = (
        seen.Asked("c1.1", "c1", "n1", "get", "t1"),
        seen.Asked("c1.2", "c1", "n1", "get", "t10"),
    )
    assert "it is about t10:" in explain(failure_of(*entries, text="t10: 2 follows")).text
    assert "%% t10: " in explain(failure_of(*entries, text="t10: 2 follows")).chart
    assert "it is about t1:" in explain(failure_of(*entries, text="somebody waits")).text


# -- as a test file


def run_file(source: str) -> str:
    """Run the test in a file; return what it says when it fails, empty if it does not."""
    names: dict[str, Any] = {}
    exec(compile(source, "generated", "exec"), names)
    (test,) = (each for name, each in names.items() if name.startswith("test_"))
    try:
        test()
    except AssertionError as error:
        return str(error)
    return ""


def test_a_test_file_fails_as_the_run_did() -> None:
    said = run_file(pytest_file(real(), FALSE))
    assert said.splitlines()[0] == str(real().violations[0])


def test_a_test_file_passes_when_the_defect_is_mended() -> None:
    assert run_file(pytest_file(replace(real(), choices=[]), FALSE)) == ""


def test_a_test_file_runs_under_pytest(tmp_path: Path) -> None:
    failure = replace(real(), scenario=ADDRESSED)
    path = tmp_path / "test_repeat.py"
    path.write_text(pytest_file(failure, (*WHIMS.invariants, *FALSE)))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "1 failed" in done.stdout, done.stdout + done.stderr
    assert str(failure.violations[0]) in done.stdout


VARIANTS: dict[str, tuple[Callable[[], Failure], tuple[Invariant, ...]]] = {
    "plain": (real, FALSE),
    "default invariants": (real, WHIMS.invariants),
    "more invariants": (real, (*WHIMS.invariants, *FALSE)),
    "own address": (lambda: replace(real(), scenario=ADDRESSED), FALSE),
    "many choices": (lambda: replace(real(), choices=[*range(12)] * 40), FALSE),
    "no choices": (lambda: replace(real(), choices=[]), FALSE),
    "policy": (
        lambda: with_scenario(policy=Policy.spec(recovery="rerun"), plan=FaultPlan.none()),
        FALSE,
    ),
    "flag": (lambda: with_scenario(webhooks=False), FALSE),
    "strange policy": (
        lambda: with_scenario(
            policy=replace(Policy.spec(drain=1.5), name='my "own"\n', execution_deadline=None)
        ),
        WHIMS.invariants,
    ),
    "hostile text": (
        lambda: replace(
            real(), violations=(Violation(1, "x", 'a """ b \\N{x} \n import os ' + "y" * 200),)
        ),
        WHIMS.invariants,
    ),
}


def with_scenario(**changes: Any) -> Failure:
    return replace(real(), scenario=replace(WHIMS, **changes))


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_test_file_is_clean(variant: str) -> None:
    make, held = VARIANTS[variant]
    assert_clean(pytest_file(make(), held))


def assert_clean(source: str) -> None:
    ast.parse(source)
    for arguments in (("check", "--quiet"), ("format", "--check", "--quiet", "--diff")):
        command = [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", "tests/test_x.py"]
        done = subprocess.run(
            [*command, "-"], input=source, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, source + done.stdout + done.stderr


def test_a_test_file_has_the_scenario_with_its_policy_and_faults() -> None:
    names: dict[str, Any] = {}
    for make, held in VARIANTS.values():
        failure = make()
        exec(pytest_file(failure, held), names)
        assert names["SCENARIO"] == failure.scenario
        assert names["CHOICES"] == failure.choices


@pytest.mark.parametrize(
    ("scenario", "reason"),
    [
        (Scenario(name="adhoc", inhabit=whims()), "has no address"),
        (Scenario(name="whims", inhabit=whims()), "another inhabit"),
        (replace(WHIMS, script=cast(Any, nobody)), "another script"),
        (replace(ADDRESSED, name="tests.nowhere:X"), "cannot be imported"),
        (replace(ADDRESSED, name="tests.simulation.test_report:NOTHING"), "cannot be imported"),
        (replace(ADDRESSED, name="tests.simulation.test_report:ROOT"), "not a Scenario"),
        (replace(ADDRESSED, name="__main__:SCENARIO"), "__main__"),
        (replace(ADDRESSED, name="os;x:y"), "has no address"),
    ],
)
def test_a_scenario_that_cannot_be_imported_is_refused(scenario: Scenario, reason: str) -> None:
    with pytest.raises(NoAddress, match=reason):
        pytest_file(replace(real(), scenario=scenario))


def test_an_invariant_that_cannot_be_imported_is_refused() -> None:
    other = Invariant(91, "Another.", everything_acknowledged.check)
    with pytest.raises(NoAddress, match="is not invariant 91"):
        pytest_file(real(), (other,))


async def user_scenario(sim: Simulation) -> None:
    """Fail in one order of two."""
    if sim.choose(2):
        raise ValueError("the second first")


def simulated(**options: Any) -> Failure:
    with pytest.raises(SimulationFailed) as caught:
        simulate(user_scenario, **options)
    return caught.value.failure


def test_a_users_scenario_is_explained_and_repeated_by_simulate() -> None:
    failure = simulated()
    text = explain(failure).text
    assert "invariant 0 (runs_to_its_end)" in text
    assert "ValueError: the second first" in text
    said = run_file(pytest_file(failure))
    assert said.splitlines()[:3] == text.splitlines()[:3]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"traps": False},
        {"faults": FaultPlan.only(crashes=3), "policy": Policy.spec(recovery="rerun")},
    ],
    ids=["plain", "without traps", "faults and policy"],
)
def test_a_users_test_file_is_clean_and_keeps_the_options(options: dict[str, Any]) -> None:
    source = pytest_file(simulated(**options))
    assert_clean(source)
    asked: dict[str, Any] = {}
    names: dict[str, Any] = {}
    exec(source, names)
    names["simulate"] = lambda scenario, **given: asked.update(given, scenario=scenario)
    next(each for name, each in names.items() if name.startswith("test_"))()
    assert asked == {"scenario": user_scenario, "choices": names["CHOICES"], **options}


def test_a_users_scenario_that_a_test_could_not_repeat_is_refused() -> None:
    failure = simulated()
    with pytest.raises(NoAddress, match="here were others"):
        pytest_file(failure, FALSE)
    other = replace(cast(Any, failure.scenario), life=lambda sim: user_scenario(sim))
    with pytest.raises(NoAddress, match="is not the scenario itself"):
        pytest_file(replace(failure, scenario=other))


def test_a_local_function_has_no_address() -> None:
    async def inner(sim: Simulation) -> None:
        raise ValueError("always")

    with pytest.raises(SimulationFailed) as caught:
        simulate(inner, traps=False)
    assert "No test file: scenario 'tests.simulation.test_report:test_a_local" in str(caught.value)


# -- on the disk


def test_all_of_it_is_written_and_writing_it_again_changes_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "one"
    paths = write(real(), directory, FALSE)
    assert [path.name for path in paths] == [
        *("trace.txt", "sequence.mmd", "chart.mmd", f"test_whims_{digest8(real())}.py")
    ]
    before = {path: path.read_bytes() for path in paths}
    assert write(real(), directory, FALSE) == paths
    assert {path: path.read_bytes() for path in directory.iterdir()} == before
    found = explain(real(), FALSE)
    assert paths[0].read_text() == f"{found.text}\nEverything:\n{found.everything}"
    assert paths[1].read_text() == found.sequence
    assert paths[2].read_text() == found.chart
    assert paths[3].read_text() == found.test


def test_other_content_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "chart.mmd").write_text("mine")
    with pytest.raises(FileExistsError, match=r"chart\.mmd"):
        write(real(), tmp_path, FALSE)
    assert [path.name for path in tmp_path.iterdir()] == ["chart.mmd"]
    assert (tmp_path / "chart.mmd").read_text() == "mine"


def test_without_an_address_there_is_no_test_file_and_the_text_says_why(tmp_path: Path) -> None:
    paths = write(failure_of(*STORY), tmp_path)
    assert [path.name for path in paths] == ["trace.txt", "sequence.mmd", "chart.mmd"]
    assert "No test file: scenario 'made up' has no address" in paths[0].read_text()


def test_other_failures_have_other_names() -> None:
    names = {
        digest8(real()),
        digest8(replace(real(), choices=[1])),
        digest8(replace(real(), violations=())),
        digest8(replace(real(), scenario=ADDRESSED)),
    }
    assert len(names) == 4
