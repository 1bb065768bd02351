"""The sample payloads of TaskRouter's terminal events, doubled and shuffled, against one conversation: one closing."""

import random
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from service.intake.payloads import parse_taskrouter_form
from service.tracking.lifecycle import EVENT_SIGNALS
from tests.flow.test_lapses import closings
from tests.flow.world import World

TERMINAL = "task.canceled", "task.deleted", "task.system-deleted", "workflow.timeout", "workflow.skipped"

pytestmark = pytest.mark.contract


def samples(directory: Path) -> list[Path]:
    return sorted((directory / "constructed").glob("*.form"))


def test_every_sample_is_read(payloads_dir: Path) -> None:
    for path in samples(payloads_dir):
        event = parse_taskrouter_form(path.read_bytes().strip())
        assert event is not None, path.name
        assert event.type in path.name
        if event.type in EVENT_SIGNALS:  # of the others they decide nothing, and are not read
            assert event.attributes["flexInteractionChannelSid"] == "UO" + "2" * 32


@pytest.mark.parametrize("seed", range(5))
def test_doubled_and_shuffled_samples_close_once(world: World, payloads_dir: Path, seed: int) -> None:
    conversation = world.customer()["conversation_sid"]
    invite = world.escalate(conversation, attributes={"topic": "billing"}).json
    world.control("POST", "callbacks", {"lost": True})
    world.advance(90_000)
    chosen = [path for path in samples(payloads_dir) if any(name in path.name for name in TERMINAL)]
    assert {name for path in chosen for name in EVENT_SIGNALS if name in path.name} == set(TERMINAL)
    events = [_as_ours(world, path.read_text().strip(), invite) for path in chosen] * 2
    random.Random(seed).shuffle(events)
    for event in events:
        assert world.event(event) == 204
        world.turn()
    world.turn_until(invite["id"], "closed")
    assert closings(world) == 1
    assert world.judge() == {"orphaned": [], "double_invited": [], "closed_under_agent": []}


def _as_ours(world: World, form: str, invite: dict) -> dict[str, str]:  # type: ignore[type-arg]  # free-form JSON
    """The sample with its SIDs replaced by those of a conversation that exists in the sandbox."""
    for prefix, digit, value in (
        ("KD", "1", invite["interaction_sid"]),
        ("UO", "2", invite["channel_sid"]),
        ("KG", "3", invite["invite_sid"]),
        ("CH", "4", invite["conversation_sid"]),
        ("WT", "5", invite["task_sid"]),
        ("WS", "6", world.info["workspace_sid"]),
        ("AC", "0", world.info["account_sid"]),
    ):
        form = form.replace(prefix + digit * 32, value)
    return dict(parse_qsl(form, keep_blank_values=True))
