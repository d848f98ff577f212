"""What a compiled table answers: hierarchy, guards, the veto, and its errors."""

from __future__ import annotations

from typing import Any

import pytest

from statechart import (
    Answer,
    Configuration,
    Defer,
    Drop,
    Go,
    Refuse,
    Row,
    State,
    Table,
    UnknownConfiguration,
    UnknownEvent,
)
from tests.statechart.check_cases import lenient

TRIP = State(
    "trip",
    (
        State("home"),
        State("away", (State("train"), State("hotel", (State("room"),), "room")), "train"),
        State("gone", final=True),
    ),
    "home",
)


LAMP = State("lamp", (State("off"), State("on")), "off")
WAYS = {"trip": ("home", "train", "room", "gone"), "lamp": ("off", "on")}


def table(*rows: Row, regions: tuple[State, ...] = (TRIP,), **guards: Any) -> Table:
    """A chart in which "tick" means what `rows` say, and "to_x" leads to the atomic state x."""
    ways = [(region.name, leaf) for region in regions for leaf in WAYS[region.name]]
    return lenient(
        name="trip",
        regions=regions,
        events=("tick", *(f"to_{leaf}" for _, leaf in ways)),
        rows=(
            *rows,
            *(Go(f"to_{leaf}", region, leaf) for region, leaf in ways),
            Drop(tuple(f"to_{leaf}" for leaf in WAYS["trip"]), "gone", "gone"),
        ),
        guards=guards,
    ).compile()


def at(machine: Table, *states: str) -> Configuration:
    configuration = machine.initial
    for state in states:
        configuration = machine.step(configuration, f"to_{state}").configuration
    return configuration


REST = Refuse("tick", "trip", "not_now")


def test_a_configuration_shows_and_contains_its_states() -> None:
    machine = table(REST)
    room = at(machine, "room")
    assert repr(room) == "<room>"
    assert room.states == {"trip", "away", "hotel", "room"}
    assert "away" in room
    assert "home" not in room
    assert not room.final
    assert at(machine, "gone").final


def test_configurations_are_interned_and_counted() -> None:
    machine = table(REST)
    assert len(machine.configurations) == 4
    assert at(machine, "room", "home") is machine.initial
    assert machine.configuration(["room"]) is at(machine, "room")


def test_refuse_changes_nothing_and_says_why() -> None:
    machine = table(REST)
    outcome = machine.step(machine.initial, "tick")
    assert outcome.answer is Answer.REFUSE
    assert outcome.reason == "not_now"
    assert outcome.configuration is machine.initial
    assert [edge.row for edge in outcome.edges] == [0]


def test_outcomes_are_made_in_advance() -> None:
    machine = table(REST)
    assert machine.step(machine.initial, "tick") is machine.step(machine.initial, "tick")


def test_drop_and_defer() -> None:
    machine = table(Drop("tick", "home", "idle", actions="count"), Defer("tick", "trip", "later"))
    dropped, deferred = (machine.step(at(machine, s), "tick") for s in ("home", "room"))
    assert (dropped.answer, dropped.reason, dropped.actions) == (Answer.DROP, "idle", ("count",))
    assert (deferred.answer, deferred.reason) == (Answer.DEFER, "later")
    assert deferred.configuration is at(machine, "room")


def test_go_to_a_compound_state_enters_its_initial_child() -> None:
    machine = table(Go("tick", "home", "away", actions=("pack", "leave")), REST)
    outcome = machine.step(machine.initial, "tick")
    assert (outcome.answer, outcome.reason) == (Answer.GO, "")
    assert outcome.configuration.atomic == ("train",)
    assert outcome.actions == ("pack", "leave")


def test_the_nearest_ancestor_with_a_row_answers() -> None:
    machine = table(Go("tick", "away", "home"), Drop("tick", "hotel", "asleep"), REST)
    answers = {
        state: machine.step(at(machine, state), "tick").answer
        for state in ("home", "train", "room")
    }
    assert answers == {"home": Answer.REFUSE, "train": Answer.GO, "room": Answer.DROP}


def test_external_self_transition_enters_again_and_internal_stays() -> None:
    external = table(Go("tick", "away", "away"), REST)
    internal = table(Go("tick", "away", None), REST)
    assert external.step(at(external, "room"), "tick").configuration.atomic == ("train",)
    room = at(internal, "room")
    outcome = internal.step(room, "tick")
    assert outcome.answer is Answer.GO
    assert outcome.configuration is room


def test_a_row_for_several_triggers_and_sources() -> None:
    machine = table(Go(("tick",), ("home", "train"), "gone"), REST)
    for state in ("home", "train"):
        assert machine.step(at(machine, state), "tick").configuration.final


# -- guards ----------------------------------------------------------------------------------------


def test_the_first_row_whose_conditions_hold_is_taken() -> None:
    machine = table(
        Go("tick", "home", "train", conditions=("rich", "!late")),
        Go("tick", "home", "room", conditions="late"),
        REST,
        rich=lambda context, _: context["rich"],
        late=lambda _, data: data == "late",
    )

    def arrives(*, rich: bool, data: str) -> tuple[str, ...]:
        outcome = machine.step(machine.initial, "tick", {"rich": rich}, data)
        return outcome.configuration.atomic if outcome.answer is Answer.GO else (outcome.reason,)

    assert arrives(rich=True, data="early") == ("train",)
    assert arrives(rich=True, data="late") == ("room",)
    assert arrives(rich=False, data="late") == ("room",)
    assert arrives(rich=False, data="early") == ("not_now",)


