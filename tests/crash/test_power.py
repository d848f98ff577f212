"""After a power cut all that was shown is there ("power"), or what is there is sound ("process").

No power is cut. One process writes down all that it does to its files; from that the files are
built as a disk may hold them at any moment (`disk.py`), and judged as after a kill.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random

import pytest

from tests.crash.matrix import Zygote, zygotes
from tests.crash.power import cuts

SEED = 20263


@pytest.fixture
async def zygote() -> AsyncIterator[Zygote]:
    async with zygotes(1) as (made,):
        yield made


@pytest.mark.parametrize(("durability", "count"), [("power", 16), ("process", 10)])
async def test_what_a_power_cut_leaves(
    zygote: Zygote, durability: str, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [cut async for cut in cuts(zygote, durability, Random(SEED), count)]
    assert len(found) == count
    problems = [f"{cut.moment}: {problem}" for cut in found for problem in cut.problems]
    assert not problems, "\n".join(problems)
    shown = sum(cut.figures["events"] for cut in found)
    with capsys.disabled():
        print(f" {count} cuts, {shown} events shown before ", end="")
    assert shown > 0


async def test_the_test_notices_a_commit_that_is_not_synced(zygote: Zygote) -> None:
    """What "process" leaves, judged as if each commit were on the disk."""
    draw = Random(SEED)
    found = [cut async for cut in cuts(zygote, "process", draw, 10, as_if="power")]
    assert any("lost" in problem for cut in found for problem in cut.problems)
