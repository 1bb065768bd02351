"""What an event costs others: WSGI applications that gunicorn serves beside ours.

``empty``: a Flask view that does nothing. ``usual``: a view as most people write it, which reads the form, checks the
signature with Twilio's SDK, and makes one call to the store.
"""

import os

import redis
from flask import Flask, request
from twilio.request_validator import RequestValidator

PATH = "/v1/events/taskrouter"


def empty() -> Flask:
    """Baseline (a)."""
    app = Flask("empty", static_folder=None)

    @app.post(PATH)
    def event() -> tuple[str, int]:
        return "", 204

    @app.post("/v1/escalations")
    def escalation() -> tuple[str, int]:
        return "", 204

    return app


def usual() -> Flask:
    """Baseline (b)."""
    app = Flask("usual", static_folder=None)
    validator = RequestValidator(os.environ["TWILIO_AUTH_TOKEN"])  # type: ignore[no-untyped-call]
    url = os.environ["PUBLIC_BASE_URL"] + PATH
    client = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    script = client.register_script("return {'ignored', ARGV[1]}")

    @app.post(PATH)
    def event() -> tuple[str, int]:
        signature = request.headers.get("X-Twilio-Signature", "")
        if not validator.validate(url, request.form, signature):  # type: ignore[no-untyped-call]
            return "", 403
        script(keys=["{00}:" + request.form["TaskSid"]], args=[request.form["Sid"]])
        return "", 204

    return app
