"""Requests with something wrong: in a field, in the JSON, in the HTTP around it.

Neighbours: `wellformed.py` (what they are made of), `raw_http.py` (sends them).
"""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any
from urllib.parse import quote

from tests.a2a.wellformed import Call, well_formed

NESTED = "\x00nested\x00"
"""Stands for what no encoder writes."""
DEPTH = 20_000
VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    2**31,
    2**63,
    -(2**64),
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    -float("inf"),
    "",
    " ",
    "x" * 100_000,
    "\x00",
    "\ud800",
    "\u202e\ufeff\U0001f600",
    "..%2f..%2f",
    "'; DROP TABLE tasks; --",
    "NaN",
    "9999-99-99T99:99:99Z",
    "0000-00-00T00:00:00Z",
    "2026-01-01T00:00:00+99:99",
    "TASK_STATE_NOT_ONE",
    [],
    {},
    [[]],
    [None],
    [{}] * 1_000,
    {"": ""},
    {"@type": "x"},
    {"x" * 1_000: 1},
    {str(number): number for number in range(1_000)},
    NESTED,
)
NAMES = ("extra", "", "kind", "__proto__", "message_id", "task", "\x00", "é", "constructor")
IDS: tuple[Any, ...] = (
    0,
    -1,
    1.0,
    1.5,
    True,
    [],
    {},
    "",
    "x" * 10_000,
    2**70,
    None,
    "\ud800",
    float("nan"),
)
HEADERS: dict[str, tuple[str, ...]] = {
    "A2A-Version": (
        "",
        "0.3",
        "1",
        "1.0",
        "1.0.7",
        "1.9",
        "2.0",
        "x",
        "1.0, 0.3",
        "-1",
        "1" * 5_000,
    ),
    "A2A-Extensions": ("", ",", "http://x", "http://x," * 500, "\x7f", "é"),
    "Last-Event-ID": ("", "0", "1", "-1", "999", "9" * 18, "9" * 30, "x", "1.5", "\xb2", " "),
    "Content-Type": ("", "text/plain", "application/xml", "application/json; charset=utf-16", ";"),
    "Content-Encoding": ("gzip", "br", "x"),
    "Accept": ("", "text/html", "*/*;q=x", "application/json"),
    "Transfer-Encoding": ("x", "chunked, chunked"),
    "Expect": ("100-continue", "x"),
    "traceparent": ("", "00-x", "00-" + "0" * 32 + "-" + "0" * 16 + "-00", "x" * 1_000),
    "Authorization": ("Bearer", "Basic é", "x" * 2_000),
    "X-User": ("", "é", "x" * 500),
}
VERBS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "BREW")
PIECES = (
    "",
    "/",
    "//",
    "/.",
    "/..",
    "%00",
    "%2f",
    "%ff",
    "\u00e9",
    ":cancel",
    ":x",
    "?",
    "x" * 3_000,
)

Mangle = Callable[[Call, Random], None]


def mangled(draw: Random, task: str) -> bytes:
    """Return the bytes of a request, with up to three things wrong."""
    call = well_formed(draw, task)
    text: Callable[[Any, Random], bytes] = _text
    for _ in range(draw.randrange(4)):
        draw.choice(MANGLES)(call, draw)
    if draw.random() < 0.2:
        text = draw.choice(TEXTS)
    body = b"" if call.body is None else text(call.body, draw)
    return raw(call, body)


def raw(call: Call, body: bytes) -> bytes:
    """Return an HTTP request as it goes over the wire, the last of its connection."""
    query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in call.query.items())
    target = quote(call.path, safe="/:%?=&", errors="replace") + (f"?{query}" if query else "")
    headers = [("Host", "x"), ("Connection", "close"), *call.headers]
    names = {name.lower() for name, _ in headers}
    if body or call.method == "POST":
        if "transfer-encoding" not in names:
            headers.append(("Content-Length", str(len(body))))
        if "content-type" not in names:
            headers.append(("Content-Type", "application/json"))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    head = f"{call.method} {target or '/'} HTTP/1.1\r\n{lines}\r\n"
    return head.encode("latin-1", "replace") + body


