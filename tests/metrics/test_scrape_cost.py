"""What a scrape costs while the service works, and what the work pays for it: real processes, 10,000 open invites.

Prometheus asks every 15 s; here it asks twice a second.
"""

import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests

from service.tracking.connection import connect
from service.tracking.store import Store
from tests.conftest import sid
from tests.console.house import crowd
from tests.e2e.house import House
from tests.flow.conftest import RULES
from tests.flow.world import sign
from tests.overload.generator import Answer, Plan, Shot, offer

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]

EVENTS_A_SECOND, LASTS_S, CONNECTIONS = 150, 8, 16
EVERY_S = 0.5
LONGEST_S = 0.5  # of a scrape, by far below Prometheus' ten seconds
PATH = "/v1/events/taskrouter"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    running = House(tmp_path, rules, WEB_CONCURRENCY="2", LOG_LEVEL="WARNING")
    crowd(Store(connect(running.store.url), keep_s=600), 10_000)
    running.start("web")
    yield running
    running.close()


def event(house: House, number: int) -> Shot:
    """A signed event of a task that is nobody's: it is heard, looked up in the store, and counted."""
    fields = {
        "EventType": "task.canceled", "Sid": sid("EV", number), "TaskSid": sid("WT", 10**6 + number),
        "WorkspaceSid": house.info["workspace_sid"], "TimestampMs": str(time.time_ns() // 1_000_000),
        "TaskAttributes": "{}",
    }  # fmt: skip
    signed = sign(house.url + PATH + "".join(name + fields[name] for name in sorted(fields)), house.info["auth_token"])
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signed}
    return Shot(number / EVENTS_A_SECOND, PATH, urlencode(fields), headers)


def load(house: House) -> list[float]:
    """Seconds to each answer, sorted."""
    shots = [event(house, number) for number in range(EVENTS_A_SECOND * LASTS_S)]
    answers: list[Answer] = offer(Plan(house.url, CONNECTIONS, 15.0, shots))
    assert {one.status for one in answers} == {204}
    return sorted(one.seconds for one in answers)


def scrape(house: House) -> tuple[float, int]:
    """Seconds and bytes."""
    began = time.perf_counter()
    answer = requests.get(f"{house.url}/metrics", timeout=10)
    assert answer.status_code == 200
    return time.perf_counter() - began, len(answer.content)


def scraped_while(house: House, stop: threading.Event, took: list[float]) -> None:
    while not stop.wait(EVERY_S):
        took.append(scrape(house)[0])


def told(answers: list[float]) -> str:
    middle, late = answers[len(answers) // 2], answers[len(answers) * 99 // 100]
    return f"half of the events answered within {middle * 1000:.1f} ms, 99 of 100 within {late * 1000:.1f} ms"


def test_scrapes_are_cheap_while_events_come(house: House) -> None:
    load(house)  # connections are opened, names are read
    at_rest = statistics.median(scrape(house)[0] for _ in range(9))
    alone = load(house)
    took: list[float] = []
    stop = threading.Event()
    scraper = threading.Thread(target=scraped_while, args=(house, stop, took))
    scraper.start()
    try:
        together = load(house)
    finally:
        stop.set()
        scraper.join()
    middle, most = statistics.median(took), max(took)
    print(f"\n  a scrape at rest {at_rest * 1000:.0f} ms, {scrape(house)[1]} bytes")
    print(f"  under {EVENTS_A_SECOND} events a second {middle * 1000:.0f} ms, at most {most * 1000:.0f} ms")
    print(f"  {told(alone)}\n  scraped every {EVERY_S} s: {told(together)}")
    assert len(took) > LASTS_S
    assert middle < LONGEST_S
