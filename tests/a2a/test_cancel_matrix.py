"""Cancel in every state, against everything that can come in between (R51 to R53, detail 12).

Whatever happens: everybody who asked is answered, and the caller, every open stream, the webhook
and the stored Task agree on what became of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from a2a.types import CancelTaskRequest, SubscribeToTaskRequest, Task, TaskState
from a2a.utils.errors import (
    A2AError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)

from actors.a2a import Policy
from tests.a2a.agents import as_user, ask
from tests.a2a.cancelling import ENDED, Outcome, Stage, Stream, resting

CANCELED = TaskState.TASK_STATE_CANCELED
COMPLETED = TaskState.TASK_STATE_COMPLETED
FAILED = TaskState.TASK_STATE_FAILED

POLICIES = {
    "sdk": Policy.sdk(terminal_grace=0.01),
    "spec": Policy.spec(),
    "interrupting": Policy.sdk(
        during_run="interrupt", during_auth="interrupt", terminal_grace=0.01
    ),
}
IMPATIENT = 0.02
"""Grace of a cancel that nobody carries out, in seconds; in all others the agent's word counts."""
HELD = ("SUBMITTED hold", "WORKING hold", "INPUT_REQUIRED hold", "AUTH_REQUIRED hold")
PARKED = ("INPUT_REQUIRED park", "AUTH_REQUIRED park")

Race = Callable[[Stage], Awaitable[list[Outcome]]]


async def plain(stage: Stage) -> list[Outcome]:
    stage.agent.cancel_gate.set()
    return [await stage.cancel()]


async def twice(stage: Stage) -> list[Outcome]:
    stage.agent.cancel_gate.set()
    first = await stage.cancel()
    again = await stage.cancel()
    if stage.policy.canceled_again == "answer":
        return [first, again]
    assert isinstance(again, TaskNotCancelableError)
    return [first]


async def by_two(stage: Stage) -> list[Outcome]:
    asked = [asyncio.ensure_future(stage.cancel()) for _ in range(2)]
    await stage.agent.asked_to_cancel.wait()
    stage.agent.cancel_gate.set()
    answers = await asyncio.gather(*asked)
    assert answers[0] == answers[1]
    assert len(stage.agent.cancels) == 1, "the agent is asked once"
    return answers


async def ends_first(stage: Stage) -> list[Outcome]:
    """The agent goes on in the very turn of the loop in which the cancel comes."""
    stage.agent.cancel_gate.set()
    stage.agent.gate.set()
    return [await stage.cancel()]


async def ends_meanwhile(stage: Stage) -> list[Outcome]:
    """The agent goes on while it thinks about how to cancel."""
    asked = asyncio.ensure_future(stage.cancel())
    await stage.agent.asked_to_cancel.wait()
    stage.agent.gate.set()
    await resting()
    stage.agent.cancel_gate.set()
    return [await asked]


async def breaks_first(stage: Stage) -> list[Outcome]:
    stage.agent.then = "raise"
    return await ends_first(stage)


async def breaks_meanwhile(stage: Stage) -> list[Outcome]:
    stage.agent.then = "raise"
    return await ends_meanwhile(stage)


async def after_a_message(stage: Stage) -> list[Outcome]:
    stage.agent.cancel_gate.set()
    said = asyncio.ensure_future(stage.say("WORKING hold"))
    await asyncio.sleep(0)
    return [await stage.cancel(), await said]


async def before_a_message(stage: Stage) -> list[Outcome]:
    asked = asyncio.ensure_future(stage.cancel())
    await stage.agent.asked_to_cancel.wait()
    said = asyncio.ensure_future(stage.say("WORKING hold"))
    await resting()
    stage.agent.cancel_gate.set()
    return [await asked, await said]


async def says_nothing(stage: Stage) -> list[Outcome]:
    """`cancel` returns without a word."""
    stage.agent.when_cancelled = "nothing"
    return await plain(stage)


async def ignored(stage: Stage) -> list[Outcome]:
    """`cancel` never returns, and `execute` goes on; what it says later is for nobody."""
    stage.agent.when_cancelled, stage.agent.deaf = "hang", True
    answers = await plain(stage)
    before = await dead_letters(stage)
    stage.agent.gate.set()
    await resting()
    late = await dead_letters(stage) - before
    assert late == stage.held, "what a run says after it was given up is counted"
    return answers


async def dead_letters(stage: Stage) -> int:
    core = await stage.handler._entry.core()
    return core.system.dead_letters["event after the end of the run"]


