"""Real parts for all tests: a valkey-server of our own per test process, and the local Twilio over real HTTP."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import settings as hypothesis_settings

from service.logs import set_up_logging
from service.tracking.connection import connect
from service.tracking.embedded import EmbeddedStore, start_embedded
from service.tracking.store import Store

hypothesis_settings.register_profile("default", deadline=None)  # shared machines stall now and then
hypothesis_settings.load_profile("default")


@pytest.fixture(scope="session", autouse=True)
def logging_as_in_production() -> None:
    set_up_logging("DEBUG", "json")


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    store = start_embedded(tmp_path_factory.mktemp("store"))
    yield store
    store.close()


@pytest.fixture
def client(embedded: EmbeddedStore) -> "Iterator[redis.Redis]":
    connection = connect(embedded.url)
    connection.flushall()
    yield connection
    connection.close()


@pytest.fixture
def store(client: "redis.Redis") -> Store:
    return Store(client, keep_s=3600)


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).parent.parent


@pytest.fixture(scope="session")
def openapi_dir(repository: Path) -> Path:
    """Twilio's OpenAPI files; tests that need them are skipped where they are not at hand."""
    found = Path(os.environ.get("TWILIO_OPENAPI_DIR") or repository.parent / "shared" / "reference" / "openapi")
    if not (found / "twilio_flex_v1.json").exists():
        pytest.skip(f"Twilio's OpenAPI files are not in {found} (set TWILIO_OPENAPI_DIR)")
    return found


@pytest.fixture(scope="session")
def payloads_dir(repository: Path) -> Path:
    """Sample payloads of Twilio's; tests that need them are skipped where they are not at hand."""
    found = Path(os.environ.get("TWILIO_PAYLOADS_DIR") or repository.parent / "shared" / "reference" / "payloads")
    if not (found / "constructed").exists():
        pytest.skip(f"sample payloads are not in {found} (set TWILIO_PAYLOADS_DIR)")
    return found


def sid(prefix: str, number: int) -> str:
    """A SID for tests: the kind and a number."""
    return f"{prefix}{number:032x}"
