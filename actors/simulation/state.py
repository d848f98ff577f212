"""The state of a world, as a digest: two runs that got to the same state have the same future.

Everything that decides what can happen from here on is in it: actors with their mail, stash and
timers; the journal; agents; what each client and each server-side coroutine has awaited so far,
which for deterministic code says where it is and what it knows; what may still fail. What only the
past knows (the order in which two clients looked) is not.

Neighbours: `exhaustive.py` (visits each state once), `world.py` (is digested).
"""

from __future__ import annotations

import asyncio
from typing import Any

from actors.runtime import ActorRef
from actors.runtime.cell import Cell
from actors.runtime.fingerprint import fingerprint
from actors.runtime.message import Timer
from actors.simulation.actions import EVERYTHING, Action, TaskStep
from actors.simulation.node import Node
from actors.simulation.world import World


class StateDigest:
    """Digests one world again and again, looking only at what has changed in between."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._cells: dict[tuple[str, ActorRef[Any]], bytes] = {}

    def changed(self, touched: set[object]) -> None:
        """Forget the digests of actors that `touched` (as the loop notes it) speaks of."""
        if EVERYTHING in touched:
            self._cells.clear()
        for what in touched:
            if isinstance(what, tuple) and what[0] in ("head", "tail"):
                self._cells.pop((what[1], what[2]), None)

    def now(self) -> bytes:
        """Return the digest of the world as it is."""
        world = self._world
        loop = world.loop
        return fingerprint(
            (
                world.faults.state(),
                world.journal.digest(),
                loop.time(),
                loop.horizon,
                sorted(_waiting(action) for action in loop.ready),
                sorted(loop.courses.items()),
                [self._node(node) for node in world.nodes],
            )
        )

    def _node(self, node: Node) -> object:
        if node.down:
            return "down"
        cells = node.system.cells
        return (
            node.paused,
            sorted(self._cell(node.name, cells[ref]) for ref in cells),
            [run.state() for run in node.agent.runs.values()],
            node.shell.storing.under_way,
            node.receivers.under_way,
        )

    def _cell(self, node: str, cell: Cell) -> bytes:
        key = (node, cell.ref)
        known = self._cells.get(key)
        if known is None:
            mailbox = cell.mailbox
            known = self._cells[key] = fingerprint(
                (
                    cell.ref,
                    cell.state,
                    cell.started,
                    cell.suspended,
                    cell.passivating,
                    list(mailbox.system),
                    list(mailbox.normal),
                    list(cell.stash),
                    list(cell.watching),
                    [(timer.name, timer.live, _due(timer)) for timer in cell.timers.values()],
                )
            )
        return known


def _waiting(action: Action) -> tuple[str, bytes]:
    """What can happen, and for a task that goes on what it goes on with."""
    return action.label, fingerprint(action.wakes_with()) if isinstance(action, TaskStep) else b""


def _due(timer: Timer) -> float | None:
    """When it fires; the handles of a simulated clock are asyncio's."""
    return timer.handle.when() if isinstance(timer.handle, asyncio.TimerHandle) else None
