"""The page of the description: served whole from here, under a policy that lets nothing else run."""

import re
from hashlib import sha256
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.intake.docs import STATIC, docs
from service.intake.openapi import document
from service.intake.problems import install_problems

VENDORED = STATIC / "swagger-ui"


@pytest.fixture
def client() -> FlaskClient:
    app = Flask("docs")
    install_problems(app)
    app.register_blueprint(docs())
    return app.test_client()


def test_description_is_served_as_json(client: FlaskClient) -> None:
    response = client.get("/openapi.json")

    assert response.content_type == "application/json"
    assert response.get_json() == document()


def test_page_loads_only_files_we_serve(client: FlaskClient) -> None:
    page = client.get("/docs").text
    named = re.findall(r'(?:src|href)="([^"]*)"', page)

    assert len(named) >= 4
    for name in named:
        assert name == "data:," or client.get(f"/{name}").status_code == 200


def test_page_holds_no_script_of_its_own(client: FlaskClient) -> None:
    page = client.get("/docs").text

    assert re.findall(r"<script(?![^>]* src=)[^>]*>", page) == []
    assert "style=" not in page
    assert not re.search(r"\son\w+=", page)


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/docs/static/docs.js"])
def test_answers_carry_the_strict_policy(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers

    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["../docs.py", "..%2fdocs.py", "swagger-ui/../../docs.py", "none.js", ""])
def test_nothing_else_can_be_fetched(client: FlaskClient, name: str) -> None:
    assert client.get(f"/docs/static/{name}").status_code == 404


def test_vendored_files_are_as_released() -> None:
    noted = (VENDORED / "SHA256SUMS").read_text().splitlines()

    assert sorted(noted) == sorted(
        f"{sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in _released(VENDORED)
    )


def test_licence_comes_with_the_files() -> None:
    assert "Apache License" in (VENDORED / "LICENSE").read_text()


def _released(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name != "SHA256SUMS"]
