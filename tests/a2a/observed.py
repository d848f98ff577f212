"""What clients saw of a server, held against what the server has stored.

Clients write down every request, its answer and each event of its stream. When all is over, the
logs are read, and everything must fit: streams are logs, from where they begin, without a gap;
answers are versions of the Task; errors are those of agents, or true; nobody sees a stranger's
task; each message is carried out once.

Neighbours: `witnessed.py` (what is written down), `fits.py` (how events fit a log).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from a2a.types import Message, SendMessageRequest, Task
from a2a.utils.errors import (
    InvalidAgentResponseError,
    InvalidParamsError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)

from actors.simulation.invariants import INVARIANTS
from actors.simulation.invariants.chronicle import Chronicle
from actors.simulation.invariants.evidence import History
from actors.simulation.invariants.rule import judge
from actors.simulation.sandbox import ANYWHERE
from actors.simulation.trace import Trace
from actors.simulation.world import table_of
from actors.task.events import unfinished
from actors.task.fold import INTERRUPTED, TERMINAL
from actors.task.policy import Policy
from actors.task.record import Kind
from tests.a2a.fits import ended_early, misfit, version
from tests.a2a.whims import WHIM
from tests.a2a.witnessed import Request, Stored, Who

SLOW = 2_000
"""Milliseconds."""
OURS = ("actors.", "statechart", "Traceback", ".py", "sqlite", "SELECT", "Mailbox", "asyncio")
"""Nothing that a client hears has any of it."""


class Observed:
    """Everything that is known of one session.

    Args:
        requests: of all clients.
        logs: as they are when all is over.
        policy: of the server.
        closing: when the server began to close; UTC seconds, as the times of the requests.
        slow: milliseconds within which readers of a task hear of its end.
        trouble: errors that say nothing of the task, where the server has faults.
    """

    def __init__(
        self,
        requests: Sequence[Request],
        logs: Mapping[str, Stored],
        policy: Policy,
        closing: float,
        *,
        slow: int = SLOW,
        trouble: tuple[type[BaseException], ...] = (),
    ) -> None:
        self.requests = sorted(requests, key=lambda request: request.began)
        self.logs = logs
        self.policy = policy
        self.closing = closing
        self._slow = slow
        self._trouble = trouble
        self._histories = {
            task: History(Chronicle(task, log.records)) for task, log in logs.items()
        }
        self._nothing = History(Chronicle("", ()))
        self._accepted: dict[tuple[Who, str], list[str]] = {}
        for task, log in logs.items():
            for record in self._histories[task].of_kind(Kind.ACCEPTED):
                said = SendMessageRequest.FromString(record.payload).message.message_id
                self._accepted.setdefault((log.who, said), []).append(task)

    def wrong(self) -> list[str]:
        """Everything that does not fit, in words."""
        return [
            *self._messages(),
            *(f"{request}: {text}" for request in self.requests for text in self._of(request)),
            *self._reads(),
        ]

    # -- logs by themselves

    def wrong_logs(self) -> list[str]:
        """What no log may have; a simulation sees to that by itself."""
        trace = Trace()
        trace.logs = {task: log.records for task, log in self.logs.items()}
        trace.table = table_of(self.policy)
        held = (each for each in INVARIANTS if each.number in ANYWHERE)
        return [str(each) for each in judge(held, trace, self.policy).violations]

    def _messages(self) -> Iterator[str]:
        """Invariants 17 and 18: no more executions than times that a message was sent."""
        sent = Counter((each.who, each.message) for each in self.requests if each.message)
        for (who, message), tasks in self._accepted.items():
            most = 1 if self.policy.deduplicate else sent[who, message]
            if len(tasks) > most:
                yield f"{message} of {who} was accepted {len(tasks)} times, at most {most} is due"

    # -- one request

    def _about(self, request: Request) -> list[History]:
        """The logs that it may be about: several if its message was sent again."""
        seen = next(request.tasks, "") if request.what != "list" else ""
        task = request.task or seen
        tasks = [task] if task else self._accepted.get((request.who, request.message), [])
        found = [self._histories[each] for each in tasks if each in self._histories]
        return found or [self._nothing]

    def _of(self, request: Request) -> Iterator[str]:
        yield from self._strangers(request)
        if request.late:
            yield from self._late(request)
        if request.error is not None:
            yield from self._error(request, request.error)
        if request.told or request.what == "subscribe":
            yield from self._stream(request)
        if isinstance(request.answer, Task | Message):
            yield from self._answer(request, request.answer)

    def _strangers(self, request: Request) -> Iterator[str]:
        """Invariant 26."""
        for task in request.tasks:
            if task and task in self.logs and self.logs[task].who != request.who:
                yield f"sees task {task} of {self.logs[task].who}"
            elif task and task not in self.logs:
                yield f"sees task {task}, which nothing has stored"
        log, error = self.logs.get(request.task), request.error
        if log is not None and log.who != request.who and error is not None:
            quiet = isinstance(error, (TaskNotFoundError, *self._trouble))
            if not quiet and request.ended < self.closing:
                yield f"hears {type(error).__name__} of a task of {log.who}"

    def _late(self, request: Request) -> Iterator[str]:
        """Invariants 11 and 16."""
        histories = self._about(request)
        finals = [each.log[each.final - 1] for each in histories if each.final is not None]
        since = max((request.began * 1000, *(record.at for record in finals)))
        waited = request.ended * 1000 - since
        if len(finals) == len(histories) and waited > self._slow:
            yield f"had no end, and its task is final since record {finals[-1].seq}"
        elif not finals and self._has_to_end(request):
            yield "had no answer"

    def _has_to_end(self, request: Request) -> bool:
        waits = request.what not in ("stream", "subscribe")
        return waits and self.policy.execution_deadline is not None

    def _error(self, request: Request, error: BaseException) -> Iterator[str]:
        """Errors are those of agents, or true; afterwards, when the server closes, any will do."""
        text = str(error)
        if request.ended >= self.closing or isinstance(error, self._trouble):
            return
        if WHIM in text or any(failure and failure in text for failure in self._failures(request)):
            return
        if any(word in text for word in OURS):
            yield f"heard of our internals: {text!r}"
        if not self._is_true(request, error, text):
            yield f"ended with {type(error).__name__}: {text!r}"

    def _failures(self, request: Request) -> set[str]:
        """What its client may hear of agents."""
        # An agent may cancel itself, of which we say so in our own words, also where no task of the
        # request was ever seen.
        found = {unfinished().message, "The agent's execute was cancelled."}
        for history in self._about(request):
            found |= history.failures(Kind.ENDED, Kind.REFUSED)
        return found

    def _is_true(self, request: Request, error: BaseException, text: str) -> bool:
        terminal = any(history.terminal for history in self._about(request))
        final = any(history.final is not None for history in self._about(request))
        match error:
            case TaskNotFoundError():
                return not self._was_seen(request)
            case TaskNotCancelableError():
                return terminal
            case UnsupportedOperationError():
                busy = self.policy.during_run == "reject" and request.message != ""
                return terminal or busy
            case InvalidAgentResponseError():
                return final  # what its agent did after the end is told, and not stored
            case InvalidParamsError():
                return request.after is not None and "lies beyond" in text
            case _:
                return False

    def _was_seen(self, request: Request) -> bool:
        return any(
            other.who == request.who and other.ended < request.began and request.task in other.tasks
            for other in self.requests
            if other.ended
        )

    def _stream(self, request: Request) -> Iterator[str]:
        found = [self._misfit(request, history) for history in self._about(request)]
        if all(found):
            yield found[0]

    def _misfit(self, request: Request, history: History) -> str:
        first = request.what == "subscribe"
        wrong = misfit(history, request.told, request.after, snapshot_first=first)
        whole = request.error is None and not request.left and request.ended < self.closing
        if wrong or not whole:
            return wrong
        message = history.accepted.get(request.message)
        return ended_early(history, request.told, request.after, message, self.policy)

    def _answer(self, request: Request, answer: Task | Message) -> Iterator[str]:
        histories = self._about(request)
        if isinstance(answer, Message):
            replies = [each.event(record).message for each in histories for record in each.public]
            if answer not in replies:
                yield "got a Message that no log has"
            return
        history, state = histories[0], answer.status.state
        if version(history, answer) is None:
            yield f"got a Task that was never so: {answer}"
        if request.what == "cancel" and not (
            state in TERMINAL and history.final and history.shows(answer, history.final)
        ):
            yield f"cancelled, and got {state} where the log has {history.state}"
        rests = state in TERMINAL | INTERRUPTED or self.policy.unfinished == "keep"
        if request.what == "send" and not rests:
            yield f"waited, and got the state {state}"

    # -- requests among themselves

    def _reads(self) -> Iterator[str]:
        """Who reads after something was shown sees at least that."""
        shown: dict[str, list[tuple[float, int]]] = {}
        for request in self.requests:
            if not isinstance(request.answer, Task) or request.what == "immediately":
                continue
            task = request.answer.id
            latest = version(self._histories.get(task, self._nothing), request.answer)
            if latest is None:
                continue
            least = max((seq for at, seq in shown.get(task, ()) if at < request.began), default=0)
            if request.what == "get" and latest < least:
                yield f"{request}: got version {latest}, and {least} had been shown before"
            earliest = version(self._histories[task], request.answer, latest=False)
            shown.setdefault(task, []).append((request.ended, earliest or 0))
