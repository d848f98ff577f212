"""Requests are judged as a2a-sdk judges them, whatever is in them, and without its walk."""

from __future__ import annotations

import inspect
from random import Random
from typing import Any

import pytest
from a2a.server.request_handlers.request_handler import (
    RequestHandler as Interface,
)
from a2a.types import (
    AgentCard,
    AuthenticationInfo,
    CancelTaskRequest,
    DeleteTaskPushNotificationConfigRequest,
    GetExtendedAgentCardRequest,
    GetTaskPushNotificationConfigRequest,
    GetTaskRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTasksRequest,
    Message,
    Part,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
    TaskPushNotificationConfig,
)
from a2a.utils.errors import InvalidParamsError
from a2a.utils.proto_utils import validate_proto_required_fields
from google.protobuf.message import Message as Proto
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.a2a import RequestHandler, validation
from actors.a2a.validation import validate
from actors.storage import MemoryJournal
from tests.a2a.agents import Actor, as_user, card

REQUESTS = (
    SendMessageRequest,
    GetTaskRequest,
    ListTasksRequest,
    CancelTaskRequest,
    SubscribeToTaskRequest,
    TaskPushNotificationConfig,
    GetTaskPushNotificationConfigRequest,
    ListTaskPushNotificationConfigsRequest,
    DeleteTaskPushNotificationConfigRequest,
    GetExtendedAgentCardRequest,
)
DEEPER = (AgentCard, Task, StreamResponse)
"""No requests, but they have what a type can have: maps, lists, choices, itself."""
UNKNOWN = bytes.fromhex("f2ff7f03616263")
"""Field 262142, which no message has: three bytes."""


def judged(judge: Any, request: Proto) -> object:
    """What a validator says: None, or text and data of its error."""
    try:
        judge(request)
    except InvalidParamsError as error:
        return type(error), error.message, error.data
    return None


def fill(message: Any, draw: Random, chance: float, depth: int = 0) -> None:
    """Fill a message at random, from its descriptor alone: a field is set with some chance."""
    for field in message.DESCRIPTOR.fields:
        # What the SDK requires is a property of the field, which is not looked at here.
        if depth > 5 or draw.random() > chance:
            continue
        kind = field.message_type
        if kind is None:
            _fill_plain(message, field, draw)
        elif kind.GetOptions().map_entry:
            _fill_map(message, field, draw, chance, depth)
        elif field.is_repeated:
            for _ in range(draw.randrange(3)):
                fill(getattr(message, field.name).add(), draw, chance, depth + 1)
        else:
            inner = getattr(message, field.name)
            inner.SetInParent()
            fill(inner, draw, chance, depth + 1)


def _fill_plain(message: Any, field: Any, draw: Random) -> None:
    value = _plain(field, draw)
    if field.is_repeated:
        getattr(message, field.name).extend([value] * draw.randrange(3))
    else:
        setattr(message, field.name, value)


def _fill_map(message: Any, field: Any, draw: Random, chance: float, depth: int) -> None:
    entries = getattr(message, field.name)
    value = field.message_type.fields_by_name["value"]
    for key in ("", "a", "b")[: draw.randrange(4)]:
        if value.message_type is None:
            entries[key] = _plain(value, draw)
        else:
            fill(entries[key], draw, chance, depth + 1)


def _plain(field: Any, draw: Random) -> object:
    if field.enum_type is not None:
        return draw.choice((0, 1, 1, 99))
    if field.type == field.TYPE_STRING:
        return draw.choice(("", "x", "x", " "))
    if field.type == field.TYPE_BYTES:
        return draw.choice((b"", b"x", b"\0"))
    if field.type == field.TYPE_BOOL:
        return draw.random() < 0.5
    if field.type in (field.TYPE_DOUBLE, field.TYPE_FLOAT):
        return draw.choice((0.0, -0.0, 1.5, float("nan")))
    return draw.choice((0, 1, 7))


