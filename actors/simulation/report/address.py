"""Addresses: how a file of its own names a scenario or an invariant.

A scenario is known by its name in `SCENARIOS`, or named `module:attribute`; one that differs from
what stands there only in its policy, its faults or a flag is written as that with changes. A
user's scenario is an async function, named `module:function`.

Neighbours: `testfile.py` (writes these down).
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, NamedTuple, TypeAlias

from actors.simulation.faults import FaultPlan
from actors.simulation.invariants.rule import Invariant
from actors.simulation.sandbox import UserScenario
from actors.simulation.scenarios import SCENARIOS, Scenario
from actors.simulation.search import Runnable
from actors.task.policy import Policy


class NoAddress(LookupError):  # noqa: N818 - a state of a scenario, not a fault
    """A test file cannot import this; the message says what to do."""


class Import(NamedTuple):
    """`from module import name`."""

    module: str
    name: str
    alias: str = ""

    def __str__(self) -> str:
        return f"{self.name} as {self.alias}" if self.alias else self.name


class Call(NamedTuple):
    """A call, so that whoever prints it can break the line between its arguments."""

    head: str
    arguments: tuple[Expression, ...]

    def __str__(self) -> str:
        return f"{self.head}({', '.join(map(str, self.arguments))})"


Expression: TypeAlias = str | Call


class Written(NamedTuple):
    """An expression, and what must be imported for it."""

    imports: tuple[Import, ...]
    expression: Expression


_SCENARIOS = "actors.simulation.scenarios"


def scenario(wanted: Runnable) -> Written:
    """Write a scenario of ours down.

    Raises:
        NoAddress: it cannot be imported, or another one goes by its name.
    """
    if not isinstance(wanted, Scenario):
        raise NoAddress(
            f"{wanted.name!r} is {type(wanted).__name__}; tests are written for a Scenario and "
            "for what `simulate` runs"
        )
    known, place = _known(wanted)
    for field in ("inhabit", "script", "retention"):
        if getattr(known, field) != getattr(wanted, field):
            raise NoAddress(
                f"what is found as {wanted.name!r} is a scenario with another {field}; "
                "give this one a name of its own"
            )
    changes = _changes(known, wanted)
    if not changes.arguments:
        return place
    imports = dict.fromkeys((Import("dataclasses", "replace"), *place.imports, *changes.imports))
    call = Call("replace", (place.expression, *changes.arguments))
    return Written(tuple(imports), call)


def function(wanted: UserScenario) -> Written:
    """Write down how `simulate` runs a user's scenario, without the choices.

    The function goes by another name, lest a test runner take it for one more test of the file.

    Raises:
        NoAddress: it cannot be imported.
    """
    module, name = _address(wanted.name)
    if imported(module, name) is not wanted.life:
        raise NoAddress(f"{wanted.name} is not the scenario itself; is it wrapped by a decorator?")
    bare = UserScenario(name=wanted.name, life=wanted.life)
    changes = _changes(bare, wanted, plan="faults")
    untrapped = ("traps=False",) if wanted.prepare is bare.prepare else ()
    imports = (Import("actors.simulation", "simulate"), Import(module, name, "scenario"))
    arguments = ("scenario", "choices=CHOICES", *changes.arguments, *untrapped)
    return Written((*imports, *changes.imports), Call("simulate", arguments))


def _known(wanted: Scenario) -> tuple[Scenario, Written]:
    """Return what stands at the address of a scenario, and the address."""
    if wanted.name in SCENARIOS:
        text = f"SCENARIOS[{_literal(wanted.name)}]"
        return SCENARIOS[wanted.name], Written((Import(_SCENARIOS, "SCENARIOS"),), text)
    module, attribute = _address(wanted.name)
    found = imported(module, attribute)
    if not isinstance(found, Scenario):
        raise NoAddress(f"{wanted.name} is {type(found).__name__}, not a Scenario")
    return found, Written((Import(module, attribute),), attribute)


def _address(name: str) -> tuple[str, str]:
    """Return the module and the attribute that a name stands for."""
    module, _, attribute = name.partition(":")
    if not attribute.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
        raise NoAddress(
            f"scenario {name!r} has no address; name it 'module:attribute' after the place "
            "it can be imported from, or enter it into SCENARIOS"
        )
    return module, attribute


def imported(module: str, attribute: str) -> object:
    """Return an attribute of a module.

    Raises:
        NoAddress: there is no such module, or it has no such attribute.
    """
    if module == "__main__":
        raise NoAddress(f"{attribute} is in __main__, which a test cannot import; use a module")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise NoAddress(f"{module}:{attribute} cannot be imported: {error}") from error


class _Changes(NamedTuple):
    """What one scenario has and another has not, as keyword arguments."""

    imports: tuple[Import, ...]
    arguments: tuple[Expression, ...]


def _changes(known: Any, wanted: Any, plan: str = "plan") -> _Changes:
    imports: list[Import] = []
    arguments: list[Expression] = []
    if wanted.policy != known.policy:
        imports.append(Import("actors.task.policy", "Policy"))
        arguments.append(_policy(wanted.policy))
    if wanted.plan != known.plan:
        imports.append(Import("actors.simulation.faults", "FaultPlan"))
        arguments.append(Call(f"{plan}=FaultPlan", _keywords(wanted.plan, FaultPlan())))
    arguments += _flags(known, wanted)
    return _Changes(tuple(imports), tuple(arguments))


def _flags(known: Any, wanted: Any) -> Iterator[str]:
    """Return the fields that are true or false, a number or text, where they differ."""
    for field in fields(wanted):
        value = getattr(wanted, field.name)
        if isinstance(value, bool | int | str) and value != getattr(known, field.name):
            yield f"{field.name}={_literal(value)}"


def _policy(policy: Policy) -> Call:
    if policy.name == "spec":
        return Call("policy=Policy.spec", _keywords(policy, Policy.spec()))
    return Call("policy=Policy.sdk", _keywords(policy, Policy.sdk()))


def _keywords(value: Any, base: Any) -> tuple[str, ...]:
    """Return the fields in which a value differs from another of its type, as arguments."""
    found = ((field.name, getattr(value, field.name)) for field in fields(value))
    return tuple(f"{name}={_literal(v)}" for name, v in found if v != getattr(base, name))


def _literal(value: object) -> str:
    """Return text or a number as it stands in source, in double quotes where that is shorter."""
    plain = isinstance(value, str) and '"' not in value
    return json.dumps(value, ensure_ascii=False) if plain else repr(value)


def invariant(wanted: Invariant) -> Import:
    """Return where an invariant can be imported from.

    Raises:
        NoAddress: it cannot.
    """
    address = Import(wanted.check.__module__, wanted.name)
    if imported(address.module, address.name) is not wanted:
        raise NoAddress(
            f"{address.module}:{address.name} is not invariant {wanted.number}; keep what "
            "@invariant returns in its module, under the name of its function"
        )
    return address
