"""Checkpoints: moves what was committed from SQLite's log (`-wal`) into the database, elsewhere.

A checkpoint waits for the disk, and in the event loop everybody waits with it. So a child process
does it, each time that the log has grown by STEP pages, beside the appends. It ends when it has had
nothing to do for a while: starting one takes ten times the CPU of a checkpoint, and holds the loop
up until it runs (measured: 23 ms, and 5). SQLite begins the log anew with the first append that
finds all of it in the database; where appends never pause, the child cannot bring that about, so
when the log is LARGE the loop does the little that came during the child's last pass. (A child that
does it holds appends up for as long as it is not scheduled: measured, they gave up after 50 ms.) A
child that dies does no harm. Should none come to it (no process to be had, a reader that does not
let go), the loop does it all when the log is HARD pages long, and again with each further half of
that.

Neighbours: `filewriter.py` (commits), `database.py` (turns SQLite's own checkpoints off).
"""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

STEP = 2_000
"""Pages (of 4 KiB) that the log grows by between two checkpoints."""
LARGE = 8_000
HARD = 32_000
IDLE_SECONDS: Final = 10
"""How long a child waits for the next thing to do."""

_PAGE: Final = 4_096 + 24
_COMMITS: Final = 16
"""Between two looks at the log's length. A look costs a microsecond or two."""
_BYTES: Final = 1 << 20
"""The same, for large appends."""
_CHECKPOINT: Final = "PRAGMA wal_checkpoint(PASSIVE)"
"""Waits for nobody, and lets nobody wait."""
# The second pass copies what came during the first, which took longer.
_PROGRAM: Final = f"""
import os, select, sqlite3, sys
db = sqlite3.connect(sys.argv[1], uri=True, timeout=0, isolation_level=None)
asked = b"."
while asked:
    for _ in range(2):
        db.execute("{_CHECKPOINT}").fetchone()
    os.write(1, b".")
    ready, _, _ = select.select([0], [], [], {IDLE_SECONDS})
    asked = ready and os.read(0, 1)
db.close()
"""


class Checkpoints:
    """Watches the log behind `db`."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path
        self._log = path.with_name(path.name + "-wal")
        self._commits = 0
        self._bytes = 0
        self._done = 0
        """Pages of the log that the last checkpoint knew of."""
        self._tried = 0
        """Pages at which the loop did it itself."""
        self._child: subprocess.Popen[bytes] | None = None
        self._pipe: socket.socket | None = None
        """To the child: a byte asks for a checkpoint, one comes back when it is done."""
        self._busy = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def child(self) -> int | None:
        """Id of the child, if there is one."""
        return self._child.pid if self._child is not None else None

    @property
    def busy(self) -> bool:
        """A child is at it."""
        return self._busy

    def committed(self, size: int) -> None:
        """A transaction with so many bytes of records has been committed. Never raises."""
        self._commits += 1
        self._bytes += size
        if self._commits >= _COMMITS or self._bytes >= _BYTES:
            self._commits = self._bytes = 0
            self._look()

    def close(self) -> None:
        """End the child; whatever it has not done, closing the database does."""
        if self._child is not None:
            self._child.kill()
            self._reap()

    def _hear(self) -> None:
        """Hear that the child is done, or that it has ended."""
        if self._pipe is None:
            return
        try:
            done = self._pipe.recv(1)
        except BlockingIOError:
            return
        except OSError:
            done = b""
        was, self._busy = self._busy, False
        if not done:
            self._reap()
        pages = self._pages()
        if was and pages >= LARGE:
            self._do_it(pages)

    def _look(self) -> None:
        pages = self._pages()
        if pages < self._done:  # begun anew
            self._done = self._tried = 0
        self._hear()
        if pages - self._tried >= (HARD if not self._tried else HARD // 2):
            self._tried = pages
            self._do_it(pages)
        elif not self._busy and pages - self._done >= STEP:
            self._start(pages)

    def _pages(self) -> int:
        try:
            return self._log.stat().st_size // _PAGE
        except FileNotFoundError:  # nothing was written since the file was opened
            return 0
        except OSError:  # not to be known now; what was committed is, whatever this says
            return self._done

    def _do_it(self, pages: int) -> None:
        self._done = pages
        if self._busy:
            self.close()
        with suppress(sqlite3.Error):  # as with a child that fails; appends say what is wrong
            self._db.execute(_CHECKPOINT).fetchone()

    def _start(self, pages: int) -> None:
        self._done = pages
        if self._pipe is None:
            self._spawn()
            return
        self._listen()
        with suppress(OSError):  # it has just ended, which is heard of next
            self._pipe.send(b".")
            self._busy = True

    def _spawn(self) -> None:
        """Start a child, which begins with a checkpoint; or none, when there is none to be had."""
        command = [sys.executable, "-I", "-S", "-c", _PROGRAM, f"{self._path.as_uri()}?mode=rw"]
        with suppress(OSError):  # after the next STEP, or HARD
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    self._child = subprocess.Popen(  # noqa: S603 - our own program
                        command,
                        stdin=theirs.fileno(),
                        stdout=theirs.fileno(),
                        stderr=subprocess.DEVNULL,
                        start_new_session=True,
                    )
                except OSError:
                    ours.close()
                    raise
            ours.setblocking(False)
            self._pipe, self._busy = ours, True
            self._listen()

    def _listen(self) -> None:
        """Hear of the child on the running loop, which may be another one than when it began."""
        # Without a loop, or room in it, the next look hears of it.
        with suppress(RuntimeError):
            loop = asyncio.get_running_loop()
            if self._pipe is not None and loop is not self._loop:
                self._loop = loop
                loop.add_reader(self._pipe, self._hear)

    def _reap(self) -> None:
        """The child has ended: its end of the pipe is closed, or it was killed."""
        if self._child is None or self._pipe is None:
            return
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._pipe)
        self._loop = None
        self._pipe.close()
        self._child.wait()
        self._child = self._pipe = None
        self._busy = False