@settings(max_examples=400)
@given(
    kind=st.sampled_from((*REQUESTS, SendMessageRequest, SendMessageRequest, *DEEPER)),
    chance=st.sampled_from((0.0, 0.5, 0.9, 0.97, 1.0)),
    seed=st.integers(0, 2**32),
    unknown=st.booleans(),
)
def test_any_request_is_judged_as_the_sdk_does(
    kind: type[Proto], chance: float, seed: int, unknown: bool
) -> None:
    request: Any = kind()
    fill(request, Random(seed), chance)
    if unknown:
        request = kind.FromString(request.SerializeToString() + UNKNOWN)
    before = request.SerializeToString(deterministic=True)
    assert judged(validate, request) == judged(validate_proto_required_fields, request)
    assert request.SerializeToString(deterministic=True) == before


def test_the_fuzz_is_of_both_kinds() -> None:
    """Else the comparison above would say little."""
    for kind in REQUESTS:
        found = set()
        for seed in range(60):
            request: Any = kind()
            fill(request, Random(seed), (0.0, 0.5, 0.9, 1.0)[seed % 4])
            found.add(judged(validate_proto_required_fields, request) is None)
        requires = kind not in (ListTasksRequest, GetExtendedAgentCardRequest)
        assert found == ({True, False} if requires else {True}), kind


def whole() -> SendMessageRequest:
    """A request with everything that is required of one."""
    request = SendMessageRequest(
        message=Message(message_id="m", role="ROLE_USER", parts=[Part(text="x")])
    )
    hook = TaskPushNotificationConfig(url="x", authentication=AuthenticationInfo(scheme="Bearer"))
    request.configuration.task_push_notification_config.CopyFrom(hook)
    return request


def _without_url(request: SendMessageRequest) -> None:
    request.configuration.task_push_notification_config.url = ""


def _without_scheme(request: SendMessageRequest) -> None:
    request.configuration.task_push_notification_config.authentication.scheme = ""


@pytest.mark.parametrize(
    ("lacks", "field"),
    [
        (lambda request: request.ClearField("message"), "message"),
        (lambda request: request.message.ClearField("message_id"), "message.message_id"),
        (lambda request: setattr(request.message, "role", 0), "message.role"),
        (lambda request: request.message.ClearField("parts"), "message.parts"),
        (_without_url, "configuration.task_push_notification_config.url"),
        (_without_scheme, "configuration.task_push_notification_config.authentication.scheme"),
    ],
)
def test_what_is_lacking_is_named(lacks: Any, field: str) -> None:
    request = whole()
    validate(request)
    lacks(request)
    with pytest.raises(InvalidParamsError, match="Validation failed") as refused:
        validate(request)
    assert refused.value.data == {"errors": [{"field": field, "message": _says(field)}]}


def _says(field: str) -> str:
    lists = field.endswith("parts")
    return "Field must contain at least one element." if lists else "Field is required."


def test_a_whole_request_never_meets_the_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[Proto] = []
    monkeypatch.setattr(validation, "validate_proto_required_fields", walked.append)
    for request in (whole(), GetTaskRequest(id="t"), ListTasksRequest()):
        validate(request)
    assert not walked
    validate(GetTaskRequest())
    assert walked == [GetTaskRequest()]


OPERATIONS = sorted(name for name in vars(Interface) if name.startswith("on_"))
REQUIRE_NOTHING = {"on_list_tasks", "on_get_extended_agent_card"}


async def first(answer: Any) -> object:
    """Await an answer, or the beginning of a stream."""
    return await (anext(answer) if inspect.isasyncgen(answer) else answer)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name not in REQUIRE_NOTHING])
async def test_every_operation_refuses_what_lacks_something(name: str) -> None:
    """R13: before anything is done; the journal of this handler is not even opened."""
    agent_card = card(push_notifications=True)
    handler = RequestHandler(Actor(), None, agent_card, journal=MemoryJournal())
    serve = getattr(handler, name)
    request = inspect.signature(serve, eval_str=True).parameters["params"].annotation()
    with pytest.raises(InvalidParamsError, match="Validation failed"):
        await first(serve(request, as_user("me")))
    assert handler._runtime.running() is None
