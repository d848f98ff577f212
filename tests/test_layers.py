"""The architecture: who may import whom, and what is kept out of the pure parts (DESIGN's laws).

Rules are data: the first row whose prefix matches a module says which modules it may import. The
standard library is free, except where `BARRED` says otherwise.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("statechart", "actors")
EVERYTHING = ("",)

CORE = ("actors.runtime", "actors.task", "statechart")
MESSAGES = ("a2a.types", "a2a.utils.errors", "google.protobuf", "msgpack")
POSTGRES = (
    *("postgres", "postgres_append", "postgres_errors", "postgres_link", "postgres_lock"),
    *("postgres_read", "postgres_schema", "postgres_source", "postgres_text", "postgres_upkeep"),
)
MAY_IMPORT: list[tuple[str, tuple[str, ...]]] = [
    ("statechart.library", ("statechart", "transitions")),
    ("statechart.testing.plugin", ("statechart", "pytest")),
    ("statechart.testing.strategies", ("statechart", "hypothesis")),
    ("statechart", ("statechart",)),
    ("actors.runtime.events", ("actors.runtime", "msgpack")),
    ("actors.runtime", ("actors.runtime", "statechart")),
    (
        "actors.simulation",
        (
            *("actors.simulation", "actors.a2a", "actors.storage", *CORE),
            *("a2a", "google.protobuf", "msgpack", "pytest", "hypothesis"),
        ),
    ),
    ("actors.task", (*CORE, *MESSAGES)),
    ("actors.storage.conformance", ("actors.storage", *CORE, *MESSAGES, "pytest")),
    (
        "actors.storage.link",
        ("actors", "actors.storage", "msgpack", *CORE),
    ),  # where a child finds us
    ("actors.storage.choose", ("actors.storage", *CORE, "asyncpg")),
    *((f"actors.storage.{name}", ("actors.storage", *CORE, "asyncpg")) for name in POSTGRES),
    ("actors.storage", ("actors.storage", *CORE, *MESSAGES)),
    (
        "actors.telemetry.prometheus",
        ("actors.telemetry", "opentelemetry", "prometheus_client"),
    ),
    ("actors.telemetry", ("actors.telemetry", *CORE, *MESSAGES, "opentelemetry")),
    ("actors.a2a.runtime", ("actors.a2a", "actors.storage", "actors.telemetry", *CORE, "a2a")),
    ("actors.a2a.validation", ("a2a", "google.api", "google.protobuf")),
    (
        "actors.a2a",
        (
            *("actors.a2a", "actors.telemetry", *CORE, *MESSAGES, "a2a", "grpc"),
            *("httpcore", "httpx", "opentelemetry", "pydantic", "sse_starlette", "starlette"),
        ),
    ),
    ("actors.demo", EVERYTHING),
    ("actors.cli", EVERYTHING),
    ("actors.__main__", ("actors.cli",)),
    ("actors.plugin", ("actors.simulation", "pytest")),
    ("actors", ()),
]

LOCKS = (
    *(f"asyncio.{name}" for name in ("Lock", "Event", "Condition", "Semaphore", "Barrier")),
    *("asyncio.BoundedSemaphore", "asyncio.sleep", "threading", "multiprocessing", "time.sleep"),
)
IMPURE = ("asyncio", "time", "random", "uuid", "os", "sqlite3", "secrets", "socket")
BARRED: list[tuple[str, tuple[str, ...]]] = [
    ("statechart", ("asyncio", *LOCKS)),
    ("actors.runtime", LOCKS),
    ("actors.runtime.journal.shell", LOCKS),  # the shell performs effects, so it may know the loop
    ("actors.task", (*IMPURE, *LOCKS)),
]


def names(source: str) -> Iterator[tuple[int, str]]:
    """Every module imported and every dotted name used: `import a`, `from a import b`, `a.b`."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=found):
                yield from ((node.lineno, alias.name) for alias in found)
            case ast.ImportFrom(module=str(module), names=found, level=0):
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in found)
            case ast.ImportFrom():
                yield node.lineno, "<relative import>"
            case ast.Attribute(value=ast.Name(id=base), attr=attribute):
                yield node.lineno, f"use:{base}.{attribute}"


def under(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(not prefix or f"{name}.".startswith(f"{prefix}.") for prefix in prefixes)


def rule(module: str, rules: list[tuple[str, tuple[str, ...]]]) -> tuple[str, ...]:
    return next((found for prefix, found in rules if under(module, (prefix,))), ())


def broken(module: str, source: str) -> list[str]:
    """What a module may not do and does, with lines."""
    allowed, barred = rule(module, MAY_IMPORT), rule(module, BARRED)
    found = []
    for line, name in names(source):
        used = name.removeprefix("use:")
        imported = used == name
        free = name.partition(".")[0] in sys.stdlib_module_names
        if (imported and not free and not under(name, allowed)) or under(used, barred):
            found.append(f"{module}:{line}: {used}")
    return found


def modules() -> list[tuple[str, Path]]:
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    dotted = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    return [
        (name.removesuffix(".__init__"), path) for name, path in zip(dotted, files, strict=True)
    ]


def test_imports_go_one_way() -> None:
    assert len(modules()) > 40
    found = [line for name, path in modules() for line in broken(name, path.read_text())]
    assert found == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("statechart.step", "import actors.runtime"),
        ("statechart.step", "import asyncio"),
        ("statechart.step", "from transitions import Machine"),
        ("statechart.step", "from .. import anything"),
        ("statechart.testing.paths", "from hypothesis import strategies"),
        ("statechart.testing.plugin", "import hypothesis"),
        ("actors.runtime.system", "from actors.task.messages import Send"),
        ("actors.runtime.system", "from asyncio import Lock"),
        ("actors.runtime.system", "import asyncio\nasyncio.sleep(1)"),
        ("actors.runtime.system", "import threading"),
        ("actors.task.actor", "import time"),
        ("actors.task.actor", "def f():\n    import uuid"),
        ("actors.task.actor", "from a2a.server.events import EventQueue"),
        ("actors.task.actor", "from actors.storage import SqliteJournal"),
        ("actors.runtime.journal.shell", "import asyncio\nlock = asyncio.Lock()"),
        ("actors.storage.sqlite", "from actors.a2a import RequestHandler"),
        ("actors.storage.foreign", "from a2a.server.tasks import TaskStore"),
        ("actors.a2a.handler", "from actors.storage import SqliteJournal"),
        ("actors.a2a.handler", "from actors.cli import main"),
        ("actors.task.core", "from opentelemetry import trace"),
        ("actors.task.core", "from actors.telemetry import Observer"),
        ("actors.telemetry.observer", "import prometheus_client"),
        ("actors.telemetry.observer", "from actors.a2a import RequestHandler"),
        ("actors.simulation.world", "from actors.cli import main"),
        ("actors.plugin", "import hypothesis"),
        ("actors.stray", "import statechart"),
    ],
)
def test_the_checker_sees(module: str, source: str) -> None:
    assert broken(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("statechart.library", "from transitions.extensions.nesting import HierarchicalMachine"),
        ("actors.runtime.journal.shell", "import asyncio\nasyncio.ensure_future(None)"),
        ("actors.a2a.runtime", "from actors.storage import SqliteJournal"),
        ("actors.a2a.app", "from a2a.server.routes import create_agent_card_routes"),
        ("actors.cli.serve", "import uvicorn\nfrom actors.a2a import RequestHandler"),
    ],
)
def test_the_checker_lets_pass(module: str, source: str) -> None:
    assert broken(module, source) == []
