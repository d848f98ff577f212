"""The chart of a task against A2A_RULES, sections 3 and 4, and mutants of the chart against that.

The rules are written here a second time, as tables of cells and not as rows of a chart. A mutant
that keeps to them must be proven to behave as the chart does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from itertools import chain, product
from typing import Any, NamedTuple

import pytest

from actors.task.chart import sdk_chart, spec_chart, task_chart
from actors.task.policy import Policy
from statechart import Answer, Chart, Edge
from statechart.testing import KINDS, all_transitions, mutants, survivors

CHARTS: dict[str, Callable[[], Chart]] = {
    "sdk": sdk_chart,
    "spec": spec_chart,
    "reject": lambda: task_chart(Policy.sdk(during_run="reject")),
    "interrupt": lambda: task_chart(Policy.sdk(during_run="interrupt", during_auth="interrupt")),
    "interrupt run": lambda: task_chart(Policy.sdk(during_run="interrupt")),
}

# Cells: `!reason` refuses, `~reason` drops, `state/action,...` goes there, `=/action,...` stays,
# `+` stores and goes to the state that the event names, `.` has nothing to say. A condition and
# `?` in front make a cell hold only then; of several cells between `|` the first that holds does.

STATUS = """
                submitted               working input_required auth_required end unspecified
