"""How Twilio writes things down: names in two spellings, attributes as JSON text. Pure."""

import json
import re


def compact(value: object) -> str:
    """JSON as TaskRouter writes attributes: no spaces, characters as they are."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def snake(name: str) -> str:
    """``TaskQueueSid`` → ``task_queue_sid``: the callback's names as the Events API and Event Streams have them."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
