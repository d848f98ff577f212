"""What clients write down: each request, its answer, and every event of its stream.

Neighbours: `random_clients.py` (writes), `observed.py` (judges).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from a2a.types import ListTasksResponse, Message, StreamResponse, Task

from actors.runtime.journal.record import Record


class Who(NamedTuple):
    """Whose a request is."""

    owner: str
    tenant: str


class Told(NamedTuple):
    """An event of a stream."""

    seq: int | None
    """None over bindings that number nothing."""
    event: StreamResponse


@dataclass(slots=True, kw_only=True)
class Request:
    """A request, as its client saw it."""

    who: Who
    binding: str
    what: str
    """send, immediately, stream, subscribe, get, cancel or list."""
    began: float
    task: str = ""
    message: str = ""
    """Id of the message that it sends."""
    after: int | None = None
    told: list[Told] = field(default_factory=list)
    answer: Task | Message | ListTasksResponse | None = None
    error: BaseException | None = None
    left: bool = False
    """The client went away before the end."""
    late: bool = False
    """It did so because it had waited long enough."""
    ended: float = 0.0

    def __str__(self) -> str:
        named = self.message or f"after {self.after}"
        return f"{self.what} over {self.binding} by {self.who} on {self.task or 'nothing'}, {named}"

    @property
    def tasks(self) -> Iterator[str]:
        """Ids of the tasks that its client has seen by it."""
        if isinstance(self.answer, Task):
            yield self.answer.id
        elif isinstance(self.answer, ListTasksResponse):
            yield from (task.id for task in self.answer.tasks)
        for _, event in self.told:
            shown = getattr(event, str(event.WhichOneof("payload")))
            yield shown.id if isinstance(shown, Task) else shown.task_id


class Stored(NamedTuple):
    """A log, and whose it is."""

    who: Who
    records: tuple[Record, ...]
