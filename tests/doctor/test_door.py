"""What stands between Twilio and the service is told apart by the answers to one signed event."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
import redis

from service.doctor.at_the_door import look_at_door
from service.doctor.subject import Subject, subject_of
from service.tracking.embedded import EmbeddedStore
from tests.doctor.conftest import SLOW, with_settings
from tests.doctor.middlemen import Behaviour, Canned, standing_before
from tests.flow.world import World

NOT_READY = Canned(503, (("Content-Type", "application/problem+json"),), b'{"type": "/problems/store-unavailable"}')
ANSWERS = {
    "a redirect": (Canned(301, (("Location", "https://other.example/x?secret=1"),)), "door.moved"),
    "a page": (Canned(200, (("Content-Type", "text/html"),)), "door.stranger"),
    "a stranger's 403": (Canned(403), "door.stranger"),
    "a stranger's 404": (Canned(404), "door.stranger"),
    "a gateway's 502": (Canned(502), "door.faulty"),
    "our own 503": (NOT_READY, "door.faulty"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answer_of_a_middleman_is_told(name: str, lone: Subject) -> None:
    answer, row = ANSWERS[name]
    with standing_before(lambda target: answer) as proxy:
        (finding,) = look_at_door(with_settings(lone, public_base_url=proxy.url))
    assert finding.row.id == row
    assert "secret" not in finding.what


def test_closed_port_is_told(lone: Subject) -> None:
    with standing_before(lambda target: target) as proxy:
        pass
    (finding,) = look_at_door(with_settings(lone, public_base_url=proxy.url))
    assert finding.row.id == "door.unreachable"


def test_other_program_without_tls_is_told(lone: Subject) -> None:
    with standing_before(lambda target: Canned(204)) as proxy:
        url = proxy.url.replace("http:", "https:")
        (finding,) = look_at_door(with_settings(lone, public_base_url=url))
    assert (finding.row.id, "TLS" in finding.what) == ("door.unreachable", True)


@contextmanager
def behind(behave: Behaviour, embedded: EmbeddedStore, rules: str, *, base: str) -> Iterator[tuple[World, Subject]]:
    """The service behind a proxy; ``base`` is its PUBLIC_BASE_URL, in which {} is the proxy's address."""
    with standing_before(behave) as proxy:
        world = World(embedded.url, rules, PUBLIC_BASE_URL=base.format(proxy.url.removeprefix("http://")))
        proxy.behind = world.url
        try:
            subject = subject_of(world.settings, world.reconciler.parts)
            yield world, with_settings(subject, public_base_url=proxy.url)
        finally:
            world.close()


CHANGES = {
    "query is encoded anew": (lambda target: quote(unquote(target), safe="/?=&+"), "http://{}", "", "door.rewritten"),
    "prefix is handed on": (lambda target: target, "http://{}/router", "/router", "door.prefix"),
    "prefix is unknown to the service": (lambda target: target[7:], "http://{}", "/router", "door.prefix"),
    "scheme differs": (lambda target: target, "https://{}", "", "door.scheme"),
    "host differs": (lambda target: target, "https://router.example.com", "", "door.signature"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changed_address_is_told(name: str, embedded: EmbeddedStore, client: "redis.Redis", rules_file: Path) -> None:
    behave, base, prefix, row = CHANGES[name]
    with behind(behave, embedded, str(rules_file), base=base) as (_, subject):
        outside = with_settings(subject, public_base_url=subject.settings.public_base_url + prefix)
        (finding,) = look_at_door(outside)
    assert finding.row.id == row


def test_event_of_the_doctor_leaves_nothing(world: World, subject: Subject) -> None:
    before = world.redis.dbsize()
    assert [finding for finding in look_at_door(subject) if finding.row.id not in SLOW] == []
    assert world.redis.dbsize() == before
