"""A pytest plugin: which rows of its charts a test run took, and which it never did.

pytest loads this by its entry point. Imports `statechart` only, and more than `pytest` only when
the option is given; without it nothing is counted and nothing is slower.

    pytest --chart-coverage                       every chart that was stepped
    pytest --chart-coverage=my.charts:ORDER,...   these charts, stepped or not
    pytest --chart-coverage-fail-under=100        exit code 1 if a chart has less
    pytest --chart-coverage-output=FILE           as .json, or as a diagram, .mmd

What counts as taken is a row that decided a step of `Table.step`, or followed by itself; all rows
are those that some step can take. A row is counted at each of its sources and triggers. Charts
with the same name and the same rows are one. With pytest-xdist the counts of all workers are added
up; a process that a test starts by itself is not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from statechart.testing.tally import Report

__all__: list[str] = []

_NAME = "statechart-coverage"


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
        type=float,
        default=0.0,
        help="fail if less of the rows of a chart was taken (default: 0)",
    )
    group.addoption(
        "--chart-coverage-output",
        metavar="FILE",
        default=None,
        help="write the counts to FILE.json, or the diagram of one chart with counts to FILE.mmd",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Start to count, if anybody wants it."""
    wanted = config.getoption("--chart-coverage")
    output = config.getoption("--chart-coverage-output")
    under = config.getoption("--chart-coverage-fail-under")
    if wanted is None:
        if output or under:
            raise pytest.UsageError(
                "--chart-coverage-output and --chart-coverage-fail-under need --chart-coverage"
            )
        return
    from statechart.testing.tally import Report, ReportError

    try:
        report = Report(wanted, output)
    except ReportError as error:
        raise pytest.UsageError(f"--chart-coverage: {error}") from error
    config.pluginmanager.register(_Coverage(report, under), _NAME)
    report.tally.begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop counting."""
    plugin = config.pluginmanager.unregister(name=_NAME)
    if plugin is not None:
        plugin.report.tally.end()


class _Coverage:
    """What is to be done at the end of a run that counts."""

    def __init__(self, report: Report, under: float) -> None:
        self.report = report
        self._under = under
        self._worker = False

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand the counts to the controller of pytest-xdist, or judge them."""
        output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_NAME] = self.report.counts()
            return
        self.report.write()
        if session.exitstatus == 0 and self.report.percent() < self._under:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Add the counts of a worker of pytest-xdist."""
        self.report.add(getattr(node, "workeroutput", {}).get(_NAME, ()))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell what was taken and what was not."""
        terminalreporter.section("chart coverage")
        for text in self.report.lines():
            terminalreporter.line(text)
        percent = self.report.percent()
        if percent < self._under:
            terminalreporter.line(
                f"FAIL: chart coverage of {percent:.1f} % is below {self._under:g} %", red=True
            )
