"""Charts as SCXML documents, and documents of others as charts: what is written for what."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from statechart import (
    After,
    Chart,
    ChartError,
    Drop,
    Go,
    Machine,
    Refuse,
    Start,
    State,
)
from statechart.scxml import ScxmlError, from_scxml, to_scxml
from statechart.scxml.words import conditions_of, milliseconds

OPEN = '<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0">'
SC = 'xmlns:sc="urn:statechart:scxml:1"'


@dataclass(frozen=True)
class Pay:
    amount: int


def enough(_context: object, paid: Pay) -> bool:
    return paid.amount > 9


# -- what we write ---------------------------------------------------------------------------------


def blinker(**more: object) -> Chart:
    fields: dict[str, object] = {
        "name": "blinker",
        "regions": (State("lamp", (State("off"), State("on")), "off"),),
        "events": ("turn",),
        "rows": (Go("turn", "off", "on"), Go(("turn", After(500)), "on", "off")),
    }
    return Chart(**{**fields, **more})  # type: ignore[arg-type] # the fields of a chart


def test_a_state_timeout_is_sent_on_entry_and_cancelled_on_exit() -> None:
    text = to_scxml(blinker())
    assert '<send event="after.500.on" delay="500ms" id="after.500.on" sc:derived="true"/>' in text
    assert '<cancel sendid="after.500.on" sc:derived="true"/>' in text
    assert 'event="after.500.on" target="off"' in text


def test_what_other_engines_see_does_the_same() -> None:
    """All that is ours taken away, a timeout still comes and is still cancelled."""
    text = re.sub(r' (xmlns:)?sc:?\w*="[^"]*"', "", to_scxml(blinker()))
    assert "sc:" not in text
    text = text.replace("after.500.on", "late")  # a name that a chart would give to a timeout
    lit = Machine.start(from_scxml(text)).machine.send("turn").machine
    assert lit.due == 500
    assert lit.send("turn").machine.due is None
    assert lit.advance(500).machine.configuration.atomic == ("off",)


def test_a_timer_started_again_begins_anew_for_others_too() -> None:
    rows = (Go("turn", "lamp", None, actions=Start("t", 50, "tick")), Drop("tick", "lamp", "no"))
    regions = (State("lamp", entry="glow"),)
    text = to_scxml(blinker(regions=regions, rows=rows, events=("turn", "tick")))
    assert (
        '<cancel sendid="t" sc:derived="true"/>\n      <send event="tick" delay="50ms" id="t"/>'
    ) in text


def test_each_of_several_regions_has_a_state_around_it() -> None:
    """Else a transition from the root of a region would leave its siblings."""
    two = tuple(State(a, (State(f"{a}1"), State(f"{a}2")), f"{a}1") for a in "ab")
    rows = (Go("turn", "a", "a2"), Go("turn", "b", "b2", "g"), Drop("turn", "b", "no"))
    text = to_scxml(blinker(regions=two, rows=rows, guards={"g": lambda c, _: bool(c)}))
    assert re.findall(r'<(?:state|parallel) id="([\w-]+)"', text) == [
        *("all-regions", "region-0", "a", "a1", "a2", "region-1", "b", "b1", "b2")
    ]
    assert from_scxml(text, guards={"g": lambda *_: True}).tree.regions == ("a", "b")


def test_an_event_that_begins_another_cannot_be_written() -> None:
    chart = blinker(events=("turn", "turn.back"), rows=(Go(("turn", "turn.back"), "lamp", "on"),))
    with pytest.raises(ScxmlError, match=r"event 'turn': .* 'turn\.back' as well; rename one"):
        to_scxml(chart)


@pytest.mark.parametrize("code", [0x00, 0x07, 0x1F, 0xD800, 0xDFFF, 0xFFFE, 0xFFFF])
def test_a_character_that_xml_lacks_cannot_be_written(code: int) -> None:
    char = chr(code)
    with pytest.raises(ScxmlError, match="XML has no such character"):
        to_scxml(blinker(note=f"bell {char}"))
    with pytest.raises(ScxmlError, match="XML has no such character"):
        to_scxml(blinker(name=char))
    rows = (Go("turn", "off", "on"), Refuse("turn", "on", char))
    with pytest.raises(ScxmlError, match="XML has no such character"):
        to_scxml(blinker(rows=rows))


def test_typed_events_come_back_as_the_classes_that_are_handed_over() -> None:
    rows = (
        Go(Pay, "off", "on", "enough"),
        Drop(Pay, "lamp", "too_little"),
        Go("turn", "on", "off"),
        Drop("turn", "off", "off_already"),
    )
    chart = blinker(events=(Pay, "turn"), rows=rows, guards={"enough": enough})
    again = from_scxml(to_scxml(chart), events=(Pay,), guards={"enough": enough})
    assert again.events == (Pay, "turn")
    assert Machine.start(again).machine.send(Pay(10)).machine.configuration.atomic == ("on",)
    assert from_scxml(to_scxml(chart), guards={"enough": enough}).events == ("Pay", "turn")


def test_waivers_are_carried_and_added_to() -> None:
    regions = (State("lamp", (State("off"), State("on"), State("blue")), "off"),)
    text = to_scxml(blinker(regions=regions, waive={"unreachable": "out of stock"}))
    assert dict(from_scxml(text).waive) == {"unreachable": "out of stock"}
    with pytest.raises(ChartError, match="unreachable"):
        from_scxml(text.replace('<sc:waive rule="unreachable" reason="out of stock"/>', ""))


# -- our documents, edited by hand -----------------------------------------------------------------


def edited(old: str, new: str) -> Chart:
    text = to_scxml(
        blinker(events=("turn", "up"), rows=(*blinker().rows, Drop("up", "lamp", "no")))
    )
    assert old in text
    return from_scxml(text.replace(old, new))


def test_a_new_transition_follows_the_one_before_it() -> None:
    new = '<transition event="up" target="on"/>'
    chart = edited('<state id="off">', f'<state id="off">{new}')
    assert str(chart.tree.edges[0]) == "row 0: 'up' in 'off' -> on"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('target="on" sc:row="0"', 'target="on" sc:row="1"', "is not the same"),
        ('sc:row="0"', 'sc:row="first"', "is not the number of a row"),
        (
            '<state id="off">',
            '<state id="off"><transition event="up" sc:row="7"/>',
            "0 is listed behind 7",
        ),
        ('<state id="off">', "<state>", "needs an id"),
    ],
)
def test_what_was_damaged_is_refused(old: str, new: str, why: str) -> None:
    with pytest.raises(ScxmlError, match=why):
        edited(old, new)


# -- documents of others ---------------------------------------------------------------------------


def test_names_that_states_cannot_have_are_changed_and_noted() -> None:
    chart = from_scxml(
        f"{OPEN}<state id='a.b'><transition event='done.state.a.b' target='a-b'/>"
        "<state><transition event='go' cond=\"In('a.b')\" target='1'/></state>"
        "<final id='1'/></state>"
        "<state id='a-b'/><state id='a_b'/></scxml>",
        waive={"unreachable": "to have names that clash"},
    )
    assert list(chart.tree.states) == ["scxml", "a_b_2", "state_1", "_1", "a_b_3", "a_b"]
    assert chart.note == "a.b is a_b_2, 1 is _1, a-b is a_b_3"
    assert Machine.start(chart).machine.send("go").machine.configuration.atomic == ("a_b_3",)


def test_the_document_s_name_may_be_that_of_a_state() -> None:
    text = f"{OPEN}<state id='s'/></scxml>".replace("version", "name='s' version")
    chart = from_scxml(text)
    assert (chart.name, chart.tree.regions) == ("s", ("s_2",))
    assert from_scxml(text, name="other").name == "other"


def test_what_a_document_breaks_is_waived_and_nothing_else() -> None:
    never = "<state id='b'><transition event='e' target='c'/></state><final id='c'/>"
    body = f"<state id='a'><transition event='e' target='a'/></state>{never}"
    chart = from_scxml(f"{OPEN}{body}</scxml>")
    assert sorted(chart.waive) == ["dead-row", "trap", "unreachable"]
    sound = "<state id='a'><transition event='e' target='b'/></state><final id='b'/>"
    assert not from_scxml(f"{OPEN}{sound}</scxml>").waive
    with pytest.raises(ChartError, match="endless"):
        from_scxml(f"{OPEN}<state id='a'><transition target='a'/></state></scxml>")


def test_every_event_of_a_document_may_happen_and_is_answered() -> None:
    chart = from_scxml(
        f"{OPEN}<state id='a'><onentry><raise event='in.side'/><send event='out'/></onentry>"
        "<transition event='*' cond=\"In('b')\" target='b'/>"
        "<transition event='family.*' target='b'/></state>"
        "<state id='b'><transition event='out' target='a'/></state></scxml>",
        events=("more",),
    )
    assert chart.events == ("in.side", "out", "more", "family")
    start = chart.compile().initial
    assert chart.compile().step(start, "more").reason == "unmatched"
    assert chart.compile().step(start, "family").configuration.atomic == ("b",)


def test_a_transition_behind_one_that_is_taken_in_any_case_is_left_out() -> None:
    chart = from_scxml(
        f"{OPEN}<state id='a'><transition event='e f' target='b'/>"
        "<transition event='*' target='a'/></state><state id='b'>"
        "<transition event='g' cond='false' target='a'/><transition event='g' target='a'/>"
        "</state></scxml>"
    )
    assert [str(edge) for edge in chart.tree.edges if edge.source != "scxml"] == [
        "row 0: 'e' in 'a' -> b",
        "row 0: 'f' in 'a' -> b",
        "row 1: 'g' in 'a' -> a",
        "row 2: 'g' in 'b' -> a",
    ]


def test_what_editors_leave_behind_is_passed_over() -> None:
    chart = from_scxml(
        f"{OPEN}<x:info xmlns:x='urn:x'><x:deep/>any text</x:info>"
        "<state id='a' x:left='3' xmlns:x='urn:x'><x:color/>"
        "<onentry><log label='in' expr=\"'a'\"/></onentry></state></scxml>"
    )
    assert chart.compile().start().actions == ()


def test_bytes_and_a_byte_order_mark_are_read() -> None:
    text = f"\ufeff<?xml version='1.0' encoding='UTF-8'?>{OPEN}<state id='a'/></scxml>"
    assert from_scxml(text).tree.edges == from_scxml(text.encode()).tree.edges


def test_text_in_quotes_needs_no_evaluation() -> None:
    chart = from_scxml(
        f"{OPEN}<state id='a'><onentry><send event='e' delayexpr=\"'1s'\"/></onentry>"
        "<transition event='e'/></state></scxml>"
    )
    assert Machine.start(chart).machine.due == 1_000


@pytest.mark.parametrize(
    ("text", "found"),
    [("0", 0), ("1s", 1_000), (".5s", 500), ("500ms", 500), ("1.25m", 75_000), ("1h", 3_600_000)],
)
def test_delays(text: str, found: int) -> None:
    assert milliseconds(text) == found


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "1e3s", "1 s", "1.0005s", "0x1s", "\u0661s"])
def test_what_is_no_delay(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a delay|parts of a millisecond"):
        milliseconds(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("true", ()),
        ("!false && paid", ("paid",)),
        ("a && ! b.c", ("a", "!b.c")),
        ("!In('x-1') && In( \"y\" )", ("!in:x-1", "in:y")),
        ("a && false", None),
        ("!true", None),
    ],
)
def test_conditions(text: str, found: tuple[str, ...] | None) -> None:
    read = conditions_of(text)
    assert (None if read is None else tuple(each.written for each in read)) == found
