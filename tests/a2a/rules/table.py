"""`rules.md`: the registry as a table for people.

Neighbours: `registry.py` (what it is made of), `__main__.py` (writes the file).
"""

from __future__ import annotations

from pathlib import Path

from tests.a2a.rules.registry import EXEMPT, POLICIES, Registry, Rule, number

FILE = Path(__file__).parent.parent / "rules.md"

HEAD = """\
# The A2A rules and what checks them

Written by `python -m tests.a2a.rules`; a test compares it with the registry. Each check runs under
both policies, over each binding named, with a2a-sdk's client over sockets; "local" is for what no
wire shows. The ids below `test_rule` end in `-<policy>-<binding>`. A breaker is a deliberate defect
under which the check is run, too, and has to fail (`test_breaker`).

| rule | what is checked | `Policy.sdk()` | `Policy.spec()` | bindings | test | breakers |
|-|-|-|-|-|-|-|
"""


def text(registry: Registry) -> str:
    """Return the whole file."""
    ids = sorted({*registry.rules, *EXEMPT}, key=number)
    return HEAD + "".join(f"| {' | '.join(_row(registry, each))} |\n" for each in ids)


def _row(registry: Registry, rule_id: str) -> list[str]:
    found = registry.rules.get(rule_id)
    if found is None:
        return [rule_id, f"exempt: {EXEMPT[rule_id]}", "", "", "", "", ""]
    breakers = sorted({each.name for each in registry.breakers if each.rule == rule_id})
    return [
        rule_id,
        found.title,
        *(_cell(found, policy) for policy in POLICIES),
        ", ".join(found.bindings),
        f"`test_rules.py::test_rule[{rule_id}-...]`",
        ", ".join(f"`{name}`" for name in breakers),
    ]


def _cell(found: Rule, policy: str) -> str:
    fails = found.known.get(policy)
    return found.cells[policy] if fails is None else f"{found.cells[policy]} (fails: {fails})"
