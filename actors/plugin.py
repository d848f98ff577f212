"""A pytest plugin: an async test, run under many schedules in the simulator.

    @pytest.mark.simulate(schedules=300, faults=FaultPlan.none())
    async def test_two_clients(sim):
        server = sim.serve(MyAgent())
        ...

    pytest --simulate-schedules=10000 --simulate-seed=7     in place of what the markers say

The arguments of the marker are those of `actors.simulation.simulate`. The test gets `sim`, its
`Simulation`, and whatever other fixtures it names; those are made once, before the first schedule,
so what a test changes belongs into the test. A failing test shows the simplest schedule that was
found, and `choices=[...]` in the marker repeats just that one.

pytest loads this file in every run, by its entry point. It imports nothing but pytest until a
simulation runs.

Neighbours: `simulation/simulate.py` (what runs them).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from actors.simulation import Simulation

__all__: list[str] = []

_MARKER = "simulate"
_FIXTURE = "sim"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("actors", "simulation of actors and A2A agents")
    group.addoption(
        "--simulate-seed",
        metavar="N",
        type=int,
        default=None,
        help="the first seed of every simulated test, in place of what its marker says",
    )
    group.addoption(
        "--simulate-schedules",
        metavar="N",
        type=int,
        default=None,
        help="how many schedules every simulated test gets, in place of what its marker says",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(*, schedules=300, seed=0, seconds=None, choices=None, faults=None, "
        "policy=None, traps=True, report_to=None): run an async test, with its fixture 'sim', "
        "under many schedules in the simulator (actors.simulation)",
    )


class _NotYet:
    """What other fixtures get as `sim`: it explains why there is none for them."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(
            f"there is no '{_FIXTURE}.{name}' here: fixtures are made once, before the first "
            f"schedule, and each schedule has a '{_FIXTURE}' of its own; use it in the test itself"
        )


@pytest.fixture(name=_FIXTURE)
def _sim(request: pytest.FixtureRequest) -> _NotYet:
    """The `Simulation` of one schedule; for tests marked with `simulate`."""
    if request.node.get_closest_marker(_MARKER) is None:
        pytest.fail(
            f"the fixture '{_FIXTURE}' is there in simulated tests only: mark this test with "
            f"@pytest.mark.{_MARKER}",
            pytrace=False,
        )
    return _NotYet()  # a new `Simulation` takes its place in each schedule


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a marked test in the simulator."""
    marker = pyfuncitem.get_closest_marker(_MARKER)
    if marker is None:
        return None
    _simulate(_life(pyfuncitem), _options(marker, pyfuncitem.config))
    return True


def _life(item: pytest.Function) -> Callable[[Simulation], Any]:
    """Return the test as a scenario.

    A runner of async tests may have put a function of its own in its place.
    """
    test: Callable[..., Any] = inspect.unwrap(item.obj, stop=inspect.iscoroutinefunction)
    if not inspect.iscoroutinefunction(test):
        pytest.fail(f"@pytest.mark.{_MARKER} is for tests that are 'async def'", pytrace=False)
    arguments = {name: item.funcargs[name] for name in inspect.signature(test).parameters}
    if _FIXTURE not in arguments:
        pytest.fail(
            f"a simulated test needs the argument '{_FIXTURE}', its Simulation", pytrace=False
        )
    if len(arguments) == 1:
        return test  # itself, so that a report can name it

    @functools.wraps(test)
    async def life(sim: Simulation) -> None:
        await test(**arguments | {_FIXTURE: sim})

    return life


def _options(marker: pytest.Mark, config: pytest.Config) -> dict[str, Any]:
    """Return the arguments of a marker, as the options of this run change them."""
    from actors.simulation import simulate

    known = list(inspect.signature(simulate).parameters)[1:]
    unknown = sorted(set(marker.kwargs) - set(known))
    if marker.args or unknown:
        found = ", ".join([*map(repr, marker.args), *unknown])
        pytest.fail(
            f"@pytest.mark.{_MARKER} does not know {found}; it takes {', '.join(known)}, by name",
            pytrace=False,
        )
    options = dict(marker.kwargs)
    for name in ("seed", "schedules"):
        value = config.getoption(f"--{_MARKER}-{name}")
        if value is not None:
            options[name] = value
    return options


def _simulate(life: Callable[[Simulation], Any], options: dict[str, Any]) -> None:
    from actors.simulation import SimulationFailed, simulate

    try:
        simulate(life, **options)
    except SimulationFailed as error:
        again = f"Only this run: @pytest.mark.{_MARKER}(choices={error.failure.choices})"
        error.args = (f"{error}\n{again}",)
        raise error.with_traceback(None) from None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Any, None]:
    """Show what a failed simulation says, without a traceback of ours."""
    made = yield
    if call.when != "call" or call.excinfo is None or item.get_closest_marker(_MARKER) is None:
        return
    from actors.simulation import SimulationFailed

    report: pytest.TestReport = made.get_result()
    if report.longrepr is not None and isinstance(call.excinfo.value, SimulationFailed):
        report.longrepr = call.excinfo.getrepr(style="value", chain=False)
