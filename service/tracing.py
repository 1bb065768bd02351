"""Spans by OpenTelemetry, for those who have a place for them: an extra, off by default. With nothing set, a span costs
one comparison.

Three things are spans: a request, a call to Twilio, a piece of due work. They are linked by the attribute ``invite``,
not by a parent: hours may lie between them. Attributes are SIDs, ids and words of ours; an exception's text stays out.
OpenTelemetry's own variables say where spans go and how many: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER, ….
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from service.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

PREFIX = "flex_router."

_wanted = [False]
_tracers: "dict[int, Tracer]" = {}  # by process: what sends spans is a thread, and does not outlive a fork


def set_up_tracing(wanted: bool) -> None:
    """Switch spans on or off. Raises ConfigurationError if they are wanted and the extra is not installed."""
    _wanted[:] = [wanted]
    _tracers.clear()
    if wanted:
        try:
            import opentelemetry.exporter.otlp.proto.http
            import opentelemetry.sdk.trace  # noqa: F401  both are needed once the first span begins
        except ImportError as error:
            raise ConfigurationError(
                ("TRACING is on, but the extra is missing: install flex-router[tracing]",)
            ) from error


@contextmanager
def span(name: str) -> Iterator[None]:
    """What happens inside is one span. ``name`` is from a bounded set."""
    if not _wanted[0]:
        yield
        return
    with _tracer().start_as_current_span(name, record_exception=False, set_status_on_exception=False):
        yield


def note(**attributes: str | int | None) -> None:
    """Attributes of the span that is under way; those that are None are left out."""
    if _wanted[0]:
        from opentelemetry import trace

        given = {PREFIX + name: value for name, value in attributes.items() if value is not None}
        trace.get_current_span().set_attributes(given)


def _tracer() -> "Tracer":
    if os.getpid() not in _tracers:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider = TracerProvider(resource=Resource.create({SERVICE_NAME: "flex-router"}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        _tracers[os.getpid()] = provider.get_tracer("flex-router")
    return _tracers[os.getpid()]
