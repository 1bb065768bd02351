"""What the service answers is what its own OpenAPI document says."""

from pathlib import Path
from typing import Any

import pytest
import requests
from jsonschema import Draft202012Validator

from service.intake.openapi import document
from tests.flow.world import World


def faults(method: str, path: str, response: requests.Response) -> list[str]:
    """Where an answer differs from the document; a status that is not described is a fault too."""
    described = document()
    operation = described["paths"][path][method.lower()]  # type: ignore[index]
    answer = operation["responses"].get(str(response.status_code)) or operation["responses"].get("default")
    if answer is None:
        return [f"status {response.status_code} is not described"]
    if "$ref" in answer:
        answer = described["components"]["responses"][answer["$ref"].rsplit("/", 1)[1]]  # type: ignore[index]
    content = answer.get("content")
    if not content:
        return [] if not response.content else ["a body where none is described"]
    media_type = response.headers["Content-Type"].split(";")[0]
    if media_type not in content:
        return [f"{media_type} is not described"]
    schema: Any = _closed({**content[media_type]["schema"], "components": described["components"]})
    return [error.message for error in Draft202012Validator(schema).iter_errors(response.json())]


def _closed(schema: object) -> object:
    """The schema with every object closed: callers may meet new fields, but we may not forget to describe one."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: _closed(value) for name, value in schema.items()}
    return {**inner, "additionalProperties": False} if "properties" in inner and "required" in inner else inner


def send(world: World, method: str, path: str, **more: object) -> requests.Response:
    headers = {"Authorization": f"Bearer {world.token}"}
    return requests.request(method, world.url + path, headers=headers, timeout=20, **more)  # type: ignore[arg-type]


def test_answers_of_the_api_are_as_described(world: World) -> None:
    conversation = world.customer()["conversation_sid"]
    body = {"conversation_sid": conversation, "attributes": {"topic": "billing"}}
    made = send(world, "POST", "/v1/escalations", json=body)
    steps = [
        ("POST", "/v1/escalations", made, 201),
        ("POST", "/v1/escalations", send(world, "POST", "/v1/escalations", json=body), 200),
        ("POST", "/v1/escalations", send(world, "POST", "/v1/escalations", json={**body, "reason": "x"}), 409),
        ("POST", "/v1/transfers", send(world, "POST", "/v1/transfers", json={**body, "to": {"queue": "support"}}), 201),
        ("POST", "/v1/decisions", send(world, "POST", "/v1/decisions", json=body), 200),
        ("GET", "/v1/invites", send(world, "GET", "/v1/invites?limit=1"), 200),
        ("GET", "/v1/invites/{id}", send(world, "GET", f"/v1/invites/{made.json()['id']}"), 200),
        ("POST", "/v1/invites/{id}/cancel", send(world, "POST", f"/v1/invites/{made.json()['id']}/cancel"), 200),
        ("GET", "/livez", send(world, "GET", "/livez"), 200),
        ("GET", "/readyz", send(world, "GET", "/readyz"), 200),
    ]
    for method, path, response, status in steps:
        assert response.status_code == status, (path, response.text)
        assert faults(method, path, response) == [], path


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        ("POST", "/v1/escalations", {"data": "{", "headers": None}, 415),
        ("POST", "/v1/escalations", {"json": {}}, 422),
        ("GET", "/v1/invites/{id}", {}, 404),
        ("POST", "/v1/events/taskrouter", {"data": {"a": "b"}}, 403),
    ],
    ids=["415", "422", "404", "403"],
)
def test_problems_are_as_described(world: World, method: str, path: str, more: dict, status: int) -> None:  # type: ignore[type-arg]
    more.pop("headers", None)
    response = send(world, method, path.replace("{id}", "none"), **more)
    assert response.status_code == status
    assert faults(method, path, response) == []


def test_longest_answers_stay_under_studios_limit(world: World, rules_file: Path) -> None:
    many = "".join(
        f"  - name: rule-{number}\n    when: attributes.{'x' * 40}{number} == '{'y' * 200}'\n"
        "    route: {workflow: everyone}\n"
        for number in range(300)
    )
    rules_file.write_text(f"version: 1\nrules:\n{many}default: {{workflow: everyone}}\n")
    for number in range(45):
        world.escalate(world.customer()["conversation_sid"], idempotency_key=str(number))
    world.await_rule_file()
    listed = send(world, "GET", "/v1/invites?limit=40")
    decided = send(world, "POST", "/v1/decisions", json={"conversation_sid": "CH" + "1" * 32})
    assert (len(listed.json()["invites"]), decided.json()["rule"]) == (40, "default")
    assert decided.json()["trace_omitted"] > 0
    assert max(len(listed.content), len(decided.content)) < 64_000