async def refused(stage: Stage) -> list[Outcome]:
    stage.agent.when_cancelled = "refuse"
    answers = await plain(stage)
    assert isinstance(answers[0], TaskNotCancelableError)
    return answers


async def broken(stage: Stage) -> list[Outcome]:
    stage.agent.when_cancelled = "break"
    answers = await plain(stage)
    assert "cannot let go" in str(answers[0])
    return answers


async def left(stage: Stage) -> list[Outcome]:
    """Its client leaves before the wish is stored: it counts, and the agent knows whose it was."""
    call = as_user("me")
    stage.journal.acknowledges.clear()
    asked = asyncio.ensure_future(stage.cancel(call))
    await resting()
    assert not stage.agent.asked_to_cancel.is_set()
    asked.cancel()
    await resting()
    stage.journal.acknowledges.set()
    await stage.agent.asked_to_cancel.wait()
    assert stage.agent.cancels[0].call_context is call
    stage.agent.cancel_gate.set()
    await resting()
    return []


ANY: tuple[Race, ...] = (
    plain,
    twice,
    by_two,
    after_a_message,
    before_a_message,
    says_nothing,
    ignored,
    refused,
    broken,
    left,
)
WHILE_HELD: tuple[Race, ...] = (ends_first, ends_meanwhile, breaks_first, breaks_meanwhile)
OUTCOMES: dict[Race, set[int]] = {
    ends_first: {CANCELED, COMPLETED},
    ends_meanwhile: {COMPLETED},
    breaks_first: {CANCELED, FAILED},
    refused: {FAILED},
    broken: {FAILED},
}
"""What may become of the task; CANCELED unless it is here."""

PRESETS = ("sdk", "spec")
MESSAGES = (after_a_message, before_a_message)
"""Only these are other races where messages interrupt."""

CELLS = [(policy, state, race) for policy in PRESETS for race in ANY for state in (*HELD, *PARKED)]
CELLS += [(policy, state, race) for policy in PRESETS for race in WHILE_HELD for state in HELD]
CELLS += [("interrupting", state, race) for race in MESSAGES for state in (*HELD, *PARKED)]


@pytest.mark.parametrize(
    ("policy", "state", "race"), CELLS, ids=lambda each: getattr(each, "__name__", each)
)
async def test_everybody_agrees(policy: str, state: str, race: Race) -> None:
    async with asyncio.timeout(10):
        chosen = POLICIES[policy]
        stage = Stage(replace(chosen, cancel_grace=IMPATIENT) if race is ignored else chosen)
        await stage.bring(*state.split())
        assert stage.streams, "somebody reads along"
        answers = await race(stage)
        await judge(stage, answers, OUTCOMES.get(race, {CANCELED}))


async def judge(stage: Stage, answers: list[Outcome], outcomes: set[int]) -> None:
    stored = await stage.stored()
    assert stored.status.state in outcomes
    for answer in answers:
        if isinstance(answer, A2AError):
            explained(answer, stored)
        else:
            assert answer == stored
    await asyncio.wait([stream.over for stream in stage.streams])
    for stream in stage.streams:
        agrees(stream, stored)
    await resting()
    assert len(stage.handler._entry.calls) == 0, "nobody's call is kept"
    stage.agent.gate.set()
    await resting()
    assert await stage.stored() == stored, "nothing follows the end"
    await stage.handler.aclose()
    assert stage.hook.states[-1] == stored.status.state
    ends = [each for each in stage.hook.states if each in (CANCELED, COMPLETED, FAILED)]
    assert ends == [stored.status.state], "told once"


def explained(error: A2AError, stored: Task) -> None:
    """A cancel that came to nothing, or a message that came too late."""
    match error:
        case TaskNotCancelableError():
            assert stored.status.state != CANCELED
        case UnsupportedOperationError():
            assert "terminal" in str(error)
        case _:
            assert stored.status.state == FAILED


def agrees(stream: Stream, stored: Task) -> None:
    if stream.error is None:
        assert stream.states[-1] == stored.status.state
    else:  # A5: the error of an agent that raised, or that of one that cannot cancel
        assert stored.status.state == FAILED


