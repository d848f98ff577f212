"""The bell: who waits in a seat goes on when it rings, all of them in one callback of the loop.

Neighbours: `tests/task/test_core.py` (a reader waits in one), `test_loops.py` (loops).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context

import pytest

from actors.runtime import STOP, ActorSystem, Effect, Envelope, LoopClock, Tell
from actors.runtime.bell import Bell, Seat
from tests.runtime.puppets import A, B, Do, Puppet
from tests.runtime.test_loops import FACTORIES, Factory

WHO: ContextVar[str] = ContextVar("who", default="nobody")


class Counted(Bell):
    """Counts callbacks of the loop."""

    def __init__(self) -> None:
        super().__init__(self._soon)
        self.callbacks = 0

    def _soon(self, callback: Callable[[], object]) -> object:
        self.callbacks += 1
        return asyncio.get_running_loop().call_soon(callback, context=Context())


async def waiting(seats: list[Seat], woken: list[int]) -> list[asyncio.Task[None]]:
    """Return tasks that wait, each in a seat, and say so when they go on."""

    async def wait(number: int, seat: Seat) -> None:
        await seat
        woken.append(number)

    tasks = [asyncio.create_task(wait(number, seat)) for number, seat in enumerate(seats)]
    await asyncio.sleep(0)
    return tasks


@pytest.mark.parametrize("factory", FACTORIES, ids=["asyncio", "uvloop"])
def test_all_go_on_in_order_in_one_callback_again_and_again(factory: Factory) -> None:
    async def play() -> None:
        bell, woken = Counted(), list[int]()
        seats = [bell.seat() for _ in range(100)]
        for turn in range(1, 4):
            tasks = await waiting(seats, woken)
            for seat in (*seats, *seats):  # who was rung for twice goes on once
                seat.ring()
            async with asyncio.timeout(5):
                await asyncio.gather(*tasks)
            assert bell.callbacks == turn
        assert woken == list(range(100)) * 3

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(play())


async def test_who_waits_for_an_actor_goes_on_when_its_turn_is_over() -> None:
    """Before whatever else the loop has to do by then; the actors have been told all they are."""
    loop = asyncio.get_running_loop()
    system, order = ActorSystem(LoopClock(loop), loop.create_future), list[str]()
    seat = system.bell.seat()

    def note(what: str) -> tuple[Effect, ...]:
        order.append(what)
        return ()

    def ring(_: Envelope) -> tuple[Effect, ...]:
        loop.call_soon(order.append, "loop")
        seat.ring()
        return (Tell(B, Do(lambda _: note("actor"))),)

    async def wait() -> None:
        await seat
        order.append("reader")

    system.spawn(A, Puppet(STOP))
    system.spawn(B, Puppet(STOP))
    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    system.tell(A, Do(ring))
    async with asyncio.timeout(5):
        await task
    await asyncio.sleep(0)
    assert order == ["actor", "reader", "loop"]
    again = asyncio.create_task(wait())
    await asyncio.sleep(0)
    seat.ring()  # by nobody's step
    async with asyncio.timeout(5):
        await again


async def test_a_ring_for_nobody_is_forgotten() -> None:
    bell, woken = Counted(), list[int]()
    seat = bell.seat()
    seat.ring()
    (task,) = await waiting([seat], woken)
    await asyncio.sleep(0)
    assert (woken, bell.callbacks, repr(seat)) == ([], 0, "<Seat taken>")
    seat.ring()
    async with asyncio.timeout(5):
        await task
    assert repr(seat) == "<Seat>"


async def test_who_waits_again_at_once_has_heard_both_rings() -> None:
    bell, heard = Counted(), list[int]()

    async def wait(seat: Seat) -> None:
        while True:
            await seat
            heard.append(1)

    seat = bell.seat()
    task = asyncio.create_task(wait(seat))
    await asyncio.sleep(0)
    seat.ring()
    seat.ring()
    for _ in range(3):
        await asyncio.sleep(0)
    assert heard == [1]
    task.cancel()


async def test_each_goes_on_in_its_own_context() -> None:
    bell, seen = Counted(), list[str]()

    async def wait(seat: Seat) -> None:
        await seat
        seen.append(WHO.get())

    tasks, seats = [], []
    for name in ("ann", "bob"):
        context = copy_context()
        context.run(WHO.set, name)
        seats.append(bell.seat())
        tasks.append(asyncio.create_task(wait(seats[-1]), context=context))
    await asyncio.sleep(0)
    for seat in seats:
        seat.ring()
    await asyncio.gather(*tasks)
    assert seen == ["ann", "bob"]


@pytest.mark.parametrize("rung", [False, True], ids=["waiting", "rung"])
async def test_who_is_cancelled_raises_and_the_others_go_on(rung: bool) -> None:
    """Also when it was about to be woken, as with a future."""
    bell, woken = Counted(), list[int]()
    seats = [bell.seat() for _ in range(3)]
    tasks = await waiting(seats, woken)
    for seat in seats if rung else (seats[0], seats[2]):
        seat.ring()
    tasks[1].cancel()
    tasks[1].cancel("why")
    with pytest.raises(asyncio.CancelledError, match="why"):  # by which anyio knows its own
        await tasks[1]
    await asyncio.gather(tasks[0], tasks[2])
    assert woken == [0, 2]
    (again,) = await waiting([seats[1]], woken)  # nothing is left of it in the seat
    await asyncio.sleep(0)
    assert not again.done()
    again.cancel()
    with pytest.raises(asyncio.CancelledError) as raised:
        await again
    assert raised.value.args == ()


async def test_a_timeout_ends_a_wait() -> None:
    seat = Counted().seat()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await seat


async def test_two_tasks_do_not_wait_in_one_seat() -> None:
    bell, woken = Counted(), list[int]()
    seat = bell.seat()
    first, second = await waiting([seat, seat], woken)
    with pytest.raises(RuntimeError, match="two tasks wait in one seat"):
        await second
    seat.ring()
    await first


def test_a_task_that_ends_the_loop_keeps_nobody_from_going_on() -> None:
    woken: list[int] = []
    seats: list[Seat] = []
    tasks: list[asyncio.Task[None]] = []

    async def interrupted(seat: Seat) -> None:
        await seat
        raise KeyboardInterrupt

    async def play() -> None:
        bell = Counted()
        seats.extend(bell.seat() for _ in range(3))
        tasks.append(asyncio.create_task(interrupted(seats[0])))
        tasks.extend(await waiting(seats[1:], woken))
        for seat in seats:
            seat.ring()
        await asyncio.gather(*tasks[1:])

    loop = asyncio.new_event_loop()
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(play())
    assert not woken
    loop.run_until_complete(asyncio.sleep(0))
    with suppress(KeyboardInterrupt):
        tasks[0].result()
    assert woken == [0, 1]
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
