"""The rules file changes under load, its names are called otherwise, and its routes meet the live workflows."""

import json
import threading
import time
from pathlib import Path

import pytest
import redis
import requests

from service.app import create_reconciler
from service.errors import ConfigurationError
from service.reconcile.readings import refresh_rules
from service.rules.commands import lint_text
from service.rules.resolve import Directory
from service.tracking.embedded import EmbeddedStore
from tests.flow.world import World

CH = "CH" + "1" * 32


def rules(number: int) -> str:
    rule = f"  - name: r{number}\n    route: {{workflow: everyone}}\n"
    return f"version: 1\nrules:\n{rule}default: {{workflow: callbacks}}\n"


def test_hundred_reloads_fail_no_request(world: World, rules_file: Path) -> None:
    """Every tenth file is broken: no request fails, and each is decided by a file that was good."""
    rules_file.write_text(rules(0))
    world.await_rule_file()
    stop, statuses, seen = threading.Event(), set[int](), list[str]()

    def ask() -> None:
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {world.token}"
            while not stop.is_set():
                answer = session.post(f"{world.url}/v1/decisions", json={"conversation_sid": CH}, timeout=10)
                statuses.add(answer.status_code)
                seen.append(answer.json().get("rule", ""))

    callers = [threading.Thread(target=ask) for _ in range(4)]
    for caller in callers:
        caller.start()
    book, deadline = world.desk.book, time.monotonic() + 30
    for number in range(1, 101):
        rules_file.write_text("version: 1\nrules: [" if number % 10 == 0 else rules(number))
        book.rules.refresh(int(time.time() * 1000) + number * 10_000)  # as if ten seconds had passed each time
        enough = len(seen) + 4
        while len(seen) < enough and time.monotonic() < deadline:
            time.sleep(0.002)
    stop.set()
    for caller in callers:
        caller.join()
    assert statuses == {200}
    assert len(seen) > 100
    assert all(rule[1:].isdigit() and (int(rule[1:]) % 10 or rule == "r0") for rule in seen)
    assert book.rules.fault is not None
    assert "rules.yaml:2" in world.get("../readyz").json["checks"]["rules"]  # type: ignore[index]


def test_names_unknown_at_the_start_are_checked_once_they_are_known(world: World, rules_file: Path) -> None:
    rules_file.write_text("version: 1\nvia: transfers\ndefault: {queue: nowhere}\n")
    book = create_reconciler(world.settings).book  # it starts without names
    assert book.rules.fault is None
    book.names.fresh()
    refresh_rules(book, time.time_ns() // 1_000_000 + 10_000)
    assert "the workspace has no queue 'nowhere'" in str(book.rules.fault)
    assert book.current is not None


ALIASES = "version: 1\nqueues: {invoices: billing}\n"
OTHER_NAMES = """
version: 1
via: transfers
rules: [{name: a, route: {queue: invoices}}]
default: {workflow: everyone}
"""


def test_aliases_let_rules_use_other_names(
    embedded: EmbeddedStore, client: "redis.Redis", rules_file: Path, tmp_path: Path
) -> None:
    rules_file.write_text(OTHER_NAMES)
    aliases = tmp_path / "aliases.test.yaml"
    aliases.write_text(ALIASES)
    world = World(embedded.url, str(rules_file), RULES_ALIASES=str(aliases))
    try:
        answer = world.escalate(world.customer()["conversation_sid"])
        assert answer["route"]["queue_sid"] == world.info["queues"]["billing"]  # type: ignore[index]
    finally:
        world.close()


@pytest.mark.parametrize(
    ("aliases", "place"),
    [
        ("version: 1\nqueues: {invoices: biling}\n", "aliases.test.yaml:2:20"),
        ("version: 1\nqueues: {invoices: billing, invoice: billing}\n", "aliases.test.yaml:2"),
    ],
    ids=["names nothing there", "is used by no rule"],
)
def test_wrong_alias_stops_the_start(
    embedded: EmbeddedStore, client: "redis.Redis", rules_file: Path, tmp_path: Path, aliases: str, place: str
) -> None:
    rules_file.write_text(OTHER_NAMES)
    path = tmp_path / "aliases.test.yaml"
    path.write_text(aliases)
    with pytest.raises(ConfigurationError) as caught:
        World(embedded.url, str(rules_file), RULES_ALIASES=str(path))
    assert place in "\n".join(caught.value.faults)


def test_lint_finds_three_planted_mismatches(world: World, rules_file: Path) -> None:
    """The live workflow has no filter for one queue, leads another elsewhere, and compares with null in quotes."""
    queues = world.info["queues"]
    trap = "customer_tier != 'null'"
    filters = [
        ("support", f"router_target == 'queue' AND router_queue == 'support' AND {trap}", queues["billing"]),
    ]
    configuration = {
        "task_routing": {
            "filters": [
                {"filter_friendly_name": name, "expression": expression, "targets": [{"queue": queue}]}
                for name, expression, queue in filters
            ]
        }
    }
    sid = world.info["workflows"]["transfers"]
    url = f"{world.sandbox.base_url}/v1/Workspaces/{world.info['workspace_sid']}/Workflows/{sid}"
    login = (world.info["account_sid"], world.info["auth_token"])
    assert requests.post(url, {"Configuration": json.dumps(configuration)}, auth=login, timeout=5).ok
    rules_file.write_text(
        "version: 1\nvia: transfers\nrules:\n"
        '  - {name: one, when: attributes.a == "1", route: {queue: billing}}\n'
        '  - {name: two, when: attributes.a == "2", route: {queue: support}}\n'
        "default: {workflow: everyone}\n"
    )
    router = world.reconciler.parts.taskrouter
    code, text = lint_text(rules_file, directory=Directory(**router.names()), workflows=router.workflows())
    assert code != 0
    for part in ("billing", "support", "customer_tier"):
        assert part in text, text
