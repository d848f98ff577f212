"""What the rounds have come to: the median of each side, the ratio of each round, met or missed.

    python -m tests.bench.suite.report FILE [--brief]   (the table again, as Markdown)

Pure arithmetic, so that it can be tested without a clock.

Neighbours: `targets.py` (the rows), `program.py` (measures), `plots.py` (draws).
"""

from __future__ import annotations

import json
import math
import statistics
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tests.bench.suite.measuring import Found
from tests.bench.suite.sides import OURS
from tests.bench.suite.targets import ROWS, SDK_ROUTES, Key, Row

Rounds = Mapping[Key, Mapping[int, Found]]
"""What each measurement has found, by round."""

NONE: Final = "-"
HEAD: Final = ("dimension", "side", "peer", "ours", "ratio (spread)", "target", "met")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row with its figures; None is what was not measured.

    Attributes:
        row: which.
        peer, ours: medians of the rounds.
        ratio: the median of the ratios of each round, in the sense of the row.
        low, high: the least and the greatest of them.
        met: whether the target is met; None if there is none, or nothing to tell it by.
    """

    row: Row
    peer: float | None
    ours: float | None
    ratio: float | None
    low: float | None
    high: float | None
    met: bool | None


def line(row: Row, rounds: Rounds) -> Line:
    """Return the figures of a row; ratios are of rounds that have both sides."""
    ours = _figures(rounds, Key(row.ours, row.dimension, row.size), row.figure)
    peer = _figures(rounds, Key(row.peer, row.dimension, row.size), row.figure)
    ratios = [_ratio(row, ours[at], peer[at]) for at in ours if at in peer]
    ratio = _median(ratios)
    judged = _median(ours.values()) if row.sense == "at most" else ratio
    return Line(
        row=row,
        peer=_median(peer.values()),
        ours=_median(ours.values()),
        ratio=ratio,
        low=min(ratios, default=None),
        high=max(ratios, default=None),
        met=_met(row, judged),
    )


def _figures(rounds: Rounds, key: Key, figure: str) -> dict[int, float]:
    return {at: found[figure] for at, found in rounds.get(key, {}).items() if figure in found}


def _median(values: Iterable[float]) -> float | None:
    known = list(values)
    return statistics.median(known) if known else None


def _ratio(row: Row, ours: float, peer: float) -> float:
    above, below = (peer, ours) if row.sense == "saves" else (ours, peer)
    return above / below if below else math.inf if above else 1.0


def _met(row: Row, judged: float | None) -> bool | None:
    if row.target is None or judged is None:
        return None
    least = row.sense in ("times", "saves")
    return judged >= row.target if least else judged <= row.target


# -- words


def table(lines: Iterable[Line]) -> str:
    """Return the lines as text for a terminal, in columns; without those that have no figures."""
    cells = [HEAD, *(_cells(each) for each in lines if each.ours is not None)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at < 2 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(each, widths, strict=True))
        ).rstrip()
        for each in cells
    )


def markdown(lines: Iterable[Line]) -> str:
    """Return the lines as a table of Markdown."""
    cells = [HEAD, ("---",) * len(HEAD), *(_cells(each) for each in lines if each.ours is not None)]
    return "\n".join(f"| {' | '.join(each)} |" for each in cells)


def brief(lines: Iterable[Line]) -> str:
    """Return a table of Markdown with a line for each dimension, and our sides in one cell each."""
    found: dict[tuple[str, str], dict[str, Line]] = {}
    for each in lines:
        if each.ours is not None:
            side = each.row.ours.removesuffix(SDK_ROUTES)
            found.setdefault((each.row.title, each.row.peer), {})[side] = each
    cells: list[tuple[str, ...]] = [("", "a2a-sdk", *OURS), ("---",) * (2 + len(OURS))]
    for (title, peer), sides in found.items():
        theirs = figure(next(iter(sides.values())).peer)
        name = f" {peer.removeprefix('peer-')}" if "-" in peer else ""
        cells.append((title, theirs + name, *(_brief(sides.get(side)) for side in OURS)))
    return "\n".join(f"| {' | '.join(each)} |" for each in cells)


def _brief(of: Line | None) -> str:
    if of is None:
        return ""
    beside = of.ratio is not None and of.row.sense != "at most"
    return f"{figure(of.ours)} (**{figure(of.ratio)}x**)" if beside else figure(of.ours)


def score(lines: Iterable[Line]) -> str:
    """Return how many targets were met, and which were missed."""
    judged = [each for each in lines if each.met is not None]
    missed = [f"{each.row.title} ({each.row.ours})" for each in judged if not each.met]
    told = f"{len(judged) - len(missed)} of {len(judged)} targets met"
    return "\n".join((told, *(f"missed: {each}" for each in missed)))


def _cells(of: Line) -> tuple[str, ...]:
    row = of.row
    ratio = NONE
    if of.ratio is not None and row.sense != "at most":
        ratio = f"{figure(of.ratio)} ({figure(of.low)} to {figure(of.high)})"
    target = NONE
    if row.target is not None:
        target = f"{'>=' if row.sense in ('times', 'saves') else '<='} {row.target:g}"
    met = NONE if of.met is None else "yes" if of.met else "no"
    side = f"{row.ours} : {row.peer}" if row.peer else row.ours
    return row.title, side, figure(of.peer), figure(of.ours), ratio, target, met


def figure(value: float | None) -> str:
    """Return three digits of a number, and thousands with commas."""
    if value is None:
        return NONE
    if value and abs(value) < 1:
        return f"{value:.2g}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


# -- files


def saved(head: dict[str, Any], rounds: Rounds, rows: Iterable[Row]) -> dict[str, Any]:
    """Return all of it as JSON says it: what was measured, and the table that follows from it."""
    found = [
        asdict(key) | {"round": at, "figures": figures}
        for key, by_round in rounds.items()
        for at, figures in by_round.items()
    ]
    lines = [asdict(line(row, rounds)) for row in rows]
    return {"head": head, "found": found, "table": lines}


def loaded(path: Path) -> tuple[dict[str, Any], dict[Key, dict[int, Found]]]:
    """Return the head and the rounds of a file that `saved` has made."""
    told = json.loads(path.read_text(encoding="utf-8"))
    rounds: dict[Key, dict[int, Found]] = {}
    for each in told["found"]:
        key = Key(each["side"], each["dimension"], each["size"])
        rounds.setdefault(key, {})[each["round"]] = each["figures"]
    return told["head"], rounds


def main(arguments: list[str]) -> None:
    """Print the table of a file."""
    head, rounds = loaded(Path(arguments[0]))
    shown = brief if "--brief" in arguments else markdown
    print(", ".join(f"{name} {value}" for name, value in head.items()))
    print()
    print(shown(line(row, rounds) for row in ROWS))


if __name__ == "__main__":
    main(sys.argv[1:])
