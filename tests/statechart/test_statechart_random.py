"""Random charts: the compiled table, a naive interpreter and three other engines agree.

`chart_cases` makes the charts, `oracle` is the interpreter, `peers` wraps the engines, `compare`
puts a case to all of them; `tests.soak.differential` does the same for as long as one likes. What
the engines do differently is in DIFFERENCES.md, and each difference is a test in
test_statechart_differences.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from statechart import Chart, Drop, Go, Refuse, State
from statechart.library import from_machine, to_machine
from tests.soak.differential import ENGINES, Progress, load, main, run
from tests.statechart.chart_cases import EVERYTHING, Case, Features, a_chart, sequence
from tests.statechart.compare import compare
from tests.statechart.peers import PEERS, TRANSITIONS

DETERMINISTIC = settings(
    derandomize=True,
    deadline=None,
    max_examples=50,
    # Charts are large, take long to draw on a busy machine, and some drafts are not sound.
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.large_base_example,
        HealthCheck.data_too_large,
    ],
)
RANDOMS = st.randoms(use_true_random=False)


def drawn(random: Random, features: Features) -> Case:
    chart = a_chart(random, features, attempts=2)
    assume(chart is not None)
    assert chart is not None
    return sequence(random, features, chart)


@DETERMINISTIC
@given(RANDOMS)
def test_the_table_agrees_with_the_oracle_on_everything(random: Random) -> None:
    report = compare(drawn(random, EVERYTHING), "oracle")
    assert not report.disagreement


@DETERMINISTIC
@pytest.mark.parametrize("engine", PEERS)
@given(random=RANDOMS)
def test_the_table_agrees_with_other_engines(engine: str, random: Random) -> None:
    report = compare(drawn(random, PEERS[engine][0]), engine)
    assert not report.disagreement


@pytest.mark.parametrize("engine", ENGINES)
def test_pairs_of_the_soak(engine: str) -> None:
    """Seeded pairs, so that they are what the soak begins with, and most steps are compared."""
    progress = Progress(seed=1)
    place = ENGINES.index(engine)
    for index in range(300):
        if index // 4 % len(ENGINES) == place:
            assert run(progress, index) == ""
    compared = progress.counts[f"steps, {engine if place == 0 else f'{engine}: agrees'}"]
    assert compared > 250


def test_a_refusal_that_yields_does_not_silence_the_other_regions() -> None:
    """Found by the soak: `a` answers before the row around it, which refuses for `b`."""
    pair = State("pair", (State("a"), State("b")), parallel=True)
    other = State("other", (State("c"), State("d")), "c")
    chart = Chart(
        name="yields",
        regions=(pair, other),
        events=("go",),
        rows=(Drop("go", "a", "known"), Refuse("go", "pair", "no"), Go("go", "c", "d")),
        waive={"dead-row": "the point is who is asked"},
    )
    report = compare(Case(chart, frozenset(), (("go", frozenset()),)), "oracle")
    assert not report.disagreement


def test_a_disagreement_is_told_with_its_reproducer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "1", "--only", "8"]) == 0
    assert capsys.readouterr().out == "seed 1, pair 8: agrees\n"


def test_the_soak_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    for pairs in ("4", "8"):
        assert main(["--pairs", pairs, "--progress", str(path)]) == 0
    assert load(path, 1).next == 8
    assert load(path, 1).counts != Counter()
    assert load(path, 2).next == 0


@DETERMINISTIC
@given(RANDOMS)
def test_a_chart_comes_back_from_its_machine(random: Random) -> None:
    chart = drawn(random, TRANSITIONS).chart
    machine = to_machine(chart)
    machine.name = machine.name.removesuffix(": ")
    back = from_machine(machine)
    assert back.regions == chart.regions
    assert back.tree.edges == chart.tree.edges
