"""Counters, gauges and histograms of one process: plain numbers by their labels' values.

They are added to in the event loop alone, so they need no lock, and cost a fraction of a microsecond; what turns them into
Prometheus' text is loaded at the first scrape. Names and units follow Prometheus' conventions (seconds, bytes, ``_total``).
"""

from bisect import bisect_left
from typing import ClassVar

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds in seconds: from a read of one row to a boot under emulation."""

Labels = tuple[str, ...]


class Family:
    """Values of one name. ``meaning``: one sentence, shown by Prometheus and in docs/metrics.md."""

    kind: ClassVar[str]

    def __init__(self, name: str, meaning: str, *labels: str) -> None:
        self.name, self.meaning, self.labels = name, meaning, labels


class Counter(Family):
    """Goes up only. Prometheus shows it as ``<name>_total``."""

    kind = "counter"

    def __init__(self, name: str, meaning: str, *labels: str) -> None:
        super().__init__(name, meaning, *labels)
        self.values: dict[Labels, float] = {}

    def add(self, *labels: str, amount: float = 1) -> None:
        """One more, or ``amount``."""
        self.values[labels] = self.values.get(labels, 0) + amount


class Gauge(Family):
    """What is so now; set when it is asked for, so that nothing is counted for nobody."""

    kind = "gauge"

    def __init__(self, name: str, meaning: str, *labels: str) -> None:
        super().__init__(name, meaning, *labels)
        self.values: dict[Labels, float] = {}

    def set(self, value: float, *labels: str) -> None:
        """It is ``value`` now."""
        self.values[labels] = value

    def clear(self, *first: str) -> None:
        """Forget what was so; with ``first``, of those whose labels begin so."""
        self.values = {
            labels: value for labels, value in self.values.items() if first and labels[: len(first)] != first
        }


class Series:
    """The times of one set of labels: how many fell below each bound (and above the last), and their sum."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts, self.sum = [0] * (len(BUCKETS) + 1), 0.0


class Histogram(Family):
    """Times in seconds."""

    kind = "histogram"

    def __init__(self, name: str, meaning: str, *labels: str) -> None:
        super().__init__(name, meaning, *labels)
        self.values: dict[Labels, Series] = {}

    def observe(self, seconds: float, *labels: str) -> None:
        """One more that took so long."""
        series = self.values.get(labels)
        if series is None:
            series = self.values[labels] = Series()
        series.counts[bisect_left(BUCKETS, seconds)] += 1
        series.sum += seconds
