"""The console as a person has it: a real browser, every view and every act, by mouse and by keyboard, by day and night.

Pictures of the run are kept in ``build/console``.
"""

import math
import re
import time
from collections.abc import Iterator

import pytest

from service.tracking.hours import End, Minute
from tests.console.house import PASSWORD, attended, stuck_invite
from tests.flow.world import Answer, World

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

from playwright.sync_api import Browser, Page, expect  # noqa: E402  only where it is installed

from tests.console.browser import PATIENCE_MS, SCREENS, browser, fit, page_of, shoot, violations  # noqa: E402

pytestmark = [pytest.mark.xdist_group("console"), pytest.mark.timeout(300)]

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def running() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def furnished(world: World) -> World:
    """The world with something to see: hours that have passed, ends, stuck records, an agent at work."""
    hours, now_ms = world.reconciler.parts.hours, world.reconciler.parts.store.now_ms()
    for number in range(0, 360, 2):
        if not 200 < number < 216:
            waits, served = round(6 + 5 * math.sin(number / 40)), round(20 + 8 * math.cos(number / 50))
            at_ms = now_ms - (360 - number) * 60_000
            hours.write(Minute(at_ms, waits, served, 1, 2, 150 + 140 * math.sin(number / 33), 0.2))
    for how, why in (("closed", "nobody is left"), ("released", "an agent is on the channel")):
        hours.note_end(End(0, "iv_00_" + "0" * 32, world.customer()["conversation_sid"], how, why))
    for number in range(4):
        stuck_invite(world, number, trouble="create invite: no connection to Twilio (NewConnectionError)")
    attended(world)
    for number in range(4):
        escalated(world, tier="gold" if number % 2 else "iron")
    return world


def escalated(world: World, tier: str = "gold") -> Answer:
    made = world.escalate(world.customer()["conversation_sid"], attributes={"topic": "billing", "tier": tier})
    assert made.status == 201
    return made


def signed_in(page: Page) -> Page:
    page.goto("sign-in")
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url(re.compile("/now$"))
    return page


def base(world: World) -> str:
    return f"{world.url}/console/"


def test_person_finds_and_cancels_by_keyboard(running: Browser, furnished: World) -> None:
    made = escalated(furnished)
    with page_of(running, base(furnished)) as page:
        signed_in(page)
        page.wait_for_selector(".chart canvas")
        assert fit(page, "light-now") == []
        page.keyboard.press("/")
        page.keyboard.insert_text(str(made["task_sid"]))
        page.keyboard.press("Enter")
        expect(page.locator("h2").first).to_contain_text("Waiting for an agent")
        page.locator("a.act", has_text="Cancel").focus()
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("Cancel this invite?")
        page.locator("button.grave").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("status").last).to_contain_text("Done: canceled")
    assert furnished.invite(made["id"])["state"] == "canceled"


VIEWS = {
    "now": "now",
    "find-empty": "find",
    "find-nothing": "find?sid=CH" + "0" * 32,
    "find": "find?sid={invite}",
    "open": "open?state=all",
    "open-empty": "open?state=waking",
    "stuck": "stuck",
    "rules": "rules",
    "system": "system",
    "confirm": "confirm?act=end&on={invite}",
    "confirm-group": "stuck",
    "broken": "nothing-here",
}