@pytest.mark.parametrize("policy", PRESETS)
@pytest.mark.parametrize("state", ENDED)
async def test_r52_what_has_ended_cannot_be_cancelled(policy: str, state: str) -> None:
    async with asyncio.timeout(10):
        stage = Stage(POLICIES[policy])
        await stage.bring(state, "park")
        before = await stage.stored()
        answer = await stage.cancel()
        if state == "CANCELED" and stage.policy.canceled_again == "answer":
            assert answer == before
        else:
            assert isinstance(answer, TaskNotCancelableError)
        assert stage.agent.cancels == []
        assert await stage.stored() == before
        assert stage.streams == []
        await stage.handler.aclose()


@pytest.mark.parametrize("policy", PRESETS)
async def test_r52_what_is_not_there_cannot_be_cancelled(policy: str) -> None:
    stage = Stage(POLICIES[policy])
    stage.task = "nothing"
    assert isinstance(await stage.cancel(), TaskNotFoundError)
    assert len(stage.handler._entry.calls) == 0
    await stage.handler.aclose()


@pytest.mark.parametrize("policy", PRESETS)
@pytest.mark.parametrize("state", [*HELD, *PARKED])
def test_a_restart_in_between_stores_what_was_wished(policy: str, state: str) -> None:
    """The loop ends while the agent thinks; the next one settles it, and tells the webhook."""
    stage = Stage(POLICIES[policy])

    async def wish() -> None:
        await stage.bring(*state.split())
        asked = asyncio.ensure_future(stage.cancel())
        await stage.agent.asked_to_cancel.wait()
        del asked  # cut off with the loop

    async def settle() -> None:
        await stage.handler.start()
        await resting()
        stored = await stage.stored()
        assert stored.status.state == CANCELED
        again = await stage.cancel()
        assert again == stored or isinstance(again, TaskNotCancelableError)
        request = SubscribeToTaskRequest(id=stage.task)
        with pytest.raises(UnsupportedOperationError):
            await anext(stage.handler.on_subscribe_to_task(request, stage.me))
        assert len(stage.agent.cancels) == 1, "the agent of the process that is gone"
        await stage.handler.aclose()
        assert stage.hook.states[-1] == CANCELED

    asyncio.run(within(wish()))
    asyncio.run(within(settle()))


@pytest.mark.parametrize("recovery", ["fail", "rerun", "park"])
def test_a_cancel_of_a_task_that_a_restart_has_settled(recovery: Any) -> None:
    stage = Stage(Policy.sdk(recovery=recovery))
    stage.agent.cancel_gate.set()

    async def begin() -> None:
        await stage.bring("WORKING", "hold")

    async def go_on() -> None:
        stage.agent.gate, stage.agent.cancel_gate = asyncio.Event(), asyncio.Event()
        stage.agent.asked_to_cancel = asyncio.Event()
        stage.agent.cancel_gate.set()
        await stage.handler.start()
        await resting()
        answer = await stage.cancel()
        stored = await stage.stored()
        if recovery == "fail":
            assert isinstance(answer, TaskNotCancelableError)
            assert stored.status.state == FAILED
        else:
            assert answer == stored
            assert stored.status.state == CANCELED
        await stage.handler.aclose()
        assert stage.hook.states[-1] == stored.status.state

    asyncio.run(within(begin()))
    asyncio.run(within(go_on()))


async def within(life: Awaitable[None]) -> None:
    async with asyncio.timeout(10):
        await life


async def test_a_cancel_whose_client_leaves_at_once_is_not_lost_on_a_parked_task() -> None:
    """Its log has to be read first; the call is kept until the agent has been asked."""
    stage = Stage(POLICIES["sdk"])
    await stage.bring("INPUT_REQUIRED", "park")
    for stream in stage.streams:
        stream.over.cancel()
    await resting()
    core = await stage.handler._entry.core()
    assert not [ref for ref in core.system.refs() if ref.kind == "task"], "it costs no actor"
    await left(stage)
    assert (await stage.stored()).status.state == CANCELED
    await stage.handler.aclose()


async def test_a_cancel_whose_client_leaves_is_heard_to_the_end_though_it_fails() -> None:
    stage = Stage(POLICIES["sdk"])
    stage.task = "nothing"
    await stage.handler.start()
    cancel = stage.handler.on_cancel_task(CancelTaskRequest(id="nothing"), stage.me)
    asked = asyncio.ensure_future(cancel)
    await asyncio.sleep(0)
    asked.cancel()
    await resting()
    assert asked.cancelled()
    assert len(stage.handler._entry.calls) == 0
    await stage.handler.on_message_send(ask("COMPLETED park"), stage.me)
    await stage.handler.aclose()
