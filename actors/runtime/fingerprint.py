"""A canonical digest of a value: equal values, equal bytes, in every process.

It depends neither on PYTHONHASHSEED nor on where objects lie in memory. Dataclasses, NamedTuples,
builtins, protobuf messages and objects with `__dict__` or `__slots__` are looked into; functions
and classes are their names (two closures of one function are alike); whatever shows nothing of
itself (a lock, a socket) is its type's name. Back-references are encoded as steps up the path to
the value, so cycles end; a cycle and the
same one unrolled by a step are told apart. What a `cached_property` keeps is left out. A class
that holds what tells nothing of its objects (handles, callbacks) says in `__fingerprint__` what
they are told by.

Neighbours: `system.py` (debug mode compares messages before and after a step); simulators digest
states with it.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, cached_property
from hashlib import blake2b
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from actors.runtime.errors import MessageMutated

Plan = Callable[["_Walk", Any], bytes]


def fingerprint(value: object) -> bytes:
    """Return 16 bytes that are equal for equal values.

    Raises:
        RecursionError: the value is nested deeper than the interpreter's stack.
    """
    return _digest(b"value", [_Walk().encode(value)])


def parts_of(value: object) -> dict[str, object]:
    """Return what a value is made of, by name: fields, attributes, or the value itself."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name, None) for field in fields(value)}
    names = getattr(value, "_fields", None)
    if isinstance(value, tuple) and names is not None:
        return dict(zip(names, value, strict=True))
    return _attributes(value)


class Watched:
    """A message, remembered as it is before a step."""

    __slots__ = ("_before", "_message")

    def __init__(self, message: object) -> None:
        self._message = message
        self._before = self._now()

    def check(self) -> None:
        """Compare it with what it has become.

        Raises:
            MessageMutated: it was changed; names the field, not the value.
        """
        after = self._now()
        changed = sorted(
            name for name in self._before | after if self._before.get(name) != after.get(name)
        )
        if changed:
            raise MessageMutated(
                f"a step changed {', '.join(changed)} of the {type(self._message).__qualname__} "
                "that it was given; messages are shared: copy what is to be changed into the state"
            )

    def _now(self) -> dict[str, bytes]:
        return {name: fingerprint(part) for name, part in parts_of(self._message).items()}


class _Walk:
    """One walk through a value."""

    __slots__ = ("_known", "_lowest", "_path")

    def __init__(self) -> None:
        self._path: dict[int, int] = {}
        """id -> depth, of the objects that the walk is within."""
        self._known: dict[int, tuple[bytes, object]] = {}
        """id -> digest, of finished objects that refer to nothing above them; and the object
        itself, so that no other can take its id while the walk goes on."""
        self._lowest = 0
        """The least depth that anything within the present object refers back to."""

    def encode(self, value: Any) -> bytes:
        kind = type(value)
        leaf = _LEAVES.get(kind)
        if leaf is not None:
            return leaf(value)
        at = id(value)
        known = self._known.get(at)
        if known is not None:
            return known[0]
        depth, above = len(self._path), self._path.get(at)
        if above is not None:
            self._lowest = min(self._lowest, above)
            return b"^%d" % (depth - above)
        plan = _PLANS.get(kind)
        if plan is None:
            plan = _PLANS[kind] = _plan(value)
        outside, self._lowest = self._lowest, depth
        self._path[at] = depth
        try:
            digest = plan(self, value)
        finally:
            del self._path[at]
        if self._lowest >= depth:
            self._known[at] = digest, value
        self._lowest = min(outside, self._lowest)
        return digest

    def sequence(self, tag: bytes, values: Iterable[Any]) -> bytes:
        return _digest(tag, [self.encode(value) for value in values])

    def unordered(self, tag: bytes, values: Iterable[Any]) -> bytes:
        return _digest(tag, sorted(self.encode(value) for value in values))

    def mapping(self, tag: bytes, items: Iterable[tuple[Any, Any]]) -> bytes:
        encoded = sorted((self.encode(key), self.encode(value)) for key, value in items)
        return _digest(tag, [part for pair in encoded for part in pair])


def _digest(tag: bytes, parts: Iterable[bytes]) -> bytes:
    state = blake2b(tag, digest_size=16)
    for part in parts:
        state.update(b"%d:" % len(part))
        state.update(part)
    return state.digest()


_LEAVES: dict[type, Callable[[Any], bytes]] = {
    str: lambda value: b"s" + value.encode("utf-8", "surrogatepass"),
    bytes: lambda value: b"b" + value,
    bool: lambda value: b"T" if value else b"F",
    int: lambda value: b"i%x" % value,
    float: lambda value: b"f" + struct.pack(">d", value),
    type(None): lambda _: b"N",
    type(...): lambda _: b"E",
}

