"""REDIS_URL in all its forms, and what is said of a form that cannot be read."""

import pytest

from service.errors import ConfigurationError
from service.tracking.addresses import Fleet, fleet_of

HOSTS = (("a", 26379), ("b", 26380))


@pytest.mark.parametrize(
    ("url", "fleet"),
    [
        ("redis://host:6379/0", None),
        ("rediss://host", None),
        ("unix:///run/store.sock", None),
        ("redis+sentinel://a,b:26380/mymaster", Fleet(HOSTS, tls=False, service="mymaster")),
        ("redis+sentinel://a,b:26380/mymaster/3", Fleet(HOSTS, tls=False, service="mymaster", db=3)),
        ("rediss+sentinel://a,b:26380/m%2Fm", Fleet(HOSTS, tls=True, service="m/m")),
        (
            "redis+sentinel://u:p%40ss@a,b:26380/m?sentinel_username=s&sentinel_password=t%26u",
            Fleet(HOSTS, False, "u", "p@ss", "m", 0, "s", "t&u"),
        ),
        ("redis+sentinel://:p@a,b:26380/m", Fleet(HOSTS, tls=False, password="p", service="m")),
        ("redis+cluster://a:7000,b", Fleet((("a", 7000), ("b", 6379)), tls=False)),
        ("rediss+cluster://u:p@a:7000/0", Fleet((("a", 7000),), True, "u", "p")),
        ("redis+cluster://[::1]:7000,[fe80::1]", Fleet((("::1", 7000), ("fe80::1", 6379)), tls=False)),
    ],
)
def test_address_is_read(url: str, fleet: Fleet | None) -> None:
    assert fleet_of(url) == fleet


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis+sentinel://a,b", "/service"),
        ("redis+sentinel://a/m/x", "must be a number"),
        ("redis+sentinel://a/m/0/1", "/service"),
        ("redis+sentinel://a,,b/m", "each host"),
        ("redis+sentinel://a:0/m", "each host"),
        ("redis+sentinel://a:99999/m", "each host"),
        ("redis+sentinel://a:x/m", "each host"),
        ("redis+sentinel://a/m?db=3", "sentinel_username"),
        ("redis+cluster://a/1", "no databases"),
        ("redis+cluster://a?db=0", "no options"),
        ("redis+cluster://", "each host"),
    ],
)
def test_unreadable_address_is_told(url: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        fleet_of(url.replace("://", "://user:secret@"))
    assert told in caught.value.detail
    assert "secret" not in caught.value.detail
