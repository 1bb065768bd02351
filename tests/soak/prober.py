"""Repeats TaskRouter's events to one web process at an even pace and notes how long each acknowledgement took.

A process of its own (``python -m tests.soak.prober URL PORT TOKEN``), because a thread of the harness would measure the
harness. On standard input it is given the forms that Twilio has sent, one JSON object a line; it repeats the latest
ones, signed as Twilio signs, which an at-least-once sender may do at any time. On standard output: epoch seconds of the
sending, milliseconds until the whole answer was there, and the status (0: none came).
"""

import http.client
import json
import sys
import threading
import time
from collections import deque
from urllib.parse import urlencode, urlsplit

from service.sandbox.posting import FORM, sign

A_SECOND = 20.0
KEPT = 40
PATIENCE_S = 15.0  # Twilio's own


def probe(url: str, port: int, token: str) -> None:
    """Until standard input ends."""
    forms: deque[dict[str, str]] = deque(maxlen=KEPT)
    threading.Thread(target=_repeat, args=(url, port, token, forms), daemon=True).start()
    for line in sys.stdin:
        forms.append(json.loads(line))


def _repeat(url: str, port: int, token: str, forms: "deque[dict[str, str]]") -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    while True:
        began = time.monotonic()
        if forms:
            form = forms[0]
            forms.rotate(-1)
            sent = time.time()
            status = _post(connection, url, token, form)
            print(f"{sent:.3f} {(time.monotonic() - began) * 1000:.1f} {status}", flush=True)
        time.sleep(max(0.0, 1 / A_SECOND - (time.monotonic() - began)))


def _post(connection: http.client.HTTPConnection, url: str, token: str, form: dict[str, str]) -> int:
    headers = {"Content-Type": FORM, "X-Twilio-Signature": sign(token, url, form.items())}
    try:
        connection.request("POST", urlsplit(url).path, urlencode(form), headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except (OSError, http.client.HTTPException):
        connection.close()
        return 0


if __name__ == "__main__":
    probe(sys.argv[1], int(sys.argv[2]), sys.argv[3])
