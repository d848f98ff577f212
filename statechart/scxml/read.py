"""The elements of a document as states and drafts of rows.

Used by `ours` and `theirs`, which make a chart of them. Imports `model`, `document`, `words`.

What both kinds of document share is here: names, states, actions, conditions. They part where a
document of somebody else leaves things open that a chart says: which events there are, what
happens to an event nobody waits for, which child is first, how a state without a name is called.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from statechart.actions import Raise, Start, Stop
from statechart.model import Answer, History, State, done
from statechart.scxml.attributes import (
    Names,
    check_literal,
    conditions,
    delay,
    every,
    needed,
    start,
    timeout,
    word,
)
from statechart.scxml.draft import Draft, unwrapped
from statechart.scxml.words import MAX_NAME, legal, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from statechart.actions import Action
    from statechart.scxml.document import Element

__all__ = ["MAX_WORDS", "STATES", "Reader"]

MAX_WORDS = 200_000
"""Events, targets, conditions and cancelled timers that the attributes of a document may name."""

STATES = ("state", "parallel", "final", "history")

_WORD = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
_PROCESSORS = ("scxml", "http://www.w3.org/TR/scxml/#SCXMLEventProcessor")


class Reader:
    """Reads one document; `exact` if it is one of ours.

    `names` maps the ids of states to their names. Raises `ScxmlError` wherever something is not
    understood.
    """

    def __init__(self, root: Element, guards: Collection[str], *, exact: bool) -> None:
        self.names: dict[str, str] = {}
        self.drafts: list[Draft] = []
        self.sends: dict[str, list[str]] = {}
        self._guards = guards
        self._exact = exact
        self._spent = 0
        self._of: dict[int, str] = {}
        self._timers: dict[int, str] = {}
        self._name_states(root)
        self._name_timers(root)

    # -- names -------------------------------------------------------------------------------------

    def _name_states(self, root: Element) -> None:
        found = [element for element in every(root) if element.tag in STATES]
        for element in found:
            name = element.get("id")
            if name is not None:
                word(element, "id", name)
                if name in self.names:
                    raise element.error(f"{shown(name)} is the id of two states; rename one", "id")
                self.names[name] = name
        if not self._exact:
            self._rename()
        free, numbers = Names(self.names.values()), Counter[str]()
        for element in found:
            name = element.get("id")
            if name is None and self._exact:
                raise element.error("a state needs an id here", "id")
            if name is None:
                numbers[element.tag] += 1
                self._of[id(element)] = free.unused(f"{element.tag}_{numbers[element.tag]}")
            else:
                self._of[id(element)] = self.names[name]

    def _rename(self) -> None:
        """Give legal names to states whose ids are none, beside those whose ids are."""
        strange = [name for name in self.names if legal(name) != name]
        free = Names(set(self.names) - set(strange))
        for name in strange:
            self.names[name] = free.unused(legal(name))

    def _name_timers(self, root: Element) -> None:
        """Give each <send> that is not a <raise> a timer; several may share an id, and <cancel>."""
        free = Names()
        for element in every(root):
            if element.tag == "send" and element.get("target") != "#_internal":
                given = element.get("id")
                name = word(element, "id", given) if given else "send_1"
                if not self._exact:
                    name = free.unused(name if _WORD.fullmatch(name) else legal(name))
                self._timers[id(element)] = name
                if given:
                    self.sends.setdefault(given, []).append(name)

    def name_of(self, element: Element) -> str:
        """Return the name of a state's element."""
        return self._of[id(element)]

    def targets(self, element: Element, attribute: str = "target") -> tuple[str, ...]:
        """Return the names of the states that an attribute lists."""
        words = element.words(attribute)
        self._spend(element, len(words))
        return tuple(self.state(element, attribute, each) for each in words)

    def state(self, element: Element, attribute: str, name: str) -> str:
        """Return the name of the state with this id."""
        if name not in self.names:
            raise element.error(f"{shown(name)} is the id of no state", attribute)
        return self.names[name]

    def _spend(self, element: Element, words: int) -> None:
        """Count what attributes hold: few elements can ask for much work."""
        self._spent += words
        if self._spent > MAX_WORDS:
            raise element.error(f"up to here the document names more than {MAX_WORDS} things")

    # -- states ------------------------------------------------------------------------------------

    def states(self, element: Element) -> tuple[State | History, ...]:
        """Return what is directly inside `element`, with everything below it."""
        return tuple(
            self._history(child) if child.tag == "history" else self._state(child)
            for child in element.all(*STATES)
        )

    def _state(self, element: Element) -> State:
        name = self.name_of(element)
        entry, leaving = (
            tuple(action for block in element.all(tag) for action in self.actions(block))
            for tag in ("onentry", "onexit")
        )
        self.drafts += [self._draft(each, name) for each in element.all("transition")]
        children = self.states(element)
        initial, actions = self.initial(element)
        return State(
            name,
            children,
            unwrapped(initial) if initial else None,
            final=element.tag == "final",
            note=element.text("sc:note"),
            parallel=element.tag == "parallel",
            entry=unwrapped(entry),
            exit=unwrapped(leaving),
            initial_actions=unwrapped(actions),
        )

    def initial(self, element: Element) -> tuple[tuple[str, ...], tuple[Action, ...]]:
        """Return where a compound state begins, and what is done on the way (SCXML 3.3, 3.6)."""
        written = list(element.all("initial"))
        if len(written) + ("initial" in element.attributes) > 1:
            raise element.error("it says twice where it begins; keep one", "initial")
        if written:
            transition = self._only(written[0])
            return self.targets(transition), self.actions(transition)
        initial = self.targets(element, "initial")
        children = [child for child in element.all(*STATES) if child.tag != "history"]
        if initial or self._exact or element.tag == "parallel" or not children:
            return initial, ()
        return (self.name_of(children[0]),), ()

    def _history(self, element: Element) -> History:
        kind = element.get("type") or "shallow"
        if kind not in ("shallow", "deep"):
            raise element.error(f"{shown(kind)} is neither shallow nor deep", "type")
        transition = self._only(element)
        return History(
            self.name_of(element),
            unwrapped(self.targets(transition)),
            deep=kind == "deep",
            actions=unwrapped(self.actions(transition)),
            note=element.text("sc:note"),
        )

    def _only(self, element: Element) -> Element:
        found = element.children
        if len(found) != 1 or not found[0].words("target"):
            raise element.error("it needs one <transition>, with a target")
        said = [name for name in ("event", "cond") if name in found[0].attributes]
        if said:
            raise found[0].error("a transition of this kind waits for nothing; remove it", said[0])
        return found[0]

    # -- rows --------------------------------------------------------------------------------------

    def _draft(self, element: Element, source: str) -> Draft:
        kind, answer = element.get("type") or "external", element.get("sc:answer") or "go"
        if kind not in ("internal", "external"):
            raise element.error(f"{shown(kind)} is neither internal nor external", "type")
        if answer not in {each.value for each in Answer}:
            raise element.error(f"{shown(answer)} is not go, refuse, drop or defer", "sc:answer")
        draft = Draft(
            element,
            source,
            self._descriptors(element),
            self.targets(element),
            self._conditions(element),
            self.actions(element),
            kind == "internal",
            Answer(answer),
            timeout(element),
        )
        named = all(isinstance(action, str) for action in draft.actions)
        if draft.answer is not Answer.GO and (draft.targets or not named):
            raise element.error(
                f"to {answer} is to stay; only named actions may go with it", "sc:answer"
            )
        return draft

    def _descriptors(self, element: Element) -> tuple[str, ...]:
        """Return what a transition waits for; the name of a timeout is only there for others."""
        if "event" in element.attributes and not element.get("event"):
            raise element.error("it is empty; name an event, or remove it", "event")
        if timeout(element):
            return ()
        words = element.words("event")
        self._spend(element, len(words))
        longest = MAX_NAME + len(done(""))
        return tuple(word(element, "event", each, longest) for each in words)

    def _conditions(self, element: Element) -> tuple[str, ...] | None:
        self._spend(element, element.text("cond").count("&&"))
        found = conditions(element)
        for each in found or ():
            if each.state:
                self.state(element, "cond", each.name)
            elif each.name not in self._guards:
                why = f"{shown(each.name)} is no guard; hand it over: guards={{{each.name!r}: ...}}"
                raise element.error(why, "cond")
        if found is None:
            return None
        return tuple(
            (each._replace(name=self.names[each.name]) if each.state else each).written
            for each in found
        )

    # -- actions -----------------------------------------------------------------------------------

    def actions(self, block: Element) -> tuple[Action, ...]:
        """Return the actions in `block`, without those that are there for other engines."""
        return tuple(
            action
            for element in block.children
            if "sc:derived" not in element.attributes
            for action in self._action(element)
        )

    def _action(self, element: Element) -> Iterator[Action]:
        match element.tag:
            case "raise":
                yield Raise(self.event(element, "event"))
            case "sc:action":
                yield needed(element, "name")
            case "sc:start":
                yield start(element)
            case "cancel":
                sendid = needed(element, "sendid")
                timers = [sendid] if self._exact else self.sends.get(sendid, [])
                self._spend(element, len(timers))
                yield from map(Stop, timers)
            case "send":
                yield self._send(element)
            case "log":
                check_literal(element)

    def event(self, element: Element, attribute: str) -> str:
        """Return the event that an attribute names, which is not the end of a state."""
        name = needed(element, attribute)
        if name.startswith("done.state."):
            raise element.error("a state ends by itself; choose another name", attribute)
        return name

    def _send(self, element: Element) -> Raise | Start:
        event, target = self.event(element, "event"), element.get("target")
        if target not in (None, "", "#_internal"):
            raise element.error("events go to the chart itself; name an action instead", "target")
        if element.get("type") not in (None, "", *_PROCESSORS):
            raise element.error("the chart itself is all there is; name an action instead", "type")
        if target == "#_internal":
            if "delay" in element.attributes:
                raise element.error("an internal event is not delayed; remove one", "delay")
            return Raise(event)
        timer = self._timers[id(element)]
        return Start(timer, delay(element), "" if event == timer else event)
