"""Well-formed A2A requests, made from the protocol's own descriptors: what mangling begins with.

Neighbours: `mangled.py` (what is done to them), `raw_http.py` (sends them).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from a2a.types import (
    CancelTaskRequest,
    GetExtendedAgentCardRequest,
    GetTaskRequest,
    ListTasksRequest,
    SendMessageRequest,
    SubscribeToTaskRequest,
    TaskPushNotificationConfig,
    a2a_pb2,
)
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message as Proto

DEEPEST = 5
METHODS: dict[str, type[Proto]] = {
    "SendMessage": SendMessageRequest,
    "SendStreamingMessage": SendMessageRequest,
    "GetTask": GetTaskRequest,
    "ListTasks": ListTasksRequest,
    "CancelTask": CancelTaskRequest,
    "SubscribeToTask": SubscribeToTaskRequest,
    "CreateTaskPushNotificationConfig": TaskPushNotificationConfig,
    "GetTaskPushNotificationConfig": a2a_pb2.GetTaskPushNotificationConfigRequest,
    "ListTaskPushNotificationConfigs": a2a_pb2.ListTaskPushNotificationConfigsRequest,
    "DeleteTaskPushNotificationConfig": a2a_pb2.DeleteTaskPushNotificationConfigRequest,
    "GetExtendedAgentCard": GetExtendedAgentCardRequest,
}
PATHS = (
    ("POST", "/message:send", "SendMessage"),
    ("POST", "/message:stream", "SendStreamingMessage"),
    ("GET", "/tasks/{task}", "GetTask"),
    ("GET", "/tasks", "ListTasks"),
    ("POST", "/tasks/{task}:cancel", "CancelTask"),
    ("GET", "/tasks/{task}:subscribe", "SubscribeToTask"),
    ("POST", "/tasks/{task}:subscribe", "SubscribeToTask"),
    ("POST", "/tasks/{task}/pushNotificationConfigs", "CreateTaskPushNotificationConfig"),
    ("GET", "/tasks/{task}/pushNotificationConfigs", "ListTaskPushNotificationConfigs"),
    ("GET", "/tasks/{task}/pushNotificationConfigs/x", "GetTaskPushNotificationConfig"),
    ("DELETE", "/tasks/{task}/pushNotificationConfigs/x", "DeleteTaskPushNotificationConfig"),
    ("GET", "/extendedAgentCard", "GetExtendedAgentCard"),
)
OLD_MESSAGE = {
    "kind": "message",
    "messageId": "m",
    "role": "user",
    "parts": [{"kind": "text", "text": "x"}, {"kind": "data", "data": {"a": [1, None]}}],
}
OLD_METHODS: dict[str, dict[str, Any]] = {
    "message/send": {"message": OLD_MESSAGE, "configuration": {"blocking": True}},
    "message/stream": {"message": OLD_MESSAGE},
    "tasks/get": {"id": "{task}", "historyLength": 1},
    "tasks/cancel": {"id": "{task}"},
    "tasks/resubscribe": {"id": "{task}"},
    "tasks/pushNotificationConfig/set": {
        "taskId": "{task}",
        "pushNotificationConfig": {"url": "http://example.org/x"},
    },
    "tasks/pushNotificationConfig/get": {"id": "{task}"},
    "tasks/pushNotificationConfig/list": {"id": "{task}"},
    "tasks/pushNotificationConfig/delete": {"id": "{task}", "pushNotificationConfigId": "x"},
}
OLD_PATHS = (
    ("POST", "/v1/message:send", "message/send"),
    ("POST", "/v1/message:stream", "message/stream"),
    ("GET", "/v1/tasks/{task}", ""),
    ("POST", "/v1/tasks/{task}:cancel", ""),
    ("POST", "/v1/tasks/{task}:subscribe", ""),
    ("POST", "/v1/tasks/{task}/pushNotificationConfigs", "tasks/pushNotificationConfig/set"),
    ("GET", "/v1/tasks/{task}/pushNotificationConfigs", ""),
    ("GET", "/v1/card", ""),
)


@dataclass(slots=True, kw_only=True)
class Call:
    """An HTTP request, before it is bytes."""

    method: str
    path: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: Any = None
    """JSON; None for none."""
    query: dict[str, Any] = field(default_factory=dict)


def well_formed(draw: Random, task: str) -> Call:
    """Return one, over any binding and of any version.

    Args:
        draw: decides.
        task: id of a task that there is.
    """
    way = draw.choice((_jsonrpc, _jsonrpc, _rest, _rest, _old_jsonrpc, _old_rest))
    return way(draw, task)


def _jsonrpc(draw: Random, task: str) -> Call:
    method = draw.choice(tuple(METHODS))
    return _call(draw, method, sample(METHODS[method], draw, task), "1.0")


def _old_jsonrpc(draw: Random, task: str) -> Call:
    method = draw.choice(tuple(OLD_METHODS))
    return _call(draw, method, _named(OLD_METHODS[method], task), draw.choice(("0.3", "")))


def _call(draw: Random, method: str, params: object, version: str) -> Call:
    body = {"jsonrpc": "2.0", "id": draw.choice((1, "x", None)), "method": method, "params": params}
    return Call(method="POST", path="/", headers=_version(version), body=body)


def _rest(draw: Random, task: str) -> Call:
    verb, path, method = draw.choice(PATHS)
    params = sample(METHODS[method], draw, task)
    where = draw.choice(("/rest", "/rest", "/rest/shop")) + path.replace("{task}", task)
    if verb == "POST":
        return Call(method=verb, path=where, headers=_version("1.0"), body=params)
    flat = {name: value for name, value in params.items() if not isinstance(value, dict | list)}
    return Call(method=verb, path=where, headers=_version("1.0"), query=flat)


def _old_rest(draw: Random, task: str) -> Call:
    verb, path, like = draw.choice(OLD_PATHS)
    where = "/rest" + path.replace("{task}", task)
    body = _named(OLD_METHODS[like], task) if like else None
    return Call(method=verb, path=where, headers=_version(draw.choice(("0.3", ""))), body=body)


def _version(version: str) -> list[tuple[str, str]]:
    return [("A2A-Version", version)] if version else []


def _named(value: Any, task: str) -> Any:
    if isinstance(value, dict):
        return {name: _named(each, task) for name, each in value.items()}
    if isinstance(value, list):
        return [_named(each, task) for each in value]
    return task if value == "{task}" else value


# -- from descriptors, of which there are two kinds, with and without types


def sample(kind: type[Proto], draw: Random, task: str) -> dict[str, Any]:
    """Return a message as JSON; of each oneof one field, of the others most."""
    return _sample(kind.DESCRIPTOR, draw, task, 0)


def _sample(kind: Any, draw: Random, task: str, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in kind.fields:
        group = each.containing_oneof
        if group is not None and len(group.fields) > 1 and draw.choice(group.fields) is not each:
            continue
        if draw.random() < 0.2 or depth > DEEPEST:
            continue
        found[each.json_name] = _value(each, draw, task, depth)
    return found


def _value(each: Any, draw: Random, task: str, depth: int) -> Any:
    if each.is_repeated:
        if each.message_type is not None and each.message_type.GetOptions().map_entry:
            return {"a": "b"}
        return [_one(each, draw, task, depth) for _ in range(draw.randrange(3))]
    return _one(each, draw, task, depth)


def _one(each: Any, draw: Random, task: str, depth: int) -> Any:
    match each.cpp_type:
        case FieldDescriptor.CPPTYPE_MESSAGE:
            return _message(each, draw, task, depth)
        case FieldDescriptor.CPPTYPE_ENUM:
            return draw.choice(each.enum_type.values).name
        case FieldDescriptor.CPPTYPE_BOOL:
            return draw.random() < 0.5
        case FieldDescriptor.CPPTYPE_STRING:
            named = task if draw.random() < 0.5 else ""
            by_name = {"task_id": named, "id": task, "tenant": "", "url": "http://example.org/x"}
            return by_name.get(each.name, "text")
        case _:
            return "eA==" if each.type == FieldDescriptor.TYPE_BYTES else draw.randrange(1, 50)


def _message(each: Any, draw: Random, task: str, depth: int) -> Any:
    kind = each.message_type
    match kind.full_name:
        case "google.protobuf.Struct":
            return {"a": [1, None, {"b": "c"}]}
        case "google.protobuf.Value":
            return draw.choice((1, "x", None, [True], {"a": 1}))
        case "google.protobuf.Timestamp":
            return "2026-01-01T00:00:00.001Z"
        case _:
            return _sample(kind, draw, task, depth + 1)
