"""A pytest plugin: which rows of its charts a test run took, and which it never did.

    pytest --chart-coverage                       every chart that was stepped
    pytest --chart-coverage=my.charts:ORDER,...   these charts, stepped or not
    pytest --chart-coverage= tests/               every chart, if the tests stand behind it
    pytest --chart-coverage-fail-under=100        exit code 1 if a chart has less
    pytest --chart-coverage-output=FILE           as .json, or as a diagram, .mmd

What counts as taken is a row that decided a step of `Table.step`, or followed by itself; all rows
are those that some step can take. A row is counted at each of its sources and triggers. Charts
with the same name and equal rows are one. With pytest-xdist the counts of all workers are added
up. A run that only lists tests or fixtures, or only sets tests up, is not judged.

Left out are mutants, whatever a suite does that `survivors` runs on one, and charts drawn by
`strategies`.

Counting begins before pytest loads the first conftest.py. What cannot be seen: steps in processes
that a test starts by itself, and those by way of a method that was bound before, such as
`STEP = DOOR.compile().step` in a module that a plugin of pytest imports when it is loaded.

pytest loads this file in every run, by its entry point. It imports nothing but pytest until the
option is given, and no step is slower without it; but Python imports the package `statechart`
first, since this is in it, which takes up to a tenth of a second in a run that needs no charts.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from statechart.testing.report import Count, Report
    from statechart.testing.tally import Tally

__all__: list[str] = []

_NAME = "statechart-coverage"
_TALLY = pytest.StashKey["Tally"]()

_NO_TESTS = (
    "collectonly",
    "showfixtures",
    "show_fixtures_per_test",
    "setuponly",
    "setupplan",
    "cacheshow",
)
"""The options of pytest with which it runs no test."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("statechart", "coverage of statecharts")
    group.addoption(
        "--chart-coverage",
        metavar="MODULE:CHART,...",
        nargs="?",
        const="",
        default=None,
        help="report which rows of these charts were taken; of all that were stepped by default",
    )
    group.addoption(
        "--chart-coverage-fail-under",
        metavar="PERCENT",
        type=_percent,
        default=0.0,
        help="fail if less of the rows of a chart was taken, from 0 to 100 (default: 0)",
    )
    group.addoption(
        "--chart-coverage-output",
        metavar="FILE",
        default=None,
        help="write the counts to FILE.json, or the diagram of one chart with counts to FILE.mmd",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Begin to count, if anybody wants it, before a conftest.py imports charts."""
    if early_config.known_args_namespace.chart_coverage is not None:
        _begin(early_config)


def pytest_configure(config: pytest.Config) -> None:
    """Find the charts that are asked for."""
    wanted = config.getoption("--chart-coverage")
    output = config.getoption("--chart-coverage-output")
    under = config.getoption("--chart-coverage-fail-under")
    if wanted is None:
        if output or under:
            raise pytest.UsageError(
                "--chart-coverage-output and --chart-coverage-fail-under need --chart-coverage"
            )
        return
    if any(config.getoption(option, default=False) for option in _NO_TESTS):
        return
    from statechart.testing.report import Report, ReportError

    try:
        report = Report(_begin(config), wanted, output)
    except ReportError as error:
        raise pytest.UsageError(f"--chart-coverage: {error}") from error
    config.pluginmanager.register(_Coverage(report, under), _NAME)


def _begin(config: pytest.Config) -> Tally:
    """Return the tally of this run, which counts until pytest is done with `config`."""
    if _TALLY not in config.stash:  # a plugin named in a conftest.py comes too late for the hook
        from statechart.testing.tally import Tally

        config.stash[_TALLY] = tally = Tally()
        tally.begin()
        config.add_cleanup(tally.end)
    return config.stash[_TALLY]


def _percent(text: str) -> float:
    try:
        percent = float(text)
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:  # which nan is not either
        raise ArgumentTypeError(f"{text!r} is no share: write a number from 0 to 100")
    return percent


class _Coverage:
    """What is to be done at the end of a run that counts."""

    def __init__(self, report: Report, under: float) -> None:
        self._report = report
        self._under = under
        self._counts: tuple[Count, ...] = ()
        self._failures: list[str] = []

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand the counts to the controller of pytest-xdist, or judge them."""
        output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_NAME] = self._report.plain()
            return
        self._counts = self._report.counts()
        self._failures = list(filter(None, (self._report.write(self._counts), self._judge())))
        if self._failures and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _judge(self) -> str:
        from statechart.testing.report import least, shown

        percent = least(self._counts)
        if percent >= self._under:
            return ""
        return f"chart coverage of {shown(percent)} is below {self._under:g} %"

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Add the counts of a worker of pytest-xdist."""
        self._report.add(getattr(node, "workeroutput", {}).get(_NAME, []))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell what was taken and what was not."""
        from statechart.testing.report import lines

        terminalreporter.section("chart coverage")
        for text in lines(self._counts):
            terminalreporter.line(text)
        for failure in self._failures:
            terminalreporter.line(f"FAIL: {failure}", red=True)
