"""SCXML text as a tree of elements: well formed, bounded, without anything that needs a script.

Used by `read`. Imports the limits of `check`, `vocabulary`, and `words`.

A document comes from anybody, so it is refused while it is read, at the first thing that is too
large, too deep or not understood. A document type is refused before anything in it is looked at:
SCXML has no use for one, and entities are how small documents become large.

Elements and attributes in other namespaces, which editors leave behind, are passed over, except
between actions, where they would have done something.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.parsers import expat

from statechart.check.rules import MAX_DEPTH, MAX_EDGES, MAX_STATES
from statechart.scxml.vocabulary import ATTRIBUTES, ELEMENTS, EVALUATED, SCRIPTED
from statechart.scxml.words import OWN, SCXML, ScxmlError, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_ATTRIBUTE", "MAX_ELEMENTS", "MAX_TEXT", "Element", "parse"]

MAX_TEXT = 10_000_000
"""Bytes of a document, as UTF-8."""

MAX_ELEMENTS = 100_000
"""Elements of a document."""

MAX_ATTRIBUTE = 65_536
"""Characters of one attribute, in a document that we did not write.

One of ours has all its events in one attribute, and notes as long as people like; it ends at
`MAX_TEXT`.
"""

# Several regions are written with a state around each, and one around all; the chart's own check is
# exact.
_MOST_AROUND = MAX_DEPTH + 2
_MOST_STATES = 2 * MAX_STATES + 1

_SC = "sc:"
_STATES = frozenset(("state", "parallel", "final", "history"))
_LITERAL = re.compile(r"(['\"])([^'\"\\\\]*)\1")


@dataclass(slots=True)
class Element:
    """One element; names in our own namespace begin with `sc:`."""

    tag: str
    attributes: dict[str, str]
    line: int
    children: list[Element] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        """Return an attribute without surrounding blanks, None if it is not there."""
        value = self.attributes.get(name)
        return None if value is None else value.strip()

    def text(self, name: str) -> str:
        """Return an attribute as it is, empty if it is not there: blanks are part of a text."""
        return self.attributes.get(name, "")

    def words(self, name: str) -> tuple[str, ...]:
        """Return the words of an attribute, none if it is not there."""
        return tuple(self.attributes.get(name, "").split())

    def all(self, *tags: str) -> Iterator[Element]:
        """Yield the children with one of these tags, in document order."""
        return (child for child in self.children if child.tag in tags)

    def error(self, why: str, attribute: str = "") -> ScxmlError:
        """Return an error about this element, or one of its attributes."""
        return ScxmlError(self.line, f"<{self.tag}{' ' * bool(attribute)}{attribute}>", why)


def parse(text: str | bytes) -> Element:
    """Return the root element of a document.

    Raises `ScxmlError` if it is not well formed, passes a limit, or holds what is not understood.
    """
    return _Parser().run(_encoded(text))


def _encoded(text: str | bytes) -> bytes:
    too_long = ScxmlError(0, "document", f"it is longer than {MAX_TEXT} bytes")
    if len(text) > MAX_TEXT:
        raise too_long
    try:
        data = text.encode() if isinstance(text, str) else text.decode().encode()
    except (UnicodeEncodeError, UnicodeDecodeError) as error:
        why = f"it is not UTF-8 text: {error.reason}; save it as UTF-8"
        raise ScxmlError(0, "document", why) from None
    if len(data) > MAX_TEXT:
        raise too_long
    return data


class _Parser:
    def __init__(self) -> None:
        # The encoding given here outdoes what the document declares: it was decoded already.
        self._expat = expat.ParserCreate("utf-8", namespace_separator=" ")
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._characters
        self._expat.StartDoctypeDeclHandler = self._doctype
        self._expat.XmlDeclHandler = self._declaration
        self._expat.buffer_text = True
        self._open: list[Element] = []
        self._root: Element | None = None
        self._elements = 0
        self._states = 0
        self._edges = 0
        self._longest = MAX_ATTRIBUTE
        self._depth = 0
        self._passed_over = 0

    def run(self, data: bytes) -> Element:
        try:
            self._expat.Parse(data, True)
        except expat.ExpatError as error:
            why = f"it is not well-formed XML: {expat.ErrorString(error.code)}"
            raise ScxmlError(error.lineno, "document", why) from None
        if self._root is None:
            raise ScxmlError(0, "document", "it holds no <scxml>")
        return self._root

    def _error(self, what: str, why: str) -> ScxmlError:
        return ScxmlError(self._expat.CurrentLineNumber, what, why)

    def _doctype(self, name: str, *_: object) -> None:
        raise self._error("<!DOCTYPE>", "a document type may define entities; remove it")

    def _declaration(self, version: str, *_: object) -> None:
        if version != "1.0":
            raise self._error("document", f"it is XML {shown(version)}, and only 1.0 is known")

    def _characters(self, text: str) -> None:
        if text.strip() and not self._passed_over:
            around = self._open[-1].tag if self._open else "document"
            raise self._error(
                f"<{around}>", f"it holds text, {shown(text.strip())}; nothing would read it"
            )

    def _end(self, _: str) -> None:
        if self._passed_over:
            self._passed_over -= 1
        elif self._open.pop().tag in _STATES:
            self._depth -= 1

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise self._error("document", f"it has more than {MAX_ELEMENTS} elements")
        if self._elements == 1 and f"{OWN} version" in attributes:
            self._longest = MAX_TEXT
        for attribute, value in attributes.items():
            if len(value) > self._longest or len(attribute) > self._longest:
                why = f"it is longer than {self._longest}"
                raise self._error(f"attribute {shown(attribute)}", why)
        tag = _local(name) if " " in name else f" {name}"
        if self._passed_over or self._foreign(tag):
            self._passed_over += 1
            return
        self._known(tag)
        element = Element(tag, self._said(tag, attributes), self._expat.CurrentLineNumber)
        if self._open:
            self._count_events(element, self._open[-1])
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _count_events(self, element: Element, around: Element) -> None:
        """Count what becomes of transitions, each at least one row, before anything is made."""
        if element.tag != "transition" or around.tag in ("history", "initial"):
            return
        self._edges += max(1, len(element.text("event").split(None, MAX_EDGES)))
        if self._edges > MAX_EDGES:
            why = f"up to here transitions are more than {MAX_EDGES} rows, one for each event"
            raise element.error(f"{why}; write them at states around several", "event")

    def _foreign(self, tag: str) -> bool:
        """Tell whether an element is in somebody else's namespace, where it does no harm."""
        return " " in tag and bool(self._open) and "raise" not in self._allowed()

    def _allowed(self) -> tuple[str, ...]:
        return ELEMENTS.get(self._open[-1].tag if self._open else "", ())

    def _known(self, tag: str) -> None:
        allowed = self._allowed()
        if tag not in allowed:
            around = f"<{self._open[-1].tag}>" if self._open else "the root"
            expected = ", ".join(f"<{each}>" for each in allowed) or "nothing"
            hint = "" if self._open else f' with xmlns="{SCXML}"'
            why = SCRIPTED.get(tag, f"expected in {around}: {expected}{hint}")
            raise self._error(f"<{_short(tag)}>", why)
        if tag in _STATES:
            self._states += 1
            self._depth += 1
            if self._states > _MOST_STATES:
                raise self._error(f"<{tag}>", f"it is one of more than {MAX_STATES} states")
            if self._depth > _MOST_AROUND:
                raise self._error(f"<{tag}>", f"states are nested more than {MAX_DEPTH} deep")

    def _said(self, tag: str, attributes: dict[str, str]) -> dict[str, str]:
        """Return the attributes by name, without those of other namespaces."""
        known, found = ATTRIBUTES.get(tag, ()), dict[str, str]()
        for name, value in attributes.items():
            local = _local(name)
            if " " in local:
                continue
            if local not in known:
                local, value = self._constant(tag, local, value)
            if local in found:
                raise self._error(f"<{tag} {local}>", "it is said twice; keep one")
            found[local] = value
        return found

    def _constant(self, tag: str, name: str, value: str) -> tuple[str, str]:
        """Return what an expression says without being evaluated: text in quotes is itself."""
        known = ATTRIBUTES.get(tag, ())
        literal = _LITERAL.fullmatch(value.strip())
        if literal and name.endswith("expr") and name.removesuffix("expr") in known:
            return name.removesuffix("expr"), literal[2]
        why = f"expected: {', '.join(known) or 'no attributes'}"
        if name in EVALUATED:
            why = "it would have to be evaluated or fetched; write the value itself"
        raise self._error(f"<{tag} {_short(name)}>", why)


def _local(name: str) -> str:
    """Return a name as this package writes it; with a blank in it, the namespace is another."""
    space, _, local = name.rpartition(" ")
    if space == SCXML:
        return local
    if space == OWN:
        return _SC + local
    return name


def _short(name: str) -> str:
    return name.strip() if len(name) < 100 else shown(name)
