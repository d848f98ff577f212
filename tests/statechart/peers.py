"""Other engines, made to run our charts: `transitions`, `sismic`, `python-statemachine`.

Each is given what a chart says in its own words and asked what is active and what was done. What an
engine has no words for is kept from it by the `Features` that its charts are made with; what it
raises an error for is `Undecided`. DIFFERENCES.md says where an engine and SCXML part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from sismic.exceptions import ConflictingTransitionsError, NonDeterminismError
from sismic.interpreter import Interpreter
from sismic.model import (
    BasicState,
    CompoundState,
    DeepHistoryState,
    FinalState,
    OrthogonalState,
    ShallowHistoryState,
    Statechart,
    Transition,
)
from statemachine.io import create_machine_class_from_definition

from statechart import Chart, History, Raise, State
from statechart.actions import Actions, several
from statechart.library import Reference
from statechart.model import ALWAYS, Edge, names
from tests.statechart.chart_cases import Features

Context = frozenset[str]


class Undecided(Exception):  # noqa: N818 - says what it is, not an error of ours
    """The engine leaves open what happens here."""


class Peer(Protocol):
    """A running chart in another engine."""

    @property
    def atomic(self) -> frozenset[str]:
        """The active atomic states."""

    def happen(self, event: str, context: Context) -> list[str]:
        """Let an event happen; return the actions in the order of the engine."""


# -- transitions -----------------------------------------------------------------------------------

TRANSITIONS = Features(regions=3, parallel=True, answers=True, inwards=False)


class TransitionsPeer:
    def __init__(self, chart: Chart, context: Context) -> None:
        self.reference = Reference(chart)

    @property
    def atomic(self) -> frozenset[str]:
        return frozenset(self.reference.atomic)

    def happen(self, event: str, context: Context) -> list[str]:
        return list(self.reference.answer(event, context)[1])


# -- sismic ----------------------------------------------------------------------------------------

SISMIC = Features(parallel=True, history=True, always=True, raises=True, steady=True)


class World:
    """What the code in a statechart of sismic talks to."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.held: Context = frozenset()

    def __deepcopy__(self, memo: object) -> World:
        return self


class SismicPeer:
    def __init__(self, chart: Chart, context: Context) -> None:
        self.world = World()
        self.world.held = context
        self.chart = chart
        engine = Interpreter(_sismic(chart), initial_context={"world": self.world})
        self.engine: Any = engine
        self._execute()

    @property
    def atomic(self) -> frozenset[str]:
        return frozenset(s for s in self.engine.configuration if self.chart.tree.atomic(s))

    def happen(self, event: str, context: Context) -> list[str]:
        self.world.done, self.world.held = [], context
        self.engine.queue(event)
        self._execute()
        return self.world.done

    def _execute(self) -> None:
        try:
            self.engine.execute()
        except (NonDeterminismError, ConflictingTransitionsError) as error:
            raise Undecided from error


def _sismic(chart: Chart) -> Any:
    made = Statechart(chart.name)
    region = chart.regions[0]
    made.add_state(CompoundState("root_", initial=region.name), None)
    _sismic_state(made, region, "root_")
    for edge in chart.tree.edges:
        made.add_transition(
            Transition(
                edge.source,
                edge.targets[0] if edge.targets else None,
                event=edge.trigger or None,
                guard=" and ".join(_sismic_guard(chart, edge)) or None,
                action=_sismic_code(edge.actions),
            )
        )
    made.validate()
    return made


def _sismic_state(made: Any, state: State | History, parent: str) -> None:
    if isinstance(state, History):
        kind = DeepHistoryState if state.deep else ShallowHistoryState
        made.add_state(kind(state.name, memory=names(state.default)[0]), parent)
        return
    code = {"on_entry": _sismic_code(state.entry), "on_exit": _sismic_code(state.exit)}
    if state.parallel:
        made.add_state(OrthogonalState(state.name, **code), parent)
    elif state.children:
        made.add_state(CompoundState(state.name, initial=state.initial, **code), parent)
    else:
        kind = FinalState if state.final else BasicState
        made.add_state(kind(state.name, **code), parent)
    for child in state.children:
        _sismic_state(made, child, state.name)


