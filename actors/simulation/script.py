"""Scripted agents: what `execute` and `cancel` do, one event at a time.

A program is a generator: each `next` is one step of the agent, an event it yields is emitted, its
return or exception is the end of the run. Texts are unique, so that each stored payload can be
traced back to the run that emitted it.

Neighbours: `ports.py` (steps the programs), `scenarios.py` (chooses scripts).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from a2a.types import (
    Artifact,
    Message,
    Part,
    Role,
    Task,
    TaskArtifactUpdateEvent,
    TaskStatus,
    TaskStatusUpdateEvent,
)

from actors.a2a.emission import Event
from actors.simulation.choices import Choices
from actors.task.ports import CancelRun, RunId, StartRun


class Program(Iterator[Event]):
    """One execution of a script, and how far it has got."""

    def __init__(self, steps: Iterator[Event], name: str) -> None:
        self._steps = steps
        self._name = name
        self._done = 0

    def __next__(self) -> Event:
        """Take one step.

        Raises:
            StopIteration: the agent returned.
            Exception: whatever the agent raised.
        """
        self._done += 1
        return next(self._steps)

    def state(self) -> tuple[str, int]:
        """What it will do from here on, for comparing states of a search."""
        return (self._name, self._done)


class Script(ABC):
    """What an agent does when it is called."""

    @abstractmethod
    def execute(self, start: StartRun) -> Program:
        """Return the program of one run."""

    @abstractmethod
    def cancel(self, cancel: CancelRun) -> Program:
        """Return the program of one call to `cancel`."""

    def goes_on(self) -> bool:
        """Whether `execute`, which has just emitted, does its next step before it lets go.

        Of the loop: events that come so go to their task together.
        """
        return False


Verb = Callable[["Words"], Event]


class Words:
    """Makes the events of one run; each text says whose it is."""

    def __init__(self, run: RunId, context: str, *, exists: bool, voice: str = "") -> None:
        self.run = run
        self.context = context
        self.exists = exists
        """A Task is stored already, so that a second one is not needed."""
        self._voice = voice
        """Tells the texts of `cancel` from those of `execute` in the same run."""
        self._said = 0
        self._artifacts: set[str] = set()

    def _text(self) -> str:
        self._said += 1
        return f"{self.run.epoch}.{self.run.run}.{self._voice}{self._said}"

    def task(self, state: str = "WORKING") -> Task:
        """The Task itself."""
        self.exists = True
        task = Task(id=self.run.task, context_id=self.context, status=_status(state))
        task.metadata.update({"by": self._text()})
        return task

    def status(self, state: str) -> TaskStatusUpdateEvent:
        """A status, with a message."""
        event = TaskStatusUpdateEvent(
            task_id=self.run.task, context_id=self.context, status=_status(state)
        )
        event.status.message.CopyFrom(self.message())
        return event

    def chunk(
        self, artifact: str = "a", *, append: bool | None = None, last: bool = False
    ) -> TaskArtifactUpdateEvent:
        """A piece of an artifact; appended (None) if this run has begun that artifact."""
        append = artifact in self._artifacts if append is None else append
        self._artifacts.add(artifact)
        part = Part(text=self._text())
        return TaskArtifactUpdateEvent(
            task_id=self.run.task,
            context_id=self.context,
            artifact=Artifact(artifact_id=artifact, parts=[part]),
            append=append,
            last_chunk=last,
        )

    def message(self) -> Message:
        """A message of the agent's."""
        text = self._text()
        return Message(
            message_id=f"r{text}",
            context_id=self.context,
            role=Role.ROLE_AGENT,
            parts=[Part(text=text)],
        )


def _status(state: str) -> TaskStatus:
    return TaskStatus(state=f"TASK_STATE_{state}")


class Fixed(Script):
    """The same events in every run, and an agent that cancels as it should.

    Args:
        verbs: what is emitted, in order; an exception instead of one is raised.
        ignores_cancel: `cancel` returns without a word.
    """

    def __init__(self, verbs: Sequence[Verb | Exception], *, ignores_cancel: bool = False) -> None:
        self._verbs = tuple(verbs)
        self._ignores_cancel = ignores_cancel

    def execute(self, start: StartRun) -> Program:
        """Emit the events, then return."""
        words = Words(start.run, start.context, exists=bool(start.task))
        return Program(self._steps(words), f"execute {start.run}")

    def _steps(self, words: Words) -> Iterator[Event]:
        for verb in self._verbs:
            if isinstance(verb, Exception):
                raise verb
            yield verb(words)

    def cancel(self, cancel: CancelRun) -> Program:
        """Emit CANCELED, unless cancels are ignored."""
        words = Words(cancel.run, cancel.context, exists=bool(cancel.task), voice="c")
        said: list[Any] = [] if self._ignores_cancel else [words.status("CANCELED")]
        return Program(iter(said), f"cancel {cancel.run}")


class Whims(Script):
    """An agent that does anything an agent can do, as the choices say.

    Choice 0 all the way is a well-behaved agent: its Task, a chunk, COMPLETED, one after another.
    """

    LENGTH = 6
    """Steps of one run, at most."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices

    def execute(self, start: StartRun) -> Program:
        """Emit whatever comes."""
        words = Words(start.run, start.context, exists=bool(start.task))
        return Program(self._execute(words), f"execute {start.run}")

    def _execute(self, words: Words) -> Iterator[Event]:
        if self._choices.choose(8) == 1:
            yield words.message()  # a Message in place of a Task, or beside one
            if self._choices.choose(3) == 1:
                yield words.message()  # one too many
            return
        if not words.exists:
            yield words.task(self._of("WORKING", "SUBMITTED", "INPUT_REQUIRED", "COMPLETED"))
        for _ in range(self.LENGTH):
            what = self._choices.choose(10)
            if what == 0:
                yield words.chunk(last=self._choices.choose(3) == 2)
                yield words.status("COMPLETED")
                return
            if what == 1:
                return
            if what == 2:
                raise RuntimeError("the agent broke")
            yield self._any(what, words)

    def _any(self, what: int, words: Words) -> Event:
        match what:
            case 3 | 4:
                return words.status("WORKING")
            case 5:
                return words.status(self._of("INPUT_REQUIRED", "AUTH_REQUIRED"))
            case 6:
                return words.status(self._of("FAILED", "CANCELED", "REJECTED", "COMPLETED"))
            case 7:
                return words.task(self._of("WORKING", "INPUT_REQUIRED", "COMPLETED"))
            case _:
                how = (None, None, False, True)[self._choices.choose(4)]
                return words.chunk(self._of("a", "b"), append=how)

    def goes_on(self) -> bool:
        """Tell by choice."""
        return self._choices.choose(2) == 1

    def _of(self, *options: str) -> str:
        return options[self._choices.choose(len(options))]

    def cancel(self, cancel: CancelRun) -> Program:
        """Cancel, or not."""
        words = Words(cancel.run, cancel.context, exists=bool(cancel.task), voice="c")
        return Program(self._cancel(words), f"cancel {cancel.run}")

    def _cancel(self, words: Words) -> Iterator[Event]:
        match self._choices.choose(5):
            case 0:
                yield words.status("CANCELED")
            case 1:
                yield words.chunk()
                yield words.status("CANCELED")
            case 2:
                raise RuntimeError("the agent cannot cancel")
            case 3:
                yield words.status("COMPLETED")
            case _:
                return
