"""From an address on the command line to the chart or the properties that are there.

Used by `commands`. Imports `chart`; `scxml` only when a document is read. Loading runs the code of
whoever wrote the module, all of it through `theirs`: what it raises is told in one sentence, and
what it prints goes to stderr.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import io
import os
import sys
import traceback
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from difflib import get_close_matches
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from statechart.chart import Chart
from statechart.errors import ChartError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["CLAIMS", "UsageError", "load_chart", "load_properties", "near", "theirs"]

T = TypeVar("T")

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


def load_chart(address: str, code: str | None = None) -> Chart:
    """Return the chart at `module:attribute` or `path/file.py:attribute`, or in an SCXML document.

    `-` is a document on standard input. `code` is the address of what documents cannot contain: a
    mapping or an object with any of guards, times, events, waive. Raises `UsageError` if there is
    no such thing, `ChartError` if the chart is not sound.
    """
    if address == "-":
        return _document("standard input", _input(), code)
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
    return theirs(f"{address} cannot be read", lambda: _given(address, found, kinds))


def _given(address: str, found: object, kinds: Mapping[str, type]) -> dict[str, Any]:
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


def _input() -> bytes:
    if sys.stdin is None:
        raise UsageError("standard input is closed; write a file into it, or name the file")
    try:
        return sys.stdin.buffer.read()
    except OSError as error:
        raise UsageError(f"cannot read standard input: {error.strerror or error}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def _document(where: str, text: bytes, code: str | None) -> Chart:
    from statechart.scxml import ScxmlError, from_scxml

    given = {} if code is None else _parts(code, _CODE)

    def run() -> Chart:
        try:
            return from_scxml(text, **given)
        except ScxmlError as error:
            wanted = "hand it over" in str(error)
            hint = "; --code MODULE:ATTR has guards and times" if wanted else ""
            raise UsageError(f"cannot read {where}: {error}{hint}") from error

    return theirs(f"cannot read {where}", run)


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
    return theirs(f"{address} failed", lambda: _found(address, module, place, attribute))


def _found(address: str, module: object, place: str, attribute: str) -> object:
    try:
        found = reduce(getattr, attribute.split("."), module)
    except AttributeError as error:
        hint = near(attribute, getattr(module, "__dict__", ()))
        raise UsageError(f"{place} has no attribute {attribute!r}{hint}") from error
    if isinstance(found, Mapping | Chart) or not callable(found):
        return found
    try:
        inspect.signature(found).bind()
    except TypeError as error:
        raise UsageError(f"{address} cannot be called without arguments: {error}") from error
    except ValueError as error:  # some that are written in C do not say what they want
        raise UsageError(f"cannot tell what arguments {address} wants: {error}") from error
    return found()


def _module(name: str) -> object:
    """Import a module by its name, from here or from the path of Python."""
    if not all(name.split(".")):
        raise UsageError(f"{name!r} is not the name of a module; write my.charts or path/file.py")
    try:
        _search_in(Path.cwd())
    except OSError as error:
        what = f"cannot look for {name!r} in the current directory: {error.strerror}"
        raise UsageError(f"{what}; go to one that is there") from error

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

    return theirs(f"{name} failed while it was imported", run)


def _file(path: Path) -> object:
    """Import a file by its path, which is also its name among the modules: it can clash with none.

    Modules beside it can be imported by it, as when it is run as a script.
    """
    _read(path)  # first of all: `resolve` has no good words for what cannot be read
    name = str(path.resolve())
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is not a Python file")
    _search_in(path.resolve().parent)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    run = spec.loader.exec_module
    try:
        theirs(f"{path} failed while it was imported", lambda: run(module))
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _search_in(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


# -- somebody else's code --------------------------------------------------------------------------


def theirs(what: str, call: Callable[[], T]) -> T:
    """Call somebody else's code; what it prints goes to stderr, since stdout is for the answer.

    Whatever it raises, also to end the program, is a `UsageError` that begins with `what`; except
    an unsound chart, and the interrupt of whoever waits for the program.
    """
    try:
        with redirect_stdout(sys.stderr or io.StringIO()), _descriptor_aside():
            return call()
    except (ChartError, UsageError, KeyboardInterrupt):
        raise
    except BaseException as error:  # GeneratorExit, SystemExit and those that they derive
        raise UsageError(f"{what}: {_failure(error)}") from error


@contextmanager
def _descriptor_aside() -> Iterator[None]:
    """Do for the descriptor of stdout what `redirect_stdout` does for `print`.

    So the programs that they start do not write into the answer either, and it does not matter
    whether they close the descriptor.
    """
    with ExitStack() as stack:
        aside = _opened_aside()
        stack.callback(os.close, aside)
        try:
            kept = os.dup(_STDOUT)
        except OSError:  # it is closed, and there is nothing to write into
            yield
            return
        stack.callback(os.close, kept)
        stack.callback(os.dup2, kept, _STDOUT)
        stack.callback(_flush)
        _flush()
        os.dup2(aside, _STDOUT)
        yield


_STDOUT, _STDERR = 1, 2


def _opened_aside() -> int:
    """Return a descriptor of stderr; if that is closed, nobody wants to see what goes there."""
    try:
        return os.dup(_STDERR)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def _flush() -> None:
    """Write what waits in the buffer of the true stdout to where its descriptor points now."""
    # It may be closed, or full. Whoever writes the answer into it meets that again, and tells it.
    with suppress(OSError, ValueError):
        if sys.__stdout__ is not None:
            sys.__stdout__.flush()


def _failure(error: BaseException) -> str:
    """Return an exception of somebody else's code as one line: its type, message and place."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    try:
        said = "; ".join(map(str, (error, *getattr(error, "__notes__", ()))))
    except Exception as worse:  # noqa: BLE001 - their message is their code too
        said = f"its message cannot be read, {type(worse).__name__}"
    return " ".join(f"{type(error).__name__}: {said}{place}".split())
