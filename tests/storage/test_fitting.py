"""Rows that no journal keeps: refused before anything of their group is stored."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from actors.runtime.journal.port import Append
from actors.runtime.journal.projection import Projection
from actors.runtime.journal.record import Record
from actors.runtime.message import NOBODY
from actors.storage import MemoryJournal, SqliteJournal


class Thing(NamedTuple):
    owner: str
    tenant: str
    made: int
    state: int


THINGS = Projection("things", Thing, newest="made", listed="state")


class Number(IntEnum):
    ONE = 1


class Name(StrEnum):
    ANN = "ann"


def append(log: str, row: Any) -> Append:
    return Append(log, 1, 0, (Record(1, 1, 0, 1),), NOBODY, row=row)


@pytest.mark.parametrize("kind", ["memory", "file"])
@pytest.mark.parametrize(
    ("values", "says"),
    [
        (("", "", 1.5, 1), "'made' of the row of log 'bad' is float, expected int"),
        (("", "", 1, True), "'state' .* is bool, expected int"),
        (("", "", None, 1), "NoneType, expected int"),
        ((b"", "", 1, 1), "bytes, expected str"),
        (("", "", 2**63, 1), "beyond 64 bits"),
        (("", "", 1, -(2**63) - 1), "beyond 64 bits"),
        (("", "x\udc80", 1, 1), "lone surrogate"),
    ],
)
def test_a_row_that_does_not_fit_is_refused(
    tmp_path: Path, kind: str, values: Any, says: str
) -> None:
    journal = MemoryJournal() if kind == "memory" else SqliteJournal(tmp_path / "j.db")
    journal.open(THINGS)
    try:
        with pytest.raises(ValueError, match=says):
            journal.append([append("good", Thing("", "", 1, 1)), append("bad", Thing(*values))])
        assert list(journal.heads()) == []
        journal.append([append("good", Thing(Name.ANN, "", Number.ONE, 2**63 - 1))])
        stored = journal.read("good")
        assert stored is not None
        assert stored.row == Thing("ann", "", 1, 2**63 - 1)
    finally:
        journal.close()
