"""MODULE:EXECUTOR: the agent to serve, and its card.

Neighbours: `serve.py`.
"""

from __future__ import annotations

import importlib
import re
import sys
import traceback
from inspect import cleandoc
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from a2a.server.agent_execution import AgentExecutor
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill
from google.protobuf.json_format import Parse, ParseError

from actors.cli.failure import CommandError


class Loaded(NamedTuple):
    """An agent and the module that it was found in."""

    executor: AgentExecutor
    module: ModuleType


def load(address: str) -> Loaded:
    """Return the agent at `module:attribute`.

    The attribute is a subclass of AgentExecutor, an instance of one, or a function without
    arguments that returns one. The working directory is searched first, as `python -m` does.

    Raises:
        CommandError: there is no such agent, or its module cannot be imported.
    """
    module_name, _, attribute = address.partition(":")
    if not module_name or not attribute:
        raise CommandError(
            f"{address!r} is not MODULE:EXECUTOR; write for example actors.demo.agent:TravelDesk", 2
        )
    module = _import(module_name)
    try:
        found = getattr(module, attribute)
    except AttributeError as error:
        raise CommandError(f"module {module_name!r} has no attribute {attribute!r}", 2) from error
    return Loaded(_executor(address, found), module)


def _import(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except Exception as error:  # whatever the user's code raises
        raise CommandError(f"cannot import {name!r}: {_described(error)}", 2) from error


def _executor(address: str, found: object) -> AgentExecutor:
    made = found
    if callable(found) and not isinstance(found, AgentExecutor):
        try:
            made = found()
        except Exception as error:  # whatever the user's code raises
            raise CommandError(
                f"{address} failed when called without arguments: {_described(error)}", 2
            ) from error
    if not isinstance(made, AgentExecutor):
        raise CommandError(
            f"{address} is a {type(made).__name__}, not an AgentExecutor (class, instance, or "
            "function without arguments that returns one)",
            2,
        )
    return made


def _described(error: Exception) -> str:
    """Return an error in one line, with the place in the user's code that raised it."""
    text = f"{type(error).__name__}: {_line(error)}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "importlib" not in frame.filename and frame.filename != __file__
    ]
    return f"{text} ({frames[-1].filename}:{frames[-1].lineno})" if frames else text


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def card_of(loaded: Loaded, file: Path | None, interfaces: list[AgentInterface]) -> AgentCard:
    """Return the card to serve: of a file, of the agent, of its module, or one made up.

    A card that lists no interface gets ours. One that does keeps its own, since behind a proxy
    only its author knows the addresses.

    Raises:
        CommandError: the file is no agent card.
    """
    card = AgentCard()
    if file is not None:
        card = _from_file(file)
    else:
        given = getattr(loaded.executor, "agent_card", getattr(loaded.module, "agent_card", None))
        card.CopyFrom(given if isinstance(given, AgentCard) else _made_up(loaded.executor))
    if not card.supported_interfaces:
        card.supported_interfaces.extend(interfaces)
    return card


def _from_file(file: Path) -> AgentCard:
    try:
        return Parse(file.read_text(encoding="utf-8"), AgentCard())
    except OSError as error:
        raise CommandError(f"cannot read the card: {error}", 2) from error
    except (ParseError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} is no agent card in JSON: {_line(error)}", 2) from error


def _made_up(executor: AgentExecutor) -> AgentCard:
    kind = type(executor)
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", kind.__name__)
    # Not inspect.getdoc: it would describe the agent with the words of AgentExecutor.
    summary = " ".join(cleandoc(kind.__doc__ or name).split("\n\n")[0].split())
    return AgentCard(
        name=name,
        description=summary,
        version="0.1.0",
        capabilities=AgentCapabilities(streaming=True, push_notifications=True),
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        skills=[AgentSkill(id=kind.__name__, name=name, description=summary, tags=["agent"])],
    )
