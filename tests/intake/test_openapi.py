"""The description is valid OpenAPI 3.1 and says what the code does."""

import json
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from service.errors import FieldError, InvalidFieldsError, RouterError, TwilioRefusedError
from service.intake.keys import SCOPES
from service.intake.openapi import document
from service.intake.openapi_schemas import invite_example
from service.intake.payloads import parse_decision_request, parse_routing_request
from service.intake.problems import problem
from service.intake.views import decision_view, invite_view
from service.model import Invite, Kind, Plan, Route, RoutingRequest, State
from service.reconcile.rulebook import Decision
from tests.conftest import sid

DOCUMENT: dict[str, Any] = json.loads(json.dumps(document()))
ROUTE = Route(workflow_sid=sid("WW", 1), workflow="everyone", queue_sid=sid("WQ", 1), queue="support", timeout_s=30)
PLAN = Plan(rule="r", rules_sha256="0" * 64, steps=(ROUTE, ROUTE))
OPERATIONS = [
    (method, path, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method in ("get", "post")
]


def check(name: str, value: object) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(schema).validate(value)


def test_document_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_document_fits_an_answer() -> None:
    assert len(json.dumps(DOCUMENT)) < 64 * 1024


def test_every_address_is_described() -> None:
    assert {(method, path) for method, path, _ in OPERATIONS} == {
        ("post", "/v1/escalations"),
        ("post", "/v1/transfers"),
        ("post", "/v1/decisions"),
        ("get", "/v1/invites"),
        ("get", "/v1/invites/{id}"),
        ("post", "/v1/invites/{id}/cancel"),
        ("post", "/v1/events/taskrouter"),
        ("post", "/v1/events/streams"),
        ("post", "/v1/events/conversations"),
        ("post", "/v1/conversations/{conversation_sid}/leave"),
        ("post", "/v1/conversations/{conversation_sid}/remove"),
        ("post", "/v1/conversations/{conversation_sid}/end"),
        ("post", "/v1/conversations/{conversation_sid}/park"),
        ("post", "/v1/conversations/{conversation_sid}/wake"),
        ("get", "/v1/conversations/{conversation_sid}"),
        ("get", "/v1/errands/{id}"),
        ("get", "/v1/transfers/{id}"),
        ("get", "/livez"),
        ("get", "/metrics"),
        ("get", "/readyz"),
        ("get", "/openapi.json"),
        ("get", "/docs"),
    }


@pytest.mark.parametrize(("path", "kind"), [("/v1/escalations", Kind.ESCALATION), ("/v1/transfers", Kind.TRANSFER)])
def test_example_request_is_taken(path: str, kind: Kind) -> None:
    content = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    schema = {**content["schema"], "components": DOCUMENT["components"]}

    jsonschema.Draft202012Validator(schema).validate(content["example"])
    assert parse_routing_request(kind, "application/json", json.dumps(content["example"]).encode()).kind is kind


def test_example_decision_is_taken() -> None:
    example = DOCUMENT["paths"]["/v1/decisions"]["post"]["requestBody"]["content"]["application/json"]["example"]

    check("DecisionBody", example)
    assert parse_decision_request("application/json", json.dumps(example).encode()).kind is Kind.ESCALATION


@pytest.mark.parametrize(
    "body",
    [
        {"conversation_sid": "CH1"},
        {"reason": "x" * 201},
        {"colour": "red"},
        {"to": {}},
        {"to": {"queue": "a", "worker": "b"}},
        {"mode": "hot"},
    ],
    ids=str,
)
def test_description_refuses_what_the_code_refuses(body: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        check("TransferBody", body)
    with pytest.raises(InvalidFieldsError):
        parse_routing_request(
            Kind.TRANSFER, "application/json", json.dumps({"conversation_sid": sid("CH", 1), **body}).encode()
        )


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("kind", Kind)
def test_invite_answers_are_as_described(state: State, kind: Kind) -> None:
    invite = Invite("iv_1", kind, state, 1, RoutingRequest(kind), PLAN, conversation_sid=sid("CH", 1), due_ms=2)

    check("Invite", invite_view(invite))
    assert invite_view(invite).keys() == invite_example().keys()


def test_list_and_decision_answers_are_as_described() -> None:
    trace: list[dict[str, object]] = [
        {"rule": "r", "matched": True, "because": [{"condition": "a == 1", "held": True, "saw": {"a": "1"}}]}
    ]

    check("Invites", {"invites": [invite_example()], "next_cursor": None})
    check("Decision", decision_view("escalation", Decision(PLAN, 0), trace))


@pytest.mark.parametrize(
    "error",
    [
        InvalidFieldsError("x", errors=(FieldError("a", "b"),)),
        TwilioRefusedError("x", twilio_status=400),
        RouterError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_problem_answers_are_as_described(error: RouterError) -> None:
    check("Problem", problem(error)[0])


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=lambda value: str(value)[:30])
def test_keyed_operations_describe_refusal(method: str, path: str, operation: dict[str, Any]) -> None:
    scopes = [scope for way in operation["security"] for scope in way.get("appKey", ())]

    assert set(scopes) <= set(SCOPES)
    assert ("401" in operation["responses"]) == bool(scopes)
    assert ("403" in operation["responses"]) == bool(operation["security"])
    assert ("413" in operation["responses"]) == ("requestBody" in operation)
