"""The public holidays of countries, from the package ``holidays``: an extra, needed only by files that name a country.

A country's holidays of one year are worked out when they are first asked for, and kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib import import_module


class HolidaysError(ValueError):
    """A country or subdivision that cannot be used; ``field`` is which of the two."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Feasts:
    """The public holidays of one country, or of a part of it."""

    country: str
    subdivision: str | None = None

    def name_of(self, day: date) -> str | None:
        """The name of the holiday on that day, or None."""
        return _of_year(self.country, self.subdivision, day.year).get(day)


def feasts_of(country: str, subdivision: str | None) -> Feasts:
    """The holidays of a country. Raises ``HolidaysError`` if it is not known, or the package is not installed."""
    try:
        known: Mapping[str, list[str]] = import_module("holidays").list_supported_countries(include_aliases=True)
    except ImportError:
        message = "public holidays need the package holidays: install the service with its extra of that name"
        raise HolidaysError("country", message) from None
    if country not in known:
        raise HolidaysError("country", f"there is no country {country!r} (two letters, as in GB, DE or US)")
    if subdivision is not None and subdivision not in known[country]:
        there = ", ".join(known[country]) or "none"
        raise HolidaysError("subdivision", f"{country} has no subdivision {subdivision!r} (there are: {there})")
    return Feasts(country, subdivision)


@lru_cache(maxsize=1024)
def _of_year(country: str, subdivision: str | None, year: int) -> Mapping[date, str]:
    return dict(import_module("holidays").country_holidays(country, subdiv=subdivision, years=year))
