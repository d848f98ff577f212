"""For tests of isolation: agents that leave a task in any state, strangers, and what they hear.

Neighbours: `noted.py` (what is asked of a journal), `test_isolation.py` (on the handler),
`test_isolation_sockets.py` (over the bindings).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from a2a.server.agent_execution import RequestContext
from a2a.server.context import ServerCallContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import (
    CancelTaskRequest,
    DeleteTaskPushNotificationConfigRequest,
    GetTaskPushNotificationConfigRequest,
    GetTaskRequest,
    ListTaskPushNotificationConfigsRequest,
    SubscribeToTaskRequest,
    TaskPushNotificationConfig,
)

from actors.a2a import Policy, RequestHandler
from actors.runtime.journal.messages import JOURNAL, Drain
from actors.runtime.journal.port import Journal, Snapshot, settled
from actors.task.messages import task_ref
from actors.task.revive import folded
from tests.a2a.agents import Actor, as_user, ask, card
from tests.a2a.noted import Noted, NotedHooks

UNKNOWN = "0f5e0f5e-0f5e-4f5e-8f5e-0f5e0f5e0f5e"
"""An id that nobody has, as long as any."""
ALICE = as_user("alice", "red")
STRANGERS = {"another owner": as_user("bob", "red"), "another tenant": as_user("alice", "blue")}
HOOK = "http://hook.test/"
POLICIES = {"sdk": Policy.sdk(deduplicate=True), "spec": Policy.spec()}
SCENES = {
    "accepted": "hush",
    "submitted": "submitted",
    "working": "wait",
    "input required": "ask",
    "auth required": "auth",
    "completed": "work",
    "failed": "fail",
    "canceled": "wait",
    "rejected": "reject",
    "a bare message": "reply",
}
"""State of a task -> what leaves it so."""


class Plays(Actor):
    """Leaves a task in any state; says nothing at all before the gate opens in `hush`."""

    def __init__(self) -> None:
        super().__init__()
        self.began = asyncio.Event()

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        self.began.set()
        await super().execute(context, event_queue)

    async def hush(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await self.gate.wait()
        await self.work(context, queue, to)

    async def submitted(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await self._begin(context, queue)
        await self.gate.wait()
        await to.complete()

    async def reject(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await self._begin(context, queue)
        await to.reject()


Operation = Callable[[RequestHandler, str, ServerCallContext], Awaitable[object]]


async def _read(stream: Any) -> list[Any]:
    return [event async for event in stream]


def _hook(task: str) -> TaskPushNotificationConfig:
    return TaskPushNotificationConfig(task_id=task, id="h", url=HOOK)


OPERATIONS: Mapping[str, Operation] = {
    "get": lambda h, task, who: h.on_get_task(GetTaskRequest(id=task), who),
    "get a little": lambda h, task, who: h.on_get_task(
        GetTaskRequest(id=task, history_length=1), who
    ),
    "cancel": lambda h, task, who: h.on_cancel_task(CancelTaskRequest(id=task), who),
    "send": lambda h, task, who: h.on_message_send(ask("work", task), who),
    "send at once": lambda h, task, who: h.on_message_send(
        ask("work", task, return_immediately=True), who
    ),
    "send in another context": lambda h, task, who: h.on_message_send(
        ask("work", task, "elsewhere"), who
    ),
    "send with a webhook": lambda h, task, who: h.on_message_send(
        ask("work", task, task_push_notification_config=_hook("")), who
    ),
    "stream": lambda h, task, who: _read(h.on_message_send_stream(ask("work", task), who)),
    "subscribe": lambda h, task, who: _read(
        h.on_subscribe_to_task(SubscribeToTaskRequest(id=task), who)
    ),
    "resume": lambda h, task, who: _read(h.subscribe(SubscribeToTaskRequest(id=task), who, 0)),
    "resume beyond": lambda h, task, who: _read(
        h.subscribe(SubscribeToTaskRequest(id=task), who, 10**6)
    ),
    "create a webhook": lambda h, task, who: h.on_create_task_push_notification_config(
        _hook(task), who
    ),
    "get a webhook": lambda h, task, who: h.on_get_task_push_notification_config(
        GetTaskPushNotificationConfigRequest(task_id=task, id="h"), who
    ),
    "list webhooks": lambda h, task, who: h.on_list_task_push_notification_configs(
        ListTaskPushNotificationConfigsRequest(task_id=task), who
    ),
    "delete a webhook": lambda h, task, who: h.on_delete_task_push_notification_config(
        DeleteTaskPushNotificationConfigRequest(task_id=task, id="h"), who
    ),
}
"""Everything that names a task."""


async def heard(
    operation: Operation, handler: RequestHandler, task: str, who: ServerCallContext
) -> str:
    """What an operation says, in words without the id."""
    try:
        answer = await operation(handler, task, who)
    except Exception as error:  # noqa: BLE001 - every outcome is compared
        answer = (type(error).__name__, str(error), getattr(error, "data", None))
    return repr(answer).replace(task or "no id", "ID")


class House:
    """One server, Alice's task on it, and what can be seen of what it does."""

    def __init__(self, journal: Any, policy: Policy, *, own_hooks: bool = False) -> None:
        self.agent, self.hooks = Plays(), NotedHooks()
        self._own_hooks = own_hooks
        self.journal = Noted(journal)
        self._policy = policy
        self.handler = self._made()
        self.task = ""
        self.reading: asyncio.Task[Any] | None = None

    def _made(self) -> RequestHandler:
        return RequestHandler(
            self.agent,
            None,
            card(push_notifications=True),
            push_config_store=None if self._own_hooks else self.hooks,
            journal=cast("Journal", self.journal),
            policy=self._policy,
        )

    async def begin(self, scene: str) -> None:
        """Let Alice send a message, until the agent has done what it does."""
        stream = self.handler.on_message_send_stream(ask(scene), ALICE)
        first = asyncio.ensure_future(anext(stream))
        await self.agent.began.wait()
        self.task = str(self.agent.contexts[0].task_id)
        if scene != "hush":
            await first
        await self.still()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await stream.aclose()

    async def still(self) -> None:
        """Until nothing is stored any more."""
        core, before = await self.handler._entry.core(), -1
        while before != len(self.journal.calls):
            before = len(self.journal.calls)
            for _ in range(20):
                await asyncio.sleep(0)
            await core.system.ask(JOURNAL, Drain())

    async def meet(self, fate: str) -> None:
        """Let something become of the task."""
        match fate:
            case "read along":
                subscription = SubscribeToTaskRequest(id=self.task)
                stream = self.handler.on_subscribe_to_task(subscription, ALICE)
                self.reading = asyncio.ensure_future(_until_it_ends(stream))
            case "after a restart":
                core = await self.handler._entry.core()
                await core.close(0.0)
                self.handler = self._made()
                await self.handler.start()
            case "compacted":
                stored = await settled(self.journal.read(self.task))
                snapshot = Snapshot(stored.head.seq, folded(stored).pack())
                await settled(self.journal.save_snapshot(self.task, snapshot))
                assert await settled(self.journal.compact(self.task, stored.head.seq))
            case "removed":
                head = await settled(self.journal.head(self.task))
                assert await settled(self.journal.remove(head))
        await self.still()

    async def truth(self) -> Any:
        """What the journal has of Alice's task."""
        return await settled(self.journal.read(self.task))

    async def alive(self) -> bool:
        """Whether an actor lives for Alice's task."""
        core = await self.handler._entry.core()
        return core.system.alive(task_ref(self.task))

    async def asked(self, name: str, task: str, who: ServerCallContext) -> tuple[str, list[str]]:
        """What a stranger hears, and what the journal was asked for it."""
        self.journal.taken()
        said = await asyncio.wait_for(heard(OPERATIONS[name], self.handler, task, who), 2)
        calls = self.journal.taken()
        looks = [call for call in calls if task in call.args]
        assert [(look.name, look.result) for look in looks] == [("read", None)]
        return said, [call.in_words(task) for call in calls]

    async def close(self) -> None:
        self.agent.gate.set()
        if self.reading is not None:
            self.reading.cancel()
            await asyncio.gather(self.reading, return_exceptions=True)
        await self.handler.aclose()


async def _until_it_ends(stream: Any) -> None:
    async for _ in stream:
        pass


async def house_of(journal: Any, policy: str, state: str, fate: str) -> House:
    house = House(journal, POLICIES[policy])
    await house.begin(SCENES[state])
    if state == "canceled":
        await house.handler.on_cancel_task(CancelTaskRequest(id=house.task), ALICE)
    house.agent.cancels = 0
    await house.meet(fate)
    return house
