"""What measures is measured: medians, ratios, limits, and a generator that counts each wait from its moment."""

import http.server
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench import __main__ as bench
from tests.bench.load import Generator, Load
from tests.bench.shots import wire
from tests.bench.table import as_text, interleaved, row

SLOW_S = 0.05


class Slow(http.server.BaseHTTPRequestHandler):
    """Answers after a while; one after the other, if the server has one thread. Closes when it is told to."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        time.sleep(SLOW_S)
        self.send_response(404 if self.path == "/lost" else 200)
        self.send_header("Content-Length", "2")
        if self.path == "/once":
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Nothing: the test tells."""


@pytest.fixture
def port() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def shots(path: str, count: int) -> list[bytes]:
    return [wire("GET", path, {}, b"")] * count


def test_ratio_is_of_values_of_the_same_round() -> None:
    """A machine that slows down slows both: the medians alone would tell another ratio."""
    found = row("ours", [100.0, 50.0, 20.0], "a second", against="theirs", baseline=[200.0, 100.0, 400.0])
    assert (found.value, found.baseline, found.ratio) == (50.0, 200.0, 0.5)
    assert found.spread == pytest.approx(1.6)


@pytest.mark.parametrize(
    ("limit", "kept"),
    [(None, None), (("least", 0.5), True), (("least", 0.51), False), (("most", 0.5), True), (("most", 0.49), False)],
)
def test_limit_is_told_kept_or_missed(limit: tuple[str, float] | None, kept: bool | None) -> None:
    found = row("ours", [1.0], "ms", against="theirs", baseline=[2.0], limit=limit)
    assert found.kept is kept
    assert found.to_json()["kept"] is kept
    assert ("MISSED" in as_text("part", [found])) is (kept is False)


def test_limit_without_a_baseline_is_of_the_value() -> None:
    assert row("memory", [79.0], "MB", limit=("most", 80)).kept is True
    assert row("memory", [81.0], "MB", limit=("most", 80)).kept is False


def test_subjects_take_turns_forwards_and_backwards() -> None:
    order: list[str] = []

    def subject(name: str) -> float:
        order.append(name)
        return float(len(order))

    found = interleaved({name: lambda name=name: subject(name) for name in "abc"}, 2)  # type: ignore[misc]
    assert order == ["a", "b", "c", "c", "b", "a"]
    assert found == {"a": [1, 6], "b": [2, 5], "c": [3, 4]}


def test_share_of_waits_is_their_percentile() -> None:
    load = Load(1.0, waits=[one / 1000 for one in range(100, 0, -1)])
    assert load.wait_ms(0.5) == pytest.approx(51)
    assert load.wait_ms(0.99) == pytest.approx(100)


def test_closed_loop_counts_every_answer(port: int) -> None:
    generator = Generator(port, 4)
    load = generator.closed(shots("/", 10) + shots("/lost", 2))
    generator.close()
    assert load.statuses == {200: 10, 404: 2}
    assert len(load.waits) == 12
    assert min(load.waits) >= SLOW_S
    assert load.seconds >= 3 * SLOW_S  # twelve, four at once


def test_open_loop_counts_the_wait_for_a_line_too(port: int) -> None:
    """A hundred a second meant, twenty answered: whoever asks late has waited since the moment that was meant."""
    generator = Generator(port, 1)
    load = generator.open(shots("/", 10), rate=100.0)
    generator.close()
    assert load.statuses == {200: 10}
    assert load.wait_ms(0.99) >= (10 * SLOW_S - 0.09) * 1000


def test_closed_connection_is_replaced(port: int) -> None:
    generator = Generator(port, 2)
    load = generator.closed(shots("/once", 5))
    generator.close()
    assert load.statuses == {200: 5}


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_everything_is_measured_in_a_small_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part runs against its own servers and tells its figures. Whether limits are kept is not asked here."""
    monkeypatch.setattr(bench, "RESULTS", tmp_path)
    monkeypatch.setattr(os, "sched_setaffinity", lambda *_: None)
    bench.main(["--quick", "--rounds", "1"])
    (file,) = tmp_path.glob("*.json")
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert kept["machine"]["python"]
    assert set(kept["parts"]) == set(bench.PARTS)
    assert all(one["value"] is not None for rows in kept["parts"].values() for one in rows)
    assert all(rows for rows in kept["parts"].values())
