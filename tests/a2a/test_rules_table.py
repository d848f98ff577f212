"""`rules.md` is complete and says what the registry says."""

from __future__ import annotations

from tests.a2a.rules.registry import EXEMPT, load
from tests.a2a.rules.table import FILE, text

REGISTRY = load()
EVERY = {f"R{number}" for number in range(1, 104)}


def test_the_file_is_what_the_registry_says() -> None:
    found = FILE.read_text() if FILE.exists() else ""
    assert found == text(REGISTRY), "run: python -m tests.a2a.rules"


def test_every_check_has_a_defect_that_it_must_notice() -> None:
    assert set(REGISTRY.rules) - {each.rule for each in REGISTRY.breakers} == set()


def test_every_defect_is_of_a_rule_that_is_checked() -> None:
    assert {each.rule for each in REGISTRY.breakers} - set(REGISTRY.rules) == set()


def test_every_rule_is_checked_or_exempt() -> None:
    assert set(REGISTRY.rules) | set(EXEMPT) == EVERY


def test_what_is_exempt_is_not_checked() -> None:
    assert set(REGISTRY.rules) & set(EXEMPT) == set()