absent          !status_before_task     =       =              =             =   =
submitted       +                       +       +              +             +   !state_unspecified
working         (resubmit)              +       +              +             +   !state_unspecified
input_required  !back_to_submitted      +       +              +             +   !state_unspecified
auth_required   !back_to_submitted      +       +              +             +   !state_unspecified
terminal        ~after_terminal         =       =              =             =   =
replied         !update_in_message_mode =       =              =             =   =
"""
"""Section 3a; a lone `=` repeats the cell before it."""

LIFECYCLE = {
    "send": {
        "absent": "(busy)(appear)",
        "submitted": "(busy)=/accept",
        "working": "(busy)=/accept",
        "open": "=/accept",  # R18, R19, R23
        "terminal": "!terminal",  # R16
        "replied": "!not_found",
    },
    "artifact": {
        "absent": "!artifact_before_task",  # R37
        "open": "appends_to_unknown?!append_to_unknown|(closed)=/store",  # R49
        "terminal": "~after_terminal",  # R15
        "replied": "!update_in_message_mode",
    },
    "message": {
        "absent": "replied/store",  # R36
        "open": "!message_in_task_mode",  # R103
        "terminal": "(late)",
        "replied": "!second_message",
    },
    "task": {
        "absent": "+",  # R37
        "submitted": "(first)",
        "open": "(second)",
        "terminal": "~after_terminal",  # R15
        "replied": "!update_in_message_mode",
    },
    "task_unspecified": {
        "absent": "!state_unspecified",
        "submitted": "(first_unspecified)",
        "open": "(second)",
        "terminal": "~after_terminal",
        "replied": "!update_in_message_mode",
    },
    "cancel": {
        "absent": "!not_found",
        "terminal": "!not_cancelable",  # R52
        "replied": "!not_found",
    },
    "raised": {"absent": "failed/fail", "open": "failed/fail"},  # A5
    "expired": {"absent": "failed/fail", "open": "failed/fail"},
    "cancel_raised": {"open": "failed/fail"},
    "violated": {"open": "failed/fail"},  # R85
    "cancelled": {"open": "canceled/cancel"},  # R51
    "returned": {"submitted": "(unfinished)", "working": "(unfinished)"},  # R31
    "lost": {"absent": "failed/fail", "submitted": "failed/fail", "working": "failed/fail"},
    "overdue": {
        "absent": "~not_open",
        "open": "failed/fail",
        "terminal": "~not_open",
        "replied": "~not_open",
    },
    "start": {"terminal": "!terminal", "replied": "!terminal"},  # A2
    "interrupted": {  # A2, R23
        "absent": "(during_run)",
        "submitted": "(during_run)",
        "working": "(during_run)",
        "input_required": "(asked)",
        "auth_required": "(during_auth)",
        "terminal": "(over)",
        "replied": "(over)",
    },
}
"""Section 3b: what an event does to the task, by state or group of states."""

RUN = {
    #                idle                      running                cancelling
    "agent": ("!superseded", ".", "."),
    "send": (".", ".", "(busy_cancelling)"),  # A2
    "interrupted": ("!no_run", "(called_off)", "!no_run"),
    "start": ("running/run", "!run_active", "!run_active"),
    "cancel": ("cancelling/call_cancel", "cancelling/call_cancel", "=/"),  # R51, R53
    "returned": ("!superseded", "idle/end", "!superseded"),
    "raised": ("!superseded", "idle/end", "!superseded"),
    "violated": ("!superseded", "idle/end,abandon", "idle/end,abandon"),
    "expired": ("!superseded", "idle/end,abandon", "idle/end,abandon"),
    "cancelled": ("!superseded", "!superseded", "idle/end,abandon"),
    "cancel_raised": ("!superseded", "!superseded", "idle/end,abandon"),
    "lost": ("~no_run", "idle/end", "idle/end"),
    "overdue": (".", "!run_active", "!run_active"),
}
"""What an event does to the run of the agent."""

POLICIES = {
    "sdk": {
        "resubmit": "+",
        "appear": "=/accept",  # A15
        "closed": "",  # A7
        "late": "!message_in_task_mode",
        "first": "~second_task",
        "first_unspecified": "~second_task",
        "second": "~second_task",
        "unfinished": ".",  # R31
        "busy": "",  # A2
        "busy_cancelling": ".",
        "called_off": "~queued",
        "during_run": ".",
        "during_auth": ".",
        "asked": ".",
        "over": ".",
    },
    "spec": {
        "resubmit": "!back_to_submitted",
        "appear": "submitted/accept,create",
        "closed": "appends_after_last?!append_after_last|",
        "late": "~after_terminal",
        "first": "adopted?!second_task|+",
        "first_unspecified": "adopted?!second_task|!state_unspecified",
        "second": "!second_task",
        "unfinished": "failed/fail",
        "called_off": "idle/end,abandon",
        "during_run": "!queued",
        "asked": "!queued",
        "over": "!terminal",
    },
    "reject": {"busy": "in:running?!busy|", "busy_cancelling": "!busy"},
    "interrupt": {"called_off": "idle/end,abandon", "asked": "!queued", "over": "!terminal"},
    "interrupt run": {
        "called_off": "idle/end,abandon",
        "during_auth": "!queued",
        "asked": "!queued",
        "over": "!terminal",
    },
}
"""Section 4, as far as it changes cells; what a policy does not say is as in the first."""

OPEN = ("submitted", "working", "input_required", "auth_required")
TERMINAL = ("completed", "failed", "canceled", "rejected")
NAMED = (*OPEN, *TERMINAL)
RUNS = ("idle", "running", "cancelling")
GUARDS = ("appends_to_unknown", "appends_after_last", "adopted")
VALUATIONS = [dict(zip(GUARDS, said, strict=True)) for said in product((True, False), repeat=3)]
FROM_AGENT = (
    *(f"{kind}_{name}" for kind in ("status", "task") for name in (*NAMED, "unspecified")),
    "artifact",
    "message",
)
EVENTS = (
    *FROM_AGENT,
    *(event for event in (*LIFECYCLE, *RUN) if event in RUN and event != "agent"),
)


class Cell(NamedTuple):
    """What is to happen, in one region or in both."""

    answer: Answer
    reason: str
    leads: tuple[str, ...]
    actions: tuple[str, ...]


# -- reading the tables ----------------------------------------------------------------------------


def status_cells() -> dict[tuple[str, str], str]:
    columns, *lines = (line.split() for line in STATUS.strip().splitlines())
    found: dict[tuple[str, str], str] = {}
    for state, *cells in lines:
        for number, column in enumerate(columns):
            cell = cells[number] if cells[number] != "=" else found[state, columns[number - 1]]
            found[state, column] = cell
    return found


STATUS_CELLS = status_cells()


def group(state: str) -> str:
    return "open" if state in OPEN else "terminal" if state in TERMINAL else state


def written(preset: str, state: str, event: str) -> str:
    """The cell of the task for an event, with the words of the policy in it."""
    kind, _, name = event.partition("_")
    if kind == "status":
        column = "end" if name in TERMINAL else name
        cell = STATUS_CELLS["terminal" if state in TERMINAL else state, column]
    else:
        row = LIFECYCLE["task" if kind == "task" and name != "unspecified" else event]
        cell = row.get(state, row.get(group(state), "."))
    return in_words_of(preset, cell)


def in_words_of(preset: str, cell: str) -> str:
    for word, meaning in (POLICIES["sdk"] | POLICIES[preset]).items():
        cell = cell.replace(f"({word})", meaning)
    return cell


def read(cell: str, here: str, event: str, holds: dict[str, bool]) -> Cell | None:
    for part in cell.split("|"):
        condition, found, what = part.rpartition("?")
        if not found or holds[condition]:
            break
    if what == ".":
        return None
    if what[0] in "!~":
        answer = Answer.REFUSE if what[0] == "!" else Answer.DROP
        return Cell(answer, what[1:], (here,), ())
    where, _, actions = (f"{event.partition('_')[2]}/store" if what == "+" else what).partition("/")
    leads = here if where == "=" else where
    return Cell(Answer.GO, "", (leads,), tuple(filter(None, actions.split(","))))


def expected(preset: str, here: tuple[str, ...], event: str, holds: dict[str, bool]) -> Cell:
    """Both parts together: any may refuse, and what only one of them does happens all the same."""
    lifecycle, run = here
    of_run = in_words_of(preset, RUN["agent" if event in FROM_AGENT else event][RUNS.index(run)])
    holds = holds | {"in:running": run == "running"}
    cells = (
        read(written(preset, lifecycle, event), lifecycle, event, holds),
        read(of_run, run, event, holds),
    )
    said = [cell for cell in cells if cell is not None]
    for answer in (Answer.REFUSE, Answer.GO, Answer.DROP):
        if those := [cell for cell in said if cell.answer is answer]:
            break
    if answer is not Answer.GO:
        return Cell(answer, those[0].reason, here, ())
    leads = tuple(
        cell.leads[0] if cell in those and cell is not None else place
        for cell, place in zip(cells, here, strict=True)
    )
    return Cell(answer, "", leads, tuple(action for cell in those for action in cell.actions))


@cache
def cases(preset: str, here: tuple[str, ...]) -> tuple[tuple[str, dict[str, bool], Cell], ...]:
    """Every event of a state with every combination of guards, with none if they do not matter."""
    found: list[tuple[str, dict[str, bool], Cell]] = []
    for event in EVENTS:
        cells = [expected(preset, here, event, holds) for holds in VALUATIONS]
        if len(set(cells)) == 1:
            found.append((event, {}, cells[0]))
        else:
            found += [(event, *one) for one in zip(VALUATIONS, cells, strict=True)]
    return tuple(found)


# -- the rules -------------------------------------------------------------------------------------


def keeps_the_rules(preset: str) -> Callable[[Chart], None]:
    def check_rules(chart: Chart) -> None:
        table = chart.compile()
        assert set(table.events) == set(EVENTS)
        assert not table.timeouts
        assert table.initial.atomic == ("absent", "idle")
        assert not table.start().actions
        for here in table.configurations:
            found = {event: table.cases(here, event) for event in EVENTS}
            for event, holds, cell in cases(preset, here.atomic):
                outcome = next(o for said, o in found[event] if said.items() <= holds.items())
                assert outcome.answer is cell.answer
                assert outcome.reason == cell.reason
                assert outcome.configuration.atomic == cell.leads
                assert outcome.actions == cell.actions
                assert not outcome.timers

    return check_rules


@pytest.fixture(params=sorted(CHARTS))
def preset(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_the_chart_keeps_the_rules(preset: str) -> None:
    keeps_the_rules(preset)(CHARTS[preset]())


def test_reachable_are_just_the_configurations_that_the_rules_lead_to(preset: str) -> None:
    found: set[tuple[str, ...]] = {("absent", "idle")}
    left = list(found)
    while left:
        for _, _, cell in cases(preset, left.pop()):
            if cell.leads not in found:
                found.add(cell.leads)
                left.append(cell.leads)
    configurations = CHARTS[preset]().compile().configurations
    assert {here.atomic for here in configurations} == found
    assert len(found) == (27 if preset == "spec" else 28)


def test_some_paths_take_every_edge(preset: str) -> None:
    chart = CHARTS[preset]()
    paths = all_transitions(chart)
    assert {edge for path in paths for edge in path.edges} == set(chart.tree.edges)
    assert all(path.replay(chart) == path for path in paths)


# -- mutants ---------------------------------------------------------------------------------------


def only_here(preset: str) -> Iterator[Edge]:
    """The edges that no earlier preset has: the others have been changed there."""
    earlier = list(CHARTS)[: list(CHARTS).index(preset)]
    known = {replace(e, row=0) for name in earlier for e in CHARTS[name]().tree.edges}
    return (edge for edge in CHARTS[preset]().tree.edges if replace(edge, row=0) not in known)


def one_of_each_reason(edges: Iterable[Edge]) -> Iterator[Edge]:
    """One edge for each answer at each source: it is written once for all the events that get it.

    Every one of them would take half as long again.
    """
    return iter({(edge.source, edge.answer, edge.reason): edge for edge in edges}.values())


COUNTS = {
    "sdk": (342, 204, 138),
    "spec": (123, 91, 32),
    "reject": (21, 19, 2),
    "interrupt": (5, 3, 2),
    "interrupt run": (8, 6, 2),
}
"""How many mutants there are, how many the rules kill, how many the check does not let exist."""


def test_no_mutant_keeps_the_rules(preset: str) -> None:
    """The spec's chart is changed where the sdk's has not been; one other target per transition."""
    chart, edges = CHARTS[preset](), frozenset(only_here(preset))
    reasons = frozenset(one_of_each_reason(edges))
    among = chain(
        mutants(
            chart, kinds=KINDS.keys() - {"answer", "reason"}, only=edges.__contains__, retargets=1
        ),
        mutants(chart, kinds={"answer", "reason"}, only=reasons.__contains__),
    )
    found = survivors(chart, keeps_the_rules(preset), among)
    assert not found.survived, found
    assert not found.equivalent
    assert (found.total, found.killed, found.stillborn) == COUNTS[preset]
