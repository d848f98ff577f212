"""Values in a few words: what a message, a record, an answer or an error says, on one line.

Long things keep their kind, state and the beginning of their text; nothing is ever shown whole.

Neighbours: `lines.py` and `sequence.py` (say these words), `deliveries.py` (of actors' messages).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import singledispatch
from typing import TypeVar

from a2a.types import (
    Message,
    Part,
    SendMessageRequest,
    StreamResponse,
    Task,
    TaskArtifactUpdateEvent,
    TaskPushNotificationConfig,
    TaskState,
    TaskStatusUpdateEvent,
)
from google.protobuf.message import DecodeError

from actors.runtime.journal.record import Record
from actors.task.messages import View
from actors.task.ports import RunId
from actors.task.record import Failure, Kind
from statechart.diagram.words import line

TEXT = 30
"""Letters of a text of a user or an agent."""
REMARK = 120
"""Letters of an error, or of a value that nothing here knows."""


def short(text: str, letters: int = REMARK) -> str:
    """Return text on one line, at most `letters` long, with what was cut shown by an ellipsis."""
    text = line(text)
    return text if len(text) <= letters else f"{text[: letters - 1]}\N{HORIZONTAL ELLIPSIS}"


@singledispatch
def said(value: object) -> str:
    """Return what a value says, in a few words."""
    return short(re.sub(r" at 0x[0-9a-f]+", "", repr(value)))  # the same in every process


@said.register
def _(_: None) -> str:
    return "nothing"


@said.register
def _(value: bytes) -> str:
    return f"{len(value)} bytes"


@said.register
def _(value: BaseException) -> str:
    return short(f"{type(value).__name__}: {value}".removesuffix(": "))


@said.register
def _(value: Failure) -> str:
    return short(f"{value.error}: {value.message}")


@said.register
def _(value: RunId) -> str:
    return f"{value.task}/{value.epoch}.{value.run}"


# -- what agents and clients say


@said.register
def _(value: Task) -> str:
    return f"Task {state_name(value.status.state)}"


@said.register
def _(value: TaskStatusUpdateEvent) -> str:
    text = text_of(value.status.message.parts)
    return f"status {state_name(value.status.state)}{text and ' '}{text}"


@said.register
def _(value: TaskArtifactUpdateEvent) -> str:
    marks = (("append", value.append), ("last", value.last_chunk))
    told = ", ".join(name for name, holds in marks if holds)
    text = text_of(value.artifact.parts)
    return f"artifact {value.artifact.artifact_id} {text or 'without text'}{told and f' ({told})'}"


@said.register
def _(value: Message) -> str:
    return f"Message {text_of(value.parts) or 'without text'}"


@said.register
def _(value: StreamResponse) -> str:
    which = value.WhichOneof("payload")
    return said(getattr(value, which)) if which else "an empty event"


@said.register
def _(value: View) -> str:
    shown = said(parsed(Task, value.task)) if value.task else "no Task"
    return f"{shown} at version {value.version}"


def text_of(parts: Iterable[Part]) -> str:
    """Return the text of parts, quoted and shortened; empty if there is none."""
    text = " ".join(part.text for part in parts if part.text)
    return f"'{short(text, TEXT)}'" if text else ""


def state_name(state: int) -> str:
    """Return what people call a `TaskState`."""
    known = state in TaskState.values()
    return TaskState.Name(state).removeprefix("TASK_STATE_") if known else f"state {state}"


def request_text(request: bytes) -> str:
    """Return the text of a serialised `SendMessageRequest`."""
    found = parsed(SendMessageRequest, request)
    if isinstance(found, bytes):
        return said(found)
    return text_of(found.message.parts) or "no text"


def event_text(payload: bytes) -> str:
    """Return what a serialised `StreamResponse` says."""
    return said(parsed(StreamResponse, payload))


P = TypeVar("P", Task, SendMessageRequest, StreamResponse)


def parsed(kind: type[P], payload: bytes) -> P | bytes:
    """Return a payload as what it should be, or as it is if it is something else."""
    try:
        return kind.FromString(payload)
    except DecodeError:
        return payload


# -- what is stored


@said.register
def _(value: Record) -> str:
    return f"{value.seq} {_content(value)}"


def _content(record: Record) -> str:
    """Return the kind of a record and the one or two facts that matter."""
    if record.public:
        return f"{kind_of(record)} {event_text(record.payload)}"
    if record.kind == Kind.ACCEPTED:
        return f"ACCEPTED {request_text(record.payload)}"
    if record.kind == Kind.HOOK_SET:
        return f"HOOK_SET {hook_text(record.payload)}"
    facts = [f"{name} {record.facts[name]}" for name in _FACTS if record.facts.get(name)]
    return " ".join((kind_of(record), short(", ".join(facts)))).rstrip()


def kind_of(record: Record) -> str:
    """Return the name of a record's kind, or its number where the task core has none for it."""
    known = record.kind in Kind.__members__.values()
    return Kind(record.kind).name if known else f"kind {record.kind}"


_FACTS = ("run", "message", "outcome", "again", "hook")


def hook_text(config: bytes) -> str:
    """Return which webhook it is, and where; never its credentials."""
    if not config:
        return ""
    found = TaskPushNotificationConfig.FromString(config)
    return f"{found.id} at {found.url}"


def span(task: str, records: Iterable[Record]) -> str:
    """Return which records of a task these are."""
    found = [record.seq for record in records]
    if not found:
        return f"nothing of {task}"
    first, last = found[0], found[-1]
    return f"{task} {first}" if first == last else f"{task} {first}-{last}"


def kinds(records: Iterable[Record]) -> str:
    """Return the kinds of records, in order."""
    return ", ".join(kind_of(record) for record in records)
