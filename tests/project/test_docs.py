"""What docs/ says is what the code has: links, generated parts, commands, settings, addresses, examples."""

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from service.cli import main
from service.doctor.findings import ROWS
from service.intake.openapi import document
from service.intake.payloads_errands import parse_errand_request
from service.intake.payloads_requests import parse_decision_request, parse_routing_request
from service.metrics.families import FAMILIES
from service.model import ErrandKind, Kind
from service.rules import commands as rules_commands
from service.rules.aliases import parse_aliases
from service.settings import NAMES, SECRETS
from service.tracking.lifecycle import EVENTS_FILTER
from tests.project.generated import PARTS, walk, with_part
from tests.project.pages import DOCS, PAGES, REPOSITORY, Block, anchors, blocks, links

# Names in capitals that are no settings of the service: of one command, of OpenTelemetry.
OTHER_NAMES = {
    "SANDBOX_PORT", "WEB_CONCURRENCY", "PIN_WORKERS", "GUNICORN_CONFIG", "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_TRACES_SAMPLER",
}  # fmt: skip
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))


# -- the pages


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_can_be_reached() -> None:
    seen: set[Path] = set()
    ahead = [REPOSITORY / "README.md"]
    while ahead:
        page = ahead.pop()
        if page.suffix == ".md" and page not in seen:
            seen.add(page)
            ahead += [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if link[0] != "#"]
    assert [page for page in PAGES if page not in seen] == []


@pytest.mark.parametrize("part", PARTS)
def test_generated_part_is_of_today(part: str) -> None:
    text = (DOCS / PARTS[part][0]).read_text(encoding="utf-8")
    assert with_part(part, text) == text, "write it anew: python -m tests.project.generated"


@every_page
def test_named_settings_exist(page: Path) -> None:
    named = set(re.findall(r"`([A-Z]{2,}(?:_[A-Z0-9]+)+)(?:=[^`]*)?`", page.read_text(encoding="utf-8")))
    known = {*NAMES, *(f"{name}_FILE" for name in SECRETS), *OTHER_NAMES}
    assert named - known == set()


@every_page
def test_named_metrics_exist(page: Path) -> None:
    named = set(re.findall(r"\bflex_router_\w+", page.read_text(encoding="utf-8")))
    shown = {family.name + part for family in FAMILIES.values() for part in ("", "_bucket")}
    assert named <= shown


# -- commands

COMMANDS = dict(walk())


def calls_in(text: str) -> list[list[str]]:
    """The calls of flex-router in lines of shell, as words."""
    lines = text.replace("\\\n", " ").splitlines()
    found = [re.search(r"(?:^|\| |exec web )(?:\.venv/bin/)?flex-router (.*)", line) for line in lines]
    return [shlex.split(re.split(r" (?:[|>]|\|\|) ", one[1])[0], comments=True) for one in found if one]


