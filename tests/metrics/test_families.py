"""Names, labels and bounds of the metrics, and the page that lists them."""

import re
from pathlib import Path

import pytest

from service.metrics.families import FAMILIES, PREFIX, Bounded, Family
from service.metrics.record import status_class

UNITS = ("_seconds", "_total", "_info", "_fault", "_up", "_records")
PERSONAL = {"sid", "conversation", "channel", "task", "worker", "address", "path", "name", "invite", "customer"}

each = pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)


def test_page_lists_every_metric_as_it_is(repository: Path) -> None:
    page = (repository / "docs" / "reference" / "metrics.md").read_text()
    listed = [line for line in page.splitlines() if line.startswith(f"| `{PREFIX}")]
    assert listed == [
        f"| `{one.name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} | {one.meaning} |"
        for one in FAMILIES.values()
    ]


@each
def test_name_follows_the_conventions(family: Family) -> None:
    assert re.fullmatch(rf"{PREFIX}[a-z]+(_[a-z]+)*", family.name)
    assert family.name.endswith(UNITS) or family.name == f"{PREFIX}info"
    assert family.name.endswith("_total") == (family.kind == "counter")


@each
def test_no_label_could_name_a_person(family: Family) -> None:
    assert not set(family.labels) & PERSONAL


@pytest.mark.parametrize(
    ("outcome", "status"),
    [(200, "2xx"), (302, "3xx"), (400, "4xx"), (401, "denied"), (403, "denied"), (404, "404"), (429, "429"),
     (503, "5xx"), ("lost", "lost")],
)  # fmt: skip
def test_status_is_told_by_its_class(outcome: int | str, status: str) -> None:
    assert status_class(outcome) == status


def test_label_takes_no_more_than_its_bound() -> None:
    bounded = Bounded(2, "[a-z]+")
    assert [bounded(word) for word in ("a", "b", "c", "a", "c")] == ["a", "b", "other", "a", "other"]


def test_malformed_label_takes_no_place() -> None:
    bounded = Bounded(1, "[a-z]+")
    assert [bounded(word) for word in ("A", "+49 171", "b")] == ["other", "other", "b"]
