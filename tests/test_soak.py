"""Long searches: what their progress says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.progress import Kept


def test_a_search_that_broke_is_told_again_until_it_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "progress.json"
    progress = Kept.load(path, 1)
    progress.seconds = 5.0
    progress.save(path)
    assert Kept.load(path, 1).seconds == 5.0
    progress.failed = "request 7 was answered with 500"
    progress.save(path)
    for _ in range(2):
        with pytest.raises(SystemExit, match="request 7 was answered with 500"):
            Kept.load(path, 1)
    assert Kept.load(path, 2).failed == ""
