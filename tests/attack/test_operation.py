"""What happens to the people who run it: wrong settings, names that vanish, a store that dies."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from service.errors import ConfigurationError
from service.launch import House
from service.settings import load_settings
from service.tracking.embedded import start_embedded
from tests.conftest import sid
from tests.flow.world import World


def test_vanished_fallback_queue_does_not_refuse_everybody(world: World) -> None:
    names = world.desk.book.names
    assert names.known is not None
    queues = {name: sid_ for name, sid_ in names.known.queues.items() if name != "support"}
    names.known, names._read_at = replace(names.known, queues=queues), time.monotonic()
    answer = world.escalate(world.customer()["conversation_sid"], attributes={"topic": "ladder"})
    assert answer.status < 500, answer.json
    assert world.get("../readyz").status == 200


def test_dead_embedded_store_is_started_again(tmp_path: Path) -> None:
    house = House(store=start_embedded(tmp_path / "store"))
    try:
        assert house.store is not None
        house.store.kill()
        house.revive()
        assert house.store.process.poll() is None
    finally:
        house.stop()


def test_store_directory_has_one_server(tmp_path: Path) -> None:
    first = start_embedded(tmp_path / "store")
    try:
        with pytest.raises(ConfigurationError):
            start_embedded(tmp_path / "store").close()
    finally:
        first.close()


@pytest.mark.parametrize("name", ["API_KEY", "LOG_LEVELS"])
def test_other_peoples_variables_do_not_stop_the_start(name: str) -> None:
    environ = {
        "TWILIO_ACCOUNT_SID": sid("AC", 1), "TWILIO_AUTH_TOKEN": "x", "TWILIO_WORKSPACE_SID": sid("WS", 1),
        "PUBLIC_BASE_URL": "https://r.example.com", "REDIS_URL": "redis://x",
    }  # fmt: skip
    assert load_settings({**environ, name: "something"}).api_keys == ""
