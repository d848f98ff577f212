"""The crash matrix: which points there are, a choice of them, and one run.

A run is a victim that dies at one point and a judge of what it left. Points are of two sorts: in
the code (`points.py`) and below it, in what SQLite does to its files (`shim.c`); there a process
dies before the n-th operation, after half of it, or after it. The steps take turns, so that a
rare one is tried as often as a common one.

Neighbours: `zygote.py` (runs them), `test_matrix.py` (some), `tests/soak/crash.py` (many).
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice, zip_longest
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from tests.crash import shim
from tests.crash.points import STEPS, Point
from tests.servers import ROOT

Order = dict[str, Any]
LINE: Final = 1 << 26
"""Bytes of the longest answer of a zygote."""

WAYS: Final = ("before", "torn", "after")
HELPED: Final = ("self", "both", "other")
"""Who dies at an operation of a helper process."""


class Kill(NamedTuple):
    """Where a process is to die."""

    step: str
    name: str
    """Of the point, or of the operation on the files."""
    number: int
    """The how-many-th time; of an operation, among all on that file."""
    way: str = ""
    """before, torn or after an operation; empty for a point in the code."""
    part: str = "work"
    """Of the script."""
    file: str = ""
    who: str = "both"
    """Who dies, as `shim.WHO` says."""

    def __str__(self) -> str:
        where = f"{self.way} operation {self.number} ({self.name}), {self.who}" if self.way else ""
        return f"{self.step} in {self.part}: {where or f'{self.name}, time {self.number}'}"


class Result(NamedTuple):
    """What became of a run."""

    kill: Kill
    killed: bool
    """False: the point was not reached."""
    problems: Sequence[str]
    figures: dict[str, int]


class Zygote:
    """A process that forks victims and judges."""

    def __init__(self, process: asyncio.subprocess.Process, directory: Path) -> None:
        self._process = process
        self._directory = directory
        self._runs = 0

    async def fork(self, **order: Any) -> Order:
        """Run one order to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        line = await self._process.stdout.readline()
        assert line, "the zygote has died"
        answer: Order = json.loads(line)
        return answer

    @asynccontextmanager
    async def directory(self) -> AsyncIterator[tuple[Path, Path]]:
        """A fresh directory for a journal, and a place beside it."""
        self._runs += 1
        beside = self._directory / str(self._runs)
        (beside / "run").mkdir(parents=True)
        yield beside / "run", beside
        shutil.rmtree(beside)

    async def points(self, journal: str, part: str, *, traced: bool = True) -> list[Kill]:
        """Where a process can die while it plays a part of the script, as one has seen.

        Untraced it is quicker, and knows of no steps but checkpoints.
        """
        async with self.directory() as (run, beside):
            shim.prepare(beside / "state")
            files = {"state": beside / "state", "log": beside / "log", "record": beside / "points"}
            paths = {name: str(path) for name, path in files.items()}
            where = {"journal": journal, "directory": str(run), "part": part, "trace": traced}
            done = await self.fork(role="victim", **where, **paths)
            assert done["status"] == 0, "the script could not be played"
            found = _in_code(json.loads((beside / "points").read_text()))
            below = _in_files(beside / "log", helped=journal == "power")
            return [kill._replace(part=part) for kill in (*found, *below)]

    async def run(self, journal: str, kill: Kill, server: int = 0) -> Result:
        """Let a victim die, and judge what it left.

        Args:
            journal: as `journals.journal_of` takes it.
            kill: where.
            server: main process of a database server, which dies there in place of the victim.
        """
        async with self.directory() as (run, beside):
            state = beside / "state"
            point: Order = {"trace": False}
            if kill.way:
                shim.prepare(state, kill.file, kill.number, kill.way, kill.who)
            else:
                shim.prepare(state)
                point = {"point": kill.name, "number": kill.number, "server": server}
            where = {"journal": journal, "directory": str(run), "part": kill.part}
            died = await self.fork(role="victim", state=str(state), **where, **point)
            judged = await self.fork(role="judge", told=died["told"], **where)
            helper = bool(kill.way) and shim.counted(state) >= kill.number
        return _result(kill, died, judged, helper=helper)


