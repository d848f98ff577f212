"""A failing run as a test file: it fails as the run did, and passes once the defect is mended.

Neighbours: `address.py` (how the file finds the scenario), `files.py` (writes it).
"""

from __future__ import annotations

import hashlib
import json
import re
import textwrap
from collections.abc import Iterable, Sequence

from actors.simulation.invariants.rule import Invariant
from actors.simulation.report import address
from actors.simulation.report.address import Expression, Import, NoAddress
from actors.simulation.report.words import short
from actors.simulation.sandbox import UserScenario
from actors.simulation.search import Failure

WIDTH = 100
"""Letters of a line."""
INDENT = "    "


def digest8(failure: Failure) -> str:
    """Return eight hex digits that tell this run from other failing ones."""
    numbers = sorted({violation.number for violation in failure.violations})
    told = json.dumps([failure.scenario.name, failure.choices, numbers])
    return hashlib.sha256(told.encode()).hexdigest()[:8]


def name_of(failure: Failure) -> str:
    """Return the name of the test, which is also that of its file."""
    scenario = re.sub(r"\W+", "_", failure.scenario.name, flags=re.ASCII).strip("_").lower()
    return "_".join(filter(None, ("test", scenario, digest8(failure))))


def pytest_file(failure: Failure, invariants: Iterable[Invariant] | None = None) -> str:
    """Return a Python file with one test that repeats a run.

    Args:
        failure: the run.
        invariants: what it was held against, if not what its scenario says.

    Raises:
        NoAddress: the scenario or an invariant cannot be imported by name.
    """
    own = tuple(failure.scenario.invariants)
    held = own if invariants is None else tuple(invariants)
    if isinstance(failure.scenario, UserScenario):
        imports, constants, body = _simulated(failure.scenario, is_own=held == own)
    else:
        imports, constants, body = _run(failure, held, own)
    constants += _choices(failure.choices)
    test = f"def {name_of(failure)}() -> None:\n{body}"
    head = _docstring(failure)
    return f"{head}\n\n{_imports(imports)}\n\n{constants}\n\n\n{test}"


Parts = tuple[set[Import], str, str]
"""Imports, constants before the choices, the body of the test."""


def _run(failure: Failure, held: Sequence[Invariant], own: Sequence[Invariant]) -> Parts:
    """Return the test of a scenario of ours."""
    scenario = address.scenario(failure.scenario)
    extra, judging = _judging(held, own)
    ours = (
        Import("actors.simulation.choices", "Recorded"),
        Import("actors.simulation.search", "run"),
    )
    arguments = ("SCENARIO", "Recorded(CHOICES)", *filter(None, (judging,)))
    call = _laid_out(address.Call("run", arguments), "outcome = ", INDENT)
    body = (
        f"{INDENT}outcome = {call}\n"
        f'{INDENT}assert not outcome.violations, "\\n".join(map(str, outcome.violations))\n'
    )
    constant = f"SCENARIO = {_laid_out(scenario.expression, 'SCENARIO = ')}\n"
    return {*ours, *extra, *scenario.imports}, constant, body


def _simulated(scenario: UserScenario, *, is_own: bool) -> Parts:
    """Return the test of a user's scenario; `simulate` raises what it finds."""
    if not is_own:
        raise NoAddress("`simulate` judges by the scenario's own invariants, and here were others")
    written = address.function(scenario)
    return set(written.imports), "", f"{INDENT}{_laid_out(written.expression, '', INDENT)}\n"


def _docstring(failure: Failure) -> str:
    """Say what broke, in text that cannot end the docstring."""
    told = [short(str(violation), WIDTH - 8) for violation in failure.violations[:3]]
    seed = "" if failure.seed is None else f", found with seed {failure.seed}"
    where = short(failure.scenario.name, WIDTH // 2)
    lines = (
        '"""A simulated run that broke an invariant; it passes once that is mended.',
        "",
        *(INDENT + _harmless(each) for each in told),
        "",
        f"Scenario: {_harmless(where)}{seed}.",
        '"""',
    )
    return "\n".join(lines)


def _harmless(text: str) -> str:
    return text.replace("\\", "/").replace('"', "'")


def _imports(imports: Iterable[Import]) -> str:
    """Return import lines as isort would have them; ours count as the first party."""
    groups: dict[int, dict[str, list[str]]] = {}
    for each in sorted(imports):
        group = groups.setdefault(_party(each.module), {})
        group.setdefault(each.module, []).append(str(each))
    return "\n\n".join(
        "\n".join(
            f"from {module} import {', '.join(names)}" for module, names in sorted(group.items())
        )
        for _, group in sorted(groups.items())
    )


_STANDARD, _OTHERS, _OURS = range(3)


def _party(module: str) -> int:
    top = module.split(".")[0]
    if top == "dataclasses":
        return _STANDARD
    return _OURS if top in {"actors", "statechart", "tests"} else _OTHERS


def _laid_out(expression: Expression, before: str, indent: str = "") -> str:
    """Return an expression, an argument a line where it is too long for one."""
    whole = str(expression)
    if isinstance(expression, str) or len(indent + before + whole) < WIDTH:
        return whole
    deeper = indent + INDENT
    arguments = "".join(
        f"{deeper}{_laid_out(each, '', deeper)},\n" for each in expression.arguments
    )
    return f"{expression.head}(\n{arguments}{indent})"


def _choices(choices: Sequence[int]) -> str:
    whole = f"CHOICES = {list(choices)}"
    if len(whole) <= WIDTH:
        return whole
    lines = textwrap.wrap(", ".join(map(str, choices)), WIDTH - len(INDENT) - 1)
    body = "\n".join(INDENT + each for each in lines)
    return f"# fmt: off\nCHOICES = [\n{body},\n]\n# fmt: on"


def _judging(held: Sequence[Invariant], own: Sequence[Invariant]) -> tuple[list[Import], str]:
    """Return what must be imported to judge by these invariants, and the last argument of `run`."""
    if tuple(held) == tuple(own):
        return [], ""
    whole = set(own) <= set(held)
    imports = [address.invariant(each) for each in held if not whole or each not in own]
    names = ["*SCENARIO.invariants"] * whole + [each.name for each in imports]
    return imports, f"[{', '.join(names)}]"
