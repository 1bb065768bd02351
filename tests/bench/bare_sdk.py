"""Baseline (e): Twilio's SDK as it comes, making invites in a loop from so many threads at once.

``python -m tests.bench.bare_sdk <base url> <count> <at once>`` prints seconds and every wait as JSON.
"""

import json
import sys
import threading
import time
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from tests.bench.shots import ACCOUNT, TOKEN, WORKSPACE, sid


class _Elsewhere(TwilioHttpClient):
    """The SDK's own client, sent to another host."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._base_url = base_url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        return super().request(method, self._base_url + urlsplit(url).path, *args, **kwargs)


def run(base_url: str, wanted: int, at_once: int) -> dict[str, object]:
    """So many invites; how long it took, and each wait."""
    client = Client(ACCOUNT, TOKEN, http_client=_Elsewhere(base_url))  # type: ignore[no-untyped-call]
    invites = client.flex_api.v1.interaction(sid("KD", 1)).channels(sid("UO", 1)).invites
    routing = {"properties": {"workspace_sid": WORKSPACE, "workflow_sid": sid("WW", 1)}}
    numbers, waits = count(), []

    def one_after_another() -> None:
        while next(numbers) < wanted:
            began = time.perf_counter()
            invites.create(routing=routing)
            waits.append(time.perf_counter() - began)

    threads = [threading.Thread(target=one_after_another) for _ in range(at_once)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"seconds": time.perf_counter() - began, "waits": waits}


if __name__ == "__main__":
    json.dump(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])), sys.stdout)
