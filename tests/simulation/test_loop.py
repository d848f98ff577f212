"""SimLoop: asyncio's own order without choices, any order of tasks with them, and virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from actors.simulation.actions import Action
from actors.simulation.choices import Recorded, Seeded
from actors.simulation.loop import EARLY, STEPS_BOUND, RunsInCircles, SimLoop, Stuck
from actors.simulation.outside import NotSimulated
from actors.simulation.process import Process

Main = Callable[[], Coroutine[Any, Any, Any]]


def run(main: Main, choices: Recorded | Seeded | None = None) -> Any:
    loop = SimLoop(choices or Recorded())
    try:
        return loop.run_until_complete(main())
    finally:
        loop.close()


async def takes_turns() -> list[str]:
    said: list[str] = []

    async def speak(name: str) -> None:
        for _ in range(3):
            said.append(name)
            await asyncio.sleep(0)

    await asyncio.gather(*(speak(name) for name in "abc"))
    return said


def test_without_choices_the_order_is_that_of_asyncio() -> None:
    assert run(takes_turns) == asyncio.run(takes_turns())


def test_with_choices_tasks_take_turns_in_any_order() -> None:
    orders = {"".join(run(takes_turns, Seeded(seed))) for seed in range(200)}
    assert len(orders) > 100
    assert all(sorted(order) == sorted("aaabbbccc") for order in orders)


def test_the_same_choices_give_the_same_order() -> None:
    assert run(takes_turns, Seeded(5)) == run(takes_turns, Seeded(5))


def test_a_day_takes_no_time() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(86_400)
        return loop.time() - began

    assert run(main) == 86_400


def test_timers_fire_in_the_order_of_their_times() -> None:
    async def main() -> list[int]:
        woken: list[int] = []

        async def sleep(seconds: int) -> None:
            await asyncio.sleep(seconds)
            woken.append(seconds)

        await asyncio.gather(*(sleep(seconds) for seconds in (3, 1, 2)))
        return woken

    assert run(main) == [1, 2, 3]


async def slow_worker(seconds: float) -> str:
    async def work() -> str:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return "done"

    try:
        return await asyncio.wait_for(work(), seconds)
    except TimeoutError:
        return "late"


def test_a_timer_may_overtake_a_slow_worker() -> None:
    assert run(lambda: slow_worker(1.0)) == "done"
    outcomes = {run(lambda: slow_worker(1.0), Seeded(seed)) for seed in range(300)}
    assert outcomes == {"done", "late"}


def test_no_worker_is_as_slow_as_a_distant_timer() -> None:
    seconds = EARLY + 1
    assert {run(lambda: slow_worker(seconds), Seeded(seed)) for seed in range(300)} == {"done"}


def test_a_fault_in_a_quiet_moment_makes_nobody_slower_than_the_lag() -> None:
    def play(choices: Seeded) -> tuple[str, bool]:
        loop = SimLoop(choices)
        loop.lag = 10.0
        struck = loop.create_future()
        fault = Action("fault", lambda: struck.set_result(loop.time() < 100))
        loop.faults = lambda: [] if struck.done() else [fault]

        async def work() -> str:
            await asyncio.shield(struck)
            for _ in range(20):
                await asyncio.sleep(0)
            return "done"

        async def main() -> tuple[str, bool]:
            try:
                return await asyncio.wait_for(work(), 100), await struck
            except TimeoutError:
                return "late", struck.done() and await struck

        try:
            found: tuple[str, bool] = loop.run_until_complete(main())
            return found
        finally:
            loop.close()

    found = {play(Seeded(seed)) for seed in range(300)}
    assert ("late", True) not in found
    assert {("done", True), ("late", False)} <= found


def test_a_wait_for_what_cannot_happen_names_who_waits() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stuck, match=r"main#0"):
        run(main)


def test_a_run_that_never_ends_says_what_goes_round() -> None:
    async def main() -> None:
        while True:  # noqa: ASYNC110 - going round in circles is the point
            await asyncio.sleep(0)

    with pytest.raises(RunsInCircles, match=r"task .*main#0"):
        run(main)


@pytest.mark.parametrize(
    ("what", "name"),
    [
        (lambda: asyncio.to_thread(print), "to_thread"),
        (lambda: asyncio.open_connection("127.0.0.1", 1), "create_connection"),
        (lambda: asyncio.create_subprocess_exec("true"), "subprocess_exec"),
    ],
)
def test_what_a_replay_cannot_repeat_is_refused_by_name(what: Callable[[], Any], name: str) -> None:
    async def main() -> None:
        await what()

    with pytest.raises(NotSimulated, match=name):
        run(main)


def test_what_nobody_retrieves_is_kept() -> None:
    async def fails() -> None:
        raise ValueError("lost")

    loop = SimLoop(Recorded())
    loop.call_soon(lambda: 1 / 0)
    loop.run()
    loop.close()
    assert [type(error["exception"]) for error in loop.errors] == [ZeroDivisionError]
    assert loop.is_closed()


def test_closing_unwinds_what_is_left() -> None:
    unwound: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            unwound.append("once")
            await asyncio.sleep(0)
            unwound.append("twice")

    loop = SimLoop(Seeded(3))
    loop.create_task(waits())
    loop.run()
    assert loop.pending
    loop.close()
    assert unwound == ["once", "twice"]
    assert not loop.pending


def test_a_crash_drops_what_belongs_to_a_process() -> None:
    loop = SimLoop(Recorded())
    happened: list[str] = []
    first, second = Process("n1", loop), Process("n2", loop)
    for process in (first, second):
        process.act("acts", partial(happened.append, process.name))
        process.context.run(loop.call_later, 1.0, happened.append, f"{process.name} later")
    first.end()
    loop.run()
    loop.close()
    assert happened == ["n2", "n2 later"]


def test_a_crash_runs_no_finally_and_no_except_before_the_run_is_over() -> None:
    unwound: list[str] = []

    async def holds(name: str) -> None:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            unwound.append(f"{name} is told")
        finally:
            unwound.append(f"{name} lets go")

    loop = SimLoop(Recorded())
    process = Process("n1", loop)
    process.serve("holds", holds("a task that waits"))
    loop.run(lambda: bool(loop.armed))
    process.serve("holds", holds("a task that could go on"))
    process.end()
    loop.run()
    assert unwound == []
    assert loop.pending == []
    loop.close()
    assert unwound == ["a task that waits is told", "a task that waits lets go"]


def test_what_a_dead_process_waited_for_wakes_it_no_more() -> None:
    woken: list[str] = []
    loop = SimLoop(Recorded())
    process = Process("n1", loop)
    waited = loop.create_future()

    async def waits() -> None:
        woken.append(await waited)

    process.serve("waits", waits())
    process.context.run(waited.add_done_callback, lambda _: woken.append("called back"))
    loop.run()
    process.end()
    waited.set_result("woken")
    process.act("acts", partial(woken.append, "acted"))
    loop.run()
    assert woken == []
    loop.close()
    assert not loop.errors


def test_closing_ends_although_what_is_left_does_not_want_to() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            for _ in range(STEPS_BOUND + 1):
                await asyncio.sleep(0)

    loop = SimLoop(Recorded())
    loop.create_task(stubborn())
    loop.run()
    loop.close()
    assert loop.is_closed()


def test_callbacks_that_make_each_other_for_ever_are_stopped_by_name() -> None:
    loop = SimLoop(Recorded())

    def again() -> None:
        loop.call_soon(again)

    again()
    with pytest.raises(RunsInCircles, match=r"100000 callbacks and no end.*again"):
        loop.run()
    loop.close()
    assert loop.is_closed()


def test_a_paused_process_goes_on_where_it_was() -> None:
    loop = SimLoop(Recorded())
    happened: list[str] = []
    process = Process("n1", loop)
    process.act("acts", lambda: happened.append("acted"))
    process.context.run(loop.call_later, 1.0, happened.append, "later")
    process.paused = True
    loop.run()
    assert happened == []
    process.paused = False
    loop.run()
    loop.close()
    assert happened == ["acted", "later"]
