"""The entry: who asks, about which task; every operation comes in through here.

Neighbours: `handler.py` (the operations), `runtime.py` (the core on a loop), `requests.py` (calls
by key), `errors.py` (what callers hear of our own troubles).
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from functools import partial
from typing import Final, NamedTuple

from a2a.server.agent_execution import RequestContext, RequestContextBuilder
from a2a.server.context import ServerCallContext
from a2a.server.owner_resolver import OwnerResolver
from a2a.types import SendMessageRequest, Task
from a2a.utils.errors import InvalidParamsError, TaskNotFoundError

from actors.a2a.declared import Declared
from actors.a2a.errors import client_error
from actors.a2a.limits import Limits
from actors.a2a.requests import Calls
from actors.a2a.runtime import Runtime, RuntimeHolder
from actors.a2a.sayable import NUMBER, unsayable
from actors.runtime import AskTimeout, Caller, ReplyTo
from actors.task.core import TaskCore
from actors.task.messages import Admitted, Send, Settled, View, Wait
from actors.telemetry.spans import name_task


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
        limits: of requests, tasks and owners.
        declared: judges what requests declare of their client.
    """

    def __init__(
        self,
        runtime: RuntimeHolder,
        calls: Calls,
        builder: RequestContextBuilder,
        owner_resolver: OwnerResolver,
        limits: Limits,
        declared: Declared,
    ) -> None:
        self.calls = calls
        self._runtime = runtime
        self._builder = builder
        self._owner_resolver = owner_resolver
        self._limits = limits
        self._declared = declared

    async def serving(self) -> Runtime:
        """Return the runtime, started."""
        return self._runtime.running() or await self._begun()

    async def _begun(self) -> Runtime:
        with client_errors():
            return await self._runtime.serving()

    async def core(self) -> TaskCore:
        """Return the task core, started."""
        return (await self.serving()).core

    async def admit(self, context: ServerCallContext) -> None:
        """Count a request; every operation begins with this.

        Raises:
            VersionNotSupportedError: its client speaks another version (R90).
            ExtensionSupportRequiredError: its client lacks an extension (R83).
            RateLimitedError: its owner's requests come too fast.
        """
        self._declared.check(context)
        if self._limits.rate is not None:
            usage = (await self.serving()).usage
            usage.request(self.caller(context), asyncio.get_running_loop().time())

    def caller(self, context: ServerCallContext) -> Caller:
        """Return who asks, as envelopes carry it (law L6).

        An empty owner is one like any other: that of everybody whom the resolver gives no name.

        Raises:
            TypeError: the owner resolver returned no text.
        """
        owner = self._owner_resolver(context)
        if not isinstance(owner, str):
            raise TypeError(
                f"owner_resolver returned {type(owner).__qualname__}, expected str: who may see "
                "what a caller creates must be known before anything is done"
            )
        return Caller(owner, context.tenant)

    def call(self, context: ServerCallContext) -> AbstractContextManager[Caller]:
        """Keep a call for as long as one request of it lasts."""
        return _Call(self.calls, context, self.caller(context))

    async def task(self, task: str, context: ServerCallContext) -> Task:
        """Return a task that the caller may see (R87).

        Raises:
            TaskNotFoundError: there is none, or it is somebody else's (R81).
        """
        return Task.FromString((await self.view(task, context)).task)

    async def view(self, task: str, context: ServerCallContext) -> View:
        """Return a task that the caller may see, with what is known of it besides.

        Raises:
            TaskNotFoundError: there is none, or it is somebody else's.
        """
        core = await self.core()
        with self.call(context) as caller, client_errors():
            view = await core.view(task, caller)
        if view is None or not view.task:
            raise TaskNotFoundError
        return view

    async def cancel(self, task: str, context: ServerCallContext) -> Settled:
        """Ask for the end of a task; the call behind that is kept until it is answered.

        Whoever leaves before takes neither the wish nor the call along: the agent's `cancel` is
        to know who asked.
        """
        core = await self.core()
        asking = asyncio.ensure_future(self._cancel(core, task, context))
        asking.add_done_callback(_heard)
        return await asyncio.shield(asking)

    async def _cancel(self, core: TaskCore, task: str, context: ServerCallContext) -> Settled:
        with self.call(context) as caller, client_errors():
            return await core.cancel(task, caller)

    async def resolve(
        self, params: SendMessageRequest, context: ServerCallContext
    ) -> RequestContext:
        """Resolve which task and context a message belongs to (R2 to R8).

        Raises:
            TaskNotFoundError: it names a task that the caller cannot see.
            InvalidParamsError: it names another context than its task has (R7), or holds what has
                no form in JSON, so that the task could not be told any more; or it is too large,
                or the history of its task too long (R100).
        """
        payload = params.SerializeToString()
        self._limits.check_message(params, len(payload))
        if NUMBER in payload and (reason := unsayable(params, payload)) is not None:
            raise InvalidParamsError(f"A number in data or metadata has no form in JSON: {reason}")
        task_id = params.message.task_id or None
        context_id = params.message.context_id or None
        if task_id is not None:
            task = await self._task_of(task_id, context)
            self._limits.check_history(task)
            known = task.context_id
            if context_id is not None and context_id != known:
                raise InvalidParamsError(
                    f"Context {context_id} does not match context {known} of task {task_id}"
                )
            context_id = known
        return await self._builder.build(
            context=context, params=params, task_id=task_id, context_id=context_id, task=None
        )

    async def _task_of(self, task: str, context: ServerCallContext) -> Task:
        try:
            return await self.task(task, context)
        except TaskNotFoundError:
            raise TaskNotFoundError(f"Task {task} not found") from None

    async def send(
        self,
        params: SendMessageRequest,
        request: RequestContext,
        context: ServerCallContext,
        caller: Caller,
        wait: Wait,
        *,
        new: bool,
        keyed: Keyed | None = None,
        hook: bytes = b"",
    ) -> Admitted | Settled:
        """Hand a resolved message to its task; the call behind it is kept until its run is over.

        Raises:
            TooManyRunsError: its owner has as many messages under way as allowed.
        """
        task, context_id = str(request.task_id), str(request.context_id)
        trace = name_task(task, context_id)
        runtime = self._runtime.running() or await self._begun()
        message = Send(
            request=_as_stored(params, task, context_id),
            context=context_id,
            extensions=tuple(sorted(context.requested_extensions)),
            wait=wait,
            new=new,
            key=keyed.key if keyed else "",
            stored=keyed.stored if keyed else None,
            hook=hook,
        )
        key = self.calls.keep(context, request, runtime.usage.run(caller))
        caller, refused = Caller(caller.owner, caller.tenant, key), partial(self.calls.forget, key)
        with client_errors():
            try:
                return await runtime.core.send(task, message, caller, trace, refused)
            except AskTimeout:
                raise  # the message may go on, and then its run forgets the call
            except Exception:
                refused()
                raise


