"""What the doctor can find: one table, ``findings.toml``: the command and ``docs/reference/doctor.md`` are made of it.

No network, no store and no clock come in here.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Severity(StrEnum):
    """``error``: conversations are lost or will be. ``warning``: some may be. ``note``: good to know, no failure."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Row:
    """One thing that may be found: why it matters, and exactly how to mend it."""

    id: str
    severity: Severity
    title: str
    why: str
    mend: str  # with {placeholders}
    fixable: bool = False  # by --fix


@dataclass(frozen=True)
class Finding:
    """One thing that was found. ``what`` tells it with the values seen: settings and SIDs, never secrets."""

    row: Row
    what: str
    mend: str

    @property
    def fails(self) -> bool:
        """True if it is more than a note."""
        return self.row.severity is not Severity.NOTE


def _read_table() -> dict[str, Row]:
    written = tomllib.loads(Path(__file__).with_name("findings.toml").read_text(encoding="utf-8"))
    return {name: Row(id=name, **{**row, "severity": Severity(row["severity"])}) for name, row in written.items()}


ROWS: Mapping[str, Row] = _read_table()


def found(row_id: str, what: str, **placeholders: str) -> Finding:
    """A finding of that row. Raises KeyError for an unknown row, or a placeholder that it needs and is not given."""
    row = ROWS[row_id]
    return Finding(row, what, row.mend.format(**placeholders))
