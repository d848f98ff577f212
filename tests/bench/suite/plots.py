"""Draws two diagrams from the figures of a run: `make bench-plot`.

    python -m tests.bench.suite.plots [FILE]

Costs are medians of the rounds. Without the figures of a side its line is left out; the same
figures give the same file.

Neighbours: `program.py` (makes the file), `report.py` (reads it).
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.bench.suite.program import FILE, ROOT
from tests.bench.suite.report import Rounds, loaded

EVENTS: Final = ROOT / "diagrams" / "bench-events.svg"
READERS: Final = ROOT / "diagrams" / "bench-readers.svg"
STYLES: Final[Mapping[str, tuple[str, str, str]]] = {
    "peer-sqlite": ("a2a-sdk, SQLite", "#d95f02", ":"),
    "peer-postgres": ("a2a-sdk, PostgreSQL", "#d95f02", "--"),
    "peer": ("a2a-sdk, memory", "#d95f02", "-"),
    "power": ("ours, SQLite, power", "#1b6ca8", ":"),
    "postgres": ("ours, PostgreSQL", "#1b6ca8", "--"),
    "process": ("ours, SQLite, process", "#1b6ca8", "-"),
}
"""Name, colour and line of each side, from above to below."""


def points(rounds: Rounds, side: str, dimension: str, figure: str) -> list[tuple[int, float]]:
    """Return (size, median) of what was measured, by size."""
    return sorted(
        (key.size, statistics.median(found[figure] for found in by_round.values()))
        for key, by_round in rounds.items()
        if (key.side, key.dimension) == (side, dimension)
    )


def events(axes: Axes, rounds: Rounds) -> None:
    """What an event costs, over the events of its stream."""
    for side in STYLES:
        _line(axes, side, points(rounds, side, "burst", "us"))
    axes.set(xlabel="events of one stream", ylabel="µs an event", title="A burst to one reader")


def readers(axes: Axes, rounds: Rounds) -> None:
    """What a delivery costs the processor, over the readers of a task."""
    for side in STYLES:
        _line(axes, side, points(rounds, side, "fanout", "cpu_us"), "burst")
        _line(axes, side, points(rounds, side, "paced", "cpu_us"), "paced", marker="s")
    axes.set(
        xlabel="readers of one task", ylabel="CPU µs a delivery", title="One task, many readers"
    )


def _line(
    axes: Axes, side: str, known: list[tuple[int, float]], what: str = "", marker: str = "o"
) -> None:
    if not known:
        return
    name, colour, style = STYLES[side]
    label = f"{name}, {what}" if what else name
    fill = "white" if marker == "s" else colour
    sizes, values = zip(*known, strict=True)
    axes.loglog(
        sizes, values, style, color=colour, marker=marker, markerfacecolor=fill, label=label
    )


def draw(rounds: Rounds) -> dict[Path, Figure]:
    """Return the diagrams, by where they belong."""
    drawn = {}
    for path, fill in ((EVENTS, events), (READERS, readers)):
        figure = Figure(figsize=(7, 4.2), layout="constrained")
        axes = figure.subplots()
        fill(axes, rounds)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter("{x:,g}")
        axes.grid(visible=True, which="major", linewidth=0.4)
        axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
        drawn[path] = figure
    return drawn


def save(figure: Figure, path: Path) -> None:
    """Write an SVG; the same figure makes the same file."""
    with mpl.rc_context({"svg.hashsalt": "bench", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})


def main(arguments: list[str]) -> None:
    """Draw."""
    _, rounds = loaded(Path(arguments[0]) if arguments else FILE)
    for path, figure in draw(rounds).items():
        save(figure, path)
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main(sys.argv[1:])