def _sismic_code(actions: Actions) -> str | None:
    lines = [
        f"send({action.event!r})" if isinstance(action, Raise) else f"world.done.append({action!r})"
        for action in several(actions)
    ]
    return "\n".join(lines) or None


def _sismic_guard(chart: Chart, edge: Edge) -> Iterator[str]:
    """Yield a row's conditions, and that none listed before it holds, since sismic has no order."""
    for other in chart.tree.rows_at(edge.source, edge.trigger):
        if other is edge:
            break
        yield f"not ({' and '.join(map(_sismic_condition, other.conditions))})"
    yield from map(_sismic_condition, edge.conditions)


def _sismic_condition(condition: str) -> str:
    found = f"({condition.removeprefix('!')!r} in world.held)"
    return f"(not {found})" if condition.startswith("!") else found


# -- python-statemachine ---------------------------------------------------------------------------

STATEMACHINE = Features(
    regions=1,
    parallel=True,
    history=True,
    return_acts=False,
    done=True,
    always=True,
    internal=True,
    several=True,
    crossing=True,
    steady=True,
)


class StatemachinePeer:
    def __init__(self, chart: Chart, context: Context) -> None:
        self.world = World()
        self.world.held = context
        self.chart = chart
        states: dict[str, Any] = {
            region.name: _psm_state(self.world, chart, region) | {"initial": True}
            for region in chart.regions
        }
        made: Any = create_machine_class_from_definition(
            "Made",
            states=states,
            validate_disconnected_states=False,
            validate_trap_states=False,
            validate_final_reachability=False,
        )
        self.engine: Any = made()

    @property
    def atomic(self) -> frozenset[str]:
        active = {state.id for state in self.engine.configuration}
        return frozenset(name for name in active if self.chart.tree.atomic(name))

    def happen(self, event: str, context: Context) -> list[str]:
        self.world.done, self.world.held = [], context
        self.engine.send(event)
        return self.world.done


def _psm_state(world: World, chart: Chart, state: State) -> dict[str, Any]:
    found: dict[str, Any] = {"on": {}, "transitions": []}
    if state.entry:
        found["enter"] = _psm_do(world, state.entry)
    if state.exit:
        found["exit"] = _psm_do(world, state.exit)
    found |= {"final": True} if state.final else {}
    found |= {"parallel": True} if state.parallel else {}
    inner = [child for child in state.children if isinstance(child, State)]
    if inner:
        found["states"] = {child.name: _psm_state(world, chart, child) for child in inner}
    if state.initial:
        found["states"][state.initial]["initial"] = True
    for history in chart.tree.histories_of(state.name):
        found.setdefault("history", {})[history.name] = {
            "type": "deep" if history.deep else "shallow",
            "transitions": [{"target": " ".join(names(history.default))}],
        }
    for edge in chart.tree.edges:
        if edge.source == state.name and edge.trigger == ALWAYS:
            found["transitions"].append(_psm_row(world, edge))
        elif edge.source == state.name:
            found["on"].setdefault(edge.trigger, []).append(_psm_row(world, edge))
    return found


def _psm_row(world: World, edge: Edge) -> dict[str, Any]:
    found: dict[str, Any] = {
        "target": " ".join(edge.targets) or None,
        "internal": edge.internal or None,
    }
    if edge.actions:
        found["on"] = _psm_do(world, edge.actions)
    if edge.conditions:
        found["cond"] = _psm_holds(world, edge.conditions)
    return found


def _psm_do(world: World, actions: Actions) -> Callable[[], None]:
    def do() -> None:
        world.done += [str(action) for action in several(actions)]

    return do


def _psm_holds(world: World, conditions: tuple[str, ...]) -> Callable[[], bool]:
    def holds() -> bool:
        return all((c.removeprefix("!") in world.held) is not c.startswith("!") for c in conditions)

    return holds


PEERS: dict[str, tuple[Features, Callable[[Chart, Context], Peer]]] = {
    "transitions": (TRANSITIONS, TransitionsPeer),
    "sismic": (SISMIC, SismicPeer),
    "python-statemachine": (STATEMACHINE, StatemachinePeer),
}

__all__ = ["PEERS", "Peer", "Undecided"]
