"""What we say in JSON is what protobuf's own printer and `json` say, byte for byte."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from a2a.types import Artifact, ListTasksResponse, SendMessageResponse, StreamResponse
from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message as Proto
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.a2a.said import in_answer, in_stream

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=3,
)
SCALARS: dict[int, st.SearchStrategy[Any]] = {
    Field.TYPE_STRING: TEXT,
    Field.TYPE_BYTES: st.binary(max_size=6),
    Field.TYPE_BOOL: st.booleans(),
    Field.TYPE_ENUM: st.integers(0, 12),  # some of these have no name
    Field.TYPE_INT32: st.integers(0, 99),
}


def struct(data: dict[str, Any]) -> Struct:
    made = Struct()
    made.update(data)
    return made


def value(data: Any) -> Value:
    return Value(list_value=struct({"": [data]}).fields[""].list_value)


FREE: dict[str, st.SearchStrategy[Any]] = {
    "google.protobuf.Struct": st.dictionaries(TEXT, JSON, max_size=2).map(struct),
    "google.protobuf.Value": JSON.map(value),
    "google.protobuf.Timestamp": st.builds(
        Timestamp, seconds=st.integers(0, 2**32), nanos=st.sampled_from([0, 5, 10**6, 999_999_999])
    ),
}


@cache
def messages(kind: Any) -> st.SearchStrategy[Any]:
    """Messages of a type with any of their fields, whatever the protocol says of them."""
    fields = {field.name: values(field) for field in kind.DESCRIPTOR.fields}
    return st.fixed_dictionaries({}, optional=fields).map(lambda given: kind(**given))


def values(field: Any) -> st.SearchStrategy[Any]:
    one = SCALARS.get(field.type)
    if one is None:
        name = field.message_type.full_name
        one = FREE[name] if name in FREE else messages(field.message_type._concrete_class)
    return st.lists(one, max_size=2) if field.is_repeated else one


@pytest.mark.parametrize("kind", [StreamResponse, SendMessageResponse, ListTasksResponse])
def test_any_message_is_said_as_protobuf_says_it(kind: Any) -> None:
    @given(messages(kind))
    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    def same(message: Proto) -> None:
        known = MessageToDict(message)
        assert in_stream(message) == json.dumps(known, ensure_ascii=False).encode()
        compact = json.dumps(known, ensure_ascii=False, separators=(",", ":"))
        assert in_answer(message) == compact.encode()

    same()


def test_a_number_that_json_does_not_have_is_an_error_there_too() -> None:
    odd = Artifact(metadata=struct({"a": float("nan")}))
    with pytest.raises(ValueError, match="NaN"):
        in_stream(odd)
