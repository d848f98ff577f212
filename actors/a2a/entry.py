"""The entry: who asks, about which task; every operation comes in through here.

Neighbours: `handler.py` (the operations), `runtime.py` (the core on a loop), `requests.py` (calls
by key), `errors.py` (what callers hear of our own troubles).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from a2a.server.agent_execution import RequestContext, RequestContextBuilder
from a2a.server.context import ServerCallContext
from a2a.server.owner_resolver import OwnerResolver
from a2a.types import SendMessageRequest, Task
from a2a.utils.errors import InvalidParamsError, TaskNotFoundError

from actors.a2a.errors import client_error
from actors.a2a.requests import Calls
from actors.a2a.runtime import RuntimeHolder
from actors.a2a.sayable import unsayable
from actors.runtime import Caller, ReplyTo
from actors.task.core import TaskCore
from actors.task.messages import Admitted, Send, Settled, Wait


class Keyed(NamedTuple):
    """A message that must not be carried out twice."""

    key: str
    stored: ReplyTo[None]
    """Resolved once it is stored."""


class Entry:
    """Resolves callers and tasks, and hands messages to the task core.

    Args:
        runtime: the core, on whichever loop.
        calls: remembers the call behind each key.
        builder: makes what the agent's `execute` receives, and mints ids.
        owner_resolver: who owns what a caller creates.
    """

    def __init__(
        self,
        runtime: RuntimeHolder,
        calls: Calls,
        builder: RequestContextBuilder,
        owner_resolver: OwnerResolver,
    ) -> None:
        self.calls = calls
        self._runtime = runtime
        self._builder = builder
        self._owner_resolver = owner_resolver

    async def core(self) -> TaskCore:
        """Return the task core, started."""
        with client_errors():
            return await self._runtime.core()

    def caller(self, context: ServerCallContext, key: int = 0) -> Caller:
        """Return who asks, as envelopes carry it (law L6)."""
        return Caller(self._owner_resolver(context), context.tenant, key)

    @contextmanager
    def call(self, context: ServerCallContext) -> Iterator[Caller]:
        """Keep a call for as long as one request of it lasts."""
        key = self.calls.keep(context)
        try:
            yield self.caller(context, key)
        finally:
            self.calls.forget(key)

    async def task(self, task: str, context: ServerCallContext) -> Task:
        """Return a task that the caller may see (R87).

        Raises:
            TaskNotFoundError: there is none, or it is somebody else's (R81).
        """
        core = await self.core()
        with self.call(context) as caller, client_errors():
            view = await core.view(task, caller)
        if view is None or not view.task:
            raise TaskNotFoundError
        return Task.FromString(view.task)

    async def resolve(
        self, params: SendMessageRequest, context: ServerCallContext
    ) -> RequestContext:
        """Resolve which task and context a message belongs to (R2 to R8).

        Raises:
            TaskNotFoundError: it names a task that the caller cannot see.
            InvalidParamsError: it names another context than its task has (R7), or holds what has
                no form in JSON, so that the task could not be told any more.
        """
        if (reason := unsayable(params, params.SerializeToString())) is not None:
            raise InvalidParamsError(f"A number in data or metadata has no form in JSON: {reason}")
        task_id = params.message.task_id or None
        context_id = params.message.context_id or None
        if task_id is not None:
            known = await self._context_of(task_id, context)
            if context_id is not None and context_id != known:
                raise InvalidParamsError(
                    f"Context {context_id} does not match context {known} of task {task_id}"
                )
            context_id = known
        return await self._builder.build(
            context=context, params=params, task_id=task_id, context_id=context_id, task=None
        )

    async def _context_of(self, task: str, context: ServerCallContext) -> str:
        try:
            return (await self.task(task, context)).context_id
        except TaskNotFoundError:
            raise TaskNotFoundError(f"Task {task} not found") from None

    async def send(
        self,
        params: SendMessageRequest,
        request: RequestContext,
        context: ServerCallContext,
        wait: Wait,
        *,
        new: bool,
        keyed: Keyed | None = None,
    ) -> Admitted | Settled:
        """Hand a resolved message to its task; the call behind it is kept until its run is over."""
        core = await self.core()
        key = self.calls.keep(context, request)
        message = Send(
            request=_with_ids(params, request),
            context=str(request.context_id),
            extensions=tuple(sorted(context.requested_extensions)),
            wait=wait,
            new=new,
            key=keyed.key if keyed else "",
            stored=keyed.stored if keyed else None,
        )
        try:
            with client_errors():
                return await core.send(str(request.task_id), message, self.caller(context, key))
        except Exception:
            self.calls.forget(key)
            raise


def _with_ids(params: SendMessageRequest, request: RequestContext) -> bytes:
    """Return the request as it is to be stored; a builder may have put the ids elsewhere."""
    accepted = SendMessageRequest()
    accepted.CopyFrom(params)
    accepted.message.task_id = str(request.task_id)
    accepted.message.context_id = str(request.context_id)
    return accepted.SerializeToString()


@contextmanager
def client_errors() -> Iterator[None]:
    """Turn what the task core raises into what a client may hear."""
    try:
        yield
    except Exception as error:
        heard = client_error(error)
        if heard is error:
            raise
        raise heard from error
