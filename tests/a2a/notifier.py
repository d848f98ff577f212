"""A server whose webhooks are lines of a file: `python -m tests.a2a.notifier PORT DATABASE FILE`.

The second line of the file is the last that a process writes while there are no others: its
receiver does not answer. POST /until?lines=N answers when the file has N lines.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from actors.a2a import RequestHandler
from actors.a2a.app import build_app
from actors.storage import SqliteJournal
from tests.a2a.agents import Actor, card


class Recording:
    """A PushNotificationSender that appends what it is to send to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.changed = asyncio.Condition()

    @property
    def lines(self) -> int:
        return len(self._path.read_text().splitlines()) if self._path.exists() else 0

    async def send_notification(self, task_id: str, event: object) -> None:
        with self._path.open("a") as file:
            file.write(f"{task_id} {event.status.state}\n")  # type: ignore[attr-defined] # Task or status
        async with self.changed:
            self.changed.notify_all()
        if self.lines == 2:
            await asyncio.Event().wait()


def main(port: int, database: str, path: Path) -> None:
    sender = Recording(path)

    async def until(request: Request) -> Response:
        wanted = int(request.query_params["lines"])
        async with sender.changed:
            await sender.changed.wait_for(lambda: sender.lines >= wanted)
        return JSONResponse({})

    handler = RequestHandler(
        Actor(),
        None,
        card(),
        journal=SqliteJournal(database),
        push_sender=sender,  # type: ignore[arg-type] # it has the one method
    )
    app = build_app(handler, card())
    app.router.routes.insert(0, Route("/until", until, methods=["POST"]))
    uvicorn.run(app, port=port, log_level="error")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
