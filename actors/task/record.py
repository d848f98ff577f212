"""What the records in a task's log say: their kinds, and the failure in some.

A public payload is a serialised `StreamResponse`, made once when the agent emitted the event; the
journal, every stream and every webhook share those bytes.

Neighbours: `fold.py` (Task + record -> Task), `actors/runtime/journal` (Record).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple

from a2a.utils.errors import JSON_RPC_ERROR_CODE_MAP, A2AError, InternalError
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Struct

from actors.runtime.journal.record import CLAIM, Record

CANCEL_RAISED = "cancel_raised"
"""Outcome of a run whose agent's `cancel` raised: only the caller of that cancel hears what."""
CALLED_OFF = "interrupted"
"""Outcome of a run that gave way to a new message: the next run is for its messages too."""


class Kind(IntEnum):
    """What a record says. The numbers are the wire form: never reuse one.

    The first private record of each life of a TaskActor bears the fact `by`: the incarnation of
    the core that wrote it.
    """

    EPOCH_CLAIMED = CLAIM
    TASK = 1
    """Facts: core (1 when the core made it at admission, not the agent)."""
    STATUS = 2
    ARTIFACT = 3
    REPLY = 4
    ACCEPTED = 16
    """A message was accepted. Payload: SendMessageRequest. Facts: extensions, and trace (W3C
    traceparent of the request) if it had one."""
    REFUSED = 17
    """An accepted message will never run. Facts: message. Payload: Failure."""
    STARTED = 18
    """A run began. Facts: run, message (sequence number of its ACCEPTED record), with (those of
    earlier messages that it is for too, in order, as text), again (1 when the same message ran
    before and was lost in a crash)."""
    ENDED = 19
    """A run ended before the task did, or is the reason that it does. Facts: run, message, with,
    outcome (the trigger in the chart). Payload: Failure or empty."""
    CANCEL_ASKED = 20
    """Facts: run (a new one when none was going on)."""
    HOOK_SET = 21
    """A webhook is to hear of what follows; one with the same id is replaced. Payload:
    TaskPushNotificationConfig, with its id."""
    HOOK_DELETED = 22
    """Facts: hook (its id)."""


def messages_of(record: Record) -> tuple[int, ...]:
    """Return the sequence numbers of the messages that a STARTED or ENDED record speaks of.

    In the order in which they were accepted; none if the run was begun by a cancel.
    """
    before = record.facts.get("with", [])
    assert isinstance(before, list)  # noqa: S101 - the codec checked it
    message = record.number("message")
    return (*map(int, before), message) if message else ()


_ERRORS: Mapping[str, type[A2AError]] = MappingProxyType(
    {error.__name__: error for error in JSON_RPC_ERROR_CODE_MAP}
)
"""Every kind of error that A2A knows, by name."""


class Failure(NamedTuple):
    """Why a run did not end well, in the words that callers may hear.

    `error` names a class of `a2a.utils.errors`: an agent's own A2A error keeps its kind, anything
    else an agent raises becomes InternalError with the exception's text and nothing more.
    """

    error: str
    message: str
    data: str = ""
    """JSON object of details that came with the error; empty for none."""

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """The failure that an exception of an agent stands for."""
        if not isinstance(error, A2AError):
            return cls(InternalError.__name__, _text(error))
        name = type(error).__name__
        kind = name if name in _ERRORS else InternalError.__name__
        return cls(kind, _text(error), _json(error.data) if error.data else "")

    def exception(self) -> A2AError:
        """A fresh exception to raise at a caller."""
        data = json.loads(self.data) if self.data else None
        return _ERRORS.get(self.error, InternalError)(self.message, data)

    def pack(self) -> bytes:
        """The payload of an ENDED or REFUSED record: a serialised `google.protobuf.Struct`."""
        packed: bytes = ParseDict(self._asdict(), Struct()).SerializeToString(deterministic=True)
        return packed

    @classmethod
    def unpack(cls, payload: bytes) -> Failure | None:
        """The failure in an ENDED record; None when the run returned by itself."""
        if not payload:
            return None
        fields = MessageToDict(Struct.FromString(payload))
        return cls(*(str(fields.get(name, "")) for name in cls._fields))


def _text(error: BaseException) -> str:
    """Return what an exception says of itself, fit to be stored and sent."""
    try:
        said = str(error)
    except Exception:  # noqa: BLE001 - user code; an exception that cannot speak is still one
        said = f"{type(error).__name__} (its text could not be had)"
    return said.encode("utf-8", "backslashreplace").decode()


def _json(data: object) -> str:
    """Return an error's data as JSON; what JSON cannot say becomes text, NaN and infinities too."""
    try:
        said = json.dumps(data, default=str, allow_nan=False, ensure_ascii=False)
    except Exception:  # noqa: BLE001 - user code; whatever it is, the run must come to its end
        said = json.dumps({"detail": f"{type(data).__name__} (it has no form in JSON)"})
    return said.encode("utf-8", "replace").decode()
