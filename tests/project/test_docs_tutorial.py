"""The tutorial, word by word: every command is run as it stands, and prints what the page says it prints.

Against a house in this process: that ``make run`` starts one is tried by tests/e2e.
"""

import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from service.tracking.embedded import EmbeddedStore
from tests.flow.world import World
from tests.project.pages import DOCS, REPOSITORY

PATIENCE_S = 240
TURN = "----- next -----"
FOLDER = "build/first-rules"


@pytest.fixture
def world(embedded: EmbeddedStore, client: "redis.Redis") -> Iterator[World]:
    running, stop = World(embedded.url, str(REPOSITORY / "config" / "rules.yaml")), threading.Event()
    background = threading.Thread(target=running.reconciler.run, args=(stop,))
    background.start()
    yield running
    stop.set()
    background.join()
    running.close()


def steps() -> list[tuple[str, str | None]]:
    """Each block of shell with the text that the page says it prints, if it says so."""
    text = (DOCS / "tutorial.md").read_text(encoding="utf-8")
    found = re.findall(r"^```sh\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?", text, flags=re.MULTILINE | re.DOTALL)
    return [(command, printed or None) for command, printed in found]


def as_pattern(printed: str) -> str:
    """``…`` stands for what is new at each run."""
    return ".*".join(re.escape(part) for part in printed.split("…"))


def script(places: dict[str, str]) -> str:
    """All commands one after the other, in one shell, with a line between the steps."""
    turns = "".join(f"echo '{TURN}'\n{command}" for command, _ in steps())
    for said, here in places.items():
        turns = turns.replace(said, here)
    return f"set -e -o pipefail\n{turns}"


@pytest.mark.timeout(PATIENCE_S + 60)
def test_every_command_does_what_the_tutorial_says(world: World, tmp_path: Path) -> None:
    folder = str(tmp_path / "first-rules")
    router, twilio = urlsplit(world.url).netloc, urlsplit(world.sandbox.base_url).netloc
    command = script({"127.0.0.1:8080": router, "127.0.0.1:8090": twilio, FOLDER: folder})
    played = subprocess.run(
        ["bash", "-c", command], cwd=REPOSITORY, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert played.returncode == 0, played.stdout + played.stderr
    outputs = played.stdout.replace(folder, FOLDER).split(f"{TURN}\n")[1:]
    for (typed, printed), output in zip(steps(), outputs, strict=True):
        if printed is not None:
            assert re.fullmatch(as_pattern(printed), output, flags=re.DOTALL), f"{typed}\nprinted\n{output}"
