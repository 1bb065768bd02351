"""Pictures of the running console: every view by day, by night and on a phone, into build/screenshots.

``python -m tests.console.screenshots``; with ``--docs`` also those that the docs show. A house of its own is started
(store, local Twilio, web, reconciler), filled with a plausible morning, and gone afterwards. Needs Chromium and
Playwright; says so where they are missing.
"""

import logging
import math
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from service.logs import set_up_logging
from service.tracking.embedded import start_embedded
from service.tracking.hours import End, Minute
from tests.console.house import PASSWORD, RULES, TESTS, attended, console_settings, stuck_invite
from tests.flow.acts import park, served, sid_of, transfer, write
from tests.flow.world import World

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SHOTS = Path(__file__).parents[2] / "build" / "screenshots"
DOCS = Path(__file__).parents[2] / "docs"
HOURS = 6
WAITING, ATTENDED = 9, 3

VIEWS = {
    "now": "now",
    "find": "find?sid={conversation}",
    "open": "open?state=all",
    "stuck": "stuck",
    "rules": "rules",
    "system": "system",
    "confirm": "confirm?act=reroute&on={waiting}",
}

# picture in the docs → view, and the screen where that is another one
SHOWN: dict[str, tuple[str, dict[str, Any]]] = {
    "console-now": ("now", {}),
    "console-find": ("find", {}),
    "console-rules": ("rules", {}),
    "console-stuck": ("stuck", {}),
    "console-phone": ("now", {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "is_mobile": True}),
}
SCREEN = {"viewport": {"width": 1200, "height": 860}, "color_scheme": "light"}


@contextmanager
def house() -> Iterator[World]:
    """Everything that is needed, in this process but for the store."""
    with tempfile.TemporaryDirectory() as directory:
        rules = Path(directory) / "rules.yaml"
        rules.write_text(RULES)
        rules.with_name("rules.test.yaml").write_text(TESTS)
        store = start_embedded(Path(directory) / "store")
        world = World(store.url, str(rules), **console_settings(), LOG_LEVEL="ERROR")
        world.reconciler.next_minute = float("inf")  # the charts are written below
        try:
            yield world
        finally:
            world.close()
            store.close()


def morning(world: World) -> dict[str, str]:
    """Fill the house; what the addresses of the views need."""
    told = conversation_with_a_story(world)
    for _ in range(ATTENDED):
        attended(world)
    waiting = [escalated(world, number) for number in range(WAITING)]
    for number in range(4):
        stuck_invite(world, number, trouble="create invite: no connection to Twilio (NewConnectionError)")
    ends(world)
    hours(world)
    world.catch_up()
    return {"conversation": told, "waiting": waiting[0]}


def conversation_with_a_story(world: World) -> str:
    """Carol serves, hands over to bob, who parks; the customer writes again, and bob is back."""
    first = served(world, attributes={"topic": "billing", "tier": "gold", "language": "en"}, by="carol")
    moved = transfer(world, first, to={"worker": "bob"}, **{"from": {"worker_sid": sid_of(world, "carol")}})
    world.agent("bob", "accept")
    world.await_state(moved["id"], "accepted")
    world.turn()
    parked = park(world, first, "bob", wake_after_s=3600)
    world.turn_until_errand(parked["id"], "parked")
    write(world, first)
    world.turn_until_errand(parked["id"], "done")
    world.agent("bob", "accept")
    return str(first["conversation_sid"])


def escalated(world: World, number: int) -> str:
    """One that waits for an agent."""
    attributes = {"topic": "billing", "tier": "gold" if number % 3 else "iron"}
    made = world.escalate(world.customer()["conversation_sid"], attributes=attributes, channel_type="web")
    return str(made["id"])


def ends(world: World) -> None:
    """What came to nothing lately."""
    for how, why in (
        ("superseded", "next step"),
        ("closed", "no agent and no live task"),
        ("released", "an agent is on the channel"),
        ("closed", "no agent and no live task"),
    ):
        conversation = world.customer()["conversation_sid"]
        world.reconciler.parts.hours.note_end(End(0, "iv_00_" + "0" * 32, conversation, how, why))


def hours(world: World) -> None:
    """Charts of the last hours: it fills from eight o'clock on, and a reconciler was away for ten minutes."""
    now_ms = world.reconciler.parts.store.now_ms()
    for ago in range(HOURS * 60, 0, -2):
        if 80 < ago < 90:
            continue
        day = 1 - ago / (HOURS * 60)
        waits = round(WAITING * day + 3 * math.sin(ago / 17) ** 2)
        served_now = round((ATTENDED + 1) * day + 14 * math.sin(math.pi * day) + 2 * math.sin(ago / 23))
        longest_s, lag_s = 40 + 200 * day * math.sin(ago / 29) ** 2, 30.0 if 76 < ago < 80 else 0.2
        world.reconciler.parts.hours.write(
            Minute(now_ms - ago * 60_000, waits, max(0, served_now), 1, 2, longest_s, lag_s)
        )


def shoot_all(running: "Browser", world: World, found: dict[str, str]) -> list[Path]:
    """Every view on every screen."""
    from tests.console.browser import SCREENS, page_of

    made = []
    for screen in SCREENS:
        with page_of(running, f"{world.url}/console/", screen=screen) as page:
            page.goto("sign-in")
            made.append(shoot(page, f"{screen}-sign-in"))
            page.fill("#password", PASSWORD)
            page.press("#password", "Enter")
            page.wait_for_url(re.compile("/now$"))
            for name, path in VIEWS.items():
                page.goto(path.format(**found))
                page.wait_for_load_state("networkidle")
                made.append(shoot(page, f"{screen}-{name}"))
    return made


def shoot_for_docs(running: "Browser", world: World, found: dict[str, str]) -> list[Path]:
    """What somebody sees without scrolling, a few views only: pictures are large."""
    made = []
    for name, (view, other) in SHOWN.items():
        context = running.new_context(base_url=f"{world.url}/console/", **{**SCREEN, **other})
        page = context.new_page()
        page.goto("sign-in")
        page.fill("#password", PASSWORD)
        page.press("#password", "Enter")
        page.wait_for_url(re.compile("/now$"))
        page.goto(VIEWS[view].format(**found))
        page.wait_for_load_state("networkidle")
        made.append(DOCS / f"{name}.png")
        page.screenshot(path=made[-1])
        context.close()
    return made


def shoot(page: "Page", name: str) -> Path:
    """One picture of the whole page."""
    path = SHOTS / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    return path


def main(*, docs: bool) -> int:
    """Take them all; with ``docs`` also those that the docs show. Returns 0, also where there is no browser."""
    set_up_logging("ERROR", "console")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    try:
        from tests.console.browser import browser

        SHOTS.mkdir(parents=True, exist_ok=True)
        with house() as world, browser() as running:
            found = morning(world)
            made = shoot_all(running, world, found)
            made += shoot_for_docs(running, world, found) if docs else []
    except ImportError:
        print("skipped: Playwright is not installed")
        return 0
    except pytest.skip.Exception as skipped:
        print(f"skipped: {skipped}")
        return 0
    print(f"{len(made)} pictures in {' and '.join(sorted({str(one.parent) for one in made}))}")
    return 0


if __name__ == "__main__":
    sys.exit(main(docs="--docs" in sys.argv[1:]))
