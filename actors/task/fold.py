"""Fold: Task + record -> Task, and the little else that a log says about its task.

`Fold.apply` works in place, the one licensed exception to law L2: a task has one protobuf Task
that grows with the log, and no event ever copies it. `fold_pure` stands beside it for readers that
keep old versions; a property test holds the two equal.

Neighbours: `record.py` (what is folded), `actor.py` (owns the committed fold of a live task),
`views.py` (folds what the journal has of parked tasks).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import msgpack
from a2a.types import (
    Artifact,
    Message,
    SendMessageRequest,
    StreamResponse,
    Task,
    TaskPushNotificationConfig,
    TaskState,
    TaskStatus,
)
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.unknown_fields import UnknownFieldSet

from actors.runtime.journal.record import Record
from actors.task.record import CALLED_OFF, Kind, messages_of

TERMINAL = frozenset(
    {
        TaskState.TASK_STATE_COMPLETED,
        TaskState.TASK_STATE_FAILED,
        TaskState.TASK_STATE_CANCELED,
        TaskState.TASK_STATE_REJECTED,
    }
)
"""R14."""
INTERRUPTED = frozenset({TaskState.TASK_STATE_INPUT_REQUIRED, TaskState.TASK_STATE_AUTH_REQUIRED})
"""R14."""


_NOT_APPENDED = tuple(
    name for name in Artifact.DESCRIPTOR.fields_by_name if name not in ("parts", "metadata")
)
"""Fields of an artifact that its first chunk settles (R49)."""

FORMAT = 1
"""Of a packed fold; a release that changes the fields raises it."""


class Accepted(NamedTuple):
    """A message that was accepted."""

    request: bytes
    """SendMessageRequest."""
    extensions: tuple[str, ...]
    """What its sender asked for."""
    trace: str = ""
    """W3C traceparent of the request."""


class Fold:
    """The state that `records[1..version]` of one log describe.

    `task` is None until the first public record, and for ever in an interaction that the agent
    answered with a bare Message.
    """

    __slots__ = (
        "accepted",
        "adopted",
        "artifacts",
        "cancelling",
        "epoch",
        "hooks",
        "replied",
        "run",
        "running",
        "spoke",
        "status_at",
        "taken",
        "task",
        "touched",
        "version",
    )

    def __init__(self) -> None:
        self.version = 0
        self.epoch = 1
        self.task: Task | None = None
        self.adopted = False
        """The agent has had its say in the Task; False while it is as the core made it (A15)."""
        self.replied = False
        self.status_at = 0
        """UTC milliseconds of the latest status; core stamps are never earlier (A8)."""
        self.touched = 0
        """UTC milliseconds of the latest record, by the server's clock."""
        self.run = 0
        """Number of the latest run."""
        self.running: int | None = None
        """Sequence number of the message whose run is going on."""
        self.taken: tuple[int, ...] = ()
        """Those of earlier messages that it is for too, in order; when a run has just given way to
        a new message, of all that it was for."""
        self.spoke: bool | None = False
        """The latest run has said what state the task is in; None: a snapshot of an earlier release
        does not tell."""
        self.cancelling = False
        self.accepted: dict[int, Accepted] = {}
        """Accepted messages that still matter, in order: those of the run and those in the queue.
        Values are the SendMessageRequest and the extensions that its sender asked for."""
        self.artifacts: dict[str, tuple[int, bool]] = {}
        """Artifact id -> index in `task.artifacts`, and whether its last chunk has come."""
        self.hooks: dict[str, tuple[int, bytes]] = {}
        """Id of a webhook -> the record that first set it, and its TaskPushNotificationConfig."""

    @property
    def queue(self) -> tuple[int, ...]:
        """Sequence numbers of accepted messages that wait for their run."""
        return tuple(seq for seq in self.accepted if seq not in self.in_hand)

    @property
    def in_hand(self) -> tuple[int, ...]:
        """Sequence numbers of the messages that the run going on is for, in order."""
        return (*self.taken, self.running) if self.running else ()

    @property
    def active(self) -> bool:
        """A run is going on, a cancel is, or messages wait."""
        return self.running is not None or self.cancelling or bool(self.accepted)

    @property
    def task_bytes(self) -> bytes:
        """The Task, serialised; empty when there is none."""
        return b"" if self.task is None else self.task.SerializeToString()

    @property
    def state(self) -> int:
        """`TaskState` number; 0 while no Task exists."""
        return self.task.status.state if self.task is not None else 0

    @property
    def listed_at(self) -> int:
        """Where it stands in listings: the time of its status, which is its agent's to choose.

        But for one that has not come yet: then that of the latest record.
        """
        return min(self.status_at, self.touched)

    @property
    def final(self) -> bool:
        """Nothing can follow in this log."""
        task = self.task
        return self.replied or (task is not None and task.status.state in TERMINAL)

    def apply(self, record: Record) -> None:
        """Fold one record in, in place.

        Raises:
            ValueError: the record is not the next one of this log.
        """
        if record.seq != self.version + 1:
            raise ValueError(f"record {record.seq} cannot follow version {self.version}")
        self.version = record.seq
        self.epoch = record.epoch
        self.touched = record.at
        apply = self._BY_KIND.get(record.kind)
        if apply is None:
            raise ValueError(f"record {record.seq} is of kind {record.kind}, which no task has")
        apply(self, record)

    def extend(self, records: Sequence[Record], artifact_id: str) -> None:
        """Fold in chunks that are all appended to one artifact (R49), as `apply` would each.

        Protobuf defines that encoded messages which follow one another are merged, so they are
        parsed and appended as one, at a fifth of the time.

        Raises:
            ValueError: the records are not the next ones of this log.
        """
        last = records[-1]
        if records[0].seq != self.version + 1 or last.seq != self.version + len(records):
            raise ValueError(f"record {records[0].seq} cannot follow version {self.version}")
        together = b"".join([record.payload for record in records])
        event = StreamResponse.FromString(together).artifact_update
        self.version, self.epoch, self.touched = last.seq, last.epoch, last.at
        self.adopted = True
        index, _ = self.artifacts[artifact_id]
        _extend(self._existing().artifacts[index], event.artifact)
        self.artifacts[artifact_id] = (index, event.last_chunk)

    # -- what each kind does

    def _accepted(self, record: Record) -> None:
        extensions = record.facts.get("extensions", [])
        assert isinstance(extensions, list)  # noqa: S101 - the codec checked it
        trace = str(record.facts.get("trace", ""))
        self.accepted[record.seq] = Accepted(record.payload, tuple(extensions), trace)

    def _refused(self, record: Record) -> None:
        del self.accepted[record.number("message")]

    def _cancel_asked(self, record: Record) -> None:
        self.run = record.number("run")
        self.cancelling = True

    def _ended(self, record: Record) -> None:
        if record.facts.get("outcome") != CALLED_OFF:
            self._run_over()
            return
        self.taken, self.running = messages_of(record), None

    def _replied(self, _: Record) -> None:
        self.replied = True
        self._run_over()

    def _hook_set(self, record: Record) -> None:
        hook = TaskPushNotificationConfig.FromString(record.payload).id
        since, _ = self.hooks.pop(hook, (record.seq, b""))
        self.hooks[hook] = (since, record.payload)

    def _hook_deleted(self, record: Record) -> None:
        self.hooks.pop(str(record.facts["hook"]), None)

    def _claimed(self, _: Record) -> None:
        """A claim changes the epoch, which `apply` reads off every record."""

    def _adopt(self, record: Record) -> None:
        """The agent's own Task becomes the Task, as it is."""
        self.adopted = self.spoke = not record.number("core")
        self.task = task = StreamResponse.FromString(record.payload).task
        self.artifacts = {}
        for index, artifact in enumerate(task.artifacts):
            self.artifacts.setdefault(artifact.artifact_id, (index, False))
        self._stamped(task.status)

    def _status(self, record: Record) -> None:
        """A new status moves the message of the one before into the history."""
        event = StreamResponse.FromString(record.payload).status_update
        self.adopted = self.spoke = True
        task = self._existing()
        if task.status.HasField("message"):
            task.history.append(task.status.message)
        if event.HasField("metadata") and event.metadata:
            task.metadata.MergeFrom(event.metadata)
        task.status.CopyFrom(event.status)
        self._stamped(event.status)

    def _artifact(self, record: Record) -> None:
        """R48 to R50: replace or add, or append parts to the artifact with that id."""
        event = StreamResponse.FromString(record.payload).artifact_update
        self.adopted = True
        artifacts = self._existing().artifacts
        artifact_id = event.artifact.artifact_id
        index, _ = self.artifacts.get(artifact_id, (len(artifacts), False))
        if index == len(artifacts):
            artifacts.append(event.artifact)
        elif event.append:
            _extend(artifacts[index], event.artifact)
        else:
            artifacts[index].CopyFrom(event.artifact)
        self.artifacts[artifact_id] = (index, event.last_chunk)

    def _started(self, record: Record) -> None:
        """A message enters the history when its run starts, once (invariant 17)."""
        begun, self.spoke = self.taken, False
        self.run = record.number("run")
        *before, self.running = messages_of(record)
        self.taken = tuple(before)
        if self.task is None or record.number("again"):
            return
        if self.task.status.HasField("message"):
            self.task.history.append(self.task.status.message)
            self.task.status.ClearField("message")
        for message in (self.message(seq) for seq in self.in_hand if seq not in begun):
            if all(known.message_id != message.message_id for known in self.task.history):
                self.task.history.append(message)

    def message(self, seq: int) -> Message:
        """The accepted message with that sequence number."""
        return SendMessageRequest.FromString(self.accepted[seq].request).message

    def _existing(self) -> Task:
        if self.task is None:
            raise ValueError(f"record {self.version} changes a Task that no record has created")
        return self.task

    def _stamped(self, status: TaskStatus) -> None:
        self.status_at = max(self.status_at, milliseconds(status.timestamp))
        if status.state in TERMINAL:
            self._run_over()
            self.accepted.clear()

    def _run_over(self) -> None:
        for seq in self.in_hand:
            self.accepted.pop(seq, None)
        self.taken, self.running = (), None
        self.cancelling = False

    _BY_KIND: ClassVar[Mapping[int, Callable[[Fold, Record], None]]] = {
        Kind.TASK: _adopt,
        Kind.STATUS: _status,
        Kind.ARTIFACT: _artifact,
        Kind.REPLY: _replied,
        Kind.ACCEPTED: _accepted,
        Kind.REFUSED: _refused,
        Kind.STARTED: _started,
        Kind.ENDED: _ended,
        Kind.CANCEL_ASKED: _cancel_asked,
        Kind.EPOCH_CLAIMED: _claimed,
        Kind.HOOK_SET: _hook_set,
        Kind.HOOK_DELETED: _hook_deleted,
    }

    # -- snapshots

    def pack(self) -> bytes:
        """The fold as bytes, for a snapshot: `Fold.unpack(fold.pack())` equals `fold`."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        fields["format"] = FORMAT
        fields["task"] = None if self.task is None else self.task.SerializeToString()
        fields["accepted"] = [[seq, *accepted] for seq, accepted in self.accepted.items()]
        fields["artifacts"] = [[a, i, closed] for a, (i, closed) in self.artifacts.items()]
        fields["hooks"] = [[hook, since, known] for hook, (since, known) in self.hooks.items()]
        packed: bytes = msgpack.packb(fields)
        return packed

    @classmethod
    def unpack(cls, payload: bytes) -> Fold:
        """The fold that `pack` wrote.

        Raises:
            ValueError: it was written in another format.
        """
        fields = msgpack.unpackb(payload)
        if fields["format"] != FORMAT:
            raise ValueError(f"snapshot of format {fields['format']}, this release reads {FORMAT}")
        fold = cls()
        fields.setdefault("touched", fields["status_at"])  # once these were not kept
        fields.setdefault("hooks", [])
        fields.setdefault("taken", [])
        fields.setdefault("spoke", None)
        for name in cls.__slots__:
            setattr(fold, name, fields[name])
        fold.task = None if fields["task"] is None else Task.FromString(fields["task"])
        fold.accepted = {
            seq: Accepted(request, tuple(extensions), *trace)  # once there was none
            for seq, request, extensions, *trace in fields["accepted"]
        }
        fold.artifacts = {a: (i, closed) for a, i, closed in fields["artifacts"]}
        fold.taken = tuple(fields["taken"])
        fold.hooks = {hook: (since, known) for hook, since, known in fields["hooks"]}
        return fold


def milliseconds(timestamp: Timestamp) -> int:
    """Return a time as UTC milliseconds; 0 if it is not set."""
    whole: int = timestamp.seconds * 1000 + timestamp.nanos // 1_000_000
    return whole


def _extend(artifact: Artifact, chunk: Artifact) -> None:
    """Append the parts of a chunk, and its metadata (R49); all that it had beside them is gone.

    Merged as a whole, which takes a fifth of the time of `parts.extend` for those of a burst.
    """
    if len(UnknownFieldSet(chunk)):  # of a later protocol; a merge would bring them along
        chunk = Artifact(parts=chunk.parts, metadata=chunk.metadata)
    for field in _NOT_APPENDED:
        chunk.ClearField(field)
    if not chunk.metadata:
        chunk.ClearField("metadata")
    artifact.MergeFrom(chunk)


def fold(records: Iterable[Record], base: Fold | None = None) -> Fold:
    """Fold a whole log, or the tail after `base` (which it then extends in place)."""
    state = base or Fold()
    for record in records:
        state.apply(record)
    return state


def fold_pure(state: Fold, record: Record) -> Fold:
    """`state` with `record` folded in; `state` itself stays as it is."""
    successor = Fold.unpack(state.pack())
    successor.apply(record)
    return successor
