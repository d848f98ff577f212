"""One event of a stream and its place: shared by every reader that the same record reaches.

What costs time is done once for all of them: the wrapping of the event is taken off, so that
each reader in the process parses an object of its own from what was in it, and so is the JSON.

Neighbours: `batches.py` (those that come together), `answers.py` (who is told what), `wire/` (sends
the JSON), `task/kept.py` (keeps these).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from a2a.types import (
    Message,
    StreamResponse,
    Task,
    TaskArtifactUpdateEvent,
    TaskStatusUpdateEvent,
)

from actors.a2a.said import in_stream
from actors.runtime.journal.record import Record
from actors.task.kept import Kept

Event = Message | Task | TaskStatusUpdateEvent | TaskArtifactUpdateEvent

_PARSERS: Final[dict[int, Callable[[bytes], Event]]] = {
    StreamResponse.DESCRIPTOR.fields_by_name[name].number << 3 | 2: kind.FromString
    for name, kind in (
        ("task", Task),
        ("message", Message),
        ("status_update", TaskStatusUpdateEvent),
        ("artifact_update", TaskArtifactUpdateEvent),
    )
}
"""Tag of a field of StreamResponse, its first byte -> what parses the field."""


class Sequenced:
    """One event of a stream and its place in the task's log, the SSE id.

    Args:
        seq: the place.
        payload: the event, a serialised StreamResponse.
        snapshot: the Task as it is stands for records that are no longer kept.
    """

    __slots__ = ("_json", "_parse", "_plain", "payload", "seq", "snapshot")

    def __init__(self, seq: int, payload: bytes, *, snapshot: bool = False) -> None:
        self.seq = seq
        self.payload = payload
        self.snapshot = snapshot
        self._json = b""
        self._parse: Callable[[bytes], Event] | None = None
        self._plain = b""
        """The event without its wrapping, and above, how that is parsed."""

    @property
    def event(self) -> StreamResponse:
        """The event; an object of one's own."""
        return StreamResponse.FromString(self.payload)

    @property
    def json(self) -> bytes:
        """The event in JSON."""
        if not self._json:
            self._json = in_stream(self.event)
        return self._json

    def plain(self) -> Event:
        """Return the event without its wrapping; an object of one's own.

        In half the time of parsing the whole and taking the event out, for each reader.
        """
        parse = self._parse
        if parse is None:
            parse, self._plain = _unwrapped(self.payload)
            self._parse = parse
        return parse(self._plain)


def _unwrapped(payload: bytes) -> tuple[Callable[[bytes], Event], bytes]:
    """Take the wrapping off an event: a tag, and a length that goes to the end.

    Not where more follows (`events.stamped`): what merges with the event can only be parsed.
    """
    size, shift, start = 0, 0, 1
    while payload[start] > 0x7F:
        size |= (payload[start] & 0x7F) << shift
        start, shift = start + 1, shift + 7
    size |= payload[start] << shift
    parse = _PARSERS.get(payload[0])
    if parse is not None and start + 1 + size == len(payload):
        return parse, payload[start + 1 :]
    event = StreamResponse.FromString(payload)
    bare: Event = getattr(event, str(event.WhichOneof("payload")))
    return type(bare).FromString, bare.SerializeToString()


def of_record(record: Record, kept: Kept | None) -> Sequenced:
    """Return the event that a public record is, the same one for all who share `kept`."""
    return _made(record) if kept is None else kept.of(record, _made)


def _made(record: Record) -> Sequenced:
    return Sequenced(record.seq, record.payload)


def of_task(version: int, task: bytes, *, snapshot: bool = False) -> Sequenced:
    """Return the Task at a version as an event."""
    event = StreamResponse(task=Task.FromString(task))
    return Sequenced(version, event.SerializeToString(), snapshot=snapshot)
