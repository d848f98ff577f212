"""Parameters parsed out of JSON are what protobuf's own parser makes of it, errors included."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from a2a.types import (
    GetTaskRequest,
    ListTasksRequest,
    Message,
    Part,
    SendMessageConfiguration,
    SendMessageRequest,
    TaskPushNotificationConfig,
)
from google.protobuf.json_format import MessageToDict, Parse, ParseDict
from google.protobuf.message import Message as Proto
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.a2a.wire import params
from actors.a2a.wire.params import parse, parse_text
from tests.a2a.test_said import messages

KINDS = (SendMessageRequest, GetTaskRequest, ListTasksRequest, TaskPushNotificationConfig)
ODD = (
    r'[null, true, 0, 1, -1, 2147483648, 9223372036854775808, 1.0, 1.5, "", "1", "x", "\ud800",'
    r' "ROLE_USER", [], {}, [null], ["a"], [1], [{}], {"a": null}, {"text": "x", "url": "y"}]'
)
"""Some of it is right in some places."""
NAMES = ["message_id", "unknown", "[a.b]"] + [
    field.json_name
    for kind in (Part, Message, SendMessageConfiguration)
    for field in kind.DESCRIPTOR.fields
]


def same(kind: type[Proto], data: Any) -> None:
    """Both read it alike, or refuse it in the same words."""
    assert outcome(parse, data, kind) == outcome(theirs, data, kind)
    same_text(kind, json.dumps(data).encode())


def same_text(kind: type[Proto], body: bytes) -> None:
    assert outcome(parse_text, body, kind) == outcome(theirs_of_text, body, kind)


def theirs_of_text(body: bytes, kind: type[Proto]) -> Proto:
    return Parse(body, kind(), ignore_unknown_fields=True)


def theirs(data: Any, kind: type[Proto]) -> Proto:
    return ParseDict(data, kind(), ignore_unknown_fields=True)


def outcome(read: Callable[[Any, Any], Proto], data: Any, kind: type[Proto]) -> Any:
    try:
        return read(data, kind).SerializeToString(deterministic=True)
    except Exception as error:  # noqa: BLE001 - whatever is raised is compared
        return type(error), str(error)


@pytest.mark.parametrize("kind", KINDS)
def test_what_clients_send(kind: Any) -> None:
    @given(messages(kind))
    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    def check(message: Proto) -> None:
        same(kind, json.loads(json.dumps(MessageToDict(message))))

    check()


@given(
    messages(SendMessageRequest),
    st.lists(st.tuples(st.integers(0, 20), st.sampled_from(NAMES), st.integers(0, 21)), max_size=3),
)
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
def test_what_they_should_not_send(message: Proto, changes: list[tuple[int, str, int]]) -> None:
    data = json.loads(json.dumps(MessageToDict(message)))
    data.setdefault("message", {}).setdefault("parts", []).append({})
    for at, name, odd in changes:
        places = list(objects(data))
        places[at % len(places)][name] = json.loads(ODD)[odd]
    same(SendMessageRequest, data)


def objects(data: Any) -> Any:
    """Every object in some JSON."""
    if isinstance(data, dict):
        yield data
    for each in data.values() if isinstance(data, dict) else data:
        if isinstance(each, dict | list):
            yield from objects(each)


@pytest.mark.parametrize("name", NAMES)
def test_one_thing_wrong(name: str) -> None:
    for value in json.loads(ODD):
        same(SendMessageRequest, {"message": {name: value, "messageId": "m"}})
        same(SendMessageRequest, {"message": {"parts": [{"text": "x", name: value}]}})
        same(SendMessageRequest, {"message": {"parts": [{name: value, "url": "x"}]}})
        same(SendMessageRequest, {"configuration": {name: value, "returnImmediately": True}})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'\xef\xbb\xbf{"tenant": "t"}',
        b'{"tenant": "t"}'.decode().encode("utf-16"),
        b'{"tenant": "t", "tenant": "u"}',
        b'{"message": {"messageId": "m", "messageId": "m"}}',
        b'{"metadata": {"a": 1, "a": 2}}',
        b'{"metadata": {"a": NaN}}',
        b'{"tenant": "t"} x',
        b'{"tenant": "\xff"}',
        b'{"metadata": {"a": ' + b"9" * 400 + b"}}",
        b'{"metadata": ' + b"[" * 3000 + b"]" * 3000 + b"}",
    ],
)
def test_texts(body: bytes) -> None:
    same_text(SendMessageRequest, body)


@pytest.mark.parametrize("data", [None, [], "x", 1, {"message": []}, {"message": "x"}])
def test_no_object(data: Any) -> None:
    same(SendMessageRequest, data)


@pytest.mark.parametrize("depth", [1, 46, 47, 48, 49, 50, 51, 99])
@pytest.mark.parametrize("where", ["metadata", "message", "part", "data"])
@pytest.mark.parametrize("empty", [[], {}])
def test_what_is_free_in_form_may_be_as_deep(depth: int, where: str, empty: Any) -> None:
    value: Any = empty
    for _ in range(depth):
        value = {"a": value} if isinstance(empty, dict) else [value]
    deep = {"a": value}
    part = {"data": value} if where == "data" else {"text": "t", "metadata": deep}
    same(
        SendMessageRequest,
        {
            "metadata": deep if where == "metadata" else {},
            "message": {
                "metadata": deep if where == "message" else {},
                "parts": [part] if where in ("part", "data") else [],
            },
        },
    )


def test_an_ordinary_message_is_not_left_to_protobuf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else all of this is for nothing."""
    monkeypatch.delattr(params, "ParseDict")
    ordinary = {
        "tenant": "t",
        "message": {
            "messageId": "m",
            "role": "ROLE_USER",
            "parts": [{"text": "hello", "mediaType": "text/plain"}],
            "referenceTaskIds": ["a", "b"],
        },
        "configuration": {"historyLength": 0, "returnImmediately": True},
    }
    message = parse(ordinary, SendMessageRequest)
    assert MessageToDict(message) == ordinary