def test_a_guard_is_asked_once_and_only_when_it_matters() -> None:
    asked: list[str] = []

    def guard(name: str, *, answer: bool) -> Any:
        def ask(context: object, data: object) -> bool:
            asked.append(name)
            return answer

        return ask

    machine = table(
        Refuse("tick", "away", "x", conditions="first"),
        Go("tick", "away", "home", conditions=("!first", "second")),
        Go("tick", "away", "gone", conditions=("!second", "third")),
        REST,
        first=guard("first", answer=False),
        second=guard("second", answer=True),
        third=guard("third", answer=True),
    )
    assert machine.step(at(machine, "room"), "tick").configuration is machine.initial
    assert asked == ["first", "second"]


def test_failed_conditions_ask_the_next_ancestor() -> None:
    machine = table(
        Go("tick", "room", "gone", conditions="no"),
        Drop("tick", "away", "roaming"),
        REST,
        no=lambda *_: False,
    )
    assert machine.step(at(machine, "room"), "tick").reason == "roaming"


def test_both_sides_of_a_guard_are_known_in_advance() -> None:
    machine = table(Go("tick", "home", "gone", "sure"), REST, sure=lambda *_: False)
    found = machine.outcomes(machine.initial, "tick")
    assert [outcome.answer for outcome in found] == [Answer.GO, Answer.REFUSE]


def test_what_a_guard_raises_comes_through() -> None:
    machine = table(
        Go("tick", "home", "gone", "broken"), REST, broken=lambda context, _: context["missing"]
    )
    with pytest.raises(KeyError, match="missing"):
        machine.step(machine.initial, "tick", {})


# -- parallel regions ------------------------------------------------------------------------------


def both(*rows: Row, **guards: Any) -> Table:
    return table(*rows, regions=(TRIP, LAMP), **guards)


def test_the_product_of_two_regions() -> None:
    machine = both(REST)
    assert len(machine.configurations) == 8
    assert machine.initial.atomic == ("home", "off")
    assert repr(at(machine, "room", "on")) == "<room | on>"


def test_final_looks_only_at_regions_with_final_states() -> None:
    machine = both(REST)
    assert at(machine, "gone", "on").final
    assert not at(machine, "on").final


def test_a_silent_region_stays() -> None:
    machine = both(Go("tick", "lamp", "on"))
    assert machine.step(at(machine, "room"), "tick").configuration.atomic == ("room", "on")


def test_all_regions_that_go_do_so_together() -> None:
    machine = both(
        Go("tick", "home", "room", actions="a"),
        REST,
        Go("tick", "off", "on", actions="b"),
        Drop("tick", "on", "lit"),
    )
    outcome = machine.step(machine.initial, "tick")
    assert outcome.configuration.atomic == ("room", "on")
    assert outcome.actions == ("a", "b")
    assert [edge.source for edge in outcome.edges] == ["home", "off"]


@pytest.mark.parametrize(
    ("rows", "answer", "reason"),
    [
        ((Go("tick", "trip", "home"), Refuse("tick", "lamp", "no")), Answer.REFUSE, "no"),
        ((Refuse("tick", "trip", "x"), Refuse("tick", "lamp", "no")), Answer.REFUSE, "x"),
        ((Defer("tick", "trip", "y"), Refuse("tick", "lamp", "no")), Answer.REFUSE, "no"),
        (
            (Go("tick", "home", "room"), Drop("tick", "trip", "z"), Defer("tick", "lamp")),
            Answer.DEFER,
            "",
        ),
        ((Drop("tick", "trip", "z"), Go("tick", "lamp", "on")), Answer.GO, ""),
        ((Drop("tick", "trip", "z"), Drop("tick", "lamp", "w")), Answer.DROP, "z"),
    ],
)
def test_refuse_before_defer_before_go_before_drop(
    rows: tuple[Row, ...], answer: Answer, reason: str
) -> None:
    machine = both(*rows, Drop("tick", "gone", "gone"))
    outcome = machine.step(machine.initial, "tick")
    assert (outcome.answer, outcome.reason) == (answer, reason)
    assert all(edge.answer is answer for edge in outcome.edges)
    if answer is not Answer.GO:
        assert outcome.configuration is machine.initial


def test_a_guarded_veto() -> None:
    machine = both(
        Go("tick", "home", "room"),
        REST,
        Refuse("tick", "lamp", "dark", conditions="dark"),
        Drop("tick", "lamp", "bright"),
        dark=lambda context, _: bool(context),
    )
    assert machine.step(machine.initial, "tick", True).reason == "dark"
    assert machine.step(machine.initial, "tick", False).configuration.atomic == ("room", "off")


def test_after_a_veto_no_other_region_is_asked() -> None:
    machine = both(
        Refuse("tick", "trip", "first", actions="complain"),
        Refuse("tick", "lamp", "second", conditions="broken", actions="complain"),
        Drop("tick", "lamp", "bright"),
        broken=lambda context, _: context["missing"],
    )
    outcome = machine.step(machine.initial, "tick", {})
    assert (outcome.reason, outcome.actions) == ("first", ("complain",))
    assert [edge.source for edge in outcome.edges] == ["trip"]


# -- errors ----------------------------------------------------------------------------------------


def test_unknown_event_names_near_misses() -> None:
    machine = table(REST)
    with pytest.raises(UnknownEvent, match=r"no event 'tik'; did you mean 'tick'\?"):
        machine.step(machine.initial, "tik")
    with pytest.raises(LookupError, match="add it to its events"):
        machine.outcomes(machine.initial, "zzz")


def test_a_configuration_of_another_table() -> None:
    machine, other = table(REST), table(REST)
    with pytest.raises(UnknownConfiguration, match="compared by identity"):
        machine.step(other.initial, "tick")
    with pytest.raises(UnknownConfiguration, match="cannot reach"):
        machine.configuration(["nowhere"])
