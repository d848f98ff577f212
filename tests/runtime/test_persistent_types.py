"""What the type checker refuses: an event that an actor does not have."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from mypy import api as mypy

SOURCE = """
from dataclasses import dataclass
from typing import Any

from actors.runtime import StartTimer, Stop
from actors.runtime.persistent import (
    Command, DataclassCodec, Decision, PersistentActor, answer, persist, refuse
)


@dataclass(frozen=True)
class Placed:
    item: str


@dataclass(frozen=True)
class Paid:
    cents: int


@dataclass(frozen=True)
class Opened:
    door: str


@dataclass(frozen=True)
class Pay(Command):
    cents: int


Event = Placed | Paid


class Order(PersistentActor[int, Event]):
    codec = DataclassCodec(Placed, Paid)
    snapshots = DataclassCodec(Opened)  # refused

    def initial(self) -> int:
        return 0

    def decide(self, state: int, command: Any, now: int) -> Decision[Event]:
        match command:
            case 1:
                return persist(Placed("x"), Paid(1), reply=3)
            case 2:
                return answer(4, then=(StartTimer("t", 1.0, Pay(1)),))
            case 3:
                return refuse(ValueError())
            case 4:
                return persist(Opened("x"))  # refused
            case 5:
                return persist(Placed("x"), Opened("x"))  # refused
            case 6:
                return persist(Placed("x"), then=(Stop(),))  # refused
            case _:
                return 3  # refused

    def evolve(self, state: int, event: Event) -> int:
        return state + 1


class Door(PersistentActor[int, Event]):
    codec = DataclassCodec(Opened)  # refused

    def initial(self) -> str:  # refused
        return ""

    def decide(self, state: int, command: Any, now: int) -> Decision[Opened]:  # refused
        return persist(Opened("x"))

    def evolve(self, state: int, event: Opened) -> int:  # refused
        return state
"""


def test_an_actor_says_what_its_events_are(tmp_path: Path) -> None:
    path = tmp_path / "order.py"
    source = dedent(SOURCE).lstrip()
    path.write_text(source)
    options = ["--strict", f"--cache-dir={tmp_path}", "--config-file=", "--no-error-summary"]
    ignored = ["--ignore-missing-imports", "--follow-imports=silent"]
    report, _, code = mypy.run([*options, *ignored, str(path)])
    assert code == 1, report
    lines = source.splitlines()
    refused = [number for number, line in enumerate(lines, 1) if line.endswith("# refused")]
    mine = [line for line in report.splitlines() if line.startswith(str(path))]
    found = sorted({int(line.split(":")[1]) for line in mine if " error: " in line})
    assert found == refused, report
