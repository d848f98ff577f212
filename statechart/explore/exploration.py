"""Everything that a chart can do in a finite world, searched breadth first.

What stateright and TLC do for models, this does for a chart itself, with nothing translated. Each
node is reached on a shortest way, so each counterexample is one. Imports `search` and what is
below it.

Four kinds of claims, each with a name and a pure predicate:

always      of a node: holds in every one
sometimes   of a node: holds in at least one
steps       of (node, turn, node): holds for every turn; also for those in the middle of a move, of
            postponed events that are tried again
possible    of a node: wherever one is, one can still come to where it holds. `ends` is the claim
            that this is so for final configurations

What is searched is at least what a `Machine` can do, and more where guards are free or timers have
no constant delay (`environment` says how time is treated). So an `always` or `steps` that holds
here holds; a `sometimes`, `possible` or `ends` that holds here may owe it to a way that no machine
takes. Nodes that are equal are one, so guards and claims must treat equal values alike.

>>> from statechart import Chart, Go, Refuse, State
>>> from statechart.explore import Environment, explore
>>> till = Chart(
...     name="till",
...     regions=(State("till", (State("open"), State("closed", final=True)), initial="open"),),
...     events=("pay", "close"),
...     rows=(Go("pay", "open", None, actions="add"), Go("close", "open", "closed"),
...           Refuse(("pay", "close"), "closed", "closed")),
... )
>>> found = explore(
...     till,
...     environment=Environment(
...         context=0,
...         events=lambda node: ("pay", "close") if node.context < 3 else ("close",),
...         perform=lambda coins, turn: coins + turn.outcome.actions.count("add"),
...     ),
...     always={"at most two coins": lambda node: node.context <= 2},
...     ends=True,
... )
>>> found
<Exploration of 'till': 8 states, 14 transitions, depth 4; 'at most two coins' violated>
>>> print(found.violations["at most two coins"])
always 'at most two coins', but not here:
  0. start -> <open>; context 0
  1. pay / add -> <open>; context 1
  2. pay / add -> <open>; context 2
  3. pay / add -> <open>; context 3
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from statechart.explore.counterexample import Counterexample, PropertyError, Trace
from statechart.explore.environment import Environment, Node, Step
from statechart.explore.moves import Moves
from statechart.explore.search import Claims, Search, StateProperty, StepProperty

if TYPE_CHECKING:
    from statechart.chart import Chart
    from statechart.model import Edge
    from statechart.step import Configuration

__all__ = ["Exploration", "explore"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Exploration:
    """What a search found.

    `nodes` are in order of discovery; `transitions` is the number of moves between them, one for
    each event at each node and each way its guards may decide. `depth` is the length of the
    longest shortest way. `edges` tells how many transitions took each row. `deadlocks` are nodes
    that nothing leaves although their configuration is not final. `violations` has the shortest
    counterexample of each claim that does not hold, `unmet` the names of what is claimed to hold
    sometimes and was not seen. `complete` is False if `limit` ended the search: then the numbers
    are those of the part that was searched, and what is not there may still exist.
    """

    chart: Chart
    nodes: tuple[Node, ...]
    transitions: int
    depth: int
    edges: Mapping[Edge, int]
    deadlocks: tuple[Node, ...]
    violations: Mapping[str, Counterexample]
    unmet: tuple[str, ...]
    complete: bool
    _path: Callable[[Node], tuple[Step, ...]] = field(compare=False)

    @property
    def states(self) -> int:
        """The number of nodes."""
        return len(self.nodes)

    @property
    def configurations(self) -> tuple[Configuration, ...]:
        """The configurations of all nodes, in order of discovery, without repetition."""
        return tuple(dict.fromkeys(node.configuration for node in self.nodes))

    @property
    def untaken(self) -> tuple[Edge, ...]:
        """The rows that were never taken."""
        return tuple(edge for edge in self.chart.tree.edges if edge not in self.edges)

    @property
    def ok(self) -> bool:
        """Every claim holds, and everything was searched."""
        return self.complete and not self.violations and not self.unmet

    def path(self, node: Node) -> Trace:
        """Return a shortest way to `node`; raises `LookupError` if the search did not find it."""
        return Trace(chart=self.chart, steps=self._path(node))

    def assert_ok(self) -> None:
        """Raise `PropertyError` unless every claim holds and everything was searched."""
        if self.ok:
            return
        shortest = min(self.violations.values(), key=lambda each: len(each.steps), default=None)
        raise PropertyError(f"{self!r}" + (f"\n{shortest}" if shortest else ""))

    def __repr__(self) -> str:
        parts = [f"{self.states} states, {self.transitions} transitions, depth {self.depth}"]
        parts += [f"{name!r} violated" for name in self.violations]
        parts += [f"{name!r} never seen" for name in self.unmet]
        if not self.complete:
            parts.append("not complete: the limit was reached, raise it or narrow the environment")
        return f"<Exploration of {self.chart.name!r}: {'; '.join(parts)}>"


def explore(
    chart: Chart,
    *,
    environment: Environment | None = None,
    always: Mapping[str, StateProperty] | None = None,
    sometimes: Mapping[str, StateProperty] | None = None,
    steps: Mapping[str, StepProperty] | None = None,
    possible: Mapping[str, StateProperty] | None = None,
    ends: bool = False,
    limit: int = 100_000,
) -> Exploration:
    """Search every node that `chart` can reach in `environment`, and judge the claims there.

    Without an environment every event may come at any time, guards may say anything, there is no
    context, and two events can be postponed. `limit` bounds the nodes. The search does not stop at
    a violation, so its numbers do not depend on what is claimed.

    Raises `ValueError` if two claims share a name or `limit` is not positive, `TypeError` if a
    context cannot be hashed, and whatever guards, predicates and the environment raise, with a
    note that says where.
    """
    if limit < 1:
        raise ValueError(f"limit={limit} leaves nothing to search; it bounds the nodes, from 1")
    final: dict[str, StateProperty] = {"ends": _final} if ends else {}
    if ends and "ends" in (possible or {}):
        raise ValueError("'ends' is the name of the claim that ends=True makes; name yours apart")
    claims = Claims(
        always=always or {},
        sometimes=sometimes or {},
        steps=steps or {},
        possible={**(possible or {}), **final},
    )
    search = Search(chart, Moves(chart, environment), claims, limit)
    search.run()
    return Exploration(
        chart=chart,
        nodes=tuple(search.nodes),
        transitions=search.transitions,
        depth=search.depth(),
        edges=search.edges(),
        deadlocks=tuple(search.deadlocks),
        violations=search.violations,
        unmet=tuple(search.unseen),
        complete=search.complete,
        _path=search.path,
    )


def _final(node: Node) -> bool:
    return node.configuration.final
