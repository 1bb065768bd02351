"""A real browser: the Chromium that the machine has, driven by Playwright. Skipped with a reason without one."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

AXE = Path(__file__).with_name("axe") / "axe.min.js"
SHOTS = Path(__file__).parent.parent.parent / "build" / "console"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PATIENCE_MS = 30_000
EXPECTED = ("Failed to load resource", "htmx:")  # where a test wants a fault

SCREENS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1360, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1360, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "is_mobile": True, "has_touch": True},
}


def chromium() -> str:
    """Where Chromium is; CHROMIUM names another one."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no Chromium on this machine (looked for {', '.join(NAMES)}; CHROMIUM may name one)")
    return found


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser of its own, with a profile that goes with it."""
    path = chromium()
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS), timeout=60_000)
        yield running
        running.close()


@contextmanager
def page_of(running: Browser, base: str, *, screen: str = "light") -> Iterator[Page]:
    """A window. Whatever its console says against the page, or fails to run, ends the test."""
    context = running.new_context(base_url=base, **SCREENS[screen])
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    complaints = [text for text in said if not text.startswith(EXPECTED)]
    assert not complaints, complaints


def shoot(page: Page, name: str) -> None:
    """Keep a picture of the whole page beside the other results of the run."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


def violations(page: Page, name: str = "") -> list[str]:
    """What axe finds wrong with the page: rule, impact and where. The result is kept with the pictures, by ``name``."""
    # evaluated by the debugger's own hand, so that the page's policy stays as strict as it is
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = json.loads(page.evaluate("axe.run(document).then((found) => JSON.stringify(found))"))
    wrong = [
        f"{one['id']} ({one['impact']}): {node['html'][:160]}"
        for one in found["violations"]
        for node in one["nodes"][:3]
    ]
    if name:
        _keep(name, {"axe": found["testEngine"]["version"], "rules passed": len(found["passes"]), "violations": wrong})
    return wrong


def _keep(name: str, result: dict[str, Any]) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    kept = SHOTS / "axe.json"
    results = json.loads(kept.read_text()) if kept.exists() else {}
    kept.write_text(json.dumps({**results, name: result}, indent=1, sort_keys=True))


TOO_WIDE = """() => {
    const page = document.documentElement;
    if (page.scrollWidth <= page.clientWidth) return [];
    const wide = (one) => one.getBoundingClientRect().right > page.clientWidth;
    return [...document.querySelectorAll("body *")].filter(wide).map((one) => one.outerHTML.slice(0, 80));
}"""


def fit(page: Page, name: str) -> list[str]:
    """What keeps somebody from using the page as it is, with all that is folded opened; a picture of it is kept."""
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    shoot(page, name)
    return [*violations(page, name), *(f"has to be scrolled sideways: {one}" for one in page.evaluate(TOO_WIDE))]
