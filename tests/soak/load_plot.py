"""Draws how a server has done under load: latencies by kind over time, and its memory.

Neighbours: `load_run.py` (writes what is drawn), `load.py` (draws it).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tests.soak.load_figures import QUANTILES

COLUMNS: Final = 2
MIB: Final = 2**20


def draw(series: dict[str, Any], path: Path) -> None:
    """Write an SVG: a graph for each kind of latency, and one of the memory.

    Args:
        series: what `load_run.py` writes.
        path: of the file.

    Raises:
        ImportError: matplotlib is not installed; it is in the extra `bench`.
    """
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "load"  # the same picture for the same figures
    import matplotlib.pyplot as plt

    rows, kinds = series["rows"], series["kinds"]
    minutes = [row["at"] / 60 for row in rows]
    lines = -(-len(kinds) // COLUMNS) + 1
    figure = plt.figure(figsize=(10, 2.2 * lines), layout="constrained")
    figure.suptitle(
        f"{series['rate']:.0f} sessions/s, {series['load']:.0%} of what was borne at first; "
        "latencies of each ten seconds, ms"
    )
    grid = figure.add_gridspec(lines, COLUMNS)
    first = None
    for number, kind in enumerate(kinds):
        first = axes = figure.add_subplot(
            grid[divmod(number, COLUMNS)], sharex=first, sharey=first, yscale="log"
        )
        axes.set_title(kind, fontsize="medium")
        axes.grid(visible=True, axis="y", alpha=0.3)
        for name in QUANTILES:
            values = [row["latency"].get(kind, {}).get(name, float("nan")) for row in rows]
            axes.plot(minutes, values, label=name, lw=1)
    if first is not None:
        handles, names = first.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper right", ncols=len(names))
    memory = figure.add_subplot(grid[-1, :])
    memory.plot(minutes, [row["resident"] / MIB for row in rows], label="server")
    memory.plot(minutes, [row["children"] / MIB for row in rows], label="its children")
    memory.set(xlabel="minutes", ylabel="MiB in RAM", ylim=(0, None))
    memory.legend(loc="center right", fontsize="small")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