@pytest.mark.soak
@pytest.mark.parametrize("screen", SCREENS)
def test_every_view_is_fit_for_everybody(running: Browser, furnished: World, screen: str) -> None:
    made = escalated(furnished)
    found: dict[str, list[str]] = {}
    with page_of(running, base(furnished), screen=screen) as page:
        page.goto("sign-in")
        found["sign-in"] = fit(page, f"{screen}-sign-in")
        signed_in(page)
        for name, path in VIEWS.items():
            page.goto(path.format(invite=made["id"]))
            page.wait_for_load_state("networkidle")
            if name == "confirm-group":
                page.locator("a.act", has_text="Retry").first.click()
            found[name] = fit(page, f"{screen}-{name}")
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.soak
@pytest.mark.parametrize(
    ("act", "button", "state"),
    [
        ("Re-route", "Re-route", "canceled"),
        ("End", "End the conversation", "canceled"),
        ("Look now", "Look now", "pending"),
    ],
)
def test_act_is_done_by_two_clicks(running: Browser, furnished: World, act: str, button: str, state: str) -> None:
    made = escalated(furnished)
    with page_of(running, base(furnished)) as page:
        signed_in(page).goto(f"find?sid={made['id']}")
        page.locator("a.act", has_text=act).first.click()
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("status").last).to_contain_text("Done:")
    assert furnished.invite(made["id"])["state"] == state


@pytest.mark.soak
def test_group_is_retried_by_two_clicks(running: Browser, furnished: World) -> None:
    ids = [stuck_invite(furnished, 500 + number, trouble="a cause for the browser") for number in range(3)]
    with page_of(running, base(furnished)) as page:
        signed_in(page).goto("stuck")
        page.locator("a.act", has_text="Retry 3: a cause for the browser").click()
        page.get_by_role("button", name="Retry 3 records").click()
        expect(page.get_by_role("status").last).to_contain_text("Done: 3 due now")
    now_ms = furnished.reconciler.parts.store.now_ms()
    assert all((one.due_ms or 0) <= now_ms for one in furnished.reconciler.parts.store.get_many(ids))


@pytest.mark.soak
def test_rules_are_tried_out(running: Browser, furnished: World) -> None:
    with page_of(running, base(furnished)) as page:
        signed_in(page).goto("rules")
        page.fill("#attributes", '{"topic": "billing", "tier": "iron"}')
        page.get_by_role("button", name="Try").click()
        expect(page.locator(".outcome")).to_contain_text("Rule simple-billing")
        assert fit(page, "light-trial") == []


@pytest.mark.soak
def test_twilio_is_asked_who_is_there(running: Browser, furnished: World) -> None:
    made = escalated(furnished)
    with page_of(running, base(furnished)) as page:
        signed_in(page).goto(f"find?sid={made['id']}")
        page.get_by_role("button", name="Who is there now?").click()
        expect(page.locator("#there")).to_contain_text("customer")
        assert violations(page) == []


@pytest.mark.soak
def test_now_refreshes_itself_and_says_when_it_cannot(running: Browser, furnished: World) -> None:
    with page_of(running, base(furnished)) as page:
        signed_in(page)
        waiting = page.locator(".tile .value").first
        before = int(waiting.inner_text())
        escalated(furnished)
        expect(waiting).to_have_text(str(before + 1))
        page.wait_for_selector(".chart canvas")
        page.context.set_offline(True)
        expect(page.locator("#lost")).to_be_visible()
        shoot(page, "light-lost")
        page.context.set_offline(False)
        expect(page.locator("#lost")).to_be_hidden()


@pytest.mark.soak
def test_page_keeps_still_while_it_is_read(running: Browser, furnished: World) -> None:
    with page_of(running, base(furnished)) as page:
        signed_in(page)
        waiting = page.locator(".tile .value").first
        page.locator(".tile").first.focus()
        shown = waiting.inner_text()
        escalated(furnished)
        time.sleep(6)  # more than one turn of the polling, in which nothing must happen
        assert waiting.inner_text() == shown
        page.locator("h1").evaluate("() => document.activeElement.blur()")
        expect(waiting).not_to_have_text(shown)


@pytest.mark.soak
def test_pages_work_without_scripts(running: Browser, furnished: World) -> None:
    context = running.new_context(base_url=base(furnished), java_script_enabled=False)
    page = signed_in(context.new_page())
    for view in ("find", "open", "stuck", "rules", "system"):
        page.get_by_role("link", name=re.compile(f"^{view}$", re.IGNORECASE)).first.click()
        expect(page.locator("h1")).to_contain_text(view.capitalize())
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    context.close()
