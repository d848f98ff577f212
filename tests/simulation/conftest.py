"""Simulated processes may crash and leave their mail: what is left is invariant 31's business.

Neighbours: `tests/conftest.py` (whose check this takes the place of).
"""

from __future__ import annotations

import pytest

from actors.runtime import ActorSystem

_make = ActorSystem.__init__
"""As it is before the tests begin to note systems; thousands of them are made here."""


@pytest.fixture(autouse=True)
def _nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ActorSystem, "__init__", _make)
