"""The parts of the soak, each by itself: would it see, and do, what the table says?"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from tests.conftest import sid
from tests.soak.acks import summed_up
from tests.soak.audit_errands import Errands, broken_errands
from tests.soak.calls import Json
from tests.soak.clocks import Clocks, leap_seen
from tests.soak.gauge import slope
from tests.soak.gusts import AWAY, LANES, OUTAGE, gusts
from tests.soak.hits import hits, moments_at_twilio, moments_in_logs
from tests.soak.ledger import Chore, Delivery
from tests.soak.storm import Note

CH, NOW = sid("CH", 1), 1000.0
TELL_TIME = "import datetime, time; print(time.time(), time.time_ns() / 1e9, datetime.datetime.now().timestamp())"
PATIENCE_S = 20.0


@pytest.mark.parametrize("lane", LANES)
def test_same_seed_draws_the_same_storm(lane: str) -> None:
    drawn = [list(islice(gusts(seed, lane), 50)) for seed in (7, 7, 8)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("ahead_s", [0.0, 600.0, -600.0])
def test_skewed_process_tells_the_wrong_time(tmp_path: Path, ahead_s: float) -> None:
    clocks = Clocks(tmp_path)
    environ = {**os.environ, **clocks.environ("one")}
    clocks.set("one", ahead_s)
    told = subprocess.run([sys.executable, "-c", TELL_TIME], env=environ, capture_output=True, check=True).stdout
    assert [float(word) - time.time() for word in told.split()] == pytest.approx([ahead_s] * 3, abs=PATIENCE_S)


def test_leap_is_seen_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "one.log"
    log.write_text('{"timestamp": "2026-01-01T00:10:00Z"}\n')
    now = 1767225600.0  # ten minutes earlier
    assert [leap_seen(log, now, ahead_s) for ahead_s in (600.0, -600.0)] == [True, None]
    assert leap_seen(log, now + 600, 600.0) is False


@contextmanager
def relayed(harm: Json) -> Iterator[socket.socket]:
    """A connection to a server that answers everything with twelve bytes, through a relay that does harm."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as free:
        port, listen = server.getsockname()[1], free.getsockname()[1]
        threading.Thread(target=_answer_all, args=(server,), daemon=True).start()
        free.close()
        relay = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.relay", str(listen), str(port), "1"], stdin=subprocess.PIPE
        )
        try:
            connection = _connected(listen)
            assert relay.stdin is not None
            connection.sendall(b"first")
            assert connection.recv(100) == b"twelve bytes"
            relay.stdin.write(json.dumps(harm).encode() + b"\n")
            relay.stdin.flush()
            with connection:
                yield connection
        finally:
            relay.kill()
            relay.wait()


def _answer_all(server: socket.socket) -> None:
    connection, _ = server.accept()
    while connection.recv(100):
        connection.sendall(b"twelve bytes")


