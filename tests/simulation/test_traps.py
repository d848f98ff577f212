"""Traps: user code is told what a replay cannot repeat, libraries get what it can."""

from __future__ import annotations

import asyncio
import email.utils
import pickle
import threading
import time
import uuid
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import a2a.helpers
import pytest
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import Part, TaskState, TaskStatusUpdateEvent

from actors.runtime.clock import wall_clock
from actors.simulation.callers import is_user_code
from actors.simulation.traps import NotRepeatable, Traps
from tests.simulation.trapping import (
    CALLS,
    CHANCE,
    FRESH,
    INSTALLED,
    NOW,
    TIME,
    library,
    run,
    traps,
)

HERE = Path(__file__).name


# -- user code is told


@pytest.mark.parametrize(("call", "name"), CALLS.items())
def test_user_code_is_told(call: str, name: str) -> None:
    with traps() as set_traps, pytest.raises(NotRepeatable) as caught:
        run(call, "/home/ann/agent.py")
    assert [(each.call, each.where) for each in set_traps.found] == [
        (name, "agent.py:1 in <module>")
    ]
    assert caught.value.trapped == set_traps.found[0]


def test_the_error_says_what_where_why_and_what_instead() -> None:
    def execute() -> float:
        return time.time()

    line = execute.__code__.co_firstlineno + 1
    with traps(), pytest.raises(NotRepeatable) as caught:
        execute()
    assert str(caught.value) == (
        f"time.time() was called in a simulation, at {HERE}:{line} in execute: a replay cannot "
        "repeat it; use asyncio.get_running_loop().time(), which is virtual in a simulation"
    )
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_call_whose_error_is_swallowed_is_still_found() -> None:
    with traps() as set_traps:
        for _ in range(2):
            with pytest.raises(NotRepeatable):
                uuid.uuid4()
    assert [each.call for each in set_traps.found] == ["uuid.uuid4", "uuid.uuid4"]
    assert "context" in set_traps.found[0].instead


@pytest.mark.parametrize("filename", ["/home/ann/agent.py", INSTALLED])
def test_nobody_may_block_the_loop(filename: str) -> None:
    with (
        traps() as set_traps,
        pytest.raises(NotRepeatable, match=r"blocks the loop.*asyncio.sleep"),
    ):
        run("time.sleep(0)", filename)
    assert [each.call for each in set_traps.found] == ["time.sleep"]


@pytest.mark.parametrize(
    "call",
    [
        *("time.localtime(0)", "time.gmtime(0)", "time.ctime(0)", "time.asctime(time.gmtime(0))"),
        *("time.strftime('%Y', time.gmtime(0))", "datetime.datetime(2026, 1, 1).isoformat()"),
        *("datetime.date(2026, 1, 1)", "datetime.datetime.fromtimestamp(0)"),
        *("random.Random(7).random()", "random.Random('x').choice(range(99))"),
        "uuid.uuid5(uuid.NAMESPACE_DNS, 'x')",
    ],
)
def test_what_a_replay_repeats_is_nobodys_concern(call: str) -> None:
    outside = run(call, "/home/ann/agent.py")
    with traps() as set_traps:
        assert run(call, "/home/ann/agent.py") == outside
    assert set_traps.found == []


# -- libraries get what a replay repeats


@pytest.mark.parametrize(("call", "answer"), TIME.items())
def test_libraries_get_virtual_time(call: str, answer: object) -> None:
    assert library(call) == answer


@pytest.mark.parametrize("call", [*CHANCE, *FRESH])
def test_libraries_get_the_chance_of_the_seed(call: str) -> None:
    assert library(call, seed=1) == library(call, seed=1)
    if "shuffle" not in call and "seed" not in call:
        assert library(call, seed=1) != library(call, seed=2)


def test_libraries_get_another_id_each_time() -> None:
    with traps():
        for call in ("uuid.uuid1()", "uuid.uuid1(5)", "uuid.uuid4()", "os.urandom(16)"):
            assert len({run(call, INSTALLED) for _ in range(10)}) == 10
        first, second = (run("uuid.uuid1()", INSTALLED) for _ in range(2))
        assert first.node == second.node == run("uuid.getnode()", INSTALLED)
        assert first.version == 1
    assert (first.time - 0x01B21DD213814000) // 10_000_000 == int(NOW)


def test_a_library_that_seeds_changes_no_ids() -> None:
    def draws(seed: int) -> list[object]:
        with traps():
            run(f"random.seed({seed})", INSTALLED)
            return [run("random.random()", INSTALLED), run("uuid.uuid4()", INSTALLED)]

    (random_1, id_1), (random_2, id_2) = draws(5), draws(6)
    assert [random_1, random_2] == [Random(5).random(), Random(6).random()]
    assert id_1 == id_2


