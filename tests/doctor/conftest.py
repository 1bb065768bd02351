"""An installation in which all is well, for faults to be planted in."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from service.doctor.subject import Subject, subject_of
from service.doctor.visit import Report, visit
from service.tracking.embedded import EmbeddedStore
from tests.flow.conftest import RULES
from tests.flow.world import World

Settle = Callable[..., Subject]


@pytest.fixture
def rules_file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


@pytest.fixture
def world(embedded: EmbeddedStore, client: "redis.Redis", rules_file: Path) -> Iterator[World]:
    running = World(embedded.url, str(rules_file))
    running.catch_up()
    yield running
    running.close()


@pytest.fixture
def subject(world: World, repository: Path) -> Subject:
    return subject_of(
        world.settings,
        world.reconciler.parts,
        gunicorn=repository / "config" / "gunicorn.conf.py",
        proxy=repository / "config" / "proxy" / "nginx.conf",
    )


def with_settings(subject: Subject, **changed: object) -> Subject:
    """The same installation as a process with other settings would see it."""
    settings = subject.settings.model_copy(update=changed)
    made = subject_of(settings, subject.parts, gunicorn=subject.gunicorn, proxy=subject.proxy, now_s=subject.now_s)
    return replace(made, checkup=subject.checkup)


def ids(report: Report) -> set[str]:
    return {finding.row.id for finding in report.findings}


def found_in(subject: Subject) -> set[str]:
    """Ids of all that a visit finds."""
    report = visit(subject)
    assert report.unseen == {}
    return ids(report)
