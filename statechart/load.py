"""From an address on the command line to the chart or the properties that are there.

Used by `commands`. Imports `chart`; `scxml` only when a document is read. Loading runs the code of
whoever wrote the module, so whatever that raises is told as theirs, in one sentence.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from statechart.chart import Chart
from statechart.errors import ChartError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CLAIMS", "UsageError", "failure", "load_chart", "load_properties", "near"]

_DOCUMENTS = (".scxml", ".xml")
CLAIMS = ("always", "sometimes", "steps", "possible")
"""The kinds of claims that `explore` judges, each a mapping of names to predicates."""

_CODE = {"guards": Mapping, "times": Mapping, "events": Iterable, "waive": Mapping}


class UsageError(Exception):
    """What was asked for cannot be found, read or made; the message says what to do instead."""


def near(name: str, known: Iterable[str]) -> str:
    """Return a hint at names like `name`, with a semicolon before it; empty if there are none."""
    found = get_close_matches(name, sorted(known), n=2)
    return f"; did you mean {' or '.join(map(repr, found))}?" if found else ""


def failure(error: BaseException) -> str:
    """Return an exception of somebody else's code as one line: its type, message and place."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
    return " ".join(f"{type(error).__name__}: {error}{notes}{place}".split())


def load_chart(address: str, code: str | None = None) -> Chart:
    """Return the chart at `module:attribute` or `path/file.py:attribute`, or in an SCXML document.

    `-` is a document on standard input. `code` is the address of what documents cannot contain: a
    mapping or an object with any of guards, times, events, waive. Raises `UsageError` if there is
    no such thing, `ChartError` if the chart is not sound.
    """
    if address == "-":
        return _document("standard input", sys.stdin.buffer.read(), code)
    if address.lower().endswith(_DOCUMENTS):
        return _document(address, _read(Path(address)), code)
    if code is not None:
        raise UsageError(f"--code is for SCXML documents, and {address!r} is none")
    found = _value(address)
    if not isinstance(found, Chart):
        raise UsageError(f"{address} is of type {type(found).__name__}, not a Chart")
    return found


def load_properties(address: str) -> dict[str, Any]:
    """Return the keyword arguments for `explore` that a mapping or an object at `address` has.

    Raises `UsageError` if there are none, or others.
    """
    from statechart.explore.environment import Environment

    kinds = dict.fromkeys(CLAIMS, Mapping)
    return _parts(address, {"environment": Environment, **kinds, "ends": bool, "limit": int})


def _parts(address: str, kinds: Mapping[str, type]) -> dict[str, Any]:
    """Return what a mapping or an object has under some of these names, each of its type."""
    found = _value(address)
    if isinstance(found, Mapping):
        given = dict(found)
    else:
        given = {name: getattr(found, name) for name in kinds if hasattr(found, name)}
    if not given:
        raise UsageError(f"{address} is empty; write some of {', '.join(kinds)}")
    for name, value in given.items():
        if name not in kinds:
            hint = near(str(name), kinds) or f"; write some of {', '.join(kinds)}"
            raise UsageError(f"{address} has an unknown part {name!r}{hint}")
        if not isinstance(value, kinds[name]):
            is_, wanted = type(value).__name__, kinds[name].__name__
            raise UsageError(f"{name} of {address} is of type {is_}, not {wanted}")
    return given


# -- documents -------------------------------------------------------------------------------------


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def _document(where: str, text: bytes, code: str | None) -> Chart:
    from statechart.scxml import ScxmlError, from_scxml

    given = {} if code is None else _parts(code, _CODE)
    try:
        return from_scxml(text, **given)
    except ScxmlError as error:
        hint = "; --code MODULE:ATTR has guards and times" if "hand it over" in str(error) else ""
        raise UsageError(f"cannot read {where}: {error}{hint}") from error


# -- modules ---------------------------------------------------------------------------------------


def _value(address: str) -> object:
    """Return what is at an address; a function is called, since it makes what is wanted."""
    place, _, attribute = address.rpartition(":")
    if not place or not attribute:
        raise UsageError(
            f"{address!r} is neither MODULE:ATTR nor an SCXML file; write for example "
            "my.charts:CHART, charts.py:CHART or chart.scxml"
        )
    module = _file(Path(place)) if place.endswith(".py") else _module(place)
    try:
        found = reduce(getattr, attribute.split("."), module)
    except AttributeError as error:
        hint = near(attribute, vars(module))
        raise UsageError(f"{place} has no attribute {attribute!r}{hint}") from error
    if isinstance(found, Mapping | Chart) or not callable(found):
        return found
    try:
        inspect.signature(found).bind()
    except TypeError as error:
        raise UsageError(f"{address} cannot be called without arguments: {error}") from error
    return _theirs(f"{address} failed", found)


def _module(name: str) -> object:
    """Import a module by its name, from here or from the path of Python."""
    _search_in(Path.cwd())

    def run() -> object:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise  # it is there, and imports something that is not
            raise UsageError(
                f"there is no module {name!r} here or on the path of Python; for a file write its "
                "path with .py at the end"
            ) from error

    return _theirs(f"{name} failed while it was imported", run)


def _file(path: Path) -> object:
    """Import a file by its path, which is also its name among the modules: it can clash with none.

    Modules beside it can be imported by it, as when it is run as a script.
    """
    name = str(path.resolve())
    if name in sys.modules:
        return sys.modules[name]
    _read(path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not a Python file")
    _search_in(path.resolve().parent)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    run = spec.loader.exec_module
    try:
        _theirs(f"{path} failed while it was imported", lambda: run(module))
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _search_in(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _theirs(what: str, call: Callable[[], object]) -> object:
    """Call somebody else's code; whatever it raises is a `UsageError`, except an unsound chart."""
    try:
        return call()
    except (ChartError, UsageError):
        raise
    except (Exception, SystemExit) as error:
        raise UsageError(f"{what}: {failure(error)}") from error
