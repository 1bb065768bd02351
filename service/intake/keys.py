"""Keys of the apps that call us: which are known, whose a request is, and what it may do. Pure, apart from making one.

The settings hold only a hash of each secret. A secret is 32 random bytes, so a plain SHA-256 of it cannot be searched.
No Flask and no environment may come in here, and no hash or token may go into a text.
"""

import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from service.errors import ConfigurationError, ForbiddenError, UnauthorizedError

EVERYTHING = "*"
SCOPES = (
    "escalate",
    "transfer",
    "invites:read",
    "invites:cancel",
    "conversations:act",
    "conversations:read",
    "decide",
    "metrics",
    EVERYTHING,
)

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HASH = re.compile(r"[0-9a-fA-F]{64}")
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +(?P<id>[A-Za-z0-9_-]{1,64})\.(?P<secret>[\x21-\x7e]{1,255})")


@dataclass(frozen=True)
class ApiKey:
    """One app's key: its name, the SHA-256 of its secret, and what it may do."""

    id: str
    digest: bytes = field(repr=False)
    scopes: frozenset[str]


def parse_keys(text: str) -> tuple[ApiKey, ...]:
    """Read API_KEYS: ``id:sha256hex:scope+scope`` entries with spaces, commas or line ends between them.

    Raises ConfigurationError that lists every fault by the entry's position, with nothing of the entry in it.
    """
    entries = re.findall(r"[^\s,]+", text)
    faults: list[str] = []
    seen: dict[str, int] = {}
    for position, entry in enumerate(entries, 1):
        faults += [f"API_KEYS entry {position} {fault}" for fault in _entry_faults(entry)]
        earlier = seen.setdefault(entry.split(":", 1)[0], position)
        if earlier != position:
            faults.append(f"API_KEYS entry {position} has the same id as entry {earlier}")
    if faults:
        raise ConfigurationError(tuple(faults))
    return tuple(_key(*entry.split(":", 2)) for entry in entries)


def authenticate(header: str | None, keys: Sequence[ApiKey]) -> ApiKey:
    """As ``find_key``, but raises UnauthorizedError where there is none."""
    found = find_key(header, keys)
    if found is None:
        raise UnauthorizedError("give a key in the header Authorization: Bearer <id>.<secret>")
    return found


def find_key(header: str | None, keys: Sequence[ApiKey]) -> ApiKey | None:
    """The key that an ``Authorization: Bearer <id>.<secret>`` header proves, or None.

    Every key is compared in full, so that the time taken says neither which ids exist nor how much of one was right.
    """
    match = _BEARER.fullmatch(header.strip()) if header else None
    name, secret = (match["id"].encode(), match["secret"].encode()) if match else (b"", b"")
    digest = sha256(secret).digest()
    found: ApiKey | None = None
    for key in keys:
        if hmac.compare_digest(key.id.encode(), name) & hmac.compare_digest(key.digest, digest):
            found = key
    return found


def require(key: ApiKey, scope: str) -> None:
    """Raises ForbiddenError unless ``key`` may do ``scope``."""
    if not key.scopes & {scope, EVERYTHING}:
        raise ForbiddenError(f"this key lacks the scope {scope}")


def generate_key(name: str, scopes: Iterable[str]) -> tuple[str, str]:
    """A new key: the token for the app, the entry for API_KEYS. Raises ConfigurationError on a wrong name or scope."""
    secret = secrets.token_urlsafe(32)
    entry = f"{name}:{sha256(secret.encode()).hexdigest()}:{'+'.join(scopes)}"
    faults = _entry_faults(entry)
    if faults:
        raise ConfigurationError(tuple(f"the key {fault}" for fault in faults))
    return f"{name}.{secret}", entry


def _key(name: str, digest: str, scopes: str) -> ApiKey:
    return ApiKey(name, bytes.fromhex(digest), frozenset(scopes.split("+")))


def _entry_faults(entry: str) -> list[str]:
    parts = entry.split(":", 2)
    if len(parts) != 3:
        return ["must have the form id:sha256hex:scope+scope"]
    faults = []
    if not _ID.fullmatch(parts[0]):
        faults.append("must begin with an id of 1 to 64 letters, digits, - or _")
    if not _HASH.fullmatch(parts[1]):
        faults.append("must carry the SHA-256 of the secret as 64 hexadecimal digits")
    if not set(parts[2].split("+")) <= set(SCOPES):
        faults.append(f"may only have the scopes {', '.join(SCOPES)}, joined by +")
    return faults
