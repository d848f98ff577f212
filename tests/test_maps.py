"""The maps: what the first lines of each package say of its files, beside the files.

A map names every file once, in an order in which each imports only those above it. An entry is one
word (with `.py`, or `/` for a package inside) at the beginning of a line or after a gap of two
spaces, and a gap after it. `test_layers.py` has who may import whom between packages.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = sorted(
    ".".join(path.parent.relative_to(ROOT).parts)
    for top in ("actors", "statechart")
    for path in (ROOT / top).rglob("__init__.py")
)
WITHOUT = {
    "actors": "the README has its map; test_layers.py holds that one",
    "statechart.check": "in prose: the order there is that of asking",
    "statechart.library": "in prose: five files",
}
LATER = {
    ("statechart", "chart", "library"): "two methods of Chart, which load it when they are called"
}
MAPPED = [package for package in PACKAGES if package not in WITHOUT]

ENTRY = re.compile(r"(?:^ *(\w+)(?:\.py|/)?|  (\w+)(?:\.py|/))(?=  )", re.MULTILINE)


def entrance(package: str) -> Path:
    return ROOT / package.replace(".", "/") / "__init__.py"


def mapped(text: str) -> list[str]:
    """The files and packages that a map names, in its order."""
    return [first or later for first, later in ENTRY.findall(text)]


def units(package: str) -> dict[str, list[Path]]:
    """The files of a package by name; a package inside is one unit of all its files."""
    home = entrance(package).parent
    files = {path.stem: [path] for path in home.glob("*.py") if not path.stem.startswith("__")}
    inside = {path.parent: list(path.parent.rglob("*.py")) for path in home.glob("*/__init__.py")}
    return files | {path.name: found for path, found in inside.items()}


def imported(node: ast.AST) -> Iterator[str]:
    """What is imported when the code runs, also within functions; not what only types need."""
    match node:
        case ast.Import(names=found):
            yield from (alias.name for alias in found)
        case ast.ImportFrom(module=str(module), names=found):
            yield from (f"{module}.{alias.name}" for alias in found)
        case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=otherwise):
            yield from chain.from_iterable(map(imported, otherwise))
        case ast.expr():
            return  # holds no statements, and most of the nodes
        case _:
            yield from chain.from_iterable(map(imported, ast.iter_child_nodes(node)))


@cache  # a file belongs to its package and to those around it
def imports(path: Path) -> tuple[str, ...]:
    return tuple(imported(ast.parse(path.read_text())))


def within(package: str, names: Iterable[str]) -> set[str]:
    """Which names of a package are imported: of its files, or what its `__init__` gives."""
    inside = (name for name in names if name.startswith(f"{package}."))
    return {name.removeprefix(f"{package}.").partition(".")[0] for name in inside}


def needs(package: str) -> Iterator[tuple[str, str]]:
    """Who imports whom in a package; who imports from its `__init__` needs all that it imports."""
    own = units(package)
    here = within(package, imports(entrance(package)))
    for unit, files in own.items():
        names = within(package, chain.from_iterable(map(imports, files)))
        needed = names | here if names - own.keys() else names
        yield from ((unit, other) for other in sorted(needed & own.keys() - {unit}))


@pytest.mark.parametrize("package", MAPPED)
def test_a_map_names_each_file_once_and_below_what_it_imports(package: str) -> None:
    named = mapped(ast.get_docstring(ast.parse(entrance(package).read_text())) or "")
    assert sorted(named) == sorted(units(package)), "the map is to name each file once"
    upward = [pair for pair in needs(package) if named.index(pair[0]) < named.index(pair[1])]
    assert [(package, *pair) for pair in upward if (package, *pair) not in LATER] == [], (
        "the first imports the second, so it is to stand below that"
    )


def test_no_exception_is_stale() -> None:
    assert set(WITHOUT) <= set(PACKAGES)
    assert all((low, high) in needs(package) for package, low, high in LATER)


NAMED = re.compile(r"`([\w/]+\.py)`")


@pytest.mark.parametrize("top", ["actors", "statechart", "tests"])
def test_what_the_first_lines_of_a_file_name_is_there(top: str) -> None:
    """Seen from its own folder, the one around it, `actors/` or the project."""
    gone = [
        (str(path.relative_to(ROOT)), named)
        for path in (ROOT / top).rglob("*.py")
        for named in NAMED.findall(ast.get_docstring(ast.parse(path.read_text())) or "")
        if not any(
            (place / named).exists()
            for place in (path.parent, path.parent.parent, ROOT / "actors", ROOT)
        )
    ]
    assert gone == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("    actor.py   one\n    journal/   two", ["actor", "journal"]),
        ("    actor.py   one        book.py  two", ["actor", "book"]),
        ("model      the words\nstep  one look-up", ["model", "step"]),
        ("    what actor.py is for:\n\nNeighbours: `book.py`  (two)", []),
        ("    one.py   GET      DELETE    of it", ["one"]),
    ],
)
def test_the_reader_of_maps_finds_entries(text: str, found: list[str]) -> None:
    assert mapped(text) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import a.b.c\nfrom a.d import E\nfrom a import f", {"b", "d", "f"}),
        ("def late():\n    from a.b import C", {"b"}),
        ("if TYPE_CHECKING:\n    from a.b import C\nelse:\n    from a.d import C", {"d"}),
        ("import ab.c\nfrom abc import d\nfrom . import e", set()),
    ],
)
def test_the_reader_of_imports_finds_what_runs(source: str, found: set[str]) -> None:
    assert within("a", imported(ast.parse(source))) == found
