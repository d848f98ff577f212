"""Generated files say what the charts say; `make diagrams` brings them up to date."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from actors.task.chart import sdk_chart, spec_chart
from statechart import Chart
from statechart.diagram import answers, dot, dot_digest, mermaid, svg_digest
from statechart.examples import ORDER, TRAFFIC_LIGHT

ROOT = Path(__file__).parent.parent
DIAGRAMS = ROOT / "diagrams"
STALE = "is not what the chart says; run `make diagrams`"
CHARTS = pytest.mark.parametrize(
    ("name", "chart"),
    [
        ("task-sdk", sdk_chart),
        ("task-spec", spec_chart),
        ("traffic-light", lambda: TRAFFIC_LIGHT),
        ("order", lambda: ORDER),
    ],
    ids=["sdk", "spec", "light", "order"],
)


@CHARTS
def test_mermaid_is_current(name: str, chart: Callable[[], Chart]) -> None:
    assert (DIAGRAMS / f"{name}.mmd").read_text() == mermaid(chart()), STALE


@CHARTS
def test_table_of_answers_is_current(name: str, chart: Callable[[], Chart]) -> None:
    assert (DIAGRAMS / f"{name}.md").read_text() == answers(chart()), STALE


@CHARTS
def test_picture_is_current(name: str, chart: Callable[[], Chart]) -> None:
    drawn = svg_digest((DIAGRAMS / f"{name}.svg").read_text())
    assert drawn == dot_digest(dot(chart())), STALE


def test_readme_shows_what_it_says_it_shows() -> None:
    embed = runpy.run_path(str(DIAGRAMS / "embed.py"))
    readme = (ROOT / "README.md").read_text()
    assert readme.count("<!-- /") == 4, "README.md has lost one of its marked places"
    assert embed["embedded"](readme) == readme, f"README.md {STALE}"
