"""What is checked: one check for each rule, and for each check the defects that it must notice.

Neighbours: `world.py` (what a check gets), `server.py` (what a breaker changes), `table.py`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

from a2a.utils.constants import TransportProtocol

if TYPE_CHECKING:
    from tests.a2a.rules.server import Setup
    from tests.a2a.rules.world import World

    Check = Callable[[World], Awaitable[None]]
    Change = Callable[[Setup], Setup]

JSONRPC, REST, GRPC = (
    str(binding.value)
    for binding in (TransportProtocol.JSONRPC, TransportProtocol.HTTP_JSON, TransportProtocol.GRPC)
)
ALL = (JSONRPC, REST, GRPC)
HTTP = (JSONRPC, REST)
LOCAL = ("local",)
"""For what no wire shows: the check uses the handler or the core; the client speaks JSON-RPC."""

POLICIES = ("sdk", "spec")

EXEMPT = {
    "R77": "of the deployment: headers of the card are set by the user's routes or proxy",
    "R82": "of the deployment: authentication is the user's middleware, before our handler",
    "R88": "of clients: it is they who echo the tenant",
    "R98": "of clients: it is they who must not rely on status messages",
    "R102": "of the deployment: TLS ends in front of the server",
}
"""Rules that no server of ours can keep or break, each with the reason."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule and its check.

    Attributes:
        id: as in A2A_RULES.
        title: what is checked, in one line.
        cells: what each policy does, by the name of the policy.
        bindings: over which the check runs.
        setup: changes the server for this check; None for the usual one.
        known: by the name of the policy, why the check fails today.
    """

    id: str
    title: str
    cells: dict[str, str]
    bindings: tuple[str, ...]
    check: Check
    setup: Change | None
    known: dict[str, str]


@dataclass(frozen=True, slots=True)
class Breaker:
    """A named defect that the check of a rule must notice.

    Attributes:
        error: how the check fails; an AssertionError unless the defect makes an operation of the
            check itself fail.
        hangs: whether it shows in that nothing happens.
    """

    rule: str
    change: Change
    binding: str | None
    policy: str
    error: type[Exception]
    hangs: bool

    @property
    def name(self) -> str:
        """The name of the defect."""
        return self.change.__name__


@dataclass
class Registry:
    """All rules and breakers of the modules that were imported."""

    rules: dict[str, Rule] = field(default_factory=dict)
    breakers: list[Breaker] = field(default_factory=list)


REGISTRY = Registry()


def rule(
    rule_id: str,
    title: str,
    *,
    sdk: str = "as the rule",
    spec: str = "as the rule",
    bindings: tuple[str, ...] = ALL,
    setup: Change | None = None,
    known: str | dict[str, str] | None = None,
) -> Callable[[Check], Check]:
    """Register the check of a rule.

    Args:
        rule_id: as in A2A_RULES.
        title: what is checked.
        sdk: what `Policy.sdk()` does, where that differs from the rule.
        spec: what `Policy.spec()` does, where that differs from the rule.
        bindings: `ALL`, `HTTP`, `LOCAL` or a choice of them.
        setup: changes the server.
        known: why the check fails today, under both policies or by the name of the policy.

    Raises:
        ValueError: the rule has a check already.
    """

    def register(check: Check) -> Check:
        if rule_id in REGISTRY.rules:
            raise ValueError(f"{rule_id} has a check already; one rule has one check, extend that")
        cells = {"sdk": sdk, "spec": spec}
        fails = dict.fromkeys(POLICIES, known) if isinstance(known, str) else known or {}
        REGISTRY.rules[rule_id] = Rule(rule_id, title, cells, bindings, check, setup, fails)
        return check

    return register


def breaks(
    *rule_ids: str,
    binding: str | None = None,
    policy: str = "sdk",
    error: type[Exception] = AssertionError,
    hangs: bool = False,
) -> Callable[[Change], Change]:
    """Register a defect, a function from the right setup to the wrong one.

    Args:
        *rule_ids: whose checks must notice it.
        binding: over which; by default the first of the rule.
        policy: under which, by name.
        error: how the checks fail.
        hangs: True when it shows in that something never comes.
    """

    def register(change: Change) -> Change:
        REGISTRY.breakers += [
            Breaker(each, change, binding, policy, error, hangs) for each in rule_ids
        ]
        return change

    return register


def load() -> Registry:
    """Return the registry, with every file of this package imported."""
    import tests.a2a.rules as package  # here, since the topics import this file

    for module in pkgutil.iter_modules(package.__path__):
        if module.name != "__main__":
            import_module(f"{package.__name__}.{module.name}")
    return REGISTRY


def number(rule_id: str) -> int:
    """Return the number of a rule, to sort by."""
    return int(rule_id.removeprefix("R"))
