"""Orders that expire unless they are paid in time, whatever happens to the process.

    python shop.py orders.db 30

then type `place 1`, `pay 1`, `look 1`. Kill it (kill -9) and start it again: no order that it has
confirmed is lost, and what was not paid in time still expires.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, replace
from typing import Any

from actors.runtime import ActorRef, CancelTimer, Perform, StartTimer, persistent
from actors.runtime.persistent import Command, Decision, persist, refuse
from actors.storage import SqliteJournal

SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 30.0


# What an order may be told ...
@dataclass(frozen=True)
class Place(Command):
    pass


@dataclass(frozen=True)
class Pay(Command):
    pass


@dataclass(frozen=True)
class Expire(Command):
    pass


@dataclass(frozen=True)
class Look(Command):
    pass


# ... and what has happened to it, stored for ever.
@dataclass(frozen=True)
class Placed:
    due: int


@dataclass(frozen=True)
class Paid:
    pass


@dataclass(frozen=True)
class Expired:
    pass


Event = Placed | Paid | Expired


@dataclass(frozen=True)
class State:
    status: str = "absent"
    due: int = 0


class Order(persistent.PersistentActor[State, Event]):
    codec = persistent.DataclassCodec(Placed, Paid, Expired)

    def initial(self) -> State:
        return State()

    def decide(self, state: State, command: Any, now: int) -> Decision[Event]:
        match command, state.status:
            case Place(), "absent":
                placed = Placed(now + int(SECONDS * 1000))
                timeout = StartTimer("payment", SECONDS, Expire())
                return persist(placed, reply="placed", then=(timeout,))
            case Pay(), "placed":
                return persist(Paid(), reply="paid", then=(CancelTimer("payment"),))
            case Expire(), "placed":
                return persist(Expired(), then=(Perform("bell", "an order has expired"),))
            case Look(), status:
                return persistent.answer(status)
            case _, status:
                return refuse(ValueError(f"the order is {status}"))

    def evolve(self, state: State, event: Event) -> State:
        match event:
            case Placed(due):
                return State("placed", due)
            case Paid():
                return replace(state, status="paid")
            case Expired():
                return replace(state, status="expired")

    def active(self, state: State) -> bool:
        return state.status == "placed"  # its timeout runs: revive it after a crash

    def recovered(self, state: State, now: int) -> tuple[persistent.Then, ...]:
        left = max(0, state.due - now) / 1000
        return (StartTimer("payment", left, Expire()),)


class Bell:
    """A port: what an actor wants of the world is performed here."""

    def __init__(self, orders: persistent.PersistentSystem) -> None:
        self.orders = orders

    def perform(self, request: object, sender: ActorRef[Any]) -> None:
        print(f"{sender.id}: {request}", flush=True)


COMMANDS = {"place": Place(), "pay": Pay(), "look": Look()}


async def main() -> None:
    lines = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(lines)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    journal = SqliteJournal(sys.argv[1])
    async with persistent.open(journal, {"order": Order}, ports={"bell": Bell}) as orders:
        print("open", flush=True)
        async for line in lines:
            verb, _, name = line.decode().strip().partition(" ")
            if verb not in COMMANDS or not name:
                print(f"expected one of {', '.join(COMMANDS)}, and a number", flush=True)
                continue
            try:
                said = await orders.ask(ActorRef("order", name), COMMANDS[verb])
            except ValueError as error:
                said = error
            print(f"{name}: {said}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
