"""An app that asks the service as a careful caller does: with a key, and again until somebody has answered for good."""

import itertools
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.flow.world import Answer
from tests.stories.rigs import Rig

CALL_S = 15.0
TRIES = 12

Json = dict[str, Any]


@dataclass
class App:
    """One app. Its requests and the work on what is due shut each other out."""

    rig: Rig
    _name: str = field(default_factory=lambda: uuid.uuid4().hex)
    _keys: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _floor: threading.Condition = field(default_factory=threading.Condition)
    _asking: int = 0

    def ask(self, path: str, body: Json) -> Answer:
        """A POST as a careful caller makes it."""
        headers = {"Authorization": f"Bearer {self.rig.token}", "Idempotency-Key": f"{self._name}-{next(self._keys)}"}
        for _ in range(TRIES):
            try:
                with self._under_way():
                    said = requests.post(f"{self.rig.url}/v1/{path}", json=body, headers=headers, timeout=CALL_S)
            except requests.RequestException:
                self.rig.await_service()
                continue
            if said.status_code < 500 and not (said.status_code == 409 and "Retry-After" in said.headers):
                return Answer(said.status_code, said.json())
            self.work()
        raise AssertionError(f"{path} is never answered for good; the last answer was {said.status_code} {said.text}")

    def get(self, path: str) -> Json:
        """A GET, asked again as above."""
        headers = {"Authorization": f"Bearer {self.rig.token}"}
        for _ in range(TRIES):
            try:
                said = requests.get(f"{self.rig.url}/v1/{path}", headers=headers, timeout=CALL_S)
            except requests.RequestException:
                self.rig.await_service()
                continue
            if said.status_code == 200:
                return dict(said.json())
        raise AssertionError(f"{path}: {said.status_code} {said.text}")

    def work(self) -> None:
        """The service does what is due, at once; not while a request is under way, whose lease would end early."""
        with self._floor:
            assert self._floor.wait_for(lambda: not self._asking, CALL_S * 2), "a request hangs"
            self.rig.work()

    @contextmanager
    def _under_way(self) -> Iterator[None]:
        with self._floor:
            self._asking += 1
        try:
            yield
        finally:
            with self._floor:
                self._asking -= 1
                self._floor.notify_all()
