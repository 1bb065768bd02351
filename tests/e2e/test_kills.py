"""Processes die at the worst moment: no second task, none lost, nothing orphaned."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.e2e.house import House

RULES = """
version: 1
default: {workflow: everyone}
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    running = House(tmp_path, rules)
    yield running
    running.close()


def settled(house: House, count: int) -> bool:
    invites = house.invites()
    return len(invites) == count and all(invite["state"] != "requested" for invite in invites)


def tasks_of(house: House, conversation: str) -> int:
    return len(house.conversation(conversation)["tasks"])


def creates(house: House) -> int:
    entries = house.control("GET", "log?kind=api")["entries"]
    return sum(entry["method"] == "POST" and entry["path"] == "/v1/Interactions" for entry in entries)


def kill_between_call_and_store(house: House, conversation: str) -> None:
    """Twilio has made the task and holds its answer back; web dies waiting for it."""
    house.control("POST", "faults", {"match": "POST /v1/Interactions", "delay_s": 3, "when": "after", "times": 1})
    caller = threading.Thread(target=_ask, args=(house, conversation), daemon=True)
    caller.start()
    house.eventually(lambda: tasks_of(house, conversation) == 1, "Twilio never made the task")
    house.kill("web")
    caller.join(5)
    house.control("DELETE", "faults")


def _ask(house: House, conversation: str) -> None:
    try:
        house.escalate(conversation)
    except requests.RequestException:
        return  # the process that was asked is dead: that is the point


@pytest.mark.timeout(120)
@pytest.mark.parametrize("events", ["heard", "lost"])
def test_web_killed_after_the_call_makes_one_task(house: House, events: str) -> None:
    house.control("POST", "callbacks", {"lost": events == "lost"})
    house.start("reconcile")
    conversations = [house.customer() for _ in range(3)]
    for conversation in conversations:
        house.start("web")
        kill_between_call_and_store(house, conversation)
    house.start("web")
    house.eventually(lambda: settled(house, 3), "an invite was lost", within_s=40)
    assert [tasks_of(house, conversation) for conversation in conversations] == [1, 1, 1]
    assert house.judge()["double_invited"] == []


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_web_killed_fifty_times_makes_fifty_tasks(house: House) -> None:
    house.start("reconcile")
    conversations = [house.customer() for _ in range(50)]
    for conversation in conversations:
        house.start("web")
        kill_between_call_and_store(house, conversation)
    house.start("web")
    house.eventually(lambda: settled(house, 50), "an invite was lost", within_s=60)
    assert [tasks_of(house, conversation) for conversation in conversations] == [1] * 50
    assert house.judge()["double_invited"] == []
    print(f"50 kills, {sum(tasks_of(house, one) for one in conversations)} tasks, judge {house.judge()}")


def test_web_killed_before_the_call_loses_nothing(house: House) -> None:
    house.start("web", "reconcile")
    conversation = house.customer()
    house.control("POST", "faults", {"match": "POST /v1/Interactions", "reset": True, "when": "before", "times": 1})
    assert house.escalate(conversation).status_code == 202
    house.kill("web")
    house.eventually(lambda: tasks_of(house, conversation) == 1, "the request was lost")


def test_reconciler_killed_while_closing_is_followed(house: House) -> None:
    house.start("web", "reconcile")
    conversation = house.customer()
    house.escalate(conversation)
    house.control("POST", "faults", {"match": "POST */Channels/*", "delay_s": 2, "when": "before", "times": 1})
    house.control("POST", "clock", {"advance_s": 90_000})
    house.eventually(lambda: "channel.judged" in house.log("reconcile"), "the lapse was never judged")
    house.kill("reconcile")
    house.control("DELETE", "faults")
    due = f"flex:{{{house.invites()[0]['id'][3:5]}}}:due"
    _make_due(house, due)
    house.start("reconcile")
    house.eventually(lambda: house.conversation(conversation)["state"] == "closed", "nobody finished the closing")
    assert house.judge()["orphaned"] == []


def _make_due(house: House, key: str) -> None:
    """Let the dead process's lease end now instead of in a minute."""
    import redis

    client = redis.Redis.from_url(house.store.url)
    for invite_id, _ in client.zscan_iter(key):
        client.zadd(key, {invite_id: 0})


def test_all_callbacks_lost_still_closes_every_orphan(house: House) -> None:
    house.control("POST", "callbacks", {"lost": True})
    house.start("web", "reconcile")
    conversations = [house.customer() for _ in range(20)]
    for conversation in conversations:
        assert house.escalate(conversation).status_code == 201
    house.control("POST", "clock", {"advance_s": 90_000})
    assert len(house.judge()["orphaned"]) == 20
    took = house.eventually(lambda: house.judge()["orphaned"] == [], "orphans remain", within_s=40)
    print(f"20 orphans closed {took:.1f} s after their tasks died, with every callback lost")
    assert house.judge()["closed_under_agent"] == []


def test_store_killed_and_restarted_goes_on(house: House, tmp_path: Path) -> None:
    house.start("web", "reconcile")
    conversation = house.customer()
    invite = house.escalate(conversation).json()
    time.sleep(1.1)  # the append-only file is written once a second
    house.store.kill()
    refused = house.escalate(house.customer())
    assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
    from service.tracking.embedded import start_embedded

    house.store = start_embedded(tmp_path / "store")
    house.await_ready()
    house.control("POST", "clock", {"advance_s": 90_000})
    house.eventually(lambda: house.conversation(conversation)["state"] == "closed", "the open invite was forgotten")
    house.eventually(
        lambda: {one["id"]: one["state"] for one in house.invites()}[invite["id"]] == "closed", "it was not settled"
    )


def test_web_stops_in_an_orderly_way(house: House) -> None:
    house.start("web", "reconcile")
    assert house.stop("web") == 0
    assert house.stop("reconcile") == 0


def test_paused_web_process_makes_no_second_task(house: House) -> None:
    """SIGSTOP in the middle of a create: the reconciler settles it, the process wakes and finds its work done."""
    house.start("web", "reconcile")
    conversation = house.customer()
    house.control("POST", "faults", {"match": "POST /v1/Interactions", "delay_s": 1, "when": "after", "times": 1})
    caller = threading.Thread(target=_ask, args=(house, conversation), daemon=True)
    caller.start()
    house.eventually(lambda: tasks_of(house, conversation) == 1, "Twilio never made the task")
    group = house.processes["web"].pid
    os.killpg(group, signal.SIGSTOP)
    time.sleep(3)
    os.killpg(group, signal.SIGCONT)
    caller.join(20)
    house.eventually(lambda: settled(house, 1), "the invite was lost")
    assert (tasks_of(house, conversation), creates(house)) == (1, 1)
