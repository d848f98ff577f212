"""Shapes: values of declared types as plain data (what msgpack holds), and back, strictly.

A shape is made once for a type, from its annotations alone. Unpacking builds nothing but what was
declared, and takes nothing that is only nearly of the right type: a field is missing, superfluous
or of another type is an error, never a guess. Errors name types and fields, never values.

Neighbours: `events.py` (names and versions around these).
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import InitVar, fields, is_dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum, Flag
from typing import Any, NamedTuple, NoReturn, Union, get_args, get_origin, get_type_hints

SUPPORTED = (
    "bool, int, float, str, bytes, None, Decimal, Enum of int or str, frozen dataclass, "
    "tuple[...], dict or Mapping with keys of type str, and unions of these that can be told apart"
)
INT_LEAST, INT_MOST = -(2**63), 2**64 - 1
"""What msgpack holds."""


class Misfit(Exception):  # noqa: N818 - says what a value is, as `LookupError` does
    """A value is not of its declared type; the text says where, what was found and expected."""

    def inside(self, where: str) -> Misfit:
        """Tell where the value stands from further outside."""
        return Misfit(f"{where}: {self}")


class Shape(NamedTuple):
    """How values of one declared type become plain data, and back; both raise `Misfit`."""

    values: frozenset[type]
    """The types of the values."""
    data: frozenset[type]
    """The types of the plain data."""
    pack: Callable[[Any], Any]
    unpack: Callable[[Any], Any]


def shape_of(declared: Any, outer: tuple[type, ...] = ()) -> Shape:
    """Make the shape of a type.

    Args:
        declared: an annotation.
        outer: the dataclasses that it is a field of.

    Raises:
        TypeError: it cannot be stored; says what can.
    """
    plain = _PLAIN.get(declared)
    if plain is not None:
        return plain
    origin, arguments = get_origin(declared), get_args(declared)
    if origin in (Union, types.UnionType):
        return _union([shape_of(each, outer) for each in arguments], declared)
    if origin is tuple and arguments:
        return _tuple(arguments, outer)
    if isinstance(origin, type) and issubclass(origin, Mapping) and arguments[0] is str:
        return _mapping(shape_of(arguments[1], outer))
    if isinstance(declared, type) and issubclass(declared, Enum):
        return _enum(declared)
    if isinstance(declared, type) and is_dataclass(declared):
        return _dataclass(declared, outer)
    raise TypeError(f"{_name(declared)} cannot be stored; what can is {SUPPORTED}")


def _name(declared: Any) -> str:
    return declared.__qualname__ if isinstance(declared, type) else repr(declared)


def _misfit(found: Any, expected: str) -> NoReturn:
    raise Misfit(f"found {type(found).__qualname__}, expected {expected}")


def _exact(kind: type) -> Shape:
    def same(value: Any) -> Any:
        if type(value) is not kind:
            _misfit(value, kind.__qualname__)
        return value

    return Shape(frozenset({kind}), frozenset({kind}), same, same)


def _packed_int(value: Any) -> int:
    if type(value) is not int:
        _misfit(value, "int")
    if not INT_LEAST <= value <= INT_MOST:
        raise Misfit("found an int beyond 64 bits, expected a smaller one (or a str)")
    return value


def _packed_float(value: Any) -> float:
    """An int is welcome where a float is declared, as type checkers have it."""
    if type(value) is int:
        # Beyond 2**53 most have no float, and beyond 2**1024 none has.
        if abs(value) >= 2**1023 or float(value) != value:
            raise Misfit("found an int that no float is equal to, expected a float")
        return float(value)
    return float(_exact(float).pack(value))


def _unpacked_decimal(data: Any) -> Decimal:
    if type(data) is not str:
        _misfit(data, "str of a Decimal")
    try:
        return Decimal(data)
    except InvalidOperation as error:
        raise Misfit("found a str that is no number, expected one of a Decimal") from error


_INT = Shape(frozenset({int}), frozenset({int}), _packed_int, _exact(int).unpack)
_FLOAT = Shape(frozenset({float, int}), frozenset({float}), _packed_float, _exact(float).unpack)
_DECIMAL = Shape(
    frozenset({Decimal}),
    frozenset({str}),
    lambda value: str(_exact(Decimal).pack(value)),
    _unpacked_decimal,
)
_NONE = _exact(types.NoneType)
_PLAIN: dict[Any, Shape] = {
    None: _NONE,
    types.NoneType: _NONE,
    int: _INT,
    float: _FLOAT,
    Decimal: _DECIMAL,
    **{kind: _exact(kind) for kind in (bool, str, bytes)},
}


def _union(members: list[Shape], declared: Any) -> Shape:
    by_value: dict[type, Shape] = {}
    by_data: dict[type, Shape] = {}
    for member in members:
        if by_value.keys() & member.values or by_data.keys() & member.data:
            raise TypeError(f"the members of {declared!r} cannot be told apart when stored")
        by_value.update(dict.fromkeys(member.values, member))
        by_data.update(dict.fromkeys(member.data, member))
    expected = " or ".join(sorted(kind.__qualname__ for kind in by_value))

    def pack(value: Any) -> Any:
        member = by_value.get(type(value))
        return _misfit(value, expected) if member is None else member.pack(value)

    def unpack(data: Any) -> Any:
        member = by_data.get(type(data))
        return _misfit(data, expected) if member is None else member.unpack(data)

    return Shape(frozenset(by_value), frozenset(by_data), pack, unpack)


def _tuple(arguments: tuple[Any, ...], outer: tuple[type, ...]) -> Shape:
    endless = arguments[-1] is Ellipsis
    items = [shape_of(each, outer) for each in arguments if each is not Ellipsis]

    def shapes(found: Any) -> list[Shape]:
        if endless:
            return items * len(found)
        if len(found) != len(items):
            raise Misfit(f"found {len(found)} items, expected {len(items)}")
        return items

    def pack(value: Any) -> list[Any]:
        if type(value) is not tuple:
            _misfit(value, "tuple")
        return [
            _at(at, shape.pack, item)
            for at, (shape, item) in enumerate(zip(shapes(value), value, strict=True))
        ]

    def unpack(data: Any) -> tuple[Any, ...]:
        if type(data) is not list:
            _misfit(data, "list of a tuple")
        return tuple(
            _at(at, shape.unpack, item)
            for at, (shape, item) in enumerate(zip(shapes(data), data, strict=True))
        )

    return Shape(frozenset({tuple}), frozenset({list}), pack, unpack)


def _mapping(item: Shape) -> Shape:
    key = _exact(str)

    def each(found: Mapping[Any, Any], convert: Callable[[Any], Any]) -> dict[str, Any]:
        return {
            _at("key", key.pack, name): _at("value", convert, value)
            for name, value in found.items()
        }

    def pack(value: Any) -> dict[str, Any]:
        if type(value) not in (dict, types.MappingProxyType):
            _misfit(value, "dict")
        return each(value, item.pack)

    def unpack(data: Any) -> dict[str, Any]:
        if type(data) is not dict:
            _misfit(data, "dict")
        return each(data, item.unpack)

    return Shape(frozenset({dict, types.MappingProxyType}), frozenset({dict}), pack, unpack)


def _enum(declared: type[Enum]) -> Shape:
    if issubclass(declared, Flag):
        raise TypeError(f"{_name(declared)} cannot be stored, it is a Flag: declare an int")
    kinds = {type(member.value) for member in declared}
    if not kinds <= {int, str}:
        raise TypeError(f"{_name(declared)} cannot be stored: its values are no int and no str")
    by_value = {(type(member.value), member.value): member for member in declared}

    def pack(value: Any) -> Any:
        if type(value) is not declared:
            _misfit(value, _name(declared))
        return value.value

    def unpack(data: Any) -> Any:
        member = by_value.get((type(data), data)) if type(data) in kinds else None
        if member is None:
            _misfit(data, f"the value of a member of {_name(declared)}")
        return member

    return Shape(frozenset({declared}), frozenset(kinds), pack, unpack)


def _dataclass(declared: type, outer: tuple[type, ...]) -> Shape:
    if not declared.__dataclass_params__.frozen:  # type: ignore[attr-defined] # a dataclass has it
        raise TypeError(f"{_name(declared)} is not frozen; facts do not change: frozen=True")
    if declared in outer:
        raise TypeError(f"{_name(declared)} contains itself, and cannot be stored")
    shapes = _field_shapes(declared, (*outer, declared))

    def pack(value: Any) -> dict[str, Any]:
        if type(value) is not declared:
            _misfit(value, _name(declared))
        return {name: _at(name, each.pack, getattr(value, name)) for name, each in shapes.items()}

    def unpack(data: Any) -> Any:
        if type(data) is not dict:
            _misfit(data, f"dict of {_name(declared)}")
        if data.keys() != shapes.keys():
            odd = ", ".join(sorted(repr(name) for name in data.keys() ^ shapes.keys()))
            raise Misfit(f"fields missing or superfluous: {odd}")
        given = {name: _at(name, each.unpack, data[name]) for name, each in shapes.items()}
        try:
            return declared(**given)
        except Exception as error:  # whatever the type has against these values
            raise Misfit(f"{_name(declared)} refuses: {type(error).__qualname__}") from error

    return Shape(frozenset({declared}), frozenset({dict}), pack, unpack)


def _field_shapes(declared: type, outer: tuple[type, ...]) -> dict[str, Shape]:
    try:
        hints = get_type_hints(declared)
    except NameError as error:
        raise TypeError(f"annotations of {_name(declared)} cannot be resolved: {error}") from error
    passing = [name for name, hint in hints.items() if _passes(hint)]
    if passing:
        raise TypeError(f"field {passing[0]!r} of {_name(declared)} is an InitVar, which is lost")
    shapes = {}
    for field in fields(declared):
        if not field.init:
            raise TypeError(f"field {field.name!r} of {_name(declared)} has init=False")
        try:
            shapes[field.name] = shape_of(hints[field.name], outer)
        except TypeError as error:
            raise TypeError(f"field {field.name!r} of {_name(declared)}: {error}") from error
    return shapes


def _passes(hint: Any) -> bool:
    return hint is InitVar or isinstance(hint, InitVar)


def _at(where: str | int, convert: Callable[[Any], Any], value: Any) -> Any:
    try:
        return convert(value)
    except Misfit as misfit:
        raise misfit.inside(repr(where)) from misfit.__cause__
