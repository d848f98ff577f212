"""Sayable: whether what somebody wrote has a form in JSON, so that everybody can read it later.

JSON has no NaN and no infinity, and no year 10000; protobuf has. What holds them could be stored,
and then neither its task nor a list with it in it could be told to a client any more.

Neighbours: `queue.py` (what agents emit), `entry.py` (what clients send).
"""

from __future__ import annotations

import re
from typing import Final

from google.protobuf.json_format import MessageToDict, SerializeToJsonError
from google.protobuf.message import Message as Proto

_SUSPECT: Final = re.compile(rb"\x11.{6}[\xf0-\xff][\x7f\xff]", re.DOTALL)
"""A `Value.number_value` that is not finite: its tag, and an exponent of ones. Other bytes may look
the same, but no such number goes unseen."""
NUMBER: Final = b"\x11"
"""Without this byte, a tag, there is no such number: a first look, in a tenth of the time."""
_FIRST: Final = -62_135_596_800
_LAST: Final = 253_402_300_799
"""Seconds of the first and the last time that a Timestamp can say in JSON."""


def unsayable(message: Proto, payload: bytes) -> str | None:
    """Why a message has no form in JSON; None if it has one, or another reason than a number.

    A look at the bytes is all that most messages cost; only a suspicious one is gone through.

    Args:
        message: what may hold numbers that are not finite.
        payload: the same, serialised.
    """
    if _SUSPECT.search(payload) is None:
        return None
    try:
        MessageToDict(message)
    except (SerializeToJsonError, ValueError) as error:
        return " ".join(str(error).split())
    return None


def in_range(seconds: int, nanos: int) -> bool:
    """Whether a Timestamp of these can be said in JSON: from the year 1 to 9999."""
    return _FIRST <= seconds <= _LAST and 0 <= nanos < 1_000_000_000