def _connected(port: int) -> socket.socket:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def asked_until(connection: socket.socket, changed: Callable[[bytes, float], bool]) -> tuple[bytes, float]:
    """Ask until the relay has read its orders: the answer and the seconds it took."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        began = time.monotonic()
        connection.sendall(b"again")
        answer = connection.recv(100)
        if changed(answer, time.monotonic() - began):
            return answer, time.monotonic() - began
        assert time.monotonic() < deadline


def test_relay_cuts_a_reply_in_the_middle() -> None:
    with relayed({"cut": "middle", "probability": 1.0}) as connection:
        assert asked_until(connection, lambda answer, _: answer != b"twelve bytes")[0] == b"twelve"


def test_relay_loses_a_whole_reply() -> None:
    with relayed({"cut": "before", "probability": 1.0}) as connection, pytest.raises(ConnectionResetError):
        asked_until(connection, lambda answer, _: _torn(answer))


def _torn(answer: bytes) -> bool:
    if not answer:
        raise ConnectionResetError
    return False


def test_relay_makes_replies_late() -> None:
    with relayed({"delay_s": 0.2}) as connection:
        assert asked_until(connection, lambda _, seconds: seconds >= 0.2)[0] == b"twelve bytes"


def test_relay_lets_bytes_drip() -> None:
    with relayed({"drip": 5, "drip_every_s": 0.05}) as connection:
        assert asked_until(connection, lambda answer, _: len(answer) < 12)[0] == b"twelv"


def test_slope_leaves_out_the_warm_up() -> None:
    warming = [(float(second), 50.0 + second) for second in range(0, 600, 5)]
    grown = [(float(second), 650.0 + second / 600) for second in range(600, 1800, 5)]
    assert slope([*warming, *grown]) == pytest.approx(1.0)


def test_acks_are_told_apart_by_what_was_wrong() -> None:
    notes = [Note(AWAY, "twilio", 10.0, 20.0), Note(OUTAGE, "twilio", 30.0, 40.0)]
    acks = [(5.0, 1.0, 204), (15.0, 2.0, 204), (15.5, 9.0, 503), (35.0, 3.0, 204)]
    rows = summed_up(acks, notes)
    assert [(row.count, row.p99_ms, row.failed) for row in rows] == [
        (3, 3.0, "1 × 503"),
        (1, 2.0, "1 × 503"),
        (1, 3.0, "none"),
    ]


def test_fault_that_is_told_by_many_is_one() -> None:
    assert hits([110.0, 101.0, 104.9, 108.0, 99.0, 201.0], 100.0, 200.0) == 2


def test_faults_at_twilio_are_the_calls_that_failed_by_one() -> None:
    calls = [(None, ["F1"]), (503, ["F1"]), (429, ["F1"]), (200, ["F2"]), (404, ["F2"]), (500, [])]
    entries: list[tuple[float, Json]] = [
        (at, {"kind": "api", "status": status, "faults": faults}) for at, (status, faults) in enumerate(calls)
    ]
    entries.append((9.0, {"kind": "callback", "status": None, "faults": ["F1"]}))
    assert moments_at_twilio(entries) == [0.0, 1.0, 2.0]


def test_faults_in_the_logs_are_found_though_a_clock_has_leapt(tmp_path: Path) -> None:
    log = tmp_path / "one.log"
    lines = [
        {"invite": "iv_1", "level": "warning", "timestamp": "1970-01-01T00:16:50Z"},
        {"invite": "iv_1", "level": "error", "timestamp": "1970-01-01T00:26:55Z"},
        {"invite": "iv_1", "level": "warning", "timestamp": "1970-01-01T00:07:00Z"},
        {"invite": "iv_1", "level": "info", "timestamp": "1970-01-01T00:17:05Z"},
        {"invite": "iv_2", "level": "warning", "timestamp": "1970-01-01T00:17:10Z"},
        {"invite": "iv_1", "level": "warning", "timestamp": "1970-01-01T00:40:00Z"},
    ]
    log.write_text("iv_1 is no JSON\n" + "".join(json.dumps(line) + "\n" for line in lines))
    assert sorted(moments_in_logs([log], ["iv_1"], NOW, NOW + 60)) == [1010.0, 1015.0, 1020.0]


def errands(
    record: Json | None, *, told: int = 200, flushed_at: float = 0.0, ids: tuple[str, ...] = ("er_1",)
) -> Errands:
    deliveries = [Delivery(NOW, NOW + 1, told, one) for one in ids]
    chore = Chore(0, CH, "park", deliveries=deliveries)
    return Errands([chore], dict.fromkeys(ids, record), looked_at=NOW + 3600, flushed_at=flushed_at)


def errand(state: str, wake_at: str | None = None) -> Json:
    return {"state": state, "due_at": None, "wake_at": wake_at, "reason": None}


WRONG = {
    "no record": errands(None),
    "still taken": errands(errand("taken")),
    "still waking": errands(errand("waking")),
    "slept through its time": errands(errand("parked", "1970-01-01T00:30:00.000Z")),
    "told done and refused": errands(errand("refused")),
    "two errands": errands(errand("done"), ids=("er_1", "er_2")),
}
RIGHT = {
    "done": errands(errand("done")),
    "refused as told": errands(errand("refused"), told=409),
    "parked without a timer": errands(errand("parked")),
    "forgotten with the store": errands(None, flushed_at=NOW + 5),
}


@pytest.mark.parametrize("name", WRONG)
def test_errand_that_went_wrong_is_named(name: str) -> None:
    assert [conversation for conversation, _ in broken_errands(WRONG[name])] == [CH]


@pytest.mark.parametrize("name", RIGHT)
def test_errand_that_came_right_is_passed(name: str) -> None:
    assert list(broken_errands(RIGHT[name])) == []
