"""Requests that were taken can be put to other rules."""

from pathlib import Path

from service.reconcile.export import past_requests
from service.rules.commands import replay_text
from tests.flow.world import World


def test_taken_requests_are_replayed(world: World, rules_file: Path, tmp_path: Path) -> None:
    world.escalate(world.customer()["conversation_sid"], attributes={"topic": "billing"}, reason="ünder")
    first = world.escalate(world.customer()["conversation_sid"])
    world.agent("alice", "accept", task_sid=str(first["task_sid"]))
    worker = {"from": {"worker_sid": world.info["workers"]["alice"]}}
    world.transfer(conversation_sid=first["conversation_sid"], to={"queue": "support"}, **worker)
    past, new = tmp_path / "past.jsonl", tmp_path / "new.yaml"
    past.write_text("\n".join(past_requests(world.reconciler.parts.store)), encoding="utf-8")
    new.write_text("version: 1\nvia: transfers\ndefault: {workflow: everyone}\n")
    assert len(past.read_text(encoding="utf-8").splitlines()) == 3
    same = replay_text(past, rules_file, rules_file)
    other = replay_text(past, rules_file, new)
    assert same[0] == 0
    assert "billing" not in same[1]
    assert "billing" in other[1]
