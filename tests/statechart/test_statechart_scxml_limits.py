"""What `to_scxml` writes is read back, however long it is; what cannot be is never written.

And what callers hand over that is of another kind: said at once, not taken apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from statechart import After, Chart, Drop, Go, Refuse, Start, State, inside
from statechart.actions import several
from statechart.check.rules import MAX_EDGES, MAX_STATES
from statechart.scxml import ScxmlError, from_scxml, to_scxml
from statechart.scxml.document import MAX_ATTRIBUTE, MAX_ELEMENTS, MAX_TEXT
from statechart.scxml.words import MAX_CONDITIONS, MAX_DELAY, MAX_NAME

UNUSED = {"unreachable": "to have many states"}
THREE = (State("top", (State("a"), State("b"), State("c")), "a"),)


def chart_of(**more: Any) -> Chart:
    """Two states that an event leads to and fro, but for what is said in `more`."""
    fields: dict[str, Any] = {
        "name": "two",
        "regions": (State("top", (State("a"), State("b")), "a"),),
        "events": ("e",),
        "rows": (Go("e", "a", "b"), Go("e", "b", "a")),
    }
    return Chart(**{**fields, **more})


def always_true(_context: object, _data: object) -> bool:
    return True


def of_events(events: tuple[str, ...]) -> Chart:
    return chart_of(events=events, rows=(Go(events, "a", "b"), Drop(events, "b", "no")))


def of_conditions(count: int, length: int) -> Chart:
    guards = {f"g{n}".ljust(length, "x"): always_true for n in range(count)}
    rows = (Go("e", "a", "b", tuple(guards)), Drop("e", "top", "no"))
    return chart_of(rows=rows, guards=guards)


def of_actions(count: int) -> Chart:
    return chart_of(rows=(Go("e", "a", "b", actions=("ring",) * count), Go("e", "b", "a")))


def of_entry(start: Start) -> Chart:
    return chart_of(regions=(State("top", (State("a", entry=start), State("b")), "a"),))


def of_name(name: str) -> Chart:
    """A state whose name is also in that of its timer, and in that of its end."""
    end = State(name, (State("in_it"), State("end", final=True)), "in_it")
    rows = (
        Go("e", "a", name),
        Go(("e", After("x" * len(name))), "in_it", "end"),
        Go(f"done.state.{name}", name, "a"),
    )
    return chart_of(
        regions=(State("top", (State("a"), end), "a"),), rows=rows, times={"x" * len(name): 5}
    )


LONG: dict[str, Callable[[], Chart]] = {
    "many events": lambda: of_events(tuple(f"e{n}".ljust(25, "x") for n in range(3_000))),
    "a long event": lambda: of_events(("e" * 300,)),
    "the longest name": lambda: of_name("s" * MAX_NAME),
    "a note": lambda: chart_of(note="n" * (MAX_ATTRIBUTE + 5_000)),
    "a name": lambda: chart_of(name="n" * (MAX_ATTRIBUTE + 5_000)),
    "a reason": lambda: chart_of(
        rows=(Go("e", "a", "b"), Refuse("e", "b", "r" * (MAX_ATTRIBUTE + 1)), Drop("e", "c", "no")),
        regions=THREE,
        waive={"unreachable": "w" * (MAX_ATTRIBUTE + 1)},
    ),
    "guards": lambda: of_conditions(11, 390),
    "a long delay": lambda: of_entry(Start("t", MAX_DELAY + 1, "e")),
    "the longest delay": lambda: of_entry(Start("t", 10**15, "e")),
    "as many states as a chart has": lambda: chart_of(
        regions=(
            State("r"),
            State("top", tuple(State(f"s{n}") for n in range(MAX_STATES - 2)), "s0"),
        ),
        rows=(Drop("e", ("r", "top"), "no"),),
        waive=UNUSED,
    ),
}


@pytest.mark.parametrize("about", LONG)
def test_what_is_long_comes_back(about: str) -> None:
    chart = LONG[about]()
    again = from_scxml(to_scxml(chart), guards=chart.guards, times=chart.times)
    assert (again.name, again.note, again.events) == (chart.name, chart.note, chart.events)
    assert dict(again.waive) == dict(chart.waive)
    assert set(again.tree.edges) == set(chart.tree.edges)
    assert again.tree.states.keys() == chart.tree.states.keys()
    assert [several(state.entry) for state in again.tree.states.values()] == [
        several(state.entry) for state in chart.tree.states.values()
    ]


TOO_LONG: dict[str, tuple[Callable[[], Chart], str]] = {
    "a note": (lambda: chart_of(note="n" * MAX_TEXT), f"longer than {MAX_TEXT}"),
    "a note as UTF-8": (lambda: chart_of(note="\u4e00" * (MAX_TEXT // 2)), "longer than"),
    "an event": (lambda: of_events(("e" * (MAX_NAME + 12),)), "is not a name"),
    "conditions": (
        lambda: chart_of(
            rows=(Go("e", "a", "b", (inside("a"),) * (MAX_CONDITIONS + 1)), Drop("e", "top", "no"))
        ),
        f"more than {MAX_CONDITIONS} things",
    ),
    "actions": (lambda: of_actions(MAX_ELEMENTS), f"more than {MAX_ELEMENTS} elements"),
    "a guard called true": (
        lambda: chart_of(
            rows=(Go("e", "a", "b", "!true"), Drop("e", "top", "no")), guards={"true": always_true}
        ),
        "guard 'true': .*rename it",
    ),
}


@pytest.mark.parametrize("about", TOO_LONG)
def test_what_could_not_be_read_is_not_written(about: str) -> None:
    make, why = TOO_LONG[about]
    chart = make()
    with pytest.raises(ScxmlError, match=why) as caught:
        to_scxml(chart)
    assert len(str(caught.value)) < 600


# -- texts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["  padded  ", "\ttab\t", "\n", "\r\n", "\x85", "\xa0", "\u2028"])
def test_blanks_are_part_of_a_text(text: str) -> None:
    rows = (Go("e", "a", "b"), Refuse("e", "b", text), Drop("e", "c", text))
    waive = {"unreachable": f"{text}out of stock{text}"}
    chart = chart_of(name=text, note=text, rows=rows, regions=THREE, waive=waive)
    again = from_scxml(to_scxml(chart))
    assert (again.name, again.note, dict(again.waive)) == (text, text, waive)
    assert again.tree.rows_at("b", "e")[0].reason == text


def test_a_name_may_be_empty() -> None:
    assert from_scxml(to_scxml(chart_of(name=""))).name == ""
    assert from_scxml(to_scxml(chart_of()), name="").name == ""
    other = to_scxml(chart_of()).replace('sc:version="1" ', "")
    assert from_scxml(other, name="").name == ""


# -- what is handed over ---------------------------------------------------------------------------


def test_events_that_are_added_keep_their_order() -> None:
    added = tuple(f"more_{n}" for n in range(20))
    text = to_scxml(of_events(("e", *added)))
    listed = f'sc:events="{" ".join(("e", *added))}"'
    assert listed in text
    again = from_scxml(text.replace(listed, 'sc:events="e"'), events=reversed(added))
    assert again.events == ("e", *reversed(added))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "None": ({"text": None}, r"text is None; expected the document itself, as str or bytes"),
    "a number": ({"text": 5}, r"text is of type int; expected"),
    "a list": ({"text": [1]}, r"text is of type list; expected"),
    "a name": ({"name": 5}, r"name is of type int; expected a str"),
    "a number of events": ({"events": 5}, r"events is of type int; expected names"),
    "a string of events": ({"events": "abc"}, r"events is 'abc'; expected names"),
    "bytes of events": ({"events": b"abc"}, r"events is b'abc'; expected names"),
    "an event": ({"events": ("e", 5)}, r"one of events is of type int; expected names"),
    "guards": ({"guards": [1]}, r"guards is of type list; expected a mapping"),
    "times": ({"times": "abc"}, r"times is 'abc'; expected a mapping"),
    "waive": ({"waive": "abc"}, r"waive is 'abc'; expected a mapping"),
}


@pytest.mark.parametrize("about", WRONG)
def test_what_is_of_another_kind_is_named(about: str) -> None:
    arguments, why = WRONG[about]
    with pytest.raises(TypeError, match=why):
        from_scxml(**{"text": to_scxml(chart_of()), **arguments})


def test_two_events_of_one_name_are_not_one() -> None:
    with pytest.raises(ValueError, match="events has two called 'str'; hand over one"):
        from_scxml(to_scxml(chart_of()), events=("str", str))


def test_only_a_chart_is_written() -> None:
    with pytest.raises(TypeError, match="chart is None; expected a Chart"):
        to_scxml(None)  # type: ignore[arg-type] # what is refused


def test_timeouts_are_no_events_of_a_document_that_is_no_longer_marked_as_ours() -> None:
    chart = chart_of(rows=(Go("e", "a", "b"), Go(("e", After(5)), "b", "a")))
    again = from_scxml(to_scxml(chart).replace('sc:version="1" ', ""))
    assert again.events == ("e",)
    assert again.tree.timers.keys() == {"b"}


def test_as_many_rows_as_a_chart_has_are_written() -> None:
    """And so read, which `to_scxml` does by itself."""
    events = tuple(f"e{n}" for n in range(MAX_EDGES))
    chart = chart_of(regions=(State("top"),), events=events, rows=(Drop(events, "top", "no"),))
    assert to_scxml(chart).count("<transition") == 1
