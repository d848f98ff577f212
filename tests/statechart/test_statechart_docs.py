"""Every example in a docstring of `statechart` is run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import statechart

MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(statechart.__path__, "statechart.")
    if not name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0


def test_examples_are_found() -> None:
    finder = doctest.DocTestFinder()
    modules = map(importlib.import_module, MODULES)
    found = {m.__name__ for m in modules if any(test.examples for test in finder.find(m))}
    assert {"statechart.chart", "statechart.machine", "statechart.builder"} <= found
