"""A parked task whose log is read for somebody: what that says of it to somebody else (R87).

Neighbours: `test_actor.py` (a live task), `tests/a2a/test_isolation.py` (whole requests).
"""

from __future__ import annotations

from typing import Any

import pytest
from a2a.utils.errors import TaskNotFoundError

from actors.runtime import Caller, DeadLetter, Envelope, Message, Reject, Step, Tell
from actors.runtime.journal.actor import JournalActor
from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.lanes import Lanes
from actors.runtime.journal.messages import Fetched, Loaded, LoadLog, Recover
from actors.task.actor import TaskActor
from actors.task.messages import Attach, Detach, task_ref
from actors.task.orders import RUNNER
from actors.task.policy import Policy
from actors.task.rules import Rules
from tests.manual import Answer

ALICE, BOB = Caller("alice", "red", 1), Caller("bob", "red", 2)
ACTOR = TaskActor("t1", Rules(Policy.sdk()), 1)


def told(state: Any, message: Message, caller: Caller | None = None) -> Step[Any]:
    """One message to the actor; with a caller, who waits for an answer."""
    if caller is None:
        return ACTOR.step(state, Envelope(message), 0)
    return ACTOR.step(state, Envelope(message, Answer(), caller), 0)


def reads(step: Step[Any]) -> list[tuple[Message, Caller]]:
    effects = [effect for effect in step.effects if isinstance(effect, Tell)]
    return [(effect.message, effect.caller) for effect in effects]


@pytest.fixture
def asleep() -> Any:
    return ACTOR.start().state


@pytest.fixture
def unseen(asleep: Any) -> Any:
    """Bob has asked, and there is nothing that he may see."""
    return told(told(asleep, Attach(None), BOB).state, Loaded(None)).state


def test_a_log_is_read_for_whoever_asks(asleep: Any) -> None:
    assert reads(told(asleep, Attach(None), BOB)) == [(LoadLog("t1", owned=True), BOB)]


def test_the_core_itself_may_read_any_log(asleep: Any) -> None:
    assert reads(told(asleep, Recover())) == [(LoadLog("t1"), Caller())]


def test_a_store_of_the_users_is_asked_for_whoever_asks() -> None:
    actor = TaskActor("t1", Rules(Policy.sdk(), external=True), 1)
    step = actor.step(actor.start().state, Envelope(Attach(None), Answer(), BOB), 0)
    assert reads(step) == [(LoadLog("t1"), BOB)], "the store judges on its own"


def test_what_one_may_not_see_is_not_read_for_him_again(unseen: Any) -> None:
    (reject, _) = told(unseen, Attach(None), BOB._replace(key=3)).effects
    assert isinstance(reject, Reject)
    assert isinstance(reject.error, TaskNotFoundError)


def test_it_is_read_for_another_one(unseen: Any) -> None:
    assert reads(told(unseen, Attach(None), ALICE)) == [(LoadLog("t1", owned=True), ALICE)]
    blue = BOB._replace(tenant="blue")
    assert reads(told(unseen, Attach(None), blue)) == [(LoadLog("t1", owned=True), blue)]


def test_it_is_read_for_the_core(unseen: Any) -> None:
    assert reads(told(unseen, Recover())) == [(LoadLog("t1"), Caller())]


def test_what_wakes_nobody_does_not_have_it_read(unseen: Any) -> None:
    step = told(unseen, Detach(RUNNER, 1))
    assert isinstance(step.effects[0], DeadLetter)


def test_a_journal_that_is_away_is_away_for_everybody(asleep: Any) -> None:
    away = Loaded(None, StorageUnavailable("away"))
    state = told(told(asleep, Attach(None), BOB).state, away).state
    (reject, _) = told(state, Attach(None), ALICE).effects
    assert isinstance(reject, Reject)
    assert isinstance(reject.error, StorageUnavailable)


@pytest.mark.parametrize("owned", [True, False])
def test_what_is_not_there_for_a_stranger_settles_nothing(owned: bool) -> None:
    """The pauses between looks at a log that is refused grow, whoever asks for it meanwhile."""
    journal = JournalActor(lambda _: "lane", 1.0, task_ref)
    state: Lanes = journal.start().state
    state.refused["t1"], state.crashes["t1"] = 3, 2
    journal.step(state, Envelope(Fetched(LoadLog("t1", owned=owned), None, None)), 0)
    assert bool(state.refused) is bool(state.crashes) is owned
