"""Past requests out of our own records, one JSON object a line, as ``flex-router rules replay`` reads them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from service.model import Invite, Kind
from service.tracking.records import asdict_request
from service.tracking.store import Store

PAGE = 500


def past_requests(store: Store) -> Iterator[str]:
    """Every remembered request that the rules decided, newest first. The lines hold what customers' apps sent.

    Later steps of a ladder repeat the request of the first, and adopted tasks had none: both are left out.
    Raises StoreUnavailableError.
    """
    cursor: tuple[int, str] | None = None
    while rows := store.newest(before=cursor, most=PAGE):
        for invite in store.get_many([row[1] for row in rows]):
            if invite.kind is not Kind.ADOPTED and invite.predecessor is None and invite.plan.rules_sha256:
                yield json.dumps(_body(invite), ensure_ascii=False)
        cursor = rows[-1]


def _body(invite: Invite) -> dict[str, object]:
    body = asdict_request(invite.request)
    origin, to, carried = body.pop("origin", None), body.pop("to", None), body.pop("carried", None)
    if carried:
        body["attributes"] = {**carried, **invite.request.attributes}  # type: ignore[dict-item]  # a JSON object
    if isinstance(origin, dict):
        body["from"] = {name: value for name, value in origin.items() if value is not None}
    if isinstance(to, dict):
        body["to"] = {to["kind"]: to["name"]}
    at = datetime.fromtimestamp(invite.created_at_ms / 1000, tz=UTC)
    return {**body, "at": at.isoformat(timespec="seconds")}
