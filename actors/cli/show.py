"""Events as people read them, and as machines do.

What an agent says is data: it is printed without markup and without control characters.

Neighbours: `send.py`, `tail.py`, the demo's tour.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from a2a.types import Artifact, Message, Part, StreamResponse, Task, TaskState, TaskStatus
from google.protobuf.json_format import MessageToDict, SerializeToJsonError
from rich.console import Console
from rich.text import Text

STATE_STYLES = {
    TaskState.TASK_STATE_SUBMITTED: "cyan",
    TaskState.TASK_STATE_WORKING: "blue",
    TaskState.TASK_STATE_INPUT_REQUIRED: "yellow",
    TaskState.TASK_STATE_AUTH_REQUIRED: "yellow",
    TaskState.TASK_STATE_COMPLETED: "green",
    TaskState.TASK_STATE_FAILED: "red",
    TaskState.TASK_STATE_CANCELED: "magenta",
    TaskState.TASK_STATE_REJECTED: "red",
}

TERMINAL = frozenset(
    {
        TaskState.TASK_STATE_COMPLETED,
        TaskState.TASK_STATE_FAILED,
        TaskState.TASK_STATE_CANCELED,
        TaskState.TASK_STATE_REJECTED,
    }
)


class Printer:
    """Prints the events of one stream; the chunks of an artifact run on in one line.

    Args:
        console: where to.
        numbered: show the id of each event.
    """

    def __init__(self, console: Console, *, numbered: bool = False) -> None:
        self._console = console
        self._numbered = numbered
        self._artifact: str | None = None
        self.task = ""
        self.state: int | None = None

    def show(self, event: StreamResponse, number: int | None = None) -> None:
        """Print one event and remember what it says about the task."""
        match event.WhichOneof("payload"):
            case "task":
                self._task(event.task, number)
            case "status_update":
                self.task = event.status_update.task_id
                self._status(event.status_update.status, number)
            case "artifact_update":
                self.task = event.artifact_update.task_id
                self._chunk(event.artifact_update.artifact, number)
            case "message":
                self._say(_label("message", "bold", number if self._numbered else None))
                self._speech(event.message)

    def end(self) -> None:
        """Finish the line of an artifact, if one is open."""
        if self._artifact is not None:
            self._console.print()
            self._artifact = None

    def _task(self, task: Task, number: int | None) -> None:
        self.task = task.id
        self._say(Text.assemble(("task ", "bold"), plain(task.id)))
        self._status(task.status, number)
        for artifact in task.artifacts:
            self._chunk(artifact, None)
        self.end()

    def _status(self, status: TaskStatus, number: int | None) -> None:
        self.state = status.state
        self._say(
            _label(
                state_name(status.state),
                STATE_STYLES.get(status.state, ""),
                number if self._numbered else None,
            )
        )
        if status.HasField("message"):
            self._speech(status.message)

    def _chunk(self, artifact: Artifact, number: int | None) -> None:
        if self._artifact != artifact.artifact_id:
            self.end()
            name = artifact.name or artifact.artifact_id
            label = Text.assemble(("artifact ", "bold"), plain(name), ": ")
            self._console.print(label, end="", soft_wrap=True)
            self._artifact = artifact.artifact_id
        chunk = Text(plain(parts_text(artifact.parts)))
        if self._numbered and number is not None:
            chunk = Text.assemble((f"[{number}]", "dim"), chunk)
        self._console.print(chunk, end="", soft_wrap=True)

    def _speech(self, message: Message) -> None:
        self._say(Text.assemble(("  agent: ", "bold"), plain(parts_text(message.parts))))

    def _say(self, text: Text) -> None:
        self.end()
        self._console.print(text, soft_wrap=True)


def state_name(state: int) -> str:
    """Return a state as people say it: "input required"."""
    return TaskState.Name(state).removeprefix("TASK_STATE_").lower().replace("_", " ")


def parts_text(parts: Iterable[Part]) -> str:
    """Return what parts say; of what is not text, what it is."""
    return "".join(_part_text(part) for part in parts)


def _part_text(part: Part) -> str:
    match part.WhichOneof("content"):
        case "text":
            return part.text
        case "data":
            return _data_text(part)
        case "url":
            return part.url
        case _:
            return f"<{part.media_type or 'file'} {part.filename}, {len(part.raw)} bytes>"


def _data_text(part: Part) -> str:
    try:
        return json.dumps(MessageToDict(part.data), ensure_ascii=False)
    except (SerializeToJsonError, ValueError):
        return str(part.data)  # NaN or an infinity, which JSON has not: as protobuf writes it


def as_dict(event: StreamResponse) -> dict[str, Any]:
    """Return an event in its JSON form."""
    found: dict[str, Any] = MessageToDict(event)
    return found


def _label(name: str, style: str, number: int | None) -> Text:
    prefix = "" if number is None else f"[{number}] "
    return Text.assemble((prefix, "dim"), ("● ", style), (name, f"bold {style}".strip()))


def plain(text: str) -> str:
    """Drop what a terminal would obey instead of showing."""
    return "".join(char for char in text if char.isprintable() or char in "\n\t")
