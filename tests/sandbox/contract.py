"""Holds requests and answers to Twilio's OpenAPI files. Which traffic that is, is the caller's affair.

    contract = Contract(directory)
    faults = contract.check_request("POST", host, "/v1/Interactions", {"Channel": "…"})
    faults += contract.check_response("POST", host, "/v1/Interactions", 200, {...})

``host`` may be anything: where it names none of Twilio's APIs, the path tells which one it is.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jsonschema

from tests.sandbox.unpublished import IAM

FILES: dict[str, str] = {
    "flex-api": "twilio_flex_v1.json",
    "taskrouter": "twilio_taskrouter_v1.json",
    "conversations": "twilio_conversations_v1.json",
}
STARTS = {"/v1/Interactions": "flex-api", "/v1/Workspaces": "taskrouter", "/v1/Accounts": "iam"}

# Where live answers are known to differ from the files: (method, template, what) → why it is let pass.
STATUS_GAPS = {
    ("POST", "/v1/Interactions", 201): "captured live with 201, published with 200",
    ("POST", "/v1/Interactions/{InteractionSid}/Channels/{ChannelSid}/Invites", 201): "as above",
}

FORMATS = jsonschema.FormatChecker(formats=())
Json = dict[str, Any]


@FORMATS.checks("uri")
def _is_uri(value: object) -> bool:
    if value == "":  # the files' own examples have it so for a workspace without a callback URL
        return True
    return not isinstance(value, str) or re.match(r"https?://\S+$", value) is not None


@FORMATS.checks("date-time")
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", value) is not None


@dataclass(frozen=True)
class Operation:
    """One method of one path, as published."""

    template: str
    description: Json
    shared: tuple[Json, ...]

    @property
    def parameters(self) -> list[Json]:
        """Those of the path included."""
        return [*self.shared, *self.description.get("parameters", [])]


class Api:
    """One of the files, read."""

    def __init__(self, document: Json) -> None:
        self._document = document

    @cached_property
    def paths(self) -> list[tuple[re.Pattern[str], str]]:
        """Patterns, those with the fewest parameters first: ``/TaskQueues/Statistics`` before ``/TaskQueues/{Sid}``."""
        templates = sorted(self._document["paths"], key=lambda template: (template.count("{"), template))
        return [(re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", one) + "$"), one) for one in templates]

    def operation(self, method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
        """The published operation, and the values of its path's parameters."""
        for pattern, template in self.paths:
            found = pattern.match(path)
            item = self._document["paths"][template]
            if found and method.lower() in item:
                shared = tuple(item.get("parameters", ()))
                return Operation(template, item[method.lower()], shared), found.groupdict()
        return None

    def names(self) -> Iterable[str]:
        """Template and method of each operation."""
        for template, item in self._document["paths"].items():
            for method in {"get", "post", "delete", "put"} & set(item):
                yield f"{template} {method.upper()}"

    def schema(self, published: Json) -> Json:
        """As JSON Schema: references resolved, ``nullable`` spelled out."""
        if "$ref" in published:
            name = published["$ref"].split("/")[-1]
            return self.schema(self._document["components"]["schemas"][name])
        plain = dict(published)
        if "properties" in plain:
            plain["properties"] = {name: self.schema(part) for name, part in plain["properties"].items()}
        if "items" in plain:
            plain["items"] = self.schema(plain["items"])
        if plain.pop("nullable", False) and "type" in plain:
            plain["type"] = [plain["type"], "null"]
            if "enum" in plain:
                plain["enum"] = [*plain["enum"], None]
        return plain


