"""A process that has imported everything, and forks a victim or a judge for each line it reads.

    python -m tests.crash.zygote        (under the shim; one JSON object per line, in and out)

A victim plays the script and dies where it is told to; what it told its clients comes back. A judge
opens what is left, says what is wrong with it, and works on. Both are processes of their own, with
a process group of their own; when they have ended, nothing of that group is left.

Neighbours: `matrix.py` (asks), `script.py`, `judge.py` (what the forks do).
"""

from __future__ import annotations

import asyncio
import faulthandler
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from tests.crash import shim
from tests.crash.journals import journal_of
from tests.crash.judge import judge
from tests.crash.points import Point, Tracer
from tests.crash.script import PARTS, Stage

LIMIT = 60
"""Seconds after which a fork that hangs says where, and ends."""


def victim(order: dict[str, Any], out: int) -> None:
    """Play the script; die where `order` says."""
    directory = Path(order["directory"])
    log = Path(order["log"]) if order.get("log") else None
    shim.begin(Path(order["state"]), directory, log, out)
    seen: list[Point] | None = [] if order.get("record") else None
    if order.get("trace", True):
        at = (order.get("point", ""), order.get("number", 0))
        kill = partial(_kill_server, order["server"]) if order.get("server") else _kill_us
        Tracer(at, shim.at_step, kill, seen).start()
    asyncio.run(_play(order, directory, out))
    sys.setprofile(None)
    if seen is not None:
        Path(order["record"]).write_text(json.dumps(seen))


def _kill_us() -> None:
    os.killpg(0, signal.SIGKILL)


def _kill_server(main: int) -> None:
    """Kill a database server, all of its processes; we go on."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(ProcessLookupError, FileNotFoundError):  # it ends meanwhile
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            if main in (parent, int(status.parent.name)):
                os.kill(int(status.parent.name), signal.SIGKILL)


async def _play(order: dict[str, Any], directory: Path, out: int) -> None:
    await PARTS[order["part"]](Stage(journal_of(order["journal"], directory), out))


def _judge(order: dict[str, Any], out: int) -> None:
    found = asyncio.run(
        judge(
            order["journal"],
            Path(order["directory"]),
            order["told"],
            lossy=order.get("lossy", False),
            cut=order.get("cut", False),
        )
    )
    os.write(out, json.dumps(found).encode() + b"\n")


ROLES: dict[str, Callable[[dict[str, Any], int], None]] = {"victim": victim, "judge": _judge}


def fork(order: dict[str, Any]) -> dict[str, Any]:
    """Run one order in a fork; returns how it ended and what it told."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        _in_child(order, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        told = file.read()
    _, status = os.waitpid(child, 0)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    *lines, _ = told.split(b"\n")  # the last one is empty, or was torn
    return {
        "status": os.waitstatus_to_exitcode(status),
        "told": [json.loads(line) for line in lines],
    }


def _in_child(order: dict[str, Any], out: int) -> None:
    code = 1
    try:
        os.setpgid(0, 0)
        os.set_inheritable(out, False)
        faulthandler.dump_traceback_later(LIMIT, exit=True)
        ROLES[order["role"]](order, out)
        code = 0
    except BaseException:  # noqa: BLE001 - a fork must not go on as its parent would
        traceback.print_exc()
        os.write(2, f"in the order {json.dumps(order)[:1000]}\n".encode())
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    logging.getLogger("actors.agent").disabled = True  # in each script an agent fails
    for line in sys.stdin:
        sys.stdout.write(json.dumps(fork(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
