"""The command line: `python -m statechart draw | check | explore CHART`.

Imports `commands`. Exit codes: 0 well; 1 the chart is not sound, or a claim does not hold; 2 the
chart cannot be found, read or drawn, or the command is wrong. 130 and 141 are what shells expect
of a program that was interrupted, or whose reader went away.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from statechart import commands
from statechart.commands import Reply
from statechart.errors import ChartError
from statechart.load import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

__all__ = ["main"]

_UNSOUND, _WRONG, _INTERRUPTED, _UNREAD = 1, 2, 130, 141

_CHART = """CHART is MODULE:ATTR or path/file.py:ATTR, a Chart or a function without arguments that
returns one; or an SCXML document, FILE.scxml, FILE.xml, or - for standard input. What a
document cannot contain comes from --code, MODULE:ATTR or path/file.py:ATTR: a mapping or an
object with any of guards, times, events, waive."""

_DRAW = """examples:
  statechart draw my.charts:ORDER
  statechart draw charts.py:ORDER --output order.svg --lit paid
  statechart draw order.scxml --format plantuml
  statechart draw - --output order.md < order.scxml"""

_CHECK = """examples:
  statechart check my.charts:ORDER
  statechart check order.scxml --json
  statechart check --rules"""

_EXPLORE = """--properties is MODULE:ATTR or path/file.py:ATTR, a mapping or an object with any of
environment, always, sometimes, steps, possible, ends, limit: the arguments of
statechart.explore.explore. Without it every event may come at any time, guards say
anything, and a chart that has ends must always be able to come to one.

examples:
  statechart explore my.charts:ORDER
  statechart explore charts.py:ORDER --properties charts.py:CLAIMS --output broken.mmd
  statechart explore order.scxml --limit 1000000 --json
  statechart explore my.charts:ORDER --no-deadlocks --output stuck.svg"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code. `arguments` are by default the process's."""
    try:
        reply = _run(arguments)
        _say(reply)
    except ChartError as error:
        return _fail(str(error), _UNSOUND)
    except UsageError as error:
        return _fail(f"statechart: {error}", _WRONG)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        return _UNREAD
    return int(reply.code)


def _run(arguments: Sequence[str] | None) -> Reply:
    parser = _parser()
    try:
        options = parser.parse_args(arguments)
        wrong = _mismatch(options)
        if wrong:
            parser.error(wrong)
    except SystemExit:
        _say(Reply(""))  # the help waits in the buffer, and may meet a full disk too
        raise
    reply: Reply = options.run(options)
    return reply


def _mismatch(options: argparse.Namespace) -> str:
    """Return what is wrong with options that do not go together; empty if they do."""
    if options.command == "check":
        if bool(options.chart) is options.rules:
            return "check wants either a CHART or --rules"
        if options.rules and options.code:
            return "--code is for a document, and --rules reads none"
    if options.command == "explore":
        if options.output is None and (options.sequence or options.format):
            given = "--sequence" if options.sequence else "--format"
            return f"{given} is for the counterexample; say with --output FILE where to write it"
        if options.sequence and options.format not in {None, "mermaid"}:
            return f"--sequence is written as mermaid only, not as {options.format}"
    return ""


def _say(reply: Reply) -> None:
    """Write a reply to stdout; raises `UsageError` if that cannot be done."""
    stdout, text = sys.stdout, reply.text
    if stdout is None:  # as Python says that it was closed from the beginning
        if text:
            raise UsageError("standard output is closed, and there is nowhere to write the answer")
        return
    if not reply.exact:
        encoding = stdout.encoding or "utf-8"
        text = text.encode(encoding, "backslashreplace").decode(encoding)
    try:
        stdout.write(text)
        stdout.flush()
    except UnicodeEncodeError as error:
        letter = ascii(error.object[error.start])
        raise UsageError(f"this output cannot show {letter}; use --output") from error
    except (OSError, ValueError) as error:  # a ValueError if their code closed it
        _forget(stdout)
        if isinstance(error, BrokenPipeError):
            raise
        raise UsageError(f"cannot write to standard output: {error}") from error


def _forget(stdout: TextIO) -> None:
    """Drop what could not be written: the interpreter tries once more when it ends, and complains.

    What has no descriptor, or is closed, is not tried again.
    """
    with suppress(ValueError, OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stdout.fileno())
        os.close(nowhere)


def _fail(message: str, code: int) -> int:
    # Without a stderr, the exit code has to do.
    with suppress(ValueError, OSError):
        if sys.stderr is not None:
            sys.stderr.write(f"{message}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="statechart", description="Draw, check and explore statecharts."
    )
    adding = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_draw(adding)
    _add_check(adding)
    _add_explore(adding)
    return parser


def _add_draw(adding: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    draw = _command(adding, "draw", "write a chart as a picture, a document or a table", _DRAW)
    draw.add_argument("chart", metavar="CHART", help="the chart; see below")
    draw.add_argument(
        "--format",
        choices=commands.FORMATS,
        help=f"by default from the name of the file ({' '.join(commands.ENDINGS)}), or mermaid",
    )
    draw.add_argument("--output", type=Path, metavar="FILE", help="write here, not to stdout")
    draw.add_argument(
        "--lit",
        nargs="+",
        action="extend",
        default=[],
        metavar="STATE",
        help="light these states; write it behind CHART",
    )
    draw.set_defaults(run=commands.draw)


def _add_check(adding: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = _command(adding, "check", "say what is wrong with a chart", _CHECK)
    check.add_argument("chart", metavar="CHART", nargs="?", help="the chart; see below")
    check.add_argument("--json", action="store_true", help="for programs")
    check.add_argument("--rules", action="store_true", help="list what is checked")
    check.set_defaults(run=commands.check)


def _add_explore(adding: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    explore = _command(adding, "explore", "search everything that a chart can do", _EXPLORE)
    explore.add_argument("chart", metavar="CHART", help="the chart; see below")
    explore.add_argument("--properties", metavar="MODULE:ATTR", help="what is claimed; see below")
    explore.add_argument("--limit", type=_positive, help="states to search at most")
    explore.add_argument("--json", action="store_true", help="for programs")
    explore.add_argument(
        "--output", type=Path, metavar="FILE", help="write the shortest counterexample here, if any"
    )
    endings = (ending for ending, kind in commands.ENDINGS.items() if kind in commands.PICTURES)
    explore.add_argument(
        "--format",
        choices=commands.PICTURES,
        help=f"how to draw it; by default from the name of the file ({' '.join(endings)})",
    )
    explore.add_argument(
        "--sequence",
        action="store_true",
        help="write it as a sequence of events, in Mermaid, not in the chart",
    )
    explore.add_argument(
        "--no-deadlocks",
        action="store_true",
        help="a deadlock is a violation too (exit code 1), and not only told",
    )
    explore.set_defaults(run=commands.explore)


def _command(
    adding: argparse._SubParsersAction[argparse.ArgumentParser], name: str, does: str, more: str
) -> argparse.ArgumentParser:
    command = adding.add_parser(
        name,
        help=does,
        description=f"{does[0].upper()}{does[1:]}.",
        epilog=f"{_CHART}\n\n{more}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--code", metavar="MODULE:ATTR", help="for a document; see below")
    return command


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} leaves nothing to search; write 1 or more")
    return number
