"""The lives of actors: how they start, crash, restart, escalate and end (law L4 throughout).

Neighbours: `system.py` (the address book), `perform.py` (performs what ending actors owe),
`supervision.py` (what is obeyed here), `report.py` (what is said about a crash).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NoReturn

from actors.runtime.actor import Step, no_step
from actors.runtime.cell import Cell
from actors.runtime.errors import ActorCrashed, ActorStopped, BadStep
from actors.runtime.perform import START, Performer
from actors.runtime.report import about, cause_of, crash_report
from actors.runtime.supervision import STOP, Directive, Supervision

if TYPE_CHECKING:
    from actors.runtime.system import ActorSystem

logger = logging.getLogger("actors")


class Lives:
    """Begins and ends the lives of the cells of one system."""

    def __init__(self, system: ActorSystem, performer: Performer) -> None:
        self._system = system
        self._performer = performer

    def begin(self, cell: Cell) -> None:
        """Run a pending start; what an earlier life had put aside comes first after it."""
        if cell.stash:
            cell.mailbox.put_back(cell.stash)
            cell.stash = ()
        try:
            step = cell.actor.start()
            if type(step) is not Step:
                no_step(cell.actor, "start", step)
        except Exception as error:  # noqa: BLE001 - supervision decides, whatever was raised
            self.crashed(cell, "start", error)
            return
        cell.state, effects = step
        cell.started = True
        failed = self._performer.run(cell, effects, START._replace(trace=cell.trace))
        if failed is not None:
            self.crashed(cell, "start", failed)

    # -- crashes

    def crashed(self, cell: Cell, message: str, error: Exception) -> None:
        """Do what the actor's supervision says; its parents' too, as far as it is escalated.

        Args:
            cell: whose step, start or effect raised.
            message: type of the message, or what there was instead.
            error: what it raised.
        """
        answer = ActorCrashed(f"{cell.ref} crashed while it handled a message")
        failing: Cell | None = cell
        while failing is not None:
            supervision = self._supervision(failing, error)
            directive = self._directive(failing, supervision)
            self._report(failing, directive, message, error)
            if failing.stopped or directive is Directive.RESUME:
                return
            if directive is Directive.RESTART:
                self._restart(failing, supervision, answer)
                return
            parent = failing.parent
            if parent is not None and directive is Directive.ESCALATE:
                parent.passivating = False  # it has something to attend to
            self.end(failing, answer, "crashed")
            if directive is Directive.ESCALATE and parent is None:
                says = "%s escalated a crash and has no parent: stopped"
                logger.critical(says, failing.ref, extra=about(failing))
            failing = parent if directive is Directive.ESCALATE else None
            message = "a child"

    def report(self, cell: Cell, what: str, error: Exception) -> None:
        """Say that an ending actor could not do something; nothing else can be done about it."""
        cause = cause_of(error, reveal=self._system.reveal)
        says = "%s could not perform %s as it ended: %s"
        logger.error(says, cell.ref, what, cause, extra=about(cell))

    def unperformed(self, cell: Cell, what: str, error: Exception) -> None:
        """Say that one effect of a living actor has failed; it goes on."""
        self._report(cell, Directive.RESUME, what, error)

    def _report(self, cell: Cell, directive: Directive, message: str, error: Exception) -> None:
        report = crash_report(cell, directive, message, error, reveal=self._system.reveal)
        logger.error("%s", report, extra=about(cell))
        self._system.crashes.tell(report)

    def _supervision(self, cell: Cell, error: Exception) -> Supervision:
        try:
            found = cell.actor.supervise(error)
            if not isinstance(found, Supervision):
                _no_supervision(cell, found)
        except Exception as worse:  # noqa: BLE001 - who cannot even say what to do is stopped
            self.report(cell, "supervise", worse)
            return STOP
        return found

    def _directive(self, cell: Cell, supervision: Supervision) -> Directive:
        directive = supervision.directive
        if directive is Directive.RESUME and not cell.started:
            return Directive.STOP  # a start has left no state to go on from
        if directive is Directive.RESTART:
            now = self._system.clock.monotonic()
            if cell.restarts and now - cell.restarts[-1] >= supervision.within:
                cell.restarts = ()
            if len(cell.restarts) >= supervision.limit:
                return supervision.beyond
        return directive

    def _restart(self, cell: Cell, supervision: Supervision, answer: Exception) -> None:
        cell.passivating = False
        self._system.unwatch_all(cell)  # else the next life hears of the end of these children
        for child in tuple(cell.children.values()):
            self.end(child, answer, "parent gone")
        self._answer(cell, answer)
        if cell.stopped:
            return  # by a listener that has heard of the children's end
        cell.forget_timers()
        cell.state = None
        pause = supervision.pause(len(cell.restarts))
        clock = self._system.clock
        cell.restarts = (*cell.restarts, clock.monotonic() + pause)
        if pause > 0.0:
            cell.suspended = True
            cell.backoff = clock.call_later(pause, lambda: self._resume(cell))
        else:
            self._system.scheduler.wake(cell)

    def _resume(self, cell: Cell) -> None:
        cell.backoff = None
        cell.suspended = False
        self._system.scheduler.wake(cell)

    # -- ends

    def leave(self, cell: Cell, error: Exception, reason: str) -> None:
        """End an actor by its own wish: what waits for it may find a successor."""
        if not cell.stopped:
            self._end_family(cell, error)
            self._system.remove(cell, error, reason, heirs=True)

    def rest(self, cell: Cell) -> None:
        """End an actor that wants to passivate, once nothing waits for it and no child lives."""
        if cell.passivating and cell.quiet and not cell.children:
            self.leave(cell, ActorStopped(f"{cell.ref} is passive"), "passivated")

    def end(self, cell: Cell, error: Exception, reason: str) -> None:
        """End an actor whether it wants to or not; everything that it owes is answered `error`."""
        if not cell.stopped:
            self._end_family(cell, error)
            self._answer(cell, error)
            self._system.remove(cell, error, reason)

    def _end_family(self, cell: Cell, error: Exception) -> None:
        """End all descendants, children before their parents, however many generations."""
        family = [cell]
        for member in family:
            member.stopped = True
            family.extend(member.children.values())
        for member in reversed(family[1:]):
            self._answer(member, error)
            self._system.remove(member, error, "parent gone")

    def _answer(self, cell: Cell, error: Exception) -> None:
        """Let the lost state answer whom it kept waiting; from here on there is no state."""
        if not cell.started:
            return
        cell.started = False
        try:
            effects = cell.actor.stopped(cell.state, error)
        except Exception as worse:  # noqa: BLE001 - reported; there is nobody left to crash
            self.report(cell, "stopped", worse)
            return
        self._performer.settle(cell, effects)


def _no_supervision(cell: Cell, found: object) -> NoReturn:
    raise BadStep(
        f"{type(cell.actor).__qualname__}.supervise returned {type(found).__qualname__}; "
        "expected a Supervision"
    )
