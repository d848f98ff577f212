"""Link: the journal's end of a writer process, on one event loop; no threads.

Requests go into a socket and are answered in their order. When the process ends, however it does,
whatever was not answered yet is of unknown outcome. The process is a program of its own with its
own session, so that neither a fork nor an interrupt of this one is any of its concern.

Neighbours: `talk.py` (bytes), `writer_process.py` (the other end), `remote.py` (makes links).
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import actors
from actors.runtime.journal.errors import JournalCorrupt, StorageError, StorageUnavailable
from actors.storage.lock import Holder
from actors.storage.rows import Shape
from actors.storage.talk import ROOM, packed, unpacker

Read = Callable[[Any], Any]

ANSWER_SECONDS = 10.0
"""How long the writer may do one thing, a commit say, before it is killed and another started."""
END_SECONDS: Final = 10.0
"""How long a writer may take to end its last commit before it is killed."""

_ERRORS: Final[dict[str, type[Exception]]] = {
    error.__name__: error
    for error in (StorageUnavailable, JournalCorrupt, StorageError, ValueError)
}
# What this process imports costs half a second, and a writer needs none of it. So packages are
# stood in for by empty ones, and the modules asked for are imported alone, from the same places.
_PROGRAM: Final = """
import sys, types, json
home, sys.path[:] = json.loads(sys.argv[1])
for name in ("actors", "actors.runtime", "actors.storage"):
    package = sys.modules[name] = types.ModuleType(name)
    package.__path__ = [home + name.removeprefix("actors").replace(".", "/")]
from actors.storage.writer_process import main
main()
"""


class Link:
    """One writer process, started here."""

    def __init__(self, path: Path, holder: Holder, shapes: Sequence[Shape]) -> None:
        """Start it, for the file that a journal holds.

        Raises:
            StorageUnavailable: the system gives no process or socket now.
        """
        self.loop = asyncio.get_running_loop()
        self.ended: Exception | None = None
        """Why there is nobody any more to ask."""
        self._path = path
        self._asked: deque[tuple[asyncio.Future[Any], Read | None]] = deque()
        self._out = bytearray()
        """What the socket has not taken yet."""
        self._room = bytearray(ROOM)
        self._closing = False
        self._heard = 0.0
        """When the process answered last, or was asked something while it had nothing to do."""
        self._watch: asyncio.TimerHandle | None = None
        self._gone = self.loop.create_future()
        self._unpacker = unpacker()
        try:
            self._pipe, theirs = socket.socketpair()
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603 - our own program
                    _command(),
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,
                )
        except OSError as error:
            raise StorageUnavailable(f"starting a writer process for {path}: {error}") from error
        self._pipe.setblocking(False)
        self.loop.add_reader(self._pipe, self._readable)
        self._started = self.ask("start", str(path), holder, shapes)
        # Whoever asks next is told why it did not start.
        self._started.add_done_callback(lambda started: started.cancelled() or started.exception())

    @property
    def process(self) -> int:
        """Id of the process."""
        return self._process.pid

    @property
    def gone(self) -> bool:
        """The process is no more."""
        return self._process.returncode is not None

    def ask(self, name: str, *arguments: Any, read: Read | None = None) -> asyncio.Future[Any]:
        """Send a request; its answer, or what `read` makes of it, comes with the future."""
        message = packed((name, arguments))  # or raises, and then nothing is asked
        answer = self.loop.create_future()
        if not self._asked:
            self._heard = self.loop.time()
        self._asked.append((answer, read))
        if self._watch is None:
            self._watch = self.loop.call_later(ANSWER_SECONDS, self._overdue)
        # Nearly always the socket takes it all, and the selector need not hear of it.
        sent = 0 if self._out else self._sent(message)
        if sent < len(message):
            self._out += memoryview(message)[sent:]
            self.loop.add_writer(self._pipe, self._writable)
        return answer

    async def close(self) -> None:
        """Let the process finish what it was asked for, and wait until it is gone."""
        self._closing = True
        self._half_close()
        try:
            await asyncio.wait_for(asyncio.shield(self._gone), END_SECONDS)
        except TimeoutError:
            self._process.kill()
            self._lose()

    def abandon(self) -> None:
        """Let go of the process at once, also when the loop is closed or another one runs."""
        if not self.gone:
            self._lose()

    def _half_close(self) -> None:
        """Say that there is nothing more, once all is sent."""
        if self._closing and not self._out and self.ended is None:
            with suppress(OSError):
                self._pipe.shutdown(socket.SHUT_WR)

    def _sent(self, data: bytes | bytearray) -> int:
        """Send what the socket takes now; says how many bytes."""
        try:
            return self._pipe.send(data)
        except BlockingIOError:
            return 0
        except OSError:  # it is gone; reading tells, behind the answers that it has sent
            return len(data)

    def _writable(self) -> None:
        del self._out[: self._sent(self._out)]
        if not self._out:
            self.loop.remove_writer(self._pipe)
            self._half_close()

    def _overdue(self) -> None:
        """See whether the process still answers, as long as it is asked something."""
        self._watch = None
        self._readable()  # we may have been held up ourselves
        if not self._asked:
            return
        left = self._heard + ANSWER_SECONDS - self.loop.time()
        if left > 0:
            self._watch = self.loop.call_later(left, self._overdue)
            return
        # Not waited for here: where the disk does not answer, the process cannot even be killed.
        self._process.kill()
        self._fail(
            StorageUnavailable(
                f"the writer process {self.process} of {self._path} has not answered for "
                f"{ANSWER_SECONDS:g} s and was killed; what it was asked for may be stored or not"
            )
        )

    def _readable(self) -> None:
        try:
            size = self._pipe.recv_into(self._room)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if not size:
            self._lose()
            return
        if self.ended is not None:  # killed; too late
            return
        self._heard = self.loop.time()
        self._unpacker.feed(memoryview(self._room)[:size])
        for error, result in self._unpacker:
            answer, read = self._asked.popleft()
            if answer.done():  # whoever asked has been cancelled
                continue
            if error:
                answer.set_exception(_ERRORS.get(error, StorageError)(result))
            else:
                answer.set_result(result if read is None else read(result))

    def _lose(self) -> None:
        """Take leave: the process has ended, or is to end."""
        running = not self.loop.is_closed()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if running:
            self.loop.remove_reader(self._pipe)
            self.loop.remove_writer(self._pipe)
        self._pipe.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        why = self.ended or self._why()
        if not running:
            self.ended = why
            return
        self._fail(why)
        if not self._gone.done():
            self._gone.set_result(None)

    def _fail(self, why: Exception) -> None:
        """Tell whoever waits that nothing more is answered."""
        self.ended = why
        for answer, _ in self._asked:
            if not answer.done():
                answer.set_exception(why)
        self._asked.clear()

    def _why(self) -> Exception:
        if self._started.done() and not self._started.cancelled():
            refusal = self._started.exception()
            if isinstance(refusal, Exception):
                return refusal
        return StorageUnavailable(
            f"the writer process {self._process.pid} of {self._path} ended "
            f"({_how(self._process.returncode)}); what it was asked for may be stored or not"
        )


def _command() -> list[str]:
    home = str(Path(actors.__path__[0]))
    flags = ["-I", "-S", *(["-B"] if sys.dont_write_bytecode else [])]
    return [sys.executable, *flags, "-c", _PROGRAM, json.dumps([home, sys.path])]


def _how(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit status {code}"