class Contract:
    """The three files, and what stands for the one that Twilio has not published."""

    def __init__(self, directory: Path) -> None:
        self._apis = {host: Api(json.loads((directory / name).read_text())) for host, name in FILES.items()}
        self._apis["iam"] = Api(IAM)

    def check_request(self, method: str, host: str, path: str, form: Mapping[str, object]) -> list[str]:
        """Faults of a request. ``form`` are its form parameters, or for GET its query; a repeated one is a list."""
        found = self._api(host, path).operation(method, path)
        if found is None:
            return [f"{method} {path} is not published"]
        operation, values = found
        faults = [*self._path_faults(operation, values)]
        known, required = self._known(host, path, operation)
        faults += [f"{method} {operation.template}: {name} is not published" for name in form if name not in known]
        faults += [f"{method} {operation.template}: {name} is missing" for name in required if name not in form]
        for name, value in form.items():
            if name in known and not _fits(known[name], value):
                faults.append(f"{method} {operation.template}: {name} has a value that is not published")
        return faults

    def check_response(self, method: str, host: str, path: str, status: int, body: object) -> list[str]:
        """Faults of an answer. Errors have no published shape: Twilio's usual one is asked for."""
        api = self._api(host, path)
        found = api.operation(method, path)
        if status >= 400:
            return _error_faults(status, body)
        if found is None:
            return [f"{method} {path} is not published"]
        template, responses = found[0].template, found[0].description["responses"]
        if str(status) not in responses:
            return [] if (method, template, status) in STATUS_GAPS else [f"{method} {template}: status {status}"]
        content = responses[str(status)].get("content")
        if not content:
            return [] if body in (None, "") else [f"{method} {template}: a body where none is published"]
        schema = api.schema(content["application/json"]["schema"])
        return [f"{method} {template}: {fault}" for fault in _shape_faults(schema, body)]

    def name_of(self, method: str, path: str) -> str:
        """``/v1/Interactions/{Sid} GET``; the path itself where it is not published."""
        found = self._api("", path).operation(method, path)
        return f"{found[0].template if found else path} {method}"

    def names(self) -> set[str]:
        """Of everything that is published."""
        return {name for api in self._apis.values() for name in api.names()}

    def _api(self, host: str, path: str) -> Api:
        name = next((name for name in self._apis if host.startswith(f"{name}.")), None)
        name = name or next((name for start, name in STARTS.items() if path.startswith(start)), "conversations")
        return self._apis[name]

    def _path_faults(self, operation: Operation, values: Mapping[str, str]) -> Iterable[str]:
        for parameter in operation.parameters:
            pattern = parameter["schema"].get("pattern")
            if parameter["in"] == "path" and pattern and not re.match(pattern, values[parameter["name"]]):
                yield f"{operation.template}: {parameter['name']} is no such SID"

    def _known(self, host: str, path: str, operation: Operation) -> tuple[dict[str, Json], list[str]]:
        api = self._api(host, path)
        known = {
            one["name"]: api.schema(one["schema"]) for one in operation.parameters if one["in"] in ("query", "header")
        }
        required = [one["name"] for one in operation.parameters if one["in"] == "query" and one.get("required")]
        for content in operation.description.get("requestBody", {}).get("content", {}).values():
            schema = content["schema"]
            known |= {name: api.schema(part) for name, part in schema.get("properties", {}).items()}
            required += schema.get("required", [])
        return known, required


def _fits(schema: Json, value: object) -> bool:
    """A form parameter, which comes as text, is what its schema says."""
    if schema.get("type") == "array":
        values = value if isinstance(value, list) else [value]
        return all(_fits(schema["items"], one) for one in values)
    if isinstance(value, list):
        return False
    if "type" not in schema:  # Routing and its like: some JSON
        return _parsed(value) is not None
    readable = _parsed(value) if schema["type"] in ("integer", "boolean", "number", "object") else value
    return not list(jsonschema.Draft7Validator(schema).iter_errors(readable))


def _parsed(value: object) -> object:
    try:
        return json.loads(str(value))
    except ValueError:
        return None


def _shape_faults(schema: Json, body: object) -> Iterable[str]:
    for error in jsonschema.Draft7Validator(schema, format_checker=FORMATS).iter_errors(body):
        yield f"{'/'.join(map(str, error.absolute_path)) or 'body'}: {error.message[:120]}"
    yield from _unknown_keys(schema, body, "")


def _unknown_keys(schema: Json, body: object, where: str) -> Iterable[str]:
    """Keys that are published nowhere: JSON Schema lets them pass."""
    if isinstance(body, list) and "items" in schema:
        for item in body:
            yield from _unknown_keys(schema["items"], item, where)
    properties = schema.get("properties")
    if not isinstance(body, dict) or not properties:
        return
    for name, value in body.items():
        if name not in properties:
            yield f"{where}{name} is not published"
        else:
            yield from _unknown_keys(properties[name], value, f"{where}{name}/")


def _error_faults(status: int, body: object) -> list[str]:
    wanted = {"code": int, "message": str, "more_info": str, "status": int}
    if not isinstance(body, dict) or not all(isinstance(body.get(name), kind) for name, kind in wanted.items()):
        return [f"an error without {', '.join(wanted)}"]
    return [] if body["status"] == status else [f"an error whose status is {body['status']} came with {status}"]
