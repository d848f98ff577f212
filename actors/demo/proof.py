"""What the tour proves of a stream that was cut in two: no gap, no duplicate, and it is the task.

Neighbours: `tour.py` (feeds and shows it), `agent.py` (numbers its words).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from a2a.types import Artifact, StreamResponse, Task, TaskState
from google.protobuf.json_format import MessageToDict

from actors.cli.show import state_name


def chunks(artifacts: Iterable[Artifact]) -> list[int]:
    """Return the numbers that the agent gave its words, in order."""
    return [
        int(MessageToDict(part.metadata)["chunk"])
        for artifact in artifacts
        for part in artifact.parts
        if "chunk" in part.metadata
    ]


@dataclass
class Proof:
    """What a client saw over two connections, and whether that is what was stored."""

    ids: list[int] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    before: int = 0
    """Events seen before the kill."""
    failures: list[str] = field(default_factory=list)

    @property
    def last_before(self) -> int:
        """The id of the last event before the kill."""
        return self.ids[self.before - 1]

    @property
    def duplicates(self) -> int:
        """Words that came more than once."""
        return len(self.words) - len(set(self.words))

    @property
    def gaps(self) -> int:
        """Words that never came."""
        return max(self.words, default=0) - len(set(self.words))

    def take(self, number: int | None, event: StreamResponse) -> None:
        """Note one event of the stream."""
        if number is None:
            self.failures.append("an event has no id")
            return
        self.ids.append(number)
        if event.HasField("artifact_update"):
            self.words += chunks([event.artifact_update.artifact])

    def killed(self) -> None:
        """The first connection is gone."""
        self.before = len(self.ids)

    def compare(self, task: Task) -> None:
        """Hold what was seen against the task as stored."""
        stored = chunks(task.artifacts)
        if task.status.state != TaskState.TASK_STATE_COMPLETED:
            self.failures.append(f"the task is {state_name(task.status.state)}, not completed")
        if stored != list(range(1, len(stored) + 1)) or not stored:
            self.failures.append(f"the stored words are not numbered 1 to N: {stored}")
        if self.words != stored:
            self.failures.append(f"the client saw the words {self.words}, stored are {stored}")
        if any(later <= earlier for earlier, later in zip(self.ids, self.ids[1:], strict=False)):
            self.failures.append(f"the ids do not grow: {self.ids}")
        if not 0 < self.before < len(self.ids):
            self.failures.append("not both connections carried events")

    def rows(self) -> list[tuple[str, str]]:
        """Return the summary, name by name."""
        after = self.ids[self.before] if self.before < len(self.ids) else 0
        return [
            ("events seen before the kill", str(self.before)),
            ("events seen after the restart", str(len(self.ids) - self.before)),
            ("last id before the kill", str(self.last_before)),
            ("first id after the restart", str(after)),
            ("words received", str(len(self.words))),
            ("duplicates", str(self.duplicates)),
            ("gaps", str(self.gaps)),
            ("the same as the stored task", "no" if self.failures else "yes"),
        ]