def test_what_user_code_asks_of_a_library_is_the_librarys_business() -> None:
    with traps() as set_traps:
        assert email.utils.formatdate() == "Thu, 01 Jan 2026 00:00:00 -0000"
        assert wall_clock() == 1_767_225_600_250
    assert set_traps.found == []


def test_time_goes_on_and_a_new_run_has_its_own() -> None:
    current = [NOW]
    with traps(now=lambda: current[0]) as set_traps:
        current[0] += 1.5
        assert run("time.monotonic()", INSTALLED) == NOW + 1.5
        first = [run(call, INSTALLED) for call in CHANCE]
        set_traps.reseed(lambda: 5.0, Random(1))
        assert run("time.time()", INSTALLED) == set_traps.now() == 5.0
        set_traps.reseed(lambda: NOW + 1.5, Random(1))
        assert [run(call, INSTALLED) for call in CHANCE] == first


class Kept(EventQueue):
    """A queue that keeps what an agent says."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    async def enqueue_event(self, event: Any) -> None:
        self.events.append(event)


def talk(seed: int) -> list[Any]:
    """What an agent says by the means of the SDK."""

    async def execute() -> None:
        updater = TaskUpdater(queue, "task", "context")
        await updater.update_status(TaskState.TASK_STATE_WORKING)
        await updater.add_artifact([Part(text="x")])
        await updater.complete(updater.new_agent_message([Part(text="done")]))

    queue = Kept()
    with traps(seed) as set_traps:
        asyncio.run(execute())
        queue.events.append(a2a.helpers.new_text_message("hello"))
        queue.events.append(a2a.helpers.new_text_artifact("name", "text"))
    assert set_traps.found == []
    return queue.events


def test_the_helpers_of_the_sdk_give_virtual_time_and_seeded_ids() -> None:
    events = talk(seed=1)
    assert events == talk(seed=1)
    assert events != talk(seed=2)
    stamps = [each.status.timestamp for each in events if isinstance(each, TaskStatusUpdateEvent)]
    assert [each.ToMilliseconds() for each in stamps] == [1_767_225_600_250] * 2
    ids = [
        *(events[1].artifact.artifact_id, events[2].status.message.message_id),
        *(events[3].message_id, events[4].artifact_id),
    ]
    assert len({uuid.UUID(each) for each in ids}) == 4


# -- who is not concerned


@pytest.mark.parametrize("package", ["_pytest/runner.py", "hypothesis/core.py"])
@pytest.mark.parametrize("call", ["time.perf_counter()", "datetime.datetime.now().timestamp()"])
def test_the_machinery_around_a_simulation_gets_real_time(package: str, call: str) -> None:
    before, real = time.perf_counter(), time.time()
    with traps():
        found = run(call, f"/opt/site-packages/{package}")
    after = time.perf_counter() if "perf" in call else time.time()
    assert (before if "perf" in call else real) <= found <= after


def test_a_real_loop_keeps_real_time() -> None:
    async def main() -> float:
        return asyncio.get_running_loop().time()

    before = time.monotonic()
    with traps():
        found = asyncio.run(main())
    assert before <= found <= time.monotonic()


def test_other_threads_are_left_alone() -> None:
    calls = [call for call in CALLS if call != "os.getrandom(8)"]

    def work() -> None:
        done.extend(type(run(call, "/home/ann/agent.py")) for call in calls)
        years.append(run("datetime.date.today()", INSTALLED))

    done: list[type] = []
    years: list[object] = []
    before = date.today()
    with traps(now=lambda: 0.0) as set_traps:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert len(done) == len(calls)
    assert before <= years[0] <= date.today()  # type: ignore[operator]
    assert set_traps.found == []


@pytest.mark.parametrize(
    ("filename", "user"),
    [
        ("/home/ann/agent.py", True),
        ("/home/ann/actors/agent.py", True),
        (__file__, True),
        ("<string>", True),
        ("<doctest guide.md[0]>", True),
        (INSTALLED, False),
        ("/usr/lib/python3/dist-packages/lib.py", False),
        (email.utils.__file__, False),
        (wall_clock.__code__.co_filename, False),
        ("<frozen os>", False),
        ("<attrs generated init agent.Order>", False),
    ],
)
def test_user_code_is_what_is_neither_python_nor_installed_nor_ours(
    filename: str, user: bool
) -> None:
    assert is_user_code(filename) is user


def test_user_code_is_what_the_caller_says() -> None:
    with Traps(lambda: NOW, Random(1), user=lambda name: name == INSTALLED) as set_traps:
        assert run("time.time()", "/home/ann/agent.py") == NOW
        with pytest.raises(NotRepeatable):
            run("time.time()", INSTALLED)
    assert [each.where for each in set_traps.found] == ["lib.py:1 in <module>"]
