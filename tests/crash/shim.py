"""The shim from Python: built, preloaded into a process, and told what to do there.

Neighbours: `shim.c` (what it does), `zygote.py` (runs under it), `disk.py` (reads its log).
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

SOURCE: Final = Path(__file__).with_name("shim.c")
_STATE: Final = struct.Struct("=6q64s")
_ENTRY: Final = struct.Struct("=5q")

KINDS: Final = ("", "write", "sync", "truncate", "create", "unlink", "rename", "told")
HOW: Final = {"before": 0, "torn": 1, "after": 2}
WHO: Final = {"self": 0, "both": 1, "other": 2}
"""Who dies: the process that is at it (the victim or a helper of its), the victim too, or the
victim alone while its helper goes on."""


class Operation(NamedTuple):
    """One thing that a process did to a file, or (kind "told") told its client."""

    kind: str
    step: int
    name: str
    offset: int
    """Where it wrote, or the length that it cut the file to."""
    data: bytes


@cache
def library() -> Path:
    """The shim, compiled once for each version of its source.

    Raises:
        RuntimeError: there is no C compiler.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise RuntimeError("the crash tests need a C compiler: gcc or cc is not on PATH")
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    built = Path(tempfile.gettempdir()) / f"actors-shim-{os.getuid()}-{digest}.so"
    if not built.exists():
        new = built.with_suffix(f".{os.getpid()}")
        flags = ["-O1", "-Wall", "-shared", "-fPIC"]
        subprocess.run([compiler, *flags, "-o", new, SOURCE, "-ldl"], check=True)
        new.rename(built)
    return built


def environment() -> dict[str, str]:
    """For a process that is to run under the shim."""
    return {**os.environ, "LD_PRELOAD": str(library())}


def prepare(
    state: Path, file: str = "", at: int = 0, how: str = "before", who: str = "both"
) -> None:
    """Write down at which operation on which file who is to die, and how."""
    state.write_bytes(_STATE.pack(0, at, HOW[how], WHO[who], 0, 0, file.encode()))


def counted(state: Path) -> int:
    """How many operations on that file there were."""
    count: int = _STATE.unpack(state.read_bytes())[0]
    return count


def begin(state: Path, below: Path, log: Path | None, told: int) -> None:
    """Watch this process, and those that it will start, from now on.

    Raises:
        RuntimeError: it does not run under the shim, or the state cannot be had.
    """
    os.environ.update(SHIM_STATE=str(state), SHIM_BELOW=str(below), SHIM_LOG=str(log or ""))
    names = (os.fsencode(state), os.fsencode(below), os.fsencode(log or ""))
    if _loaded().shim_begin(*names, told):
        raise RuntimeError(f"the shim cannot use {state}")


def at_step(step: int) -> None:
    """What is written from now on belongs to a step."""
    _loaded().shim_step(step)


@cache
def _loaded() -> ctypes.CDLL:
    loaded = ctypes.CDLL(None)
    if not hasattr(loaded, "shim_begin"):
        raise RuntimeError("this process does not run under the shim: see shim.environment()")
    return loaded


def operations(log: Path) -> Iterator[Operation]:
    """What was done, in order."""
    with log.open("rb") as file:
        while len(head := file.read(_ENTRY.size)) == _ENTRY.size:
            kind, step, offset, name, size = _ENTRY.unpack(head)
            yield Operation(
                KINDS[kind], step, os.fsdecode(file.read(name)), offset, file.read(size)
            )
