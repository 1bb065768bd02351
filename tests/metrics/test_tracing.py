"""Spans reach a receiver over real HTTP: of the request, of the call to Twilio inside it, of the work after it."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from service import tracing
from tests.flow.kept import Build

CANARY = "Zq7-canary-Zq7"
PATIENCE_S = 30.0
WITHOUT = """
import sys
sys.modules["opentelemetry"] = None
from service.errors import ConfigurationError
from service.tracing import note, set_up_tracing, span
with span("off"):
    note(invite="iv")
try:
    set_up_tracing(True)
except ConfigurationError as error:
    print(error.faults[0])
"""


class Receiver(ThreadingHTTPServer):
    """Keeps what is sent to it, as name, attributes, id and parent of each span."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[bytes] = []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def spans(self) -> list[tuple[str, dict[str, str], bytes, bytes]]:
        return [
            (span.name, {one.key: one.value.string_value for one in span.attributes}, span.span_id, span.parent_span_id)
            for body in self.bodies
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def await_span(self, name: str, **attributes: str) -> tuple[str, dict[str, str], bytes, bytes]:
        wanted = {f"flex_router.{key}": value for key, value in attributes.items()}.items()
        deadline = time.monotonic() + PATIENCE_S
        while not (found := [one for one in self.spans() if one[0] == name and wanted <= one[1].items()]):
            assert time.monotonic() < deadline, f"no {name}: {[one[0] for one in self.spans()]}"
            time.sleep(0.02)
        return found[0]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    running = Receiver()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{running.server_port}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    yield running
    tracing.set_up_tracing(False)
    running.shutdown()
    running.server_close()


def test_request_call_and_work_are_spans(build: Build, receiver: Receiver) -> None:
    world = build(TRACING="on")
    attributes = {"topic": "billing", "name": CANARY}
    answer = world.escalate(world.customer()["conversation_sid"], reason=CANARY, attributes=attributes)
    invite_id = str(answer["id"])
    _, _, request_id, _ = receiver.await_span("request: api.escalations", invite=invite_id)
    _, about, _, parent = receiver.await_span("Twilio: create interaction", path="/v1/Interactions")
    assert parent == request_id
    assert about["flex_router.outcome"].startswith("20")
    world.advance(700)
    world.turn_until(invite_id, "closed")
    receiver.await_span("work", invite=invite_id)
    receiver.await_span("request: hooks.taskrouter", invite=invite_id)
    assert CANARY.encode() not in b"".join(receiver.bodies)


def test_canary_of_every_field_is_in_no_span(build: Build, receiver: Receiver) -> None:
    world = build(TRACING="on")
    conversation = world.customer()["conversation_sid"]
    fields: dict[str, object] = {
        "reason": CANARY, "attributes": {CANARY: CANARY}, "idempotency_key": CANARY, "channel_type": CANARY,
        "interaction_sid": CANARY, "channel_sid": CANARY, "execution_sid": CANARY, "from": {"worker_sid": CANARY},
        "to": {"queue": CANARY}, "mode": CANARY, "release": CANARY, CANARY: CANARY,
    }  # fmt: skip
    for name, value in fields.items():
        for path in ("escalations", "transfers", "decisions", f"conversations/{conversation}/park"):
            headers = {"User-Agent": CANARY, "X-Forwarded-For": CANARY, "Idempotency-Key": f"{CANARY}-{name}"}
            world.post(path, {"conversation_sid": conversation, name: value}, headers=headers)
    refusal = {"code": 20001, "message": CANARY, "status": 400}
    world.fault("POST /v1/Interactions*", status=400, body=refusal, times=1)
    refused = world.escalate(world.customer()["conversation_sid"], reason=CANARY)
    assert refused.status == 422
    world.event({"EventType": "task.canceled", "Reason": CANARY, CANARY: CANARY})
    world.turn()
    receiver.await_span("Twilio: create interaction", outcome="400")
    with tracing.span("the last one"):
        pass
    receiver.await_span("the last one")
    assert CANARY.encode() not in b"".join(receiver.bodies)


def test_nothing_is_sent_while_it_is_off(build: Build, receiver: Receiver) -> None:
    world = build()
    world.escalate(world.customer()["conversation_sid"])
    world.turn()
    world.advance(0)  # returns once all callbacks have been delivered
    tracing.set_up_tracing(True)
    with tracing.span("the first one"):
        pass
    receiver.await_span("the first one")
    assert [name for name, *_ in receiver.spans() if name.startswith(("Twilio: create", "work"))] == []


def test_missing_extra_is_told_at_the_start() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "TRACING is on, but the extra is missing: install flex-router[tracing]"
