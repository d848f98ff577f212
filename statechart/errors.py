"""What can be wrong: findings in a chart, and words that a table does not know.

Imports nothing of ours; everything above raises these.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ChartError", "Finding", "UnknownConfiguration", "UnknownEvent"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with a chart: which rule it breaks, where, why, and the smallest repair."""

    rule: str
    where: str
    why: str
    repair: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.where}: {self.why}. Repair: {self.repair}."


class ChartError(ValueError):
    """A chart that cannot be built, with everything found wrong in it."""

    def __init__(self, name: str, findings: tuple[Finding, ...]) -> None:
        self.name = name
        self.findings = findings
        lines = "".join(f"\n  {finding}" for finding in findings)
        super().__init__(f"chart {name!r} has {len(findings)} finding(s):{lines}")


class UnknownEvent(LookupError):  # noqa: N818 - says what is wrong, as LookupErrors do
    """An event that the chart does not declare."""


class UnknownConfiguration(LookupError):  # noqa: N818 - as above
    """A configuration that belongs to another table, or that the chart cannot reach."""
