"""Overload with real processes, in a short form; and the parts of it that judge, on figures that are made up.

OVERLOAD=1 runs the whole numbers: ten minutes.
"""

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.overload.__main__ import SCENARIOS, run
from tests.overload.generator import Answer, Plan, Shot, offer
from tests.overload.tally import Tally, at, table

SHORT = 0.05


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", SCENARIOS)
def test_overload_breaks_no_promise(name: str) -> None:
    tallies = run([name], float(os.environ.get("OVERLOAD") or SHORT))
    print(table(tallies))
    assert [broken for tally in tallies for broken in tally.broken] == []


class Slow(BaseHTTPRequestHandler):
    """Answers one request at a time; refuses every third, and says nothing at all to /mute."""

    protocol_version = "HTTP/1.1"
    turn = threading.Lock()
    asked = 0

    def do_POST(self) -> None:
        with Slow.turn:
            Slow.asked += 1
            number = Slow.asked
            threading.Event().wait(0.05)
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/mute":
            self.close_connection = True
            return
        self.send_response(503 if number % 3 == 0 else 200)
        self.send_header("Retry-After", "2")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def slow() -> Iterator[str]:
    Slow.asked = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("kept_open", [True, False], ids=["kept open", "one a request"])
def test_waiting_for_a_turn_counts_as_time(slow: str, kept_open: bool) -> None:
    """Nine at once, one at a time: the last one has waited for the eight before it, also if for a connection only."""
    answers = offer(Plan(slow, 2, 10.0, [Shot(0.0, "/", "{}", {}) for _ in range(9)], kept_open))
    assert sorted(one.status for one in answers) == [200] * 6 + [503] * 3
    assert {one.retry_after for one in answers} == {"2"}
    assert max(one.seconds for one in answers) >= 9 * 0.05


def test_request_without_an_answer_is_not_left_out(slow: str) -> None:
    answers = offer(Plan(slow, 1, 10.0, [Shot(0.0, "/mute", "{}", {})]))
    assert [(one.status, one.fault) for one in answers] == [(0, "IncompleteReadError")]


def test_share_of_figures_is_found() -> None:
    assert (at(0.5, [3, 1, 2, 4]), at(0.99, range(1, 101)), at(1.0, [7])) == (2, 99, 7)


def test_answers_are_counted_by_kind() -> None:
    tally = Tally("x")
    tally.answers([Answer(201, 0.5), Answer(0, 2.0, fault="TimeoutError"), Answer(201, 1.0)])
    assert tally.rows["answers"] == "1 × TimeoutError, 2 × 201"


def test_broken_promise_is_shown() -> None:
    tally = Tally("x")
    tally.promise(True, "kept")
    tally.promise(False, "3 were lost")
    assert table([tally]).splitlines()[-1].strip() == "BROKEN: 3 were lost"


def test_wait_that_never_ends_is_a_broken_promise() -> None:
    tally = Tally("x")
    tally.wait("made after s", lambda: False, within_s=0.3)
    assert tally.broken == ["made after s: never"]
