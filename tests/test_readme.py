"""The README's examples are run; its doctests too."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
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
    if not code.startswith((">>>", "# "))
]
FILES = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", WRITTEN, re.DOTALL))
RUNS = dict(re.findall(r"```\n\$ pytest (\w+\.py)\n(.*?)```", WRITTEN, re.DOTALL))


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


@pytest.mark.parametrize("test", RUNS)
def test_files_fail_as_shown(test: str, tmp_path: Path) -> None:
    for name, code in FILES.items():
        (tmp_path / name).write_text(code)
    path = os.pathsep.join((str(tmp_path), str(README.parent)))
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": path}
    command = [sys.executable, "-m", "pytest", "-p", "actors.plugin", test]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    rest = _without_numbers(done.stdout)
    for line in _without_numbers(RUNS[test]).splitlines():
        assert line in rest, f"{line!r} is missing, or out of order:\n{done.stdout}"
        rest = rest.partition(line)[2]


def _without_numbers(text: str) -> str:
    """Seeds, choices and places in a trace are others after each change of the simulator."""
    return re.sub(r"\[[N, ]*\]", "[N]", re.sub(r"\d+", "N", text))


def test_no_snippet_is_overlooked() -> None:
    assert len(SNIPPETS) == 8
    assert FILES.keys() == {"box_office.py", "shop.py", *RUNS}


def test_the_shop_is_the_one_that_is_run() -> None:
    shop = Path(__file__).parent / "runtime" / "shop.py"
    assert FILES["shop.py"] == shop.read_text()
