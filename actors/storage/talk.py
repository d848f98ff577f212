"""What a journal and its writer process say to one another, as bytes: msgpack, one after another.

Neighbours: `link.py` and `writer_process.py` (the two ends).
"""

from __future__ import annotations

from typing import Any, Final

import msgpack

ROOM: Final = 1 << 18
"""Bytes read at once, into a place that is kept: to get one of this size costs some page faults."""
_KEPT: Final = 1 << 14
"""Bytes of what is read that are kept from the beginning (by itself msgpack takes 1 MiB)."""


def packed(message: Any) -> bytes:
    """One message.

    Raises:
        TypeError, ValueError, OverflowError: something in it has no form in msgpack.
    """
    given: bytes = msgpack.packb(message)
    return given


def unpacker() -> Any:
    """Feed it bytes, and iterate over the messages that are whole by then.

    Groups may be large, and what comes is from our own program: there is no bound but memory. What
    it keeps bytes in grows with the largest group; it begins small, as it is gone through from end
    to end, and would all be in memory soon.
    """
    return msgpack.Unpacker(raw=False, strict_map_key=False, max_buffer_size=0, read_size=_KEPT)
