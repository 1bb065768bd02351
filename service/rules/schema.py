"""The JSON Schema of a rules file, made from ``shape``: what editors complete and underline by."""

import json
from collections.abc import Mapping
from typing import Any

from service.model import NOTHING
from service.rules.shape import FileShape

TARGETS = ("workflow", "queue", "worker", "task_channel", "via")


def schema_text(names: Mapping[str, object] = NOTHING) -> str:
    """The JSON Schema of a rules file, for editors; without names it is what ``config/rules.schema.json`` holds.

    ``names`` are a workspace's, a list by key (workflow, queue, worker, task_channel, via): editors then offer them.
    """
    schema = _with_names(_without_null(FileShape.model_json_schema()), names)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Routing rules"}
    return json.dumps(schema, indent=2) + "\n"


def _without_null(part: Any) -> Any:
    """A key that is optional here may be left out, but not be null."""
    if isinstance(part, list):
        return [_without_null(item) for item in part]
    if not isinstance(part, dict):
        return part
    kept = {key: _without_null(value) for key, value in part.items() if not (key == "default" and value is None)}
    choices = [choice for choice in kept.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        return {**choices[0], **{key: value for key, value in kept.items() if key != "anyOf"}}
    return {**kept, "anyOf": choices} if choices else kept


def _with_names(part: Any, names: Mapping[str, object]) -> Any:
    if isinstance(part, list):
        return [_with_names(item, names) for item in part]
    if not isinstance(part, dict):
        return part
    told = {key: _with_names(value, names) for key, value in part.items()}
    for key in TARGETS:
        if key in names and isinstance(told.get("properties"), dict) and key in told["properties"]:
            told["properties"][key] = {**told["properties"][key], "examples": names[key]}
    return told
