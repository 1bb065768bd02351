"""Where the people of a soak act: the local Twilio, the service, and the ledger that remembers what was asked."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.soak.calls import Json, Sandbox, Service
from tests.soak.ledger import Delivery, Ledger

CALLERS_PATIENCE_S = 60.0  # an app that is told 503 or nothing asks again this long
AGAIN_S = 1.0


@dataclass(frozen=True)
class Town:
    """Shared by all plays."""

    sandbox: Sandbox
    service: Service
    ledger: Ledger
    info: Json
    callers: ThreadPoolExecutor
    seed: int
    stopped: threading.Event

    @property
    def login(self) -> tuple[str, str]:
        """What Twilio's REST API is asked with."""
        return self.info["account_sid"], self.info["auth_token"]

    def insist(self, deliveries: list[Delivery], post: Callable[[int], tuple[int, Json]]) -> None:
        """Ask, and ask again for as long as no answer comes or it says that one should. ``post`` is given the turn."""
        deadline = time.monotonic() + CALLERS_PATIENCE_S
        turn = len(deliveries)
        while True:
            sent = time.time()
            status, answer = post(turn)
            deliveries.append(Delivery(sent, time.time(), status, answer.get("id"), answer.get("state")))
            if 400 <= status < 500:
                self.ledger.refused(status, str([answer.get("detail"), *answer.get("errors", [])]))
            turn += 1  # whoever gets no answer asks the other one
            again = status in (0, 502, 503) or (status == 409 and "try again" in answer.get("detail", ""))
            if not again or time.monotonic() > deadline or self.stopped.wait(AGAIN_S):
                return
