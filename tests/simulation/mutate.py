"""Mutations: the production code with one piece of its source replaced, to see who notices.

    with changed(mutation) as fresh:             # `actors` and `tests` imported anew, one patch in
        fresh.broken(mutation.scenario, seed)    # numbers of the invariants that a run breaks

A mutation belongs in the table `MUTATIONS` of a `mutations_*.py` beside this file, with the
scenario as a function of that file that takes nothing; `test_mutations.py` runs every table. The
function itself is looked up in the fresh import, so that all it makes is made of changed classes.

Everything outside the project (a2a, protobuf, statechart) stays loaded; what importing us anew
writes into tables of a2a-sdk is taken back.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

from a2a.server.request_handlers import grpc_handler
from a2a.utils import errors

from actors.simulation.invariants.determinism import DIGEST
from actors.simulation.scenarios import Scenario

OURS = ("actors", "tests")
SDK_TABLES: tuple[dict[Any, Any], ...] = (
    errors.A2A_ERROR_MAPPING,
    errors.A2A_ERROR_REASONS,
    grpc_handler._ERROR_CODE_MAP,
)
"""What `actors.a2a.errors` writes its classes into when it is imported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One change that some invariants must notice."""

    invariants: AbstractSet[int]
    """Numbers; each of them must break, in one run or another."""
    module: str
    old: str
    """A piece of the module's source that occurs exactly once."""
    new: str
    why: str
    """What goes wrong then, in a few words."""
    scenario: Callable[[], Scenario]
    """A function of a module, without arguments."""
    seeds: int
    """Runs of the scenario, from seed 0 on, within which each invariant must break."""


class Fresh:
    """The project, imported anew."""

    def broken(
        self, scenario: Callable[[], Scenario], seed: int, *, twice: bool = False
    ) -> frozenset[int]:
        """Run a scenario and return the numbers of the invariants that break.

        Args:
            scenario: one of a table.
            seed: of the choices.
            twice: repeat the run, for the invariants of two runs.
        """
        made = getattr(import_module(scenario.__module__), scenario.__name__)()
        search = import_module("actors.simulation.search")
        choices = import_module("actors.simulation.choices")
        outcome = search.run(made, choices.Seeded(seed))
        violations = outcome.violations
        if twice and outcome.trace is not None:
            determinism = import_module("actors.simulation.invariants.determinism")
            violations += determinism.repeat(made, outcome.trace, outcome.choices)
        return frozenset(violation.number for violation in violations)


class _Patched(SourceFileLoader):
    """Loads a module from its source with one piece replaced; never from, or into, a cache."""

    mutation: Mutation

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path).decode()
        found = source.count(self.mutation.old)
        if found != 1:
            raise ValueError(
                f"the mutation {self.mutation.why!r} replaces a piece that occurs {found} times in "
                f"{fullname}, not once: bring it up to date with the module"
            )
        changed = source.replace(self.mutation.old, self.mutation.new)
        code: CodeType = compile(changed, self.path, "exec", dont_inherit=True)
        return code


class _Finder(MetaPathFinder):
    """Finds the one module that is changed."""

    def __init__(self, mutation: Mutation) -> None:
        self._mutation = mutation

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._mutation.module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None:
            raise ImportError(f"there is no module {fullname} to change")
        loader = _Patched(fullname, spec.origin)
        loader.mutation = self._mutation
        spec.loader = loader
        return spec


@contextmanager
def changed(mutation: Mutation | None) -> Iterator[Fresh]:
    """Import the project anew, with one change or (None) as it is; afterwards all is as before."""
    modules = {name: module for name, module in sys.modules.items() if _ours(name)}
    tables = [dict(table) for table in SDK_TABLES]
    finder = [] if mutation is None else [_Finder(mutation)]
    _forget()
    sys.meta_path[:0] = finder
    try:
        yield Fresh()
    finally:
        for each in finder:
            sys.meta_path.remove(each)
        _forget()
        sys.modules.update(modules)
        for table, before in zip(SDK_TABLES, tables, strict=True):
            table.clear()
            table.update(before)


def _ours(name: str) -> bool:
    return name.partition(".")[0] in OURS


def _forget() -> None:
    for name in [name for name in sys.modules if _ours(name)]:
        del sys.modules[name]


def caught(mutation: Mutation) -> dict[int, int]:
    """Return for each invariant that should notice how many runs that took.

    Only those that did within `mutation.seeds` are in it.
    """
    runs: dict[int, int] = {}
    twice = DIGEST.number in mutation.invariants
    with changed(mutation) as fresh:
        for seed in range(mutation.seeds):
            broken = fresh.broken(mutation.scenario, seed, twice=twice)
            for number in broken & mutation.invariants:
                runs.setdefault(number, seed + 1)
            if runs.keys() == mutation.invariants:
                break
    return runs
