"""Which pages may call from a browser, and at which addresses."""

import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient

from service.errors import ConfigurationError, NotFoundError
from service.intake.cors import install_cors
from service.intake.problems import install_problems
from service.settings import load_settings
from tests.conftest import sid

PAGE, OTHER = "https://flex.twilio.com", "http://localhost:3000"
GOOD = {
    "TWILIO_ACCOUNT_SID": sid("AC", 1),
    "TWILIO_AUTH_TOKEN": "token",
    "TWILIO_WORKSPACE_SID": sid("WS", 1),
    "PUBLIC_BASE_URL": "https://router.example.com",
    "REDIS_URL": "redis://localhost",
}


@pytest.fixture
def client() -> FlaskClient:
    app, blue = Flask("cors"), Blueprint("blue", __name__)
    install_cors(blue, (PAGE, OTHER))

    @blue.post("/v1/transfers")
    def transfers() -> str:
        raise NotFoundError("no")

    @blue.post("/v1/events/taskrouter")
    def events() -> str:
        return ""

    install_problems(app)
    app.register_blueprint(blue)
    return app.test_client()


def allowed(client: FlaskClient, method: str, path: str, origin: str) -> str | None:
    headers = {"Origin": origin} | ({"Access-Control-Request-Method": "POST"} if method == "OPTIONS" else {})
    return client.open(path, method=method, headers=headers).headers.get("Access-Control-Allow-Origin")


@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
@pytest.mark.parametrize("origin", [PAGE, OTHER])
def test_listed_pages_may_call(client: FlaskClient, method: str, origin: str) -> None:
    assert allowed(client, method, "/v1/transfers", origin) == origin


@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
@pytest.mark.parametrize(
    "origin", ["", "null", "*", "http://flex.twilio.com", PAGE + ":443", PAGE + ".evil.example", PAGE.upper()]
)
def test_other_pages_may_not_call(client: FlaskClient, method: str, origin: str) -> None:
    assert allowed(client, method, "/v1/transfers", origin) is None


@pytest.mark.parametrize("path", ["/v1/events/taskrouter", "/livez", "/metrics"])
def test_other_addresses_are_for_no_page(client: FlaskClient, path: str) -> None:
    assert allowed(client, "OPTIONS", path, PAGE) is None
    assert allowed(client, "POST", path, PAGE) is None


def test_answers_are_kept_apart_by_page(client: FlaskClient) -> None:
    for origin in (PAGE, "https://evil.example"):
        assert "Origin" in client.post("/v1/transfers", headers={"Origin": origin}).headers["Vary"]


def test_origins_are_read_from_the_settings() -> None:
    assert load_settings(GOOD).flex_pages == (PAGE,)
    assert load_settings(GOOD | {"FLEX_ORIGINS": f"{PAGE}, {OTHER}"}).flex_pages == (PAGE, OTHER)


@pytest.mark.parametrize("text", ["*", "flex.twilio.com", PAGE + "/", PAGE + "/agent", "null", "https://", "ftp://a"])
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="FLEX_ORIGINS: must be origins"):
        load_settings(GOOD | {"FLEX_ORIGINS": text})
