"""REDIS_URL → where the store is: one server, a set watched by Sentinel, or a cluster. Pure; no connection is made.

    redis://user:password@host:6379/0          rediss:// the same over TLS          unix:///path/to/socket
    redis+sentinel://user:password@host:26379,other,third:26380/mymaster/0?sentinel_password=…
    redis+cluster://user:password@host:7000,other:7001

User and password are those of the data servers, percent-encoded where need be; ``rediss+sentinel`` and
``rediss+cluster`` speak TLS to all of them. A sentinel's own user and password stand in the query.
"""

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from service.errors import ConfigurationError

SENTINEL_PORT, CLUSTER_PORT = 26_379, 6379
_QUERY = ("sentinel_username", "sentinel_password")


@dataclass(frozen=True)
class Fleet:
    """Several servers that are one store. ``service``: the name by which sentinels know it; None for a cluster."""

    hosts: tuple[tuple[str, int], ...]
    tls: bool
    username: str | None = None
    password: str | None = None
    service: str | None = None
    db: int = 0
    sentinel_username: str | None = None
    sentinel_password: str | None = None


def fleet_of(url: str) -> Fleet | None:
    """None if ``url`` is the address of one server. Raises ConfigurationError, which never repeats the address."""
    scheme, _, rest = url.partition("://")
    security, _, kind = scheme.partition("+")
    if kind not in ("sentinel", "cluster"):
        return None
    parts = urlsplit("//" + rest)
    login, _, hosts = parts.netloc.rpartition("@")
    username, _, password = login.partition(":")
    service, db = _service_and_db(kind, parts.path)
    query = _query(kind, parts.query)
    return Fleet(
        hosts=tuple(_host(text, SENTINEL_PORT if kind == "sentinel" else CLUSTER_PORT) for text in hosts.split(",")),
        tls=security == "rediss",
        username=unquote(username) or None,
        password=unquote(password) or None,
        service=service,
        db=db,
        sentinel_username=query.get("sentinel_username"),
        sentinel_password=query.get("sentinel_password"),
    )


def _host(text: str, port: int) -> tuple[str, int]:
    name, given = text, ""
    if "]" in text or text.count(":") == 1:  # [::1]:7000 or host:7000
        name, _, given = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not name or (given and not (given.isascii() and given.isdigit() and 0 < int(given) < 65_536)):
        raise _fault("each host must be a name or an address, with :port if it is not the usual one")
    return name.strip("[]"), int(given) if given else port


def _service_and_db(kind: str, path: str) -> tuple[str | None, int]:
    names = [unquote(name) for name in path.split("/") if name]
    if kind == "cluster":
        if names not in ([], ["0"]):
            raise _fault("a cluster has no databases: nothing may follow the hosts")
        return None, 0
    if len(names) not in (1, 2):
        raise _fault("after the sentinels' hosts stands /service, and /db if it is not 0")
    if len(names) == 2 and not (names[1].isascii() and names[1].isdigit()):
        raise _fault("the database after the service's name must be a number")
    return names[0], int(names[1]) if len(names) == 2 else 0


def _query(kind: str, text: str) -> dict[str, str]:
    given = {name: values[-1] for name, values in parse_qs(text).items()}
    allowed = _QUERY if kind == "sentinel" else ()
    for name in given:
        if name not in allowed:
            raise _fault(f"no other options than {', '.join(allowed)} are read" if allowed else "no options are read")
    return given


def _fault(what: str) -> ConfigurationError:
    return ConfigurationError((f"REDIS_URL: {what}",))
