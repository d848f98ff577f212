"""What each method answers, in JSON; the same over JSON-RPC and REST.

Neighbours: `rest.py`, `jsonrpc.py` (parse the request, frame the answer), `handler.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from a2a.server.context import ServerCallContext
from a2a.server.routes.common import serialize_list_tasks_response
from a2a.types import (
    CancelTaskRequest,
    DeleteTaskPushNotificationConfigRequest,
    GetExtendedAgentCardRequest,
    GetTaskPushNotificationConfigRequest,
    GetTaskRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTasksRequest,
    SendMessageRequest,
    SendMessageResponse,
    SubscribeToTaskRequest,
    Task,
    TaskPushNotificationConfig,
)
from a2a.utils import constants
from a2a.utils.errors import TaskNotFoundError
from a2a.utils.version_validator import validate_version
from google.protobuf.message import Message as Proto
from starlette.requests import Request

from actors.a2a.handler import RequestHandler
from actors.a2a.said import in_answer
from actors.a2a.wire.readable import LONGEST_VERSION

Said = bytes | None
"""An answer in JSON; None where there is nothing to say."""

STREAMS: Final[Mapping[str, type[SendMessageRequest | SubscribeToTaskRequest]]] = MappingProxyType(
    {"SendStreamingMessage": SendMessageRequest, "SubscribeToTask": SubscribeToTaskRequest}
)
"""Methods that answer with a stream, and what they take."""


class Method(NamedTuple):
    """A method with one answer."""

    params: type[Proto]
    answer: Callable[[RequestHandler, Any, ServerCallContext], Awaitable[Said]]


async def _send(handler: RequestHandler, params: Any, context: ServerCallContext) -> Said:
    answer = await handler.on_message_send(params, context)
    if isinstance(answer, Task):
        return in_answer(SendMessageResponse(task=answer))
    return in_answer(SendMessageResponse(message=answer))


async def _get(handler: RequestHandler, params: Any, context: ServerCallContext) -> Said:
    return _found(await handler.on_get_task(params, context))


async def _cancel(handler: RequestHandler, params: Any, context: ServerCallContext) -> Said:
    return _found(await handler.on_cancel_task(params, context))


async def _list(handler: RequestHandler, params: Any, context: ServerCallContext) -> Said:
    page = await handler.on_list_tasks(params, context)
    return in_answer.plain(serialize_list_tasks_response(page, params.include_artifacts))


async def _set_hook(handler: RequestHandler, params: Any, context: ServerCallContext) -> Said:
    return in_answer(await handler.on_create_task_push_notification_config(params, context))


async def _get_hook(handler: RequestHandler, params: Any, context: ServerCallContext) -> Said:
    return in_answer(await handler.on_get_task_push_notification_config(params, context))


async def _list_hooks(handler: RequestHandler, params: Any, context: ServerCallContext) -> Said:
    return in_answer(await handler.on_list_task_push_notification_configs(params, context))


async def _delete_hook(handler: RequestHandler, params: Any, context: ServerCallContext) -> Said:
    await handler.on_delete_task_push_notification_config(params, context)
    return None


async def _card(handler: RequestHandler, params: Any, context: ServerCallContext) -> Said:
    return in_answer(await handler.on_get_extended_agent_card(params, context))


METHODS: Final[Mapping[str, Method]] = MappingProxyType(
    {
        "SendMessage": Method(SendMessageRequest, _send),
        "GetTask": Method(GetTaskRequest, _get),
        "CancelTask": Method(CancelTaskRequest, _cancel),
        "ListTasks": Method(ListTasksRequest, _list),
        "CreateTaskPushNotificationConfig": Method(TaskPushNotificationConfig, _set_hook),
        "GetTaskPushNotificationConfig": Method(GetTaskPushNotificationConfigRequest, _get_hook),
        "ListTaskPushNotificationConfigs": Method(
            ListTaskPushNotificationConfigsRequest, _list_hooks
        ),
        "DeleteTaskPushNotificationConfig": Method(
            DeleteTaskPushNotificationConfigRequest, _delete_hook
        ),
        "GetExtendedAgentCard": Method(GetExtendedAgentCardRequest, _card),
    }
)
"""Methods with one answer, by their name over JSON-RPC."""


def kind_of(method: str) -> type[Proto]:
    """Return what the parameters of a method of ours are.

    Raises:
        KeyError: it is none of ours.
    """
    return METHODS[method].params if method in METHODS else STREAMS[method]


def _found(task: Task | None) -> Said:
    if task is None:
        raise TaskNotFoundError
    return in_answer(task)


@validate_version(constants.PROTOCOL_VERSION_1_0)
async def check_version(context: ServerCallContext) -> None:
    """R90: raises VersionNotSupportedError for anything but 1.x."""


def take_version(context: ServerCallContext, request: Request) -> None:
    """R92: take the version from the query of a request whose headers name none."""
    if not request.scope["query_string"]:
        return
    query = request.query_params
    given, headers = query.get(constants.VERSION_HEADER), context.state.get("headers")
    if given and isinstance(headers, dict):
        headers.setdefault(constants.VERSION_HEADER.lower(), given[:LONGEST_VERSION])
