"""Faults as problem answers, over real requests to a small application."""

import logging

import pytest
import structlog
from flask import Flask
from structlog.testing import LogCapture
from werkzeug.test import Client, TestResponse

from service.errors import (
    ConfigurationError,
    ConflictError,
    FieldError,
    InvalidFieldsError,
    RouterError,
    StoreUnavailableError,
    TwilioRefusedError,
    UnauthorizedError,
)
from service.intake import problems
from service.intake.docs import docs
from service.intake.problems import install_problems, problem

CANARY = "canary7531"


@pytest.fixture
def client() -> Client:
    app = Flask("problems")
    install_problems(app)
    app.register_blueprint(docs())
    faults: dict[str, Exception] = {
        "store": StoreUnavailableError("the store does not answer"),
        "later": StoreUnavailableError("the store does not answer", retry_after_s=30),
        "fields": InvalidFieldsError(
            "two fields", errors=(FieldError("a", "must be text"), FieldError("b", "is required"))
        ),
        "key": UnauthorizedError("give a key"),
        "refused": TwilioRefusedError("the workflow is unknown", twilio_status=400, code=20001),
        "configuration": ConfigurationError((CANARY,)),
        "bug": ValueError(CANARY),
    }

    @app.get("/raise/<name>")
    def raising(name: str) -> str:
        raise faults[name]

    @app.get("/folder/")
    def folder() -> str:
        return "folder"

    return app.test_client()


def fields(response: TestResponse) -> dict[str, object]:
    assert response.content_type == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    body: dict[str, object] = response.get_json(force=True)
    assert body["status"] == response.status_code
    return body


def test_own_fault_becomes_its_problem(client: Client) -> None:
    response = client.get("/raise/fields")

    assert fields(response) == {
        "type": "/problems/invalid-fields",
        "title": "Some fields are not valid",
        "status": 422,
        "detail": "two fields",
        "errors": [{"field": "a", "message": "must be text"}, {"field": "b", "message": "is required"}],
    }


@pytest.mark.parametrize(("name", "seconds"), [("store", "2"), ("later", "30")])
def test_passing_fault_says_when_to_retry(client: Client, name: str, seconds: str) -> None:
    response = client.get(f"/raise/{name}")

    assert (response.status_code, response.headers["Retry-After"]) == (503, seconds)


def test_lasting_fault_does_not_invite_retries() -> None:
    assert "Retry-After" not in problem(ConflictError("another body"))[2]


def test_busy_conflict_says_when_to_retry() -> None:
    assert problem(ConflictError("in the making", retry_after_s=1))[2]["Retry-After"] == "1"


def test_missing_key_names_the_scheme(client: Client) -> None:
    response = client.get("/raise/key")

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_refusal_carries_twilios_code(client: Client) -> None:
    assert fields(client.get("/raise/refused"))["twilio"] == {"status": 400, "code": 20001}


@pytest.mark.parametrize("name", ["bug", "configuration"])
def test_unforeseen_fault_tells_nothing(client: Client, name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        response = client.get(f"/raise/{name}")

    assert response.status_code == 500
    assert fields(response)["status"] == 500
    assert CANARY not in response.text
    assert CANARY not in caplog.text


def test_unforeseen_fault_is_logged_by_type_and_place(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    logged = LogCapture()  # by itself: what other tests of this process have set up stays bound to the module's logger
    monkeypatch.setattr(problems, "log", structlog.wrap_logger(None, processors=[logged]))
    client.get("/raise/bug")

    lines = logged.entries
    assert [(line["event"], line["error"]) for line in lines] == [("request.broke", "ValueError")]
    assert lines[0]["at"].startswith("test_problems.py:")


def test_unknown_address_is_a_problem(client: Client) -> None:
    body = fields(client.get(f"/{CANARY}"))

    assert (body["type"], body["status"]) == ("/problems/not-found", 404)
    assert CANARY not in str(body)


def test_wrong_method_names_the_allowed_ones(client: Client) -> None:
    response = client.post("/raise/bug")

    assert (response.status_code, fields(response)["type"]) == (405, "about:blank")
    assert "GET" in response.headers["Allow"]


def test_redirect_is_no_problem(client: Client) -> None:
    response = client.get("/folder")

    assert response.status_code == 308
    assert response.headers["Location"].endswith("/folder/")


@pytest.mark.parametrize("kind", RouterError.__subclasses__(), ids=lambda kind: kind.slug)
def test_type_of_each_fault_can_be_opened(client: Client, kind: type[RouterError]) -> None:
    described = client.get(f"/problems/{kind.slug}").get_json()

    assert (described["title"], described["status"]) == (kind.title, kind.status)
    assert described["description"]


def test_type_that_is_none_is_not_found(client: Client) -> None:
    assert fields(client.get("/problems/flying"))["status"] == 404