@every_page
def test_commands_exist_with_their_options(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    spans = re.findall(r"`((?:\.venv/bin/)?flex-router [a-z][^`]*)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    scripts = [one.text for one in blocks("sh") if one.page == str(page.relative_to(REPOSITORY))]
    for words in calls_in("\n".join([*spans, *scripts])):
        name = " ".join(words[:2]) if isinstance(main.commands[words[0]], click.Group) else words[0]
        options = {opt for one in COMMANDS[name].params for opt in one.opts}
        assert {word for word in words if word.startswith("--")} - options == set(), words


@every_page
def test_targets_of_make_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = set(
        re.findall(r"(?:`|^    |^)(?:[A-Z_]+=\S+ )?make ([a-z]+)", page.read_text(encoding="utf-8"), flags=re.M)
    )
    assert named <= targets


def test_finding_that_docs_name_exists() -> None:
    named = {one for block in blocks("sh") for one in re.findall(r"\[([a-z]+\.[a-z-]+)\]", block.text)}
    assert named
    assert named - ROWS.keys() == set()


# -- addresses


def test_every_address_is_described() -> None:
    page = (DOCS / "reference" / "http.md").read_text(encoding="utf-8")
    table = "".join(line for line in page.splitlines() if re.match(r"\| `(GET|POST) ", line))
    paths = document()["paths"]
    assert isinstance(paths, dict)
    for path in paths:
        assert f"{path.replace('{invite_id}', '{id}')}`" in table, path


def test_every_problem_that_can_be_told_is_listed() -> None:
    page = (DOCS / "reference" / "http.md").read_text(encoding="utf-8")
    told = set(re.findall(r"/problems/([a-z-]+)", str(document())))
    assert {one for one in told if f"`/problems/{one}`" not in page} == set()


def test_events_filter_is_ours() -> None:
    assert f"`{EVENTS_FILTER}`" in (DOCS / "how-to" / "real-account.md").read_text(encoding="utf-8")


def bodies() -> list[tuple[str, Block]]:
    """Each JSON example with the address that stands before it."""
    found = []
    for block in blocks("json"):
        before = (REPOSITORY / block.page).read_text(encoding="utf-8").splitlines()[: block.line]
        (*_, address) = re.findall(r"`POST (/v1/[^`]+)`", "\n".join(before))
        found.append((address, block))
    return found


@pytest.mark.parametrize(("address", "block"), bodies(), ids=lambda one: getattr(one, "place", one))
def test_example_of_a_body_is_taken(address: str, block: Block) -> None:
    body, kind = block.text.encode(), "application/json"
    word = address.rpartition("/")[2]
    if word == "decisions":
        parse_decision_request(kind, body)
    elif word in ("escalations", "transfers"):
        parse_routing_request(Kind(word.removesuffix("s")), kind, body)
    else:
        parse_errand_request(None if word == "wake" else ErrandKind(word), kind, body)


# -- verdicts


def test_verdicts_are_listed_with_their_reasons() -> None:
    source = (REPOSITORY / "service" / "reconcile" / "verdict.py").read_text(encoding="utf-8")
    given = {
        f"| `{act.lower()}` | {re.sub(r'{[^}]+}', '…', why)} |"
        for act, why in re.findall(r'Verdict\(Act\.(\w+), f?"([^"]+)"', source)
    }
    page = (DOCS / "explanation" / "life-of-an-invite.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^(\| `[a-z_]+` \| [^|]+ \|)", page[page.index("## The judgement") :], flags=re.MULTILINE))
    events = {line for line in listed if "`task." in line or "`reservation." in line}
    assert listed - events == given


# -- rules

WHOLE = "version: 1\nvia: transfers\ndefault: {workflow: everyone}\n"
YAML = [(one, yaml.safe_load(one.text)) for one in blocks("yaml") if "scrape_configs" not in one.text]
RULES = [(one, read) for one, read in YAML if isinstance(read, list) or not {"tests", "queues"} & read.keys()]
FULL = next(one for one, read in RULES if "default" in read and "fallback" in one.text)


def as_file(example: Any, text: str) -> str:
    """An example as a whole rules file: it may be one already, a section, or rules."""
    if isinstance(example, list):
        return f"{WHOLE}rules:\n{text}"
    return text if "default" in example else WHOLE + text


@pytest.mark.parametrize(("block", "example"), RULES, ids=lambda one: getattr(one, "place", ""))
def test_example_of_rules_loads(block: Block, example: Any, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(as_file(example, block.text))
    answer = rules_commands.check(path)
    assert answer[0] == 0, answer[1]


def test_example_of_a_test_holds_for_the_example_of_rules(tmp_path: Path) -> None:
    (tests,) = [one for one, read in YAML if "tests" in read]
    rules, trials = tmp_path / "rules.yaml", tmp_path / "rules.test.yaml"
    rules.write_text(FULL.text)
    trials.write_text(tests.text)
    answer = rules_commands.run_tests(trials, rules, seconds=lambda: 0.0)
    assert answer[0] == 0, answer[1]


def test_example_of_aliases_is_read() -> None:
    (aliases,) = [one for one, read in YAML if "queues" in read]
    assert parse_aliases(aliases.text).sections.keys() == {"workflows", "queues"}
