"""Documents that mean harm, or were damaged: refused at once, with the line and the reason.

Nothing here measures time. What each document would cost is cut off by a limit, and the test shows
that the limit is what refused it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from statechart.check.rules import MAX_DEPTH, MAX_EDGES, MAX_STATES
from statechart.scxml import ScxmlError, from_scxml
from statechart.scxml.document import MAX_ATTRIBUTE, MAX_ELEMENTS, MAX_TEXT
from statechart.scxml.read import MAX_WORDS
from statechart.scxml.words import MAX_CONDITIONS, MAX_NAME

OWN = "xmlns:sc='urn:statechart:scxml:1'"
NAMESPACE = 'xmlns="http://www.w3.org/2005/07/scxml"'


def document(body: str, more: str = "") -> str:
    return f'<scxml {NAMESPACE} version="1.0"{more}>{body}</scxml>'


def refused(text: str | bytes) -> ScxmlError:
    with pytest.raises(ScxmlError) as caught:
        from_scxml(text)
    assert len(str(caught.value)) < 600, "an error is read by people"
    return caught.value


ENTITIES = "".join(f'<!ENTITY {"bcdefgh"[n]} "{f"&{chr(97 + n)};" * 10}">' for n in range(7))
BOMB = f'<!DOCTYPE scxml [<!ENTITY a "aaaaaaaaaa">{ENTITIES}]>' + document("<state id='&h;'/>")

MALFORMED: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "not well-formed XML"),
    "not XML": ("hello", "not well-formed XML"),
    "cut off": (document("<state id='a'/>")[:-3], "not well-formed XML"),
    "not UTF-8": (b"\xff\xfe<scxml/>", "not UTF-8"),
    "a lone surrogate": (document("<state id='\ud800'/>"), "not UTF-8"),
    "a null": (document("<state id='\0'/>"), "not well-formed XML"),
    "two roots": (document("<state id='a'/>") * 2, "not well-formed XML"),
    "XML 1.1": ('<?xml version="1.1"?>' + document("<state id='a'/>"), "only 1.0"),
    "entities": (BOMB, "document type"),
    "an external entity": (
        '<!DOCTYPE scxml SYSTEM "file:///etc/passwd">' + document("<state id='a'/>"),
        "document type",
    ),
    "an unknown entity": (document("<state id='&x;'/>"), "undefined entity"),
    "no namespace": ('<scxml version="1.0"><state id="a"/></scxml>', NAMESPACE),
    "another namespace": ('<scxml xmlns="urn:x" version="1.0"/>', NAMESPACE),
    "another root": (f"<state {NAMESPACE} id='a'/>", "expected in the root: <scxml>"),
    "another version": (document("<state/>").replace('"1.0"', '"2.0"'), "only 1.0"),
    "our future": (
        document("<state id='a'/>", ' xmlns:sc="urn:statechart:scxml:1" sc:version="2"'),
        "'2' is unknown, expected 1",
    ),
    "no states": (document(""), "no states"),
    "text between states": (document("<state id='a'/>hello"), "'hello'"),
}


@pytest.mark.parametrize("about", MALFORMED)
def test_what_is_no_document_is_refused(about: str) -> None:
    text, reason = MALFORMED[about]
    assert reason in str(refused(text))


def nested(depth: int) -> str:
    return document("<state>" * depth + "</state>" * depth)


def ours(body: str, more: str = "") -> str:
    return document(body, f" {OWN} sc:version='1'{more}")


TRANSITION = "<transition event='e' sc:row='0'/>"


def star(states: int, events: int) -> str:
    raised = "".join(f'<raise event="e{n}"/>' for n in range(events))
    each = '<state><transition event="*" cond="In(\'a\')"/></state>' * states
    return document(f'<state id="a"><onentry>{raised}</onentry></state>{each}')


TOO_MUCH: dict[str, tuple[Callable[[], str], str]] = {
    "text": (lambda: " " * (MAX_TEXT + 1), f"longer than {MAX_TEXT}"),
    "text as UTF-8": (lambda: "\u4e00" * (MAX_TEXT // 2), f"longer than {MAX_TEXT}"),
    "depth": (lambda: nested(MAX_DEPTH + 3), f"more than {MAX_DEPTH} deep"),
    "much depth": (lambda: nested(100_000), f"more than {MAX_DEPTH} deep"),
    "states": (lambda: document("<state/>" * 100_000), f"more than {MAX_STATES} states"),
    "elements": (
        lambda: document("<state id='a'>" + "<onentry/>" * MAX_ELEMENTS + "</state>"),
        f"more than {MAX_ELEMENTS} elements",
    ),
    "elements of others": (
        lambda: document("<x:y xmlns:x='urn:x'>" + "<x:z/>" * MAX_ELEMENTS + "</x:y>"),
        f"more than {MAX_ELEMENTS} elements",
    ),
    "an attribute": (
        lambda: document(f"<state id='{'a' * 1_000_000}'/>"),
        f"longer than {MAX_ATTRIBUTE}",
    ),
    "an attribute's name": (
        lambda: document(f"<state {'a' * 1_000_000}='x'/>"),
        f"longer than {MAX_ATTRIBUTE}",
    ),
    "an element's name": (lambda: document(f"<{'a' * 1_000_000}/>"), "expected in <scxml>"),
    "a name": (lambda: document(f"<state id='{'a' * (MAX_NAME + 1)}'/>"), f"at most {MAX_NAME}"),
    "a delay": (
        lambda: document(
            f"<state><onexit><send event='e' delay='{'9' * 60_000}s'/></onexit></state>"
        ),
        "is not a delay",
    ),
    "conditions": (
        lambda: document(
            f"<state><transition cond='{'true&amp;&amp;' * MAX_CONDITIONS}true'/></state>"
        ),
        f"more than {MAX_CONDITIONS} things",
    ),
    "events of one name": (
        lambda: document(
            f"<state id='a'>{f'''<transition event='{'e ' * 30_000}'/>''' * 10}</state>"
        ),
        f"more than {MAX_EDGES} rows",
    ),
    "events of many names": (
        lambda: document("".join(_events(n) for n in range(8))),
        f"more than {MAX_EDGES} rows",
    ),
    "transitions": (
        lambda: document(f"<state>{'<transition/>' * (MAX_EDGES + 1)}</state>"),
        f"more than {MAX_EDGES} rows, one for each event",
    ),
    "transitions of one row": (
        lambda: ours(f"<state id='a'>{TRANSITION * (MAX_EDGES + 1)}</state>"),
        f"more than {MAX_EDGES} rows, one for each event",
    ),
    "events of one of ours": (
        lambda: ours(f"<state id='a'><transition event='{'e ' * 1_000_000}'/></state>"),
        f"more than {MAX_EDGES} rows, one for each event",
    ),
    "events listed in one of ours": (
        lambda: ours(
            "<state id='a'/>", f" sc:events='{' '.join(f'e{n}' for n in range(MAX_EDGES + 1))}'"
        ),
        f"more than {MAX_EDGES} events",
    ),
    "events sent": (
        lambda: document(
            "<state><onexit>"
            + "".join(f"<send event='e{n}'/>" for n in range(MAX_EDGES + 1))
            + "</onexit></state>"
        ),
        f"more than {MAX_EDGES} events",
    ),
    "targets of one of ours": (
        lambda: ours(f"<state id='a'><transition target='{'a ' * (MAX_WORDS + 1)}'/></state>"),
        f"more than {MAX_WORDS} things",
    ),
    "digits": (
        lambda: ours(f"<state id='a'><transition sc:after='{'9' * 4_000}'/></state>"),
        "is no time that comes",
    ),
    "stars times events": (lambda: star(1_000, 1_000), f"more than {MAX_EDGES} rows"),
    "cancelled times sent": (
        lambda: document(
            "<state id='a'><onentry>"
            + "<send event='e' id='x'/>" * 1_000
            + "<cancel sendid='x'/>" * 1_000
            + "</onentry></state>"
        ),
        f"more than {MAX_WORDS} things",
    ),
}


def _events(number: int) -> str:
    names = " ".join(f"e{number}.{each}" for each in range(9_000))[:MAX_ATTRIBUTE]
    return f'<state id="s{number}"><transition event="{names}"/></state>'


@pytest.mark.parametrize("about", TOO_MUCH)
def test_what_is_too_much_is_refused(about: str) -> None:
    text, reason = TOO_MUCH[about]
    assert reason in str(refused(text()))


def test_many_names_alike_are_told_apart() -> None:
    """Finding a free name must not try all that are taken, for each of them."""
    body = "".join(f'<state id="a{chr(0x4E00 + n)}"/>' for n in range(3_000))
    error = refused(document(body + '<state id="end"><transition event="" target="end"/></state>'))
    assert "it is empty" in str(error)


IN_STATE = {
    "<script>x</script>": "<script>",
    "<datamodel><data id='x'/></datamodel>": "<data>",
    "<invoke/>": "<invoke>",
    "<onentry><assign location='x' expr='1'/></onentry>": "<assign>",
    "<onentry><if cond='true'/></onentry>": "<if>",
    "<onentry><foreach array='x' item='y'/></onentry>": "<foreach>",
    "<onentry><send event='e'><param name='x'/></send></onentry>": "<param>",
    "<onentry><send event='e'><content>x</content></send></onentry>": "<content>",
    "<onentry><send event='e' namelist='x'/></onentry>": "<send namelist>",
    "<onentry><send eventexpr='x'/></onentry>": "<send eventexpr>",
    "<onentry><send event='e' eventexpr=\"'e'\"/></onentry>": "<send event>",
    "<onentry><send event='e' target='http://x'/></onentry>": "<send target>",
    "<onentry><send event='e' target='#_internal' delay='1s'/></onentry>": "<send delay>",
    "<onentry><send event='e' type='http'/></onentry>": "<send type>",
    "<onentry><send event='e' delay='soon'/></onentry>": "<send delay>",
    "<onentry><send event='e' delay='0.5ms'/></onentry>": "<send delay>",
    "<onentry><send/></onentry>": "<send event>",
    "<onentry><raise event='two events'/></onentry>": "<raise event>",
    "<onentry><raise event='done.state.s'/></onentry>": "<raise event>",
    "<onentry><cancel/></onentry>": "<cancel sendid>",
    "<onentry><log expr='1 + 1'/></onentry>": "<log expr>",
    "<onentry><x:ring xmlns:x='urn:x'/></onentry>": "<urn:x ring>",
    "<transition event='e' target='nowhere'/>": "<transition target>",
    "<transition event='done.state.nowhere' target='s'/>": "<transition event>",
    "<transition event='' target='s'/>": "<transition event>",
    "<transition event='e' type='sideways'/>": "<transition type>",
    "<transition event='e' cond='x == 1'/>": "<transition cond>",
    "<transition event='e' cond='paid'/>": "<transition cond>",
    "<transition event='e' cond=\"In('nowhere')\"/>": "<transition cond>",
    "<transition event='e' cond='a || b'/>": "<transition cond>",
    "<transition event='e' cond='__import__(\"os\").abort()'/>": "<transition cond>",
    "<initial><transition event='e' target='s'/></initial>": "<transition event>",
    "<initial/>": "<initial>",
    "<history id='h' type='wide'><transition target='s'/></history>": "<history type>",
    "<history id='h'/>": "<history>",
    "<final id='f'><donedata><content/></donedata></final>": "<content>",
    "<state id='s'/>": "<state id>",
    f"<transition {OWN} sc:answer='no'/>": "<transition sc:answer>",
    f"<transition {OWN} event='e' sc:answer='drop' target='s'/>": "<transition sc:answer>",
    f"<transition {OWN} sc:after='5' sc:quiet='5'/>": "<transition>",
    f"<onentry><sc:start {OWN} timer='t'/></onentry>": "<sc:start>",
}


@pytest.mark.parametrize("body", IN_STATE)
def test_what_is_not_understood_is_named(body: str) -> None:
    error = refused(document(f"\n<state id='s'>\n{body}</state>"))
    assert error.what == IN_STATE[body]
    assert error.line == 3
    assert re.search(r"; |expected|is the id of no|needs|neither|is not", str(error))