_PLANS: dict[type, Plan] = {
    tuple: lambda walk, value: walk.sequence(b"tuple", value),
    list: lambda walk, value: walk.sequence(b"list", value),
    deque: lambda walk, value: walk.sequence(b"deque", value),
    dict: lambda walk, value: walk.mapping(b"dict", value.items()),
    set: lambda walk, value: walk.unordered(b"set", value),
    frozenset: lambda walk, value: walk.unordered(b"frozenset", value),
    bytearray: lambda _, value: _digest(b"bytearray", [bytes(value)]),
}
"""How values of a type are digested; grows with each new type."""

_TEXTUAL = (PurePath, IPv4Address, IPv6Address, IPv4Network, IPv6Network)
"""Types that their text tells in full, and that cache what they are asked for among their slots."""


def _plan(value: Any) -> Plan:
    """Choose how values of this type are digested, by nothing but the type."""
    kind = type(value)
    tag = f"{kind.__module__}.{kind.__qualname__}".encode()
    if hasattr(kind, "__fingerprint__"):
        return lambda walk, value: _digest(tag, [walk.encode(value.__fingerprint__())])
    if isinstance(value, Enum):
        return lambda _, value: _digest(tag, [value.name.encode()])
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return lambda walk, value: walk.sequence(tag, value)
    if isinstance(value, type | FunctionType | BuiltinFunctionType | ModuleType):
        return lambda _, value: _digest(tag, [_name(value)])
    if hasattr(kind, "SerializeToString"):
        return lambda _, value: _digest(tag, [value.SerializeToString(deterministic=True)])
    if isinstance(value, MethodType):
        return lambda walk, value: _digest(
            tag, [_name(value.__func__), walk.encode(value.__self__)]
        )
    if isinstance(value, _TEXTUAL):
        return lambda _, value: _digest(tag, [str(value).encode("utf-8", "surrogatepass")])
    if is_dataclass(value):
        names = tuple(field.name for field in fields(value))
        return lambda walk, value: walk.sequence(
            tag, [getattr(value, name, None) for name in names]
        )
    return _plan_by_content(value, tag)


def _plan_by_content(value: Any, tag: bytes) -> Plan:
    """Choose by what an object is a collection of, and what attributes it has besides."""
    content: Callable[[Any], object]
    if isinstance(value, BaseException):
        content = lambda value: value.args  # noqa: E731 - one of several small views, side by side
    elif isinstance(value, str | bytes | int | float):
        base = next(kind for kind in (str, bytes, int, float) if isinstance(value, kind))
        content = lambda value: base(value)  # noqa: E731 - as above
    elif isinstance(value, Mapping):
        content = dict
    elif isinstance(value, Set):
        content = frozenset
    elif isinstance(value, tuple | list | deque):
        content = list
    else:
        return _plan_by_attributes(type(value), tag)
    return lambda walk, value: _digest(
        tag, [walk.encode(content(value)), walk.encode(_attributes(value))]
    )


def _plan_by_attributes(kind: type, tag: bytes) -> Plan:
    told = bool(_slots(kind) or _cached(kind))  # by the type: the next object may differ in names

    def plan(walk: _Walk, value: Any) -> bytes:
        attributes = _attributes(value)
        content = None if told or attributes else _reduced(value)
        return _digest(tag, [walk.encode(content), walk.encode(attributes)])

    return plan


def _name(value: Any) -> bytes:
    """Where a function, class or module is to be found; the same for every copy of a closure."""
    module = getattr(value, "__module__", None) or ""
    return f"{module}.{getattr(value, '__qualname__', value.__name__)}".encode()


def _attributes(value: Any) -> dict[str, object]:
    """Instance attributes, of `__dict__` and of `__slots__`, but what a mere look has cached."""
    kind: type = type(value)
    found = dict(getattr(value, "__dict__", None) or {})
    for name in _cached(kind):
        found.pop(name, None)
    for name in _slots(kind):
        try:
            found[name] = getattr(value, name)
        except AttributeError:
            continue  # a slot that has not been filled
    return found


@cache
def _cached(kind: type) -> frozenset[str]:
    """Names under which objects of a type keep what a `cached_property` has computed."""
    return frozenset(
        name
        for base in kind.__mro__
        for name, value in vars(base).items()
        if isinstance(value, cached_property)
    )


def _slots(kind: type) -> list[str]:
    names: list[str] = []
    for base in kind.__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else tuple(slots):
            private = name.startswith("__") and not name.endswith("__")
            names.append(f"_{base.__name__.lstrip('_')}{name}" if private else name)
    return [name for name in names if name not in ("__dict__", "__weakref__")]


def _reduced(value: Any) -> object:
    """What copying the object would take (a datetime's bytes), or nothing, if it tells nothing."""
    try:
        reduced = value.__reduce_ex__(4)
    except Exception:  # noqa: BLE001 - it cannot be copied, for whatever reason
        return None
    if isinstance(reduced, str):
        return reduced
    return [list(part) if hasattr(part, "__next__") else part for part in reduced]
