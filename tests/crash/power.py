"""Power cuts: one process at work, then its files as they may be left at many moments.

Neighbours: `disk.py` (the files), `judge.py` (what must be true of them), `matrix.py` (zygotes).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.crash import shim
from tests.crash.disk import cut_at, moments
from tests.crash.matrix import Zygote


class Cut(NamedTuple):
    """What became of one cut."""

    moment: int
    """Operations before it."""
    problems: Sequence[str]
    figures: dict[str, int]


async def cuts(
    zygote: Zygote,
    durability: str,
    draw: Random,
    count: int,
    *,
    part: str = "work",
    as_if: str = "",
) -> AsyncIterator[Cut]:
    """Cut the power at `count` moments of one run, and judge what is left.

    Args:
        zygote: forks.
        durability: of the journal that the process writes to.
        draw: chooses moments, and what is left.
        count: how many.
        part: of the script.
        as_if: the durability by which what is left is judged, if another.
    """
    async with zygote.directory() as (run, beside):
        operations = await _operations(zygote, durability, part, run, beside)
    for _, moment in zip(range(count), moments(operations, draw), strict=False):
        async with zygote.directory() as (run, _beside):
            told = cut_at(operations, moment, draw, run)
            judged = await zygote.fork(
                role="judge",
                journal=as_if or durability,
                directory=str(run),
                told=told,
                lossy=(as_if or durability) == "process",
                cut=True,
            )
        if judged["status"] or not judged["told"]:
            yield Cut(moment, [f"the judge ended with {judged['status']}"], {"events": 0})
        else:
            found = judged["told"][0]
            yield Cut(moment, found["problems"], {"events": 0, **found["figures"]})


async def _operations(
    zygote: Zygote, durability: str, part: str, run: Path, beside: Path
) -> list[shim.Operation]:
    """All that one process did to its files."""
    shim.prepare(beside / "state")
    done = await zygote.fork(
        role="victim",
        journal=durability,
        directory=str(run),
        part=part,
        trace=False,
        state=str(beside / "state"),
        log=str(beside / "log"),
    )
    assert done["status"] == 0, "the script could not be played"
    return list(shim.operations(beside / "log"))
