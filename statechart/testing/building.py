"""Building charts that may break rules: mutants, random charts, charts with other guards.

Used by `strategies`, `mutation` and `walks`. Imports `statechart` and `uncounted`.

Some rules of the check may be waived with a reason, others not, and a waiver that nothing needs is
itself a finding. So a chart whose faults nobody knows beforehand is built in turns: each turn
waives what the last one found, until the chart is built or waiving does not help.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from statechart.chart import Chart
from statechart.check import RULES
from statechart.errors import ChartError
from statechart.testing.uncounted import is_left_out, leave_out

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["build", "changed"]

_REASON = "found in a chart made for a test"


def changed(chart: Chart, **changes: Any) -> Chart:
    """Return `chart` with other fields, and with the waivers that it then needs.

    What is made of a chart whose steps are not counted is not counted either.

    Raises `ChartError` with what no waiver removes.
    """
    parts = {part.name: getattr(chart, part.name) for part in fields(Chart) if part.init}
    built = build(**{**parts, **changes})
    return leave_out(built) if is_left_out(chart) else built


def build(*, waive: Mapping[str, str] | None = None, **parts: Any) -> Chart:
    """Return the chart with these fields, waiving the rules that it breaks as far as they may be.

    `waive` has waivers that are probably needed; those that are not are left out.

    Raises `ChartError` with what may not be waived.
    """
    reasons = dict(waive or {})
    broken = set(reasons)
    while True:
        try:
            return Chart(**parts, waive={rule: reasons.get(rule, _REASON) for rule in broken})
        except ChartError as error:
            found = {finding.rule for finding in error.findings}
            if "stale-waiver" in found and reasons.keys() >= broken:
                reasons, broken, found = {}, set(), set()  # find out from the beginning
            elif not all(RULES[rule].waivable or rule == "more-findings" for rule in found):
                raise
            broken |= found - {"more-findings"}
