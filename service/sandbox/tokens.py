"""Tokens that Flex gives its users: given out, looked at, taken back. They die by the sandbox's clock.

None of this is in Twilio's OpenAPI files. Verified (npm ``twilio-flex-token-validator`` 1.6.0, code and README): the
address, the JSON that is sent, and an answer for a good token: valid, code 0, message null, expiration, realm_user_id,
identity, roles, worker_sid. Seen in public code only: that all but valid and code may be null, flex_instance_sid and
flex_user_sid. Not verified, and so ours: the answer's status (200), code and sentence for a token that is not good, and
how long a token lives. The form is that of a JWE with a key agreed beforehand: five parts, the second one empty.
"""

import base64
import json
import re
import secrets
from dataclasses import replace

from service.sandbox.clock import iso_ms
from service.sandbox.sids import named_sid
from service.sandbox.state import FlexToken, Worker
from service.sandbox.world import World

USUAL_LIFE_S = 3600.0
MOST_KEPT = 10_000  # tokens; the oldest go first
INVALID_TOKEN = 20101  # "Invalid Access Token"
EXPIRED_TOKEN = 20104  # "Access Token expired"
HEADER = {"alg": "dir", "cty": "twilio-fpa;v=1", "enc": "A256GCM", "zip": "DEF"}

Json = dict[str, object]


def give_token(world: World, worker: Worker, roles: tuple[str, ...], life_s: float) -> FlexToken:
    """A new token for this worker, good for ``life_s`` seconds of the sandbox's clock."""
    header = _encoded(json.dumps(HEADER).encode())
    text = ".".join((header, "", *(_encoded(secrets.token_bytes(size)) for size in (12, 240, 16))))
    token = FlexToken(text, worker.sid, roles, world.now() + life_s)
    world.tokens[text] = token
    while len(world.tokens) > MOST_KEPT:
        del world.tokens[next(iter(world.tokens))]
    return token


def take_back(world: World, worker: Worker, text: str | None) -> int:
    """Revoke one token of this worker, or all; answers how many were good until now."""
    now = world.now()
    mine = [one for one in world.tokens.values() if one.worker_sid == worker.sid and text in (None, one.text)]
    for token in mine:
        world.tokens[token.text] = replace(token, expires=min(token.expires, now), revoked=True)
    return sum(not one.revoked and one.expires > now for one in mine)


def token_report(world: World, text: str) -> Json:
    """What the validator is told."""
    token = world.tokens.get(text)
    if token is None or token.revoked:
        return _refused(INVALID_TOKEN, "Invalid token")
    if token.expires <= world.now():
        return _refused(EXPIRED_TOKEN, "Token expired")
    name = world.workers[token.worker_sid].friendly_name
    return {
        "valid": True,
        "code": 0,
        "message": None,
        "expiration": iso_ms(token.expires),
        "realm_user_id": name,
        "identity": _identity(name),
        "roles": list(token.roles),
        "worker_sid": token.worker_sid,
        "flex_instance_sid": named_sid("GO", "instance"),
        "flex_user_sid": named_sid("FU", name),
    }


def _refused(code: int, message: str) -> Json:
    names = ("expiration", "realm_user_id", "identity", "roles", "worker_sid", "flex_instance_sid", "flex_user_sid")
    return {"valid": False, "code": code, "message": message, **dict.fromkeys(names)}


def _identity(name: str) -> str:
    """``user@example.com`` → ``user_40example_2Ecom``: what is no letter and no digit, by its number in hexadecimal."""
    return re.sub(r"[^A-Za-z0-9]", lambda found: "".join(f"_{byte:02X}" for byte in found[0].encode()), name)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
