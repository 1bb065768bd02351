"""What a transfer's new task takes over from the task of the agent who hands the conversation on. Pure.

An invite makes a new task, and Twilio carries nothing over to it ("Park an Interaction"): whoever comes would know
nothing, and Flex Insights would count the parts of one conversation as several.
"""

from collections.abc import Mapping

from service.model import RoutingRequest

MOST_CHARACTERS = 4096  # of one task's attributes, white space included: "TaskRouter resource limits"
FLEX_ROOM = 700  # of them for the keys that Flex adds: 570 to 630 are seen, more where a customer has a long address
LINKED = ("conversations", "customers")  # the objects by which Flex Insights links the segments of a conversation


def attributes_of(request: RoutingRequest) -> dict[str, object]:
    """All that a request brings: the old task's attributes, and over them what the caller says.

    ``conversations`` and ``customers`` are laid over each other key by key, so that a caller who adds to them does not
    cut the link.
    """
    return laid_over(request.carried or {}, request.attributes)


def laid_over(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    """Both; where a name is in both, ``above`` counts, and the linking objects are merged."""
    whole = {**below, **above}
    for name in LINKED:
        old, new = below.get(name), above.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            whole[name] = {**old, **new}
    return whole
