"""The JSON Schema that editors use is the one the code checks by."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from service.rules.schema import schema_text


@pytest.fixture(scope="module")
def schema(repository: Path) -> Any:
    return json.loads((repository / "config" / "rules.schema.json").read_text())


def test_schema_file_equals_the_code(repository: Path) -> None:
    assert (repository / "config" / "rules.schema.json").read_text() == schema_text()


def test_delivered_rules_fit_the_schema(repository: Path, schema: Any) -> None:
    jsonschema.validate(yaml.safe_load((repository / "config" / "rules.yaml").read_text()), schema)


UNFIT = {
    "misspelled": {"version": 1, "default": {"workflwo": "w"}},
    "null": {"version": 1, "default": {"workflow": None}},
    "priority": {"version": 1, "default": {"workflow": "w", "priority": -1}},
    "no-default": {"version": 1},
}


@pytest.mark.parametrize("document", UNFIT.values(), ids=UNFIT)
def test_unfit_document_does_not_fit_the_schema(schema: Any, document: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)
