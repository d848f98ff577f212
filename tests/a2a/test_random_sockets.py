"""Random agents, random clients, real sockets: a few fixed sessions (tests/soak/sockets: many).

Neighbours: `random_session.py` (what happens in one), `observed.py` (what must hold).
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from tests.a2a.random_session import session

SEEDS = range(5)
HANGS = 30.0
"""Seconds after which a session has hung."""


@pytest.mark.parametrize("seed", SEEDS)
async def test_what_clients_see_fits_what_is_stored(
    seed: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Invariants 1 to 3, 8 to 11, 13, 16 to 18, 20, 24, 26 and 31, as clients can judge them."""
    caplog.set_level(logging.CRITICAL)  # an agent that raises is logged, and this one does
    async with asyncio.timeout(HANGS):
        found = await session(f"ci-{seed}", tmp_path / "tasks.db")
    assert found.wrong == []
    assert found.figures["events"]
    assert found.figures["records"]
