"""RunnerActor: starts, cancels and abandons runs of the agent; at most one for each task.

It stands between the TaskActors and the AgentPort, so that whatever the port reports about a run
that has been superseded or abandoned ends here, counted. Drain is its business too: it alone knows
which runs are left.

Neighbours: `runs.py` and `release.py` (command it), `ports.py` (AgentPort).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from actors.runtime import (
    RESUME,
    Actor,
    DeadLetter,
    Effect,
    Envelope,
    Perform,
    Reply,
    ReplyTo,
    Step,
    Tell,
)
from actors.runtime.journal.messages import Drain
from actors.task.messages import CancelOver, Emitted, RunOver, TaskMessage, task_ref
from actors.task.orders import Abandon, CallOff, Launch, RunReported
from actors.task.ports import AbandonRun, RunId


class Runs(NamedTuple):
    """The runs going on, by task. The dict is this actor's own and changes in place."""

    by_task: dict[str, RunId]
    cancelling: set[RunId]
    """Runs whose end will be reported as the outcome of their cancel."""
    drained: tuple[ReplyTo[Any], ...] = ()


class RunnerActor(Actor[Runs]):
    """The behaviour of the one runner of a system."""

    supervision = RESUME

    def start(self) -> Step[Runs]:
        """No run is going on."""
        return Step(Runs({}, set()))

    def step(self, state: Runs, envelope: Envelope, now: int) -> Step[Runs]:
        """Command the port, or pass on what it reports."""
        match envelope.message:
            case Launch(start):
                state.by_task[start.run.task] = start.run
                return Step(state, (Perform("agent", start),))
            case CallOff(cancel):
                state.by_task[cancel.run.task] = cancel.run
                state.cancelling.add(cancel.run)
                return Step(state, (Perform("agent", cancel),))
            case Abandon(run):
                return self._over(state, run, (Perform("agent", AbandonRun(run)),))
            case RunReported() as report:
                return self._reported(state, report)
            case Drain() if envelope.reply_to is not None:
                waiting = state._replace(drained=(*state.drained, envelope.reply_to))
                return self._over(waiting, None, ())
            case other:
                return Step(state, (DeadLetter(other, "not for the runner"),))

    def _reported(self, state: Runs, report: RunReported) -> Step[Runs]:
        run = report.run
        overtaken = run in state.cancelling and not report.cancel
        if state.by_task.get(run.task) != run or overtaken:
            return Step(state, _superseded(report))
        over: TaskMessage = (
            CancelOver(run, report.failure)
            if report.cancel
            else RunOver(run, report.failure, report.events)
        )
        return self._over(state, run, (Tell(task_ref(run.task), over),))

    @staticmethod
    def _over(state: Runs, run: RunId | None, effects: tuple[Effect, ...]) -> Step[Runs]:
        """Forget a run; whoever drains is told when it was the last."""
        if run is not None and state.by_task.get(run.task) == run:
            del state.by_task[run.task]
            state.cancelling.discard(run)
        if state.by_task or not state.drained:
            return Step(state, effects)
        told = tuple(Reply(reply_to, True) for reply_to in state.drained)
        return Step(state._replace(drained=()), (*effects, *told))


def _superseded(report: RunReported) -> tuple[Effect, ...]:
    """The end counts for nothing; what becomes of the events is for the task to judge."""
    run, events = report.run, report.events
    lost = DeadLetter(RunReported(run, report.failure, report.cancel), "superseded run")
    return (Tell(task_ref(run.task), Emitted(run, events)), lost) if events else (lost,)