async def all_points(zygote: Zygote, journal: str) -> list[Kill]:
    """Every point: of the work, and of checkpoints in the bulk."""
    many = await zygote.points(journal, "bulk", traced=False)
    return [
        *await zygote.points(journal, "work"),
        *(kill for kill in many if kill.step == "checkpoint"),
    ]


def _result(kill: Kill, died: Order, judged: Order, *, helper: bool) -> Result:
    problems, figures = [], {}
    if died["status"] not in (0, -9):
        problems.append(f"the victim ended with {died['status']}")
    if judged["status"] or not judged["told"]:
        problems.append(f"the judge ended with {judged['status']}: what is left cannot be used")
    else:
        problems += judged["told"][0]["problems"]
        figures = judged["told"][0]["figures"]
    if died["status"] == 0 and died["told"][-1] != {"told": "done"}:
        problems.append("the script was not played to its end")
    return Result(kill, died["status"] == -9 or helper, problems, figures)


def _in_code(points: Sequence[Sequence[Any]]) -> Iterator[Kill]:
    for name, number, step in map(Point._make, points):
        yield Kill(step, name, number)


def _in_files(log: Path, *, helped: bool) -> Iterator[Kill]:
    """Each operation, in the ways to die at it that differ."""
    numbers: Counter[str] = Counter()
    opened = False
    for each in shim.operations(log):
        if each.kind == "told":
            opened = True
            continue
        step, file = STEPS[each.step], Path(each.name).name
        numbers[file] += 1
        if file == "tasks.db" and opened and step != "close":
            step = "checkpoint"
        ways = WAYS if each.kind == "write" else ("before", "after")
        for way in ways:
            for who in HELPED if step == "checkpoint" or helped else ("both",):
                yield Kill(step, f"{each.kind} {file}", numbers[file], way, file=file, who=who)


def chosen(kills: Sequence[Kill], seed: int) -> Iterator[Kill]:
    """All of them, in a random order in which the steps, and code and files, take turns."""
    draw = Random(seed)
    kinds: dict[tuple[str, bool], dict[str, list[Kill]]] = defaultdict(lambda: defaultdict(list))
    for kill in kills:
        kinds[kill.step, bool(kill.way)][f"{kill.name} {kill.way} {kill.who}"].append(kill)
    turns = []
    for by_name in kinds.values():
        for same in by_name.values():
            draw.shuffle(same)
        names = list(by_name.values())
        draw.shuffle(names)
        turns.append(_in_turns(names))
    draw.shuffle(turns)
    yield from _in_turns([list(turn) for turn in turns])


def _in_turns(lists: Sequence[Sequence[Kill] | Iterator[Kill]]) -> Iterator[Kill]:
    for row in zip_longest(*lists):
        yield from (kill for kill in row if kill is not None)


@asynccontextmanager
async def zygotes(count: int, build: Path = ROOT) -> AsyncIterator[list[Zygote]]:
    """So many processes that fork, of the code as it is or of another build."""
    made: list[Zygote] = []
    processes: list[asyncio.subprocess.Process] = []
    with tempfile.TemporaryDirectory(prefix="actors-crash-") as directory:
        try:
            for number in range(count):
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-m", "tests.crash.zygote"),
                    cwd=build,
                    env=shim.environment() | {"PYTHONPATH": str(build)},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    limit=LINE,
                )
                processes.append(process)
                made.append(Zygote(process, Path(directory) / str(number)))
            yield made
        finally:
            for process in processes:
                assert process.stdin is not None
                process.stdin.close()
                await process.wait()


async def run_all(
    several: Sequence[Zygote], journal: str, kills: Iterator[Kill], count: int
) -> list[Result]:
    """Run `count` of `kills`, as many at a time as there are zygotes."""
    left = islice(kills, count)
    results: list[Result] = []

    async def work(zygote: Zygote) -> None:
        for kill in left:
            done = await zygote.run(journal, kill)
            results.append(done)

    await asyncio.gather(*(work(each) for each in several))
    return results
