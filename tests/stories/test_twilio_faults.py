"""The stories, with every call to Twilio failing before and after its effect."""

import pytest

from tests.stories.failing import KINDS, alike, calls_of, numbered, run
from tests.stories.play import play
from tests.stories.rigs import InProcess
from tests.stories.stories import STORIES
from tests.stories.table import Run, table, told

pytestmark = pytest.mark.xdist_group("stories")

CHANNEL = "/v1/Interactions/KD/Channels/UO"
INVITE, LET_GO, LOOK = f"POST {CHANNEL}/Invites", f"POST {CHANNEL}/Participants/UT", f"GET {CHANNEL}/Participants"
CANCEL = "POST /v1/Workspaces/WS/Tasks/WT"

# One cell for each row of the whole table. The number is that among the story's calls of this kind, from 0.
SAMPLE = {
    "cold to worker, accepted": (LET_GO, 0, "500 after"),
    "cold to worker, declined": (INVITE, 0, "lost, deaf"),
    "cold to worker, rung out": (INVITE, 0, "reset after"),
    "cold to queue": (LET_GO, 0, "reset before"),
    "warm, then leave": (LET_GO, 0, "429 before"),
    "both leave at once": (LET_GO, 0, "reset after"),
    "cancel before accept": (CANCEL, 0, "500 after"),
    "cancel during accept": (CANCEL, 0, "reset before"),
    "cancel after accept": (LOOK, 2, "500 before"),
    "last agent removed": (INVITE, 0, "500 after"),
    "end with an invite in flight": (INVITE, 0, "500 before"),
    "park, woken by message": ("POST /v1/Conversations/CH/Webhooks", 0, "500 after"),
    "park, woken by timer": ("DELETE /v1/Conversations/CH/Webhooks/WH", 0, "reset before"),
    "park, wake refused": ("POST /v1/Conversations/CH", 0, "429 before"),
    "eight warm invites at once": (INVITE, 4, "lost, deaf"),
}


@pytest.mark.parametrize("name", STORIES)
def test_story_survives_one_failing_call(rig: InProcess, name: str) -> None:
    what, number, kind = SAMPLE[name]
    tried = run(rig, STORIES[name], alike(what, number), kind)
    assert tried.fault == "", f"{tried.call} · {tried.kind}: {tried.fault}"
    assert tried.struck, "the call that was to fail is never made"


def test_story_that_ends_wrongly_is_seen(rig: InProcess) -> None:
    """The check of one story does not hold for another's acts."""
    accepted, declined = STORIES["cold to worker, accepted"], STORIES["cold to worker, declined"]
    wrong = type(accepted)("wrong", accepted.prepare, accepted.act, declined.check)
    with pytest.raises(AssertionError):
        play(rig, wrong)


def test_calls_alike_are_numbered_apart() -> None:
    calls = numbered(["GET /a", "POST /b", "GET /a"])
    assert [(call.match, call.number) for call in calls] == [("GET /a", 0), ("POST /b", 0), ("GET /a", 1)]


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_every_story_survives_every_failing_call(rig: InProcess) -> None:
    runs: list[Run] = []
    for story in STORIES.values():
        calls = calls_of(rig, story)
        runs += [run(rig, story, call, kind) for call in calls for kind in KINDS]
    print(f"\n{table(runs, tuple(KINDS))}\n{told(runs)}")
    assert not told(runs)
