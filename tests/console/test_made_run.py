"""What ``make run`` starts, as a person has it: every view on every screen, every act, and 10,000 open invites.

Real processes, gunicorn and its workers, the local Twilio, a real browser. Pictures and axe's results are kept in
``build/console``.
"""

import re
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from service.tracking.connection import connect
from service.tracking.embedded import EmbeddedStore, start_embedded
from service.tracking.store import Store
from tests.conftest import sid
from tests.console.house import crowd
from tests.e2e.test_run import Run

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

from playwright.sync_api import Browser, Page, expect  # noqa: E402  only where it is installed

from tests.console.browser import PATIENCE_MS, SCREENS, browser, fit, page_of  # noqa: E402

pytestmark = [pytest.mark.soak, pytest.mark.xdist_group("console"), pytest.mark.timeout(600)]

expect.set_options(timeout=PATIENCE_MS)
CROWD, LONGEST_MS, ROUNDS = 10_000, 500, 3


class House:
    """A running ``make run``, with its key and its password as it has printed them."""

    def __init__(self, run: Run) -> None:
        self.console = f"http://127.0.0.1:{run.port}/console/"
        self._service, self._sandbox = (
            f"http://127.0.0.1:{run.port}/v1/",
            f"http://127.0.0.1:{run.sandbox_port}/sandbox/v1/",
        )
        printed = run.printed()
        self._key, self.password = (
            re.findall(pattern, printed)[0] for pattern in (r"Bearer (\S+)'", r"password: (\S+)\)")
        )

    @property
    def info(self) -> dict[str, Any]:
        """What the local Twilio has."""
        return dict(requests.get(f"{self._sandbox}info", timeout=20).json())

    def mend(self) -> None:
        """Nothing fails at the local Twilio any more."""
        requests.delete(f"{self._sandbox}faults", timeout=20)

    def twilio(self, path: str, **body: object) -> dict[str, Any]:
        """Something happens at the local Twilio."""
        return dict(requests.post(self._sandbox + path, json=body, timeout=20).json() or {})

    def ask(self, path: str, **body: object) -> dict[str, Any]:
        """An app asks the service."""
        headers = {"Authorization": f"Bearer {self._key}"}
        return dict(requests.post(self._service + path, json=body, headers=headers, timeout=20).json())

    def read(self, path: str) -> dict[str, Any]:
        """An app reads."""
        headers = {"Authorization": f"Bearer {self._key}"}
        return dict(requests.get(self._service + path, headers=headers, timeout=20).json())

    def escalated(self, **attributes: str) -> dict[str, Any]:
        """A customer has written, and waits for an agent."""
        wrote = self.twilio("conversations", channel_type="web", address="customer@example.com", body="Hello")
        return self.ask("escalations", conversation_sid=wrote["conversation_sid"], attributes=attributes)

    def signed_in(self, page: Page) -> Page:
        page.goto("sign-in")
        page.fill("#password", self.password)
        page.press("#password", "Enter")
        page.wait_for_url(re.compile("/now$"))
        return page


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    running = start_embedded(tmp_path_factory.mktemp("store"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def house(store: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    run = Run(tmp_path_factory.mktemp("run"), REDIS_URL=store.url)
    run.ready()
    yield House(run)
    assert run.stop() == 0


@pytest.fixture(scope="module")
def running() -> Iterator[Browser]:
    with browser() as found:
        yield found


def eventually(check: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not check():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def attended(house: House) -> tuple[str, str]:
    """A conversation that somebody has taken, and handed on to bob; its SID, and bob's."""
    made = house.escalated()
    workers = house.info["workers"]
    taken_by: list[str] = []

    def is_taken() -> bool:
        for name in [one for one in workers if one != "bob"]:  # whoever it rings at
            if "error" not in house.twilio(f"agents/{name}/accept", task_sid=made["task_sid"]):
                taken_by.append(name)
        return bool(house.read(f"invites/{made['id']}")["state"] == "accepted")

    eventually(is_taken, "nobody takes it")
    asked = {"from": {"worker_sid": workers[taken_by[0]]}, "to": {"worker": "bob"}}
    moved = house.ask("transfers", conversation_sid=made["conversation_sid"], **asked)

    def is_handed_on() -> bool:
        house.twilio("agents/bob/accept", task_sid=moved["task_sid"])
        return bool(house.read(f"transfers/{moved['id']}")["outcome"] == "transferred")

    eventually(is_handed_on, "bob does not get it")
    return str(made["conversation_sid"]), str(workers["bob"])


@pytest.fixture(scope="module")
def story(house: House) -> tuple[str, str]:
    """A conversation of which there is something to tell, and who has it: agents have hands for a few only."""
    return attended(house)


VIEWS = {
    "now": "now",
    "find": "find?sid={conversation}",
    "find-empty": "find",
    "open": "open?state=all",
    "open-empty": "open?state=waking",
    "stuck": "stuck",
    "rules": "rules",
    "system": "system",
    "confirm": "confirm?act=end&on={waiting}",
    "broken": "nothing-here",
}


@pytest.mark.parametrize("screen", SCREENS)
def test_every_view_is_fit_on_every_screen(running: Browser, house: House, story: tuple[str, str], screen: str) -> None:
    addresses = {"conversation": story[0], "waiting": house.escalated(topic="billing")["id"]}
    found: dict[str, list[str]] = {}
    with page_of(running, house.console, screen=screen) as page:
        house.signed_in(page)
        for name, path in VIEWS.items():
            page.goto(path.format(**addresses))
            page.wait_for_load_state("networkidle")
            found[name] = fit(page, f"run-{screen}-{name}")
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    ("act", "button", "states"),
    [
        ("Re-route", "Re-route", {"canceled"}),
        ("Cancel", "Cancel the invite", {"canceled"}),
        ("End", "End the conversation", {"canceled"}),
        ("Look now", "Look now", {"pending"}),
    ],
)
@pytest.mark.parametrize("view", ["find?sid={id}", "open?state=waiting&order=newest"])
def test_every_act_asks_first_and_is_then_done(
    running: Browser, house: House, view: str, act: str, button: str, states: set[str]
) -> None:
    made = house.escalated(topic="billing")
    with page_of(running, house.console) as page:
        house.signed_in(page).goto(view.format(id=made["id"]))
        page.locator(f'a.act[href$="{made["id"]}"]', has_text=act).click()
        expect(page.locator("dd").first).to_have_text(made["id"])
        assert house.read(f"invites/{made['id']}")["state"] == "pending", "a preview changes nothing"
        page.get_by_role("link", name="Back, change nothing").is_visible()
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("status").last).to_contain_text("Done:")
    assert house.read(f"invites/{made['id']}")["state"] in states


def test_stuck_group_is_retried_with_its_count(running: Browser, house: House) -> None:
    house.twilio("faults", match="POST /v1/Interactions", status=503, when="before")
    made = [house.escalated() for _ in range(3)]
    assert {one["state"] for one in made} == {"requested"}
    with page_of(running, house.console) as page:
        house.signed_in(page).goto("stuck")
        assert fit(page, "run-light-stuck-busy") == []
        page.locator("a.act", has_text="Retry 3").first.click()
        expect(page.locator("h1")).to_have_text("Try 3 records again?")
        house.mend()
        page.get_by_role("button", name="Retry 3 records").click()
        expect(page.get_by_role("status").last).to_contain_text("Done: 3 due now")
        page.goto("now")
        page.wait_for_selector("text=being made", state="detached")
    for one in made:
        eventually(lambda one=one: house.read(f"invites/{one['id']}")["state"] == "pending", "it is not made")  # type: ignore[misc]  # bound at once


def test_parked_conversation_is_woken_by_two_clicks(running: Browser, house: House, story: tuple[str, str]) -> None:
    conversation, bob = story
    parked = house.ask(f"conversations/{conversation}/park", **{"from": {"worker_sid": bob}})
    eventually(lambda: house.read(f"errands/{parked['id']}")["state"] == "parked", "it is not parked")
    with page_of(running, house.console) as page:
        house.signed_in(page).goto("open?state=parked")
        page.locator(f'a.act[href$="{parked["id"]}"]', has_text="Wake").click()
        page.get_by_role("button", name="Wake it").click()
        expect(page.get_by_role("status").last).to_contain_text("Done: woken")


CROWDED = {
    "now": "now",
    "find": f"find?sid={sid('CH', 0xC0003)}",
    "find by an interaction": f"find?sid={sid('KD', 7)}",
    "open": "open",
    "open, all, newest first": "open?state=all&order=newest",
    "open, by a rule that has none": "open?state=pending&rule=none-of-them",
    "stuck": "stuck",
    "rules": "rules",
    "system": "system",
}
TIMES = """() => { const [page] = performance.getEntriesByType("navigation");
    return [page.responseEnd - page.requestStart, page.loadEventEnd - page.startTime]; }"""


def test_ten_thousand_open_invites_slow_no_view_down(running: Browser, house: House, store: EmbeddedStore) -> None:
    crowd(Store(connect(store.url), keep_s=600), CROWD)
    took: dict[str, tuple[float, float]] = {}
    with page_of(running, house.console) as page:
        house.signed_in(page)
        for name, path in CROWDED.items():
            times = []
            for _ in range(ROUNDS):
                page.goto(path)
                times.append(page.evaluate(TIMES))
            took[name] = (statistics.median(one[0] for one in times), statistics.median(one[1] for one in times))
            assert fit(page, f"run-light-crowd-{path.partition('?')[0]}") == []
    for name, (answered, loaded) in took.items():
        print(f"  {name:32} answered after {answered:4.0f} ms, shown after {loaded:4.0f} ms")
    assert {name: times for name, times in took.items() if max(times) >= LONGEST_MS} == {}
