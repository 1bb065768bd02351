"""An installation in which all is well, for faults to be planted in."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from service.app import parts_of
from service.doctor.subject import Subject, subject_of
from service.doctor.visit import Report, visit
from service.settings import load_settings
from service.tracking.embedded import EmbeddedStore
from tests.flow.conftest import RULES
from tests.flow.kept import kept_world, renewed
from tests.flow.world import World

SLOW = ("door.slow", "store.slow")


@pytest.fixture
def rules_file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


@pytest.fixture(scope="module")
def running(embedded: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from kept_world(embedded.url, tmp_path_factory.mktemp("rules"))


@pytest.fixture
def world(running: World, client: "redis.Redis") -> World:
    """As at the start: the local Twilio, and a store that knows of one catch-up."""
    renewed(running)
    running.catch_up()
    running.reconciler.parts.notes.write_names(running.reconciler.parts.taskrouter.names())
    return running


@pytest.fixture
def subject(world: World, repository: Path) -> Subject:
    return subject_of(
        world.settings,
        world.reconciler.parts,
        gunicorn=repository / "config" / "gunicorn.conf.py",
        proxy=repository / "config" / "proxy" / "nginx.conf",
    )


@pytest.fixture
def lone(embedded: EmbeddedStore, rules_file: Path) -> Subject:
    """An installation of which only the store is there."""
    environ = {
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "0" * 32,
        "TWILIO_WORKSPACE_SID": "WS" + "0" * 32,
        "TWILIO_BASE_URL": "http://127.0.0.1:9",
        "PUBLIC_BASE_URL": "http://127.0.0.1:9",
        "REDIS_URL": embedded.url,
        "RULES_FILE": str(rules_file),
    }
    settings = load_settings(environ)
    return subject_of(settings, parts_of(settings, lease_s=1.0))


def with_settings(subject: Subject, **changed: object) -> Subject:
    """The same installation as a process with other settings would see it."""
    settings = subject.settings.model_copy(update=changed)
    made = subject_of(settings, subject.parts, gunicorn=subject.gunicorn, proxy=subject.proxy, now_s=subject.now_s)
    return replace(made, checkup=subject.checkup)


def look_around(subject: Subject) -> Report:
    """A visit; how quick this machine is at the moment is none of the tests' business."""
    return visit(subject, skipped=SLOW)


def ids(report: Report) -> set[str]:
    return {finding.row.id for finding in report.findings}


def found_in(subject: Subject) -> set[str]:
    """Ids of all that a visit finds."""
    report = look_around(subject)
    assert report.unseen == {}
    return ids(report)
