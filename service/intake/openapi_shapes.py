"""The smallest pieces of the description's shapes."""

Json = dict[str, object]

REFERENCE = "#/components/schemas/"


def ref(name: str) -> Json:
    """A reference to a named shape."""
    return {"$ref": REFERENCE + name}


def objects(fields: Json) -> Json:
    """Objects that always have all of these fields."""
    return {"type": "object", "properties": fields, "required": list(fields)}


def text(description: str = "") -> Json:
    """A text."""
    return {"type": "string", "description": description} if description else {"type": "string"}


def time() -> Json:
    """A moment."""
    return {"type": "string", "format": "date-time", "description": "ISO 8601, UTC"}


def sid(prefix: str) -> Json:
    """A SID of one kind, or null."""
    return {"type": ["string", "null"], "pattern": f"^{prefix}[0-9a-fA-F]{{32}}$"}


def nothing_or(shape: Json) -> Json:
    """The shape, or null."""
    return {"anyOf": [shape, {"type": "null"}]}