def _as_stored(params: SendMessageRequest, task: str, context: str) -> bytes:
    """Return the request as it is to be stored, with the ids that it has got."""
    message, accepted = params.message, params
    hook = params.configuration.HasField("task_push_notification_config")
    if hook or message.task_id != task or message.context_id != context:
        accepted = SendMessageRequest()
        accepted.CopyFrom(params)  # a builder may have put the ids elsewhere
        accepted.message.task_id = task
        accepted.message.context_id = context
    if hook:
        # Kept by itself, if at all: a request is what its run may see, also after a crash, and
        # these are credentials.
        accepted.configuration.ClearField("task_push_notification_config")
    return accepted.SerializeToString()


def _heard(asking: asyncio.Future[Settled]) -> None:
    """Take note of an error that its asker may not be there to hear."""
    if not asking.cancelled():
        asking.exception()


class _Call:
    """Keeps the call of one request; its caller names it."""

    __slots__ = ("_caller", "_calls", "_context", "_key")

    def __init__(self, calls: Calls, context: ServerCallContext, caller: Caller) -> None:
        self._calls = calls
        self._context = context
        self._caller = caller

    def __enter__(self) -> Caller:
        self._key = self._calls.keep(self._context)
        owner, tenant, _ = self._caller
        return Caller(owner, tenant, self._key)

    def __exit__(self, *_: object) -> None:
        self._calls.forget(self._key)


class _ClientErrors:
    """Turns errors; it keeps nothing, so one is enough."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, Exception) and (heard := client_error(error)) is not error:
            raise heard from error


_CLIENT_ERRORS: Final = _ClientErrors()


def client_errors() -> AbstractContextManager[None]:
    """Turn what the task core raises into what a client may hear."""
    return _CLIENT_ERRORS
