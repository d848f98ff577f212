"""What both ways share: the machine that a chart becomes, and which rows mean the same in both.

Used by `outgoing`, `incoming` and `reference`. Imports `model`, `tree`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transitions.extensions.nesting import HierarchicalMachine, NestedState, NestedTransition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from statechart.model import Edge, Guard
    from statechart.tree import Tree

__all__ = [
    "ChartMachine",
    "ChartState",
    "ChartTransition",
    "InexpressibleError",
    "Predicate",
    "Scope",
]


class InexpressibleError(ValueError):
    """One side uses something that the other has no words for."""


class ChartState(NestedState):
    """A nested state whose path is joined by a character that no state's name contains."""

    separator = "/"


class ChartTransition(NestedTransition):
    """A transition that knows its row, acts between exits and entries, and can be asked first."""

    def __init__(self, *args: Any, edge: Edge | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.edge = edge

    def execute(self, event_data: Any) -> bool:
        """Move; or note the row while the machine asks; or stay if another row was chosen."""
        machine = event_data.machine
        if machine.asked is not None:
            taken = all(condition.check(event_data) for condition in self.conditions)
            if taken:
                machine.asked.append(self.edge)
            return taken
        if machine.chosen is not None and not any(self.edge is edge for edge in machine.chosen):
            return False
        return bool(super().execute(event_data))

    @staticmethod
    def _update_model(event_data: Any, tree: Any) -> None:
        """Do the actions of the row: everything is left here, and nothing entered yet."""
        edge = event_data.transition.edge
        event_data.machine.callbacks(edge.actions if edge else (), event_data)
        super(ChartTransition, ChartTransition)._update_model(event_data, tree)


class ChartMachine(HierarchicalMachine):
    """The machine that `to_machine` builds.

    `performed` lists the actions that were due if the machine is its own model, which has no
    methods to perform them; otherwise they are methods of the model.
    """

    state_cls = ChartState
    transition_cls = ChartTransition
    state: Any

    def __init__(
        self, *args: Any, regions: int = 1, waive: Mapping[str, str] | None = None, **kwargs: Any
    ) -> None:
        self.regions = regions
        self.waive = dict(waive or {})
        self.performed: list[str] = []
        self.asked: list[Edge] | None = None
        self.chosen: list[Edge] | None = None
        super().__init__(*args, **kwargs)

    def callback(self, func: Any, event_data: Any) -> None:
        """Call a callback of the model, or note its name if there is no other model."""
        if isinstance(func, str) and event_data.model is self:
            self.performed.append(func)
        else:
            super().callback(func, event_data)


class Predicate:
    """A guard under its name, since `transitions` knows conditions as functions."""

    def __init__(self, name: str, guard: Guard) -> None:
        self.__name__ = name
        self.guard = guard

    def __call__(self, context: object = None, data: object = None) -> bool:
        """Tell whether the guard holds."""
        return self.guard(context, data)


class Scope:
    """Judges whether a transition leaves and enters the same states in both worlds.

    `transitions` looks for the last active state on the path to the target and leaves what is
    active below it; a target that is active itself is left and entered anew. It then enters the
    path to the target, and of parallel states on that path no other region. SCXML leaves all that
    is active in the least compound state around source and target, and enters whole parallels.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def trouble(self, edge: Edge) -> str:
        """Return why `edge`, which has one target, means something else; empty if it does not."""
        target = edge.targets[0]
        path = self._tree.path(edge.source)
        if target in path:
            return self._around(target)
        if self._tree.below(target, edge.source):
            return self._inside(edge, target)
        common = next(name for name in self._tree.path(target) if name in path)
        if self._tree.states[common].parallel:
            return f"it leads from one region of {common!r} into another"
        return self._partial(list(self._between(target, common)))

    def _around(self, target: str) -> str:
        parent = self._tree.parent(target)
        if parent is None and len(self._tree.regions) > 1:
            return f"{target!r} is one of several regions, and re-entering it loses the others"
        if parent is not None and self._tree.states[parent].parallel:
            return f"it leads to {target!r} as a whole, which is only one region of {parent!r}"
        return ""

    def _inside(self, edge: Edge, target: str) -> str:
        between = list(self._between(target, edge.source))
        trouble = self._partial([*between, edge.source])
        if trouble:
            return trouble
        parent = self._tree.parent(edge.source)
        if not edge.internal:
            between.append(edge.source)
            if parent is not None and self._tree.states[parent].parallel:
                return f"from {edge.source!r} inwards, it leaves and enters all of {parent!r}"
        for name in between:
            if self._tree.states[name].entry or self._tree.states[name].exit:
                return f"it leaves and enters {name!r}, which has actions, on its way to {target!r}"
        return ""

    def _between(self, target: str, end: str) -> Iterator[str]:
        for name in self._tree.path(target)[1:]:
            if name == end:
                return
            yield name

    def _partial(self, way: list[str]) -> str:
        parallel = next((name for name in way if self._tree.states[name].parallel), None)
        return f"it leads into one region of {parallel!r} only" if parallel else ""
