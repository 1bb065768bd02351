"""Every alert has a page, and every page an alert; what a page tells to look at exists."""

import re
from pathlib import Path
from typing import Any

import pytest

from service.console.pages import VIEWS
from tests.project.pages import DOCS, REPOSITORY, Block, blocks
from tests.project.test_alerts import ALERTS, grouped_by, labels_of, selectors

RUNBOOK = DOCS / "runbook"
SECTIONS = ["What it means", "Us or Twilio", "Look here", "Do this", "Do not", "Over when"]

every_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])


def page_of(alert: dict[str, Any]) -> Path:
    return REPOSITORY / str(alert["annotations"]["runbook_url"])


def test_every_page_has_its_alert() -> None:
    assert {page_of(alert) for alert in ALERTS} == set(RUNBOOK.glob("*.md")) - {RUNBOOK / "README.md"}


@every_alert
def test_page_says_what_to_do(alert: dict[str, Any]) -> None:
    text = page_of(alert).read_text(encoding="utf-8")
    assert text.startswith(f"# {alert['alert']}\n")
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == SECTIONS
    assert "```promql" in text


@every_alert
def test_page_says_how_bad_and_how_soon(alert: dict[str, Any]) -> None:
    soon = f"after {alert['for'].removesuffix('m')} min" if "for" in alert else "at once"
    assert f"\n**{alert['labels']['severity']}** · fires {soon}\n" in page_of(alert).read_text(encoding="utf-8")


@every_alert
def test_index_leads_to_the_page(alert: dict[str, Any]) -> None:
    row = f"| [{alert['alert']}]({page_of(alert).name}) | {alert['labels']['severity']} |"
    assert row in (RUNBOOK / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("block", blocks("promql"), ids=lambda one: one.place)
def test_queries_name_what_exists(block: Block) -> None:
    for line in block.text.splitlines():
        found = selectors(line)
        assert found, line
        for selector in found:
            assert {matcher.name for matcher in selector.matchers.matchers} <= labels_of(str(selector.name)), line
        assert grouped_by(line) <= {label for one in found for label in labels_of(str(one.name))}, line


@every_alert
def test_lines_of_the_log_exist(alert: dict[str, Any]) -> None:
    """``what.happened`` in a page is a line that the service logs, or one that doctor finds."""
    text = page_of(alert).read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:invite|work|catch_up|store|rules|request|twilio|channel|reconcile)\.[a-z_]+)`", text))
    files = {"rules.yaml"}
    source = "".join(one.read_text(encoding="utf-8") for one in (REPOSITORY / "service").rglob("*.py"))
    assert {one for one in named - files if f'"{one}"' not in source} == set()


@every_alert
def test_views_that_are_named_exist(alert: dict[str, Any]) -> None:
    bold = re.findall(r"\*\*([A-Z][a-z]+)(?: →[^*]*)?\*\*", page_of(alert).read_text(encoding="utf-8"))
    assert {one.lower() for one in bold} <= {word for word, _ in VIEWS}


@pytest.mark.parametrize("page", sorted(RUNBOOK.glob("*.md")), ids=lambda page: page.stem)
def test_words_of_the_console_are_the_consoles(page: Path) -> None:
    """What stands in italics beside a view is what a person is to look for there."""
    service = REPOSITORY / "service"
    files = [*service.rglob("*.py"), *service.rglob("*.html")]
    shown = " ".join(" ".join(one.read_text(encoding="utf-8") for one in files).split())
    for line in page.read_text(encoding="utf-8").split("\n\n"):
        if re.search(r"\*\*[A-Z][a-z]+(?: →[^*]*)?\*\*", line):
            for words in re.findall(r"(?<!\*)\*([A-Za-z][^*]+)\*(?!\*)", " ".join(line.split())):
                assert words.rstrip(".") in shown, words
