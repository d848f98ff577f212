"""Draw and check charts from the shell: `python -m statechart draw | check MODULE:ATTR`.

Imports `chart` and `diagram`. Exit codes: 0 well, 1 the chart has findings, 2 it cannot be found
or drawn.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from statechart import diagram
from statechart.chart import Chart
from statechart.model import ChartError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["main"]

_FORMATS: dict[str, Callable[[Chart], str]] = {
    "mermaid": diagram.mermaid,
    "dot": diagram.dot,
    "svg": diagram.svg,
    "answers": diagram.answers,
}


class UsageError(Exception):
    """What was asked for cannot be found; the message says what to write instead."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        chart = _load(options.chart)
        text = f"{chart!r} is sound\n" if options.command == "check" else _draw(chart, options)
    except ChartError as error:
        print(error, file=sys.stderr)  # noqa: T201 - stderr is the answer of a command
        return 1
    except (UsageError, diagram.DiagramError, OSError) as error:
        print(f"statechart: {error}", file=sys.stderr)  # noqa: T201 - as above
        return 2
    sys.stdout.write(text)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="statechart", description="Draw and check statecharts.")
    commands = parser.add_subparsers(dest="command", required=True)
    where = "MODULE:ATTR, a Chart or a function without arguments that returns one"
    draw = commands.add_parser("draw", help="print the chart as a diagram or a table of answers")
    draw.add_argument("chart", metavar="MODULE:ATTR", help=where)
    draw.add_argument("--format", choices=tuple(_FORMATS), default="mermaid")
    draw.add_argument("--output", type=Path, metavar="FILE", help="write here instead of stdout")
    check = commands.add_parser("check", help="say what is wrong with the chart")
    check.add_argument("chart", metavar="MODULE:ATTR", help=where)
    return parser


def _draw(chart: Chart, options: argparse.Namespace) -> str:
    """Return what to print: the drawing, or nothing if it went to a file."""
    text = _FORMATS[options.format](chart)
    if options.output is None:
        return text
    options.output.write_text(text, encoding="utf-8")
    return ""


def _load(address: str) -> Chart:
    """Return the chart at `module:attribute`. Building it may raise `ChartError`."""
    module_name, _, attribute = address.partition(":")
    if not module_name or not attribute:
        raise UsageError(f"{address!r} is not MODULE:ATTR; write for example my.charts:CHART")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise UsageError(f"cannot import {module_name!r}: {error}") from error
    try:
        found = getattr(module, attribute)
    except AttributeError as error:
        raise UsageError(f"module {module_name!r} has no attribute {attribute!r}") from error
    return _chart(address, found)


def _chart(address: str, found: object) -> Chart:
    if callable(found):
        try:
            found = found()
        except TypeError as error:
            raise UsageError(f"{address} failed when called without arguments: {error}") from error
    if not isinstance(found, Chart):
        raise UsageError(f"{address} is a {type(found).__name__}, not a Chart")
    return found
