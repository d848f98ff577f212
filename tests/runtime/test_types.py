"""What the type checker refuses: a message that an address is not for."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from mypy import api as mypy

SOURCE = """
from dataclasses import dataclass

from actors.runtime import ActorRef, ActorSystem, Message, Tell


class TankMessage(Message):
    pass


@dataclass(frozen=True)
class Fill(TankMessage):
    litres: int


@dataclass(frozen=True)
class Ring(Message):
    pass


TANK: ActorRef[TankMessage] = ActorRef("tank", "north")


async def use(system: ActorSystem) -> None:
    system.tell(TANK, Fill(1))
    await system.ask(TANK, Fill(1))
    Tell(TANK, Fill(1))
    system.tell(TANK, Ring())  # refused
    await system.ask(TANK, Ring())  # refused
    Tell(TANK, Ring())  # refused
"""


def test_an_address_says_what_may_be_told_to_it(tmp_path: Path) -> None:
    path = tmp_path / "tank.py"
    source = dedent(SOURCE).lstrip()
    path.write_text(source)
    options = ["--strict", f"--cache-dir={tmp_path}", "--config-file=", "--no-error-summary"]
    report, _, code = mypy.run([*options, str(path)])
    assert code == 1, report
    lines = source.splitlines()
    refused = [number for number, line in enumerate(lines, 1) if line.endswith("# refused")]
    mine = [line for line in report.splitlines() if line.startswith(str(path))]
    assert [int(line.split(":")[1]) for line in mine if " error: " in line] == refused
