"""The README's examples are run; its doctests too."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest
from a2a.types import AgentCard

from tests.cli.agents import Clerk

README = Path(__file__).parent.parent / "README.md"
# What `diagrams/embed.py` puts there is part of a module, which is tested as such.
WRITTEN = re.sub(r"<!-- (\S+\.py .*?) -->.*?<!-- /\1 -->", "", README.read_text(), flags=re.DOTALL)
SNIPPETS = [
    code
    for code in re.findall(r"```python\n(.*?)```", WRITTEN, re.DOTALL)
    if not code.startswith(">>>")
]


def test_doctests() -> None:
    options = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    failed, tried = doctest.testfile(str(README), module_relative=False, optionflags=options)
    assert failed == 0
    assert tried > 5


@pytest.mark.parametrize("code", SNIPPETS)
def test_snippets(code: str) -> None:
    names: dict[str, object] = {"executor": Clerk(), "card": AgentCard(name="Clerk")}
    exec(code, names)
    assert "handler" in names or "app" in names


def test_no_snippet_is_overlooked() -> None:
    assert len(SNIPPETS) == 4
