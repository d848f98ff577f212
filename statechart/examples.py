"""Two charts to learn from: a traffic light, and an order with timeouts and a history.

README shows and runs them, `diagrams/` draws them. Imports `chart` and `model`.
"""

from __future__ import annotations

from dataclasses import dataclass

from statechart.actions import After, Quiet
from statechart.chart import Chart
from statechart.model import Defer, Drop, Go, History, Refuse, State, done

__all__ = ["ORDER", "TRAFFIC_LIGHT", "Pay", "covers"]

MINUTE = 60_000

TRAFFIC_LIGHT = Chart(
    name="traffic light",
    regions=(State("light", (State("red"), State("green"), State("dark")), initial="red"),),
    events=("fail", "repair"),
    rows=(
        Go(After(30_000), "red", "green", actions="let_go"),
        Go(After(20_000), "green", "red", actions="halt"),
        Go("fail", "light", "dark"),
        Drop("fail", "dark", "dark_already"),
        Go("repair", "dark", "red"),
        Refuse("repair", "light", "nothing_is_broken"),
    ),
)


@dataclass(frozen=True)
class Pay:
    """The event that money has come, in cents."""

    amount: int


def covers(price: int, paid: Pay) -> bool:
    """Tell whether what was paid is enough; the price is the context."""
    return paid.amount >= price


ORDER = Chart(
    name="order",
    regions=(
        State(
            "order",
            (
                State("cart", exit="freeze_prices"),
                State(
                    "checkout",
                    (History("where_we_were", "address"), State("address"), State("payment")),
                    initial="address",
                ),
                State("paused"),
                State(
                    "fulfilment",
                    (
                        State("goods", (State("to_pack"), State("packed", final=True)), "to_pack"),
                        State("paper", (State("to_bill"), State("billed", final=True)), "to_bill"),
                    ),
                    parallel=True,
                ),
                State("sent", final=True, entry="thank"),
                State("cancelled", final=True, entry="release_goods"),
            ),
            initial="cart",
        ),
    ),
    events=("add", "check_out", "address", Pay, "pause", "resume", "pack", "bill", "cancel"),
    rows=(
        Go("add", "cart", None, actions="reserve"),
        Go(Quiet("patience"), "cart", "cancelled"),
        Go("check_out", "cart", "checkout"),
        Go("address", "address", "payment"),
        Go(Pay, "payment", "fulfilment", conditions="covers", actions="charge"),
        Refuse(Pay, "payment", "too_little"),
        Go(After(15 * MINUTE), "payment", "cancelled"),
        Go("pause", "checkout", "paused"),
        Go("resume", "paused", "where_we_were"),
        Defer(("pack", "bill"), ("checkout", "paused"), "not_paid"),
        Go("pack", "to_pack", "packed"),
        Go("bill", "to_bill", "billed"),
        Go(done("fulfilment"), "fulfilment", "sent"),
        Go("cancel", ("cart", "checkout", "paused"), "cancelled"),
        Refuse(
            ("add", "check_out", "address", Pay, "pause", "resume", "pack", "bill", "cancel"),
            "order",
            "not_now",
        ),
    ),
    guards={"covers": covers},
    times={"patience": 30 * MINUTE},
)
