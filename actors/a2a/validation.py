"""Validation: whether a request has every field that the protocol requires (R11, R13).

a2a-sdk's validator walks over descriptors and their options for each request. What it looks at is
the same for all requests of a type, so here it is compiled once per type, to names of fields; that
recognises valid requests. One that does not pass goes through the SDK's validator, which says why.

Neighbours: `sending.py`, `reading.py`, `push.py`, `handler.py` (decorated), `observed.py` (around
it: refused requests are observed too).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import wraps
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar, cast

from a2a.utils.proto_utils import validate_proto_required_fields
from google.api.field_behavior_pb2 import (  # type: ignore[import-untyped] # ships no types
    FieldBehavior,
    field_behavior,
)
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message as Proto

F = TypeVar("F", bound=Callable[..., Awaitable[Any]])


class Plan(NamedTuple):
    """What a message must have; names of fields. Those that cannot miss anything are left out."""

    filled: list[str]
    """Must differ from their default: lists, and what has no presence."""
    present: list[str]
    """Must be there."""
    nested: list[tuple[str, Plan]]
    """Messages that are looked into where they are there."""
    several: list[tuple[Callable[[Any], Iterable[Any]], Plan]]
    """Lists and maps of messages, each of which is looked into."""

    def complete(self, message: Any) -> bool:
        """Whether a message has all that is required of it."""
        for name in self.filled:
            if not getattr(message, name):
                return False
        for name in self.present:
            if not message.HasField(name):
                return False
        for name, plan in self.nested:
            if message.HasField(name) and not plan.complete(getattr(message, name)):
                return False
        return not self.several or all(
            all(map(plan.complete, found(message))) for found, plan in self.several
        )


_PLANS: dict[type[Proto], Plan] = {}
"""By class of requests: as many as the protocol has."""


def validate(request: Proto) -> None:
    """See that a request has its required fields.

    Raises:
        InvalidParamsError: as a2a-sdk's own validator does.
    """
    plan = _PLANS.get(type(request))
    if plan is None:
        plan = _PLANS[type(request)] = plan_of(cast(Descriptor, request.DESCRIPTOR))
    if not plan.complete(request):
        validate_proto_required_fields(request)


def validated(serve: F) -> F:
    """Have a coroutine method of the handler refuse requests that lack what is required."""

    @wraps(serve)
    def checked(self: Any, params: Any, *more: Any, **named: Any) -> Awaitable[Any]:
        if params is not None:
            validate(params)
        return serve(self, params, *more, **named)

    return cast(F, checked)


def plan_of(descriptor: Descriptor, known: dict[str, Plan] | None = None) -> Plan:
    """Compile what is required of the messages of a type.

    Args:
        descriptor: of the type.
        known: plans by name of type; a type may contain itself.
    """
    known = {} if known is None else known
    plan = known.get(descriptor.full_name)
    if plan is None:
        plan = known[descriptor.full_name] = Plan([], [], [], [])
        for field in descriptor.fields:
            _add(plan, field, known)
    return plan


def _add(plan: Plan, field: FieldDescriptor, known: dict[str, Plan]) -> None:
    name, kind = field.name, field.message_type
    if _required(field):
        (plan.present if field.has_presence else plan.filled).append(name)
    if kind is None or not _requires(kind, set()):
        return
    if not field.is_repeated:
        plan.nested.append((name, plan_of(kind, known)))
    elif kind.GetOptions().map_entry:
        value = cast(Descriptor, kind.fields_by_name["value"].message_type)
        plan.several.append(
            (lambda message: getattr(message, name).values(), plan_of(value, known))
        )
    else:
        plan.several.append((attrgetter(name), plan_of(kind, known)))


def _requires(descriptor: Descriptor, seen: set[str]) -> bool:
    """Whether a message of this type can lack something, at whatever depth."""
    if descriptor.full_name in seen:
        return False
    seen.add(descriptor.full_name)
    return any(
        _required(field) or (field.message_type is not None and _requires(field.message_type, seen))
        for field in descriptor.fields
    )


def _required(field: FieldDescriptor) -> bool:
    behaviors = field.GetOptions().Extensions[field_behavior]
    return FieldBehavior.REQUIRED in behaviors
