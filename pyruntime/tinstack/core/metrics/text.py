"""The tallies as Prometheus' text, by its own library; loaded at the first scrape."""

from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from tinstack.core.metrics.tallies import BUCKETS, Counter, Family, Gauge, Histogram


class _Tallies(Collector):
    def __init__(self, families: Iterable[Family]) -> None:
        self._families = tuple(families)

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            made = _metric(family)
            if made.samples:
                yield made


def _metric(family: Family) -> Metric:
    if isinstance(family, Histogram):
        histogram = HistogramMetricFamily(family.name, family.meaning, labels=family.labels)
        for labels, series in family.values.items():
            below = list(accumulate(series.counts))
            bounds = [*(str(bound) for bound in BUCKETS), "+Inf"]
            histogram.add_metric(labels, list(zip(bounds, below, strict=True)), series.sum)
        return histogram
    made: Metric
    if isinstance(family, Counter):
        made = counter = CounterMetricFamily(family.name, family.meaning, labels=family.labels)
        for labels, value in family.values.items():
            counter.add_metric(labels, value)
        return made
    assert isinstance(family, Gauge)
    made = gauge = GaugeMetricFamily(family.name, family.meaning, labels=family.labels)
    for labels, value in family.values.items():
        gauge.add_metric(labels, value)
    return made


class Page:
    """Everything that this process has to tell: its tallies, and its memory, CPU and open files."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Tallies(families))
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """In Prometheus' text format, version 0.0.4."""
        return generate_latest(self._registry)
