"""What the appends of one log become when they are stored in one group: the same as apart."""

import pytest

from actors.runtime.journal.lanes import merged
from actors.runtime.journal.port import Ack, Append, settled
from actors.storage import MemoryJournal
from actors.storage.samples import ITEMS, appending, bare

A = appending("x", 0, state=2)


async def outcome(*groups: tuple[Append, ...]) -> list[object]:
    journal = MemoryJournal()
    journal.open(ITEMS)
    for group in groups:
        assert await settled(journal.append(group)) == [Ack.STORED] * len(group)
    return [journal.read("x"), journal.place("one", "x"), journal.place("two", "x")]


@pytest.mark.parametrize(
    ("second", "groups"),
    [
        (bare("x", 1), 1),
        (appending("x", 1, state=3), 1),
        (appending("x", 1, consumers=("one",)), 1),
        (appending("x", 1, consumers=("two",)), 2),
        (appending("x", 1, consumers=("one", "two")), 2),
        (bare("x", 1, consumers=("two",)), 2),
        (appending("x", 1, keys=("key",)), 2),
    ],
)
async def test_together_is_as_apart(second: Append, groups: int) -> None:
    first = A._replace(consumers=("one",))
    together, later = merged([first, second])
    assert len(together) == 1, "upon a fenced one another must not hold"
    assert 1 + len(later) == groups
    rest = [(each,) for each in later]
    assert await outcome(together, *rest) == await outcome((first,), (second,))


async def test_one_that_opens_a_consumer_takes_later_ones_along() -> None:
    appends = [A, bare("x", 1, consumers=("one",)), bare("x", 2), appending("x", 3)]
    together, later = merged(appends)
    rest, none = merged(later)
    assert (len(together), len(rest), none) == (1, 1, [])
    assert await outcome(together, rest) == await outcome(*((each,) for each in appends))


def test_what_follows_one_that_waits_waits_too() -> None:
    keyed, after = appending("x", 1, keys=("key",)), appending("x", 2)
    other = appending("y", 0)
    assert merged([A, keyed, after, other]) == ((A, other), [keyed, after])
