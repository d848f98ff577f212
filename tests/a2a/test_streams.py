"""A stream that has been let in: the way out.

Neighbours: `test_readers.py` (readers come and go), `test_silence.py` (streams over HTTP).
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

import pytest

from actors.a2a.sequenced import Sequenced
from actors.a2a.streams import Stream


class Nothing:
    """No events."""

    def here(self) -> Sequence[Sequenced] | None:
        return ()

    def more(self) -> Awaitable[object]:
        raise AssertionError("there are none")


def test_all_that_lets_a_reader_out_is_called_once_the_last_first() -> None:
    """One that raises keeps no other from its part."""
    called: list[object] = []

    def raising() -> None:
        called.append("raises")
        raise ZeroDivisionError

    stream = Stream(Nothing(), lambda: called.append("first"), raising)
    stream.on_close(called.append)
    with pytest.raises(ZeroDivisionError):
        stream.close()
    stream.close()
    del stream
    assert called == [None, "raises", "first"]
