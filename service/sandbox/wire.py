"""Between HTTP and the sandbox: parameters in, Twilio's JSON, pages and errors out. No resource is known here."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar
from urllib.parse import urlencode

from flask import Response, request

from service.sandbox.clock import parse_iso
from service.sandbox.refusals import PAGE_UNSUPPORTED, UNAUTHORIZED, Refused
from service.sandbox.sids import new_sid
from service.sandbox.world import Account, World

USUAL_PAGE = 50
LARGEST_PAGE = 1000
LAG_KEY = "sandbox.lag_s"


class Listed(Protocol):
    """Whatever can stand in a list: it has a SID and a time of creation."""

    @property
    def sid(self) -> str: ...

    @property
    def created(self) -> float: ...


Kind = TypeVar("Kind", bound=Listed)


def answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(json.dumps(body), status, dict(headers or {}), mimetype="application/json")


def refusal(refused: Refused) -> Response:
    """Twilio's error body."""
    return answer(
        {
            "code": refused.code,
            "message": refused.message,
            "more_info": f"https://www.twilio.com/docs/errors/{refused.code}",
            "status": refused.status,
        },
        refused.status,
    )


def request_id() -> str:
    """The value of the Twilio-Request-Id header."""
    return new_sid("RQ")


def check_login(account: Account) -> None:
    """HTTP Basic with the account's token or its API key. Raises Refused (401)."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        given = ""
    allowed = {f"{account.sid}:{account.token}"}
    if account.api_key:
        allowed.add(f"{account.api_key}:{account.api_secret}")
    if scheme.lower() != "basic" or given not in allowed:
        raise Refused("Authenticate", status=401, code=UNAUTHORIZED)


def text(name: str) -> str | None:
    """A form parameter, or None."""
    return request.form.get(name)


def required(name: str) -> str:
    """A form parameter. Raises Refused if it is not there or empty."""
    value = request.form.get(name)
    if not value:
        raise Refused(f"{name} is required")
    return value


def integer(name: str, least: int, most: int) -> int | None:
    """A whole number from the form. Raises Refused."""
    return _integer(name, request.form.get(name), least, most)


def truth(name: str) -> bool | None:
    """true or false from the form. Raises Refused."""
    value = request.form.get(name)
    if value is None:
        return None
    if value.lower() not in ("true", "false"):
        raise Refused(f"{name} must be true or false")
    return value.lower() == "true"


def json_object(name: str) -> dict[str, object] | None:
    """A JSON object in one form parameter. Raises Refused."""
    value = request.form.get(name)
    if value is None:
        return None
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise Refused(f"{name} must be a JSON object")
    return parsed


def query(name: str) -> str | None:
    """A query parameter; empty counts as absent."""
    return request.args.get(name) or None


def query_integer(name: str, least: int, most: int) -> int | None:
    """A whole number from the query. Raises Refused."""
    return _integer(name, query(name), least, most)


def query_date(name: str) -> float | None:
    """An ISO-8601 date from the query, in epoch seconds. Raises Refused."""
    value = query(name)
    try:
        return parse_iso(value) if value else None
    except ValueError as error:
        raise Refused(f"{name} must be an ISO-8601 date") from error


def page(
    world: World, key: str, items: Sequence[Kind], shape: Callable[[Kind], object], *, most: int = LARGEST_PAGE
) -> Response:
    """One page of a list, of ``most`` items at most whatever is asked for, and where the next one is.

    A token names the last item of the page before, so that new items at the head do not shift what follows.
    """
    size = min(query_integer("PageSize", 1, LARGEST_PAGE) or USUAL_PAGE, most)
    number = query_integer("Page", 0, 1_000_000) or 0
    token = query("PageToken")
    if number and not token:
        raise Refused("Page is not supported, use PageToken", code=PAGE_UNSUPPORTED)
    lag = request.environ.get(LAG_KEY, 0.0)
    seen = [item for item in items if item.created <= world.now() - lag] if lag else items
    start = _after(seen, token)
    shown = seen[start : start + size]
    more = start + size < len(seen)
    meta = {
        "page": number,
        "page_size": size,
        "first_page_url": _page_url(world, size, 0, None),
        "previous_page_url": None,
        "url": _page_url(world, size, number, token),
        "next_page_url": _page_url(world, size, number + 1, f"PA{shown[-1].sid}") if more else None,
        "key": key,
    }
    return answer({key: [shape(item) for item in shown], "meta": meta})


def _after(items: Sequence[Kind], token: str | None) -> int:
    if not token:
        return 0
    last = token.removeprefix("PA")
    for index, item in enumerate(items):
        if item.sid == last:
            return index + 1
    raise Refused("PageToken is not valid any more")


def _page_url(world: World, size: int, number: int, token: str | None) -> str:
    kept = [pair for pair in request.args.items(multi=True) if pair[0] not in ("PageSize", "Page", "PageToken")]
    paging = [("PageSize", str(size)), ("Page", str(number)), *([("PageToken", token)] if token else [])]
    return f"{world.origin}{request.path}?{urlencode(kept + paging)}"


def _integer(name: str, value: str | None, least: int, most: int) -> int | None:
    if value is None:
        return None
    if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
        raise Refused(f"{name} must be an integer from {least} to {most}")
    return int(value)