def _quoted(value: object) -> str:
    return quote(str(value)[:5_000], safe="", errors="replace")


# -- what goes wrong in the JSON


def _any(draw: Random) -> Any:
    return copy.deepcopy(draw.choice(VALUES))  # what is put in is mangled, too


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) in it."""
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield value, key
            yield from _places(each)


def _place(call: Call, draw: Random) -> tuple[Any, Any] | None:
    places = list(_places(call.body)) + list(_places(call.query))
    return draw.choice(places) if places else None


def _another_value(call: Call, draw: Random) -> None:
    if (place := _place(call, draw)) is not None:
        place[0][place[1]] = _any(draw)


def _missing(call: Call, draw: Random) -> None:
    if (place := _place(call, draw)) is not None:
        del place[0][place[1]]


def _extra(call: Call, draw: Random) -> None:
    if (place := _place(call, draw)) is not None and isinstance(place[0], dict):
        place[0][draw.choice(NAMES)] = _any(draw)


def _another_id(call: Call, draw: Random) -> None:
    if isinstance(call.body, dict) and "jsonrpc" in call.body:
        call.body["id"] = copy.deepcopy(draw.choice(IDS))


def _another_body(call: Call, draw: Random) -> None:
    call.body = draw.choice((_any(draw), [call.body], [call.body] * 3))


def _another_query(call: Call, draw: Random) -> None:
    names = (
        "pageSize",
        "historyLength",
        "status",
        "pageToken",
        "statusTimestampAfter",
        "A2A-Version",
    )
    call.query[draw.choice((*names, *NAMES))] = _any(draw)


# -- what goes wrong around it


def _header(call: Call, draw: Random) -> None:
    name = draw.choice(tuple(HEADERS))
    if draw.random() < 0.7:
        call.headers = [each for each in call.headers if each[0] != name]
    call.headers.append((name, draw.choice(HEADERS[name])))


def _verb(call: Call, draw: Random) -> None:
    call.method = draw.choice(VERBS)


def _path(call: Call, draw: Random) -> None:
    at = draw.randrange(len(call.path) + 1)
    call.path = call.path[:at] + draw.choice(PIECES) + call.path[at:]
    if not call.path.startswith("/"):
        call.path = f"/{call.path}"


MANGLES: tuple[Mangle, ...] = (
    *(_another_value,) * 4,
    *(_missing, _extra, _header) * 2,
    _another_id,
    _another_body,
    _another_query,
    _verb,
    _path,
)


# -- the bytes of the body


def _text(value: Any, _: Random) -> bytes:
    nested = "[" * DEPTH + "]" * DEPTH
    return json.dumps(value).replace(json.dumps(NESTED), nested).encode()


def _cut(value: Any, draw: Random) -> bytes:
    text = _text(value, draw)
    return text[: draw.randrange(len(text) + 1)]


def _twice(value: Any, draw: Random) -> bytes:
    """Every key of the outermost object twice."""
    text = _text(value, draw)
    return text[:-1] + b"," + text[1:] if text.startswith(b'{"') else text * 2


def _flipped(value: Any, draw: Random) -> bytes:
    text = bytearray(_text(value, draw))
    for _ in range(1 + draw.randrange(3)):
        text[draw.randrange(len(text))] = draw.randrange(256)
    return bytes(text)


def _zipped(value: Any, draw: Random) -> bytes:
    return gzip.compress(_text(value, draw), mtime=0)


def _utf16(value: Any, draw: Random) -> bytes:
    return _text(value, draw).decode().encode("utf-16")


def _none(_: Any, draw: Random) -> bytes:
    return draw.choice(
        (b"", b"\x00", b"null", b"\xff\xfe", b"{", b"[]", b'"', b"nan", b"1" * 10_000)
    )


TEXTS = (_cut, _twice, _flipped, _zipped, _utf16, _none)
