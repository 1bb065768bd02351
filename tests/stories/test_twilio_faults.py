"""The stories, with every call to Twilio failing before and after its effect."""

import pytest

from tests.stories.failing import KINDS, calls_of, run
from tests.stories.rigs import InProcess
from tests.stories.stories import STORIES
from tests.stories.table import Run, table, told

KIND_NAMES = tuple(KINDS)


@pytest.mark.parametrize("name", STORIES)
def test_story_ends_well_with_one_call_failing(rig: InProcess, name: str) -> None:
    """A sample of the whole table: another call and another kind of fault for each story."""
    number = list(STORIES).index(name)
    calls = calls_of(rig, STORIES[name])
    call = next(call for call in calls[number % len(calls) :] + calls if call.match.startswith("POST"))
    tried = run(rig, STORIES[name], call, KIND_NAMES[number % len(KIND_NAMES)])
    assert tried.fault == "", f"{tried.call} · {tried.kind}: {tried.fault}"
    assert tried.struck


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_every_story_with_every_call_failing(rig: InProcess) -> None:
    runs: list[Run] = []
    for story in STORIES.values():
        calls = calls_of(rig, story)
        runs += [run(rig, story, call, kind) for call in calls for kind in KINDS]
    print(f"\n{table(runs, KIND_NAMES)}\n{told(runs)}")
    assert not told(runs)
