"""Mistakes of steps are found and named; reports tell what happened and quote nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from a2a.types import Task

from actors.runtime import (
    RESTART,
    Actor,
    ActorCrashed,
    CrashReport,
    Directive,
    Effect,
    Message,
    StartTimer,
    Step,
    Tell,
)
from actors.runtime.message import Envelope
from actors.runtime.report import FRAMES
from statechart import Configuration
from tests.runtime.puppets import (
    A,
    Alarm,
    B,
    Busy,
    Do,
    Fail,
    Hold,
    Note,
    Puppet,
    Seen,
    World,
    spawn,
)

SECRET = "correct horse battery staple"


@dataclass(frozen=True, slots=True)
class Load(Message):
    items: list[str] = field(default_factory=list)
    task: Task = field(default_factory=Task)
    extra: Any = None


class Mutator(Puppet):
    def step(self, state: Seen, envelope: Envelope, now: int) -> Step[Seen]:
        if not isinstance(envelope.message, Load):
            return super().step(state, envelope, now)
        load = envelope.message
        if load.extra == "items":
            load.items.append(SECRET)
        if load.extra == "task":
            load.task.id = SECRET
        return Step(state)


@pytest.mark.parametrize("what", ["items", "task"])
def test_debug_a_step_that_changes_its_message_crashes_with_the_field_named(
    what: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(debug=True)
    world.spawn(A, Mutator())
    world.spawn(B)
    assert isinstance(world.ask(A, Load(extra=what)).error, ActorCrashed)
    assert f"MessageMutated (a step changed {what} of the Load that it was given" in caplog.text
    assert SECRET not in caplog.text
    assert world.system.refs() == [B]


def test_debug_a_step_that_leaves_its_message_alone_is_let_be() -> None:
    world = World(debug=True)
    world.spawn(A, Mutator())
    world.tell(A, Load(["x"]), Note(1))
    assert world.notes(A) == (1,)


def test_without_debug_nothing_is_compared() -> None:
    world = World()
    world.spawn(A, Mutator())
    world.tell(A, Load(extra="items"), Note(1))
    assert world.notes(A) == (1,)


class Sloppy(Actor[Any]):
    """Returns what it was told to."""

    def __init__(self, first: object = Step(None)) -> None:
        self.first = first

    def start(self) -> Any:
        return self.first

    def step(self, state: Any, envelope: Envelope, now: int) -> Any:
        message = envelope.message
        return message.text if isinstance(message, Note) else Step(state, (SECRET,))  # type: ignore[arg-type] # the mistake


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (Note(None), "Sloppy.step returned NoneType; expected Step(state, effects)"),
        (Note((1, ())), "Sloppy.step returned tuple; expected Step(state, effects)"),
        (Alarm(), "found str among the effects of a step; expected instances of Effect"),
    ],
)
def test_a_step_that_returns_something_else_is_told_so(
    message: Message, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    world.spawn(A, Sloppy())
    world.tell(A, message)
    assert words in caplog.text
    assert SECRET not in caplog.text


def test_a_start_that_returns_something_else_is_told_so(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.spawn(A, Sloppy(None))
    assert "Sloppy.start returned NoneType; expected Step(state, effects)" in caplog.text


# -- reports


class Configured(NamedTuple):
    configuration: Configuration = Configuration(("open", "working"))
    secret: str = SECRET


class Charted(Actor[Configured]):
    def start(self) -> Step[Configured]:
        return Step(Configured())

    def step(self, state: Configured, envelope: Envelope, now: int) -> Step[Configured]:
        raise KeyError(SECRET) from OSError(SECRET)


def test_a_report_tells_where_and_on_what_and_quotes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    reports: list[CrashReport] = []
    world.system.on_crash(reports.append)
    world.spawn(A, Charted())
    world.tell(A, Note(SECRET))
    (report,), (record,) = reports, caplog.records
    assert record.message == str(report)
    assert record.levelname == "ERROR"
    assert "\n" not in str(report)
    assert SECRET not in repr(report) + caplog.text
    assert (report.ref, report.message, report.directive) == (A, "Note", Directive.STOP)
    assert report.state == "Configured in <open | working>"
    assert report.cause.types == ("KeyError", "OSError")
    assert report.cause.frames[-1].endswith(" step")
    assert __file__ in report.cause.frames[-1]


def test_a_report_counts_what_was_going_on() -> None:
    world = World()
    reports: list[CrashReport] = []
    world.system.on_crash(reports.append)
    world.spawn(A, Busy(RESTART))
    world.tell(A, Fail())
    world.do(A, StartTimer("tick", 1.0, Alarm()), StartTimer("tock", 1.0, Alarm()), spawn(B))
    world.tell(A, Note(1), Note(2))
    world.system.tell(A, Do(lambda _: (_fails(),)))
    world.system.tell(A, Note(3))
    world.ask(A, Hold(), run=False)
    world.clock.run()
    report = reports[-1]
    assert report.normal == (("Note", 1), ("Hold", 1))
    assert report.system == ()
    assert report.stash == (("Note", 2),)
    assert report.timers == ("tick", "tock")
    assert (report.children, report.restarts) == (1, 1)
    assert report.directive is Directive.RESTART
    world.tell(A, Alarm("go"))
    assert world.notes(A) == ("go", 1, 2, 3), "the restart has kept the stash and the mailbox"


def _fails() -> Effect:
    return Tell(A, 1)


def test_a_report_shows_the_innermost_calls_however_deep() -> None:
    def bottom() -> None:
        raise ValueError(SECRET)

    def deep(calls: int) -> None:
        deep(calls - 1) if calls else bottom()

    class Deep(Puppet):
        def step(self, state: Seen, envelope: Envelope, now: int) -> Step[Seen]:
            deep(100)
            return Step(state)

    world = World()
    reports: list[CrashReport] = []
    world.system.on_crash(reports.append)
    world.spawn(A, Deep())
    world.tell(A, Note())
    frames = reports[0].cause.frames
    assert len(frames) == FRAMES
    assert frames[-1].endswith(" bottom")


def test_reveal_shows_the_text_of_the_exception(caplog: pytest.LogCaptureFixture) -> None:
    world = World(reveal=True)
    world.spawn(A, Charted())
    world.tell(A, Note())
    assert SECRET in caplog.text
