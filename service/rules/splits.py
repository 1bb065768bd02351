"""Stable splits: ``percent: 10`` on a rule applies it to a tenth of the conversations, always the same ones.

A key of the rule rather than a function in its condition, because then an editor checks the number, lint knows that the
rule lets others through, and the rule's name is at once the name of the split: rules are dealt independently of one
another, raising the number only adds conversations, and giving the rule another name deals anew.
"""

from hashlib import sha256

from service.model import RoutingRequest
from service.rules.expression import Expression
from service.rules.expression.tree import Compare, Literal, Path

PERCENT = "percent"  # the fact that holds places, by rule
PLACE = "this conversation's place from 0 to 100"
RANGE = 2**64


def place_in_split(name: str, conversation: str) -> float:
    """A number from 0 up to, not including, 100: even over conversations, the same each time."""
    digest = sha256(f"{name}\0{conversation}".encode()).digest()
    return int.from_bytes(digest[:8]) * 100 / RANGE


def dealt_by(request: RoutingRequest) -> str | None:
    """What a request is dealt by: its conversation, else its channel or interaction; None if it names none."""
    return request.conversation_sid or request.channel_sid or request.interaction_sid


def share(rule: str, percent: float) -> Expression:
    """The condition that ``percent`` puts on a rule. A request without any SID is in no share."""
    text = f"{PERCENT}: {percent}"
    place = Path((PERCENT, rule), 0, len(text), True, PLACE)
    return Expression(text, Compare(place, "<", Literal(percent, 0, len(text)), 0, len(text)))
