"""The text that Prometheus reads: what was counted, by all workers, and readings taken at this moment."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from service.metrics.families import FAMILIES, PREFIX, REGISTRY


@dataclass(frozen=True)
class Reading:
    """The value of one gauge now. ``name`` is without the prefix; ``labels`` in the order of its declaration."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


Read = Callable[[], Iterable[Reading]]


class _Workers(MultiProcessCollector):
    """A worker that has just started makes a file and then sets its size: until then there is nothing to read in it,
    and prometheus_client would fail the whole scrape."""

    def collect(self) -> Iterable[Metric]:
        begun = [str(file) for file in Path(self._path).glob("*.db") if file.stat().st_size]
        return self.merge(begun)  # type: ignore[no-any-return, no-untyped-call]


class _Readings(Collector):
    """prometheus_client asks an object for what it is to show."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        found: dict[str, GaugeMetricFamily] = {}
        for reading in self._read():
            family = FAMILIES[PREFIX + reading.name]
            if family.name not in found:
                found[family.name] = GaugeMetricFamily(family.name, family.meaning, labels=family.labels)
            found[family.name].add_metric(reading.labels, reading.value)
        return found.values()


def exposition(read: Read, *, accept: str = "", directory: str | None = None) -> tuple[bytes, str]:
    """The text and its content type, in the form that the ``Accept`` header asks for.

    ``directory``: where gunicorn's workers share their values; None for what this process has counted itself.
    """
    registry = CollectorRegistry()
    if directory:
        _Workers(registry, path=directory)  # type: ignore[no-untyped-call]
    else:
        registry.register(REGISTRY)
    registry.register(_Readings(read))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def serve(host: str, port: int, read: Read) -> None:
    """Show the metrics of a process that has no web server, from threads that end with it. Raises OSError."""
    registry = CollectorRegistry()
    registry.register(REGISTRY)
    registry.register(_Readings(read))
    start_http_server(port, host, registry)
