"""JournalShell: what a journal answers later costs no asyncio task where it is a future already."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from actors.runtime import Caller
from actors.runtime.journal.actor import StoreGroup
from actors.runtime.journal.messages import GroupFailed, GroupStored
from actors.runtime.journal.port import Ack, Append
from actors.runtime.journal.record import Record
from actors.runtime.journal.shell import JournalShell

GROUP = StoreGroup("lane", (Append("log", 1, 0, (Record(1, 1, 0, 1),), Caller()),))
JOURNAL: Any = None
"""Whom `StoreGroup` comes from; the shell does not look."""


def shell_of(answer: object, told: list[Any]) -> JournalShell:
    journal: Any = SimpleNamespace(append=lambda _: answer)
    system: Any = SimpleNamespace(
        clock=SimpleNamespace(monotonic=lambda: 0.0), tell=lambda _, message: told.append(message)
    )
    return JournalShell(journal, system)


async def test_a_future_is_awaited_by_nobody() -> None:
    told: list[Any] = []
    answer = asyncio.get_running_loop().create_future()
    shell_of(answer, told).perform(GROUP, JOURNAL)
    assert len(asyncio.all_tasks()) == 1
    answer.set_result([Ack.STORED])
    await asyncio.sleep(0)
    assert told == [GroupStored("lane", (Ack.STORED,))]


async def test_a_future_that_is_cancelled_has_failed() -> None:
    told: list[Any] = []
    answer = asyncio.get_running_loop().create_future()
    shell = shell_of(answer, told)
    shell.perform(GROUP, JOURNAL)
    shell.cancel()
    await asyncio.sleep(0)
    assert [type(each) for each in told] == [GroupFailed]
    assert told[0].transient


async def test_a_coroutine_is_run() -> None:
    async def answer() -> list[Ack]:
        return [Ack.STORED]

    told: list[Any] = []
    shell_of(answer(), told).perform(GROUP, JOURNAL)
    (task,) = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.wait({task})
    await asyncio.sleep(0)
    assert told == [GroupStored("lane", (Ack.STORED,))]


@pytest.mark.parametrize("answer", [[], (), None, [Ack.STORED, Ack.STORED]])
async def test_too_few_or_too_many_answers_are_a_failure(answer: object) -> None:
    told: list[Any] = []
    shell_of(answer, told).perform(GROUP, JOURNAL)
    assert [type(each) for each in told] == [GroupFailed]
    assert not told[0].transient
