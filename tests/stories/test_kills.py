"""The stories with real processes, and kill -9 of whoever has a call to Twilio under way."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.failing import alike, calls_of
from tests.stories.killing import KINDS, Killable, run, steps
from tests.stories.stories import STORIES
from tests.stories.table import Run, table, told

pytestmark = [pytest.mark.xdist_group("killed-stories"), pytest.mark.timeout(180)]

LET_GO = "POST /v1/Interactions/KD/Channels/UO/Participants/UT"
SAMPLE = [("cold to worker, accepted", "killed after", "reconcile"), ("warm, then leave", "killed before", "web")]


@pytest.fixture(scope="module")
def killable(tmp_path_factory: pytest.TempPathFactory, rules_file: Path) -> Iterator[Killable]:
    running = Killable(tmp_path_factory.mktemp("killed"), rules_file)
    yield running
    running.close()


@pytest.mark.parametrize(("name", "kind", "victim"), SAMPLE, ids=[name for name, _, _ in SAMPLE])
def test_story_survives_a_kill_in_mid_call(killable: Killable, name: str, kind: str, victim: str) -> None:
    tried = run(killable, STORIES[name], alike(LET_GO, 0), kind)
    assert tried.fault == "", f"{tried.call} · {tried.kind}: {tried.fault}"
    assert tried.call.endswith(f"by {victim}")


@pytest.mark.soak
@pytest.mark.timeout(14_400)
def test_every_story_survives_every_kill(killable: Killable) -> None:
    runs: list[Run] = []
    for story in STORIES.values():
        runs += [run(killable, story, call, kind) for call, kind in steps(calls_of(killable, story))]
    print(f"\n{table(runs, KINDS)}\n{killable.deaths} deaths\n{told(runs)}")
    assert not told(runs)
