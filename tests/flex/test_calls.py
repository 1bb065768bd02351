"""What is counted of a call: the name of what it is for, and what came of it."""

import pytest

from service.errors import TwilioAmbiguousError, TwilioUnavailableError
from service.flex.breaker import Breaker, HeldBackError
from service.flex.calls import named, watched
from service.metrics.families import REGISTRY


def counted(operation: str, status: str) -> float:
    labels = {"operation": operation, "status": status}
    return REGISTRY.get_sample_value("flex_router_twilio_calls_total", labels) or 0.0


@pytest.mark.parametrize(
    ("fault", "status"),
    [(TwilioAmbiguousError, "lost"), (TwilioUnavailableError, "unsent"), (HeldBackError, "held")],
    ids=["lost", "unsent", "held"],
)
def test_fault_is_counted_by_what_is_known(fault: type[Exception], status: str) -> None:
    before = counted("some operation", status)
    named("some operation")
    with pytest.raises(fault), watched("GET", "/v1/Nothing"):
        raise fault("why")
    assert counted("some operation", status) == before + 1


def test_answer_is_counted_by_its_class() -> None:
    before = counted("some operation", "5xx")
    named("some operation")
    with watched("GET", "/v1/Nothing") as call:
        call.answered(503, {})
    assert counted("some operation", "5xx") == before + 1


def test_open_breaker_holds_back_and_is_counted() -> None:
    breaker = Breaker("flex-api.example.com", lasting_s=0.0)
    for _ in range(8):
        breaker.failed(probe=False)
    with pytest.raises(HeldBackError):
        breaker.admit()
    labels = {"host": "flex-api.example.com"}
    assert REGISTRY.get_sample_value("flex_router_twilio_breaker_opens_total", labels) == 1
