"""Whatever happens to actors, each ask has one answer, and nothing is left over (law L4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.runtime import (
    ESCALATE,
    RESUME,
    STOP,
    ActorRef,
    ActorStopped,
    Directive,
    Effect,
    Passivate,
    Spawn,
    Stash,
    Stop,
    Supervision,
)
from tests.manual import Answer
from tests.runtime.puppets import (
    Do,
    Fail,
    Hold,
    Leave,
    Puppet,
    Ref,
    Release,
    Wake,
    World,
)

BOOM = Fail()
SUPERVISIONS = [
    RESUME,
    STOP,
    ESCALATE,
    Supervision(Directive.RESTART, limit=2),
    Supervision(Directive.RESTART, first=1.0, limit=3, beyond=Directive.ESCALATE),
]
REFS: list[Ref] = [ActorRef("puppet", name) for name in "abcd"]


def _spawns(child: Ref, supervision: Supervision) -> Callable[[Any], tuple[Effect, ...]]:
    return lambda _: (Spawn(child, lambda: Puppet(supervision)),)


ACTIONS = st.one_of(
    st.tuples(st.just("hold"), st.sampled_from(REFS)),
    st.tuples(st.just("release"), st.sampled_from(REFS)),
    st.tuples(st.just("crash"), st.sampled_from(REFS)),
    st.tuples(st.just("stash"), st.sampled_from(REFS)),
    st.tuples(st.just("stop"), st.sampled_from(REFS)),
    st.tuples(st.just("passivate"), st.sampled_from(REFS)),
    st.tuples(st.just("wake"), st.sampled_from(REFS)),
    st.tuples(
        st.just("spawn"),
        st.sampled_from(REFS),
        st.sampled_from(REFS),
        st.sampled_from(SUPERVISIONS),
    ),
    st.tuples(st.just("run"), st.just(REFS[0])),
    st.tuples(st.just("wait"), st.just(REFS[0])),
)


def _act(world: World, asked: list[Answer], action: tuple[Any, ...]) -> None:
    kind, ref, *more = action
    messages = {
        "hold": Hold(),
        "release": Release(),
        "crash": BOOM,
        "stash": Do(lambda _: (Stash(),)),
        "stop": Leave(Stop()),
        "passivate": Leave(Passivate()),
        "wake": Wake(),
    }
    if kind == "run":
        world.clock.run()
    elif kind == "wait":
        world.clock.advance(2.0)
    elif kind == "spawn":
        child, supervision = more
        world.system.tell(ref, Do(_spawns(child, supervision)))
    elif kind in ("hold", "crash", "stash"):
        asked.append(world.ask(ref, messages[kind], run=False))
    else:
        world.system.tell(ref, messages[kind])


@given(st.lists(ACTIONS, max_size=40), st.sampled_from(SUPERVISIONS))
@settings(derandomize=True, deadline=None, max_examples=300)
def test_every_ask_is_answered_once_whatever_happens(
    actions: list[tuple[Any, ...]], supervision: Supervision
) -> None:
    world, asked = World(), list[Answer]()
    world.system.register("puppet", lambda _: Puppet(supervision))
    world.spawn(REFS[0], Puppet(supervision))
    for action in actions:
        _act(world, asked, action)
        assert all(answer.given <= 1 for answer in asked)
    world.clock.run()
    world.system.shutdown(ActorStopped("the end"))
    assert [answer.given for answer in asked] == [1] * len(asked)
    assert world.system.leftovers() == []
    assert not any(not timer.cancelled for timer in world.clock.timers)
