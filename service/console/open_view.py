"""*Open*: a page of what is open, narrowed and sorted. Reads a bounded part of the store; what is shown is pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from service.console.house import STATES
from service.console.office import Office
from service.console.record_view import errand_row, invite_row
from service.model import Errand, ErrandState, Invite, Kind, State
from service.reconcile.rulebook import NAMED_TARGET
from service.tracking.census import OPEN_STATES
from service.tracking.errand_records import is_errand_id
from service.tracking.openings import Row

PAGE = 50
MOST_LOOKED_AT = 400  # records read for one page where a filter passes few of them

# The choices of the filter: a word and the states that it stands for.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "all": OPEN_STATES,
    "waiting": (State.REQUESTED, State.PENDING),
    "settling": (State.LAPSED, State.FAILED, State.CANCELED),
    "parked": (ErrandState.PARKED, ErrandState.WAKING),
    **{str(state): (str(state),) for state in OPEN_STATES if state != ErrandState.PARKED},
}
TITLES = {"all": "everything open", "waiting": "waiting for an agent", "settling": "being judged", **STATES}

_AFTER = re.compile(r"([0-9]{1,15})\.((?:iv|er)_[0-9]{2}_[0-9a-z]{32,33})")


@dataclass(frozen=True)
class Wanted:
    """What a person has chosen."""

    state: str = "waiting"
    kind: str = ""
    rule: str = ""
    newest: bool = False
    after: Row | None = None

    def query(self, **more: str) -> str:
        """The address of this choice."""
        pairs = {"state": self.state, "kind": self.kind, "rule": self.rule, "order": "newest" if self.newest else ""}
        return urlencode({name: value for name, value in {**pairs, **more}.items() if value})


def wanted_of(given: Mapping[str, str]) -> Wanted:
    """The choice in a query; what is not known is left out."""
    place = _AFTER.fullmatch(given.get("after", ""))
    return Wanted(
        state=given.get("state", "") if given.get("state", "") in GROUPS else "waiting",
        kind=given.get("kind", "") if given.get("kind", "") in tuple(Kind) else "",
        rule=given.get("rule", "").strip()[:64],
        newest=given.get("order") == "newest",
        after=(int(place[1]), place[2]) if place else None,
    )


def open_view(office: Office, wanted: Wanted) -> dict[str, Any]:
    """Everything on the page. Raises StoreUnavailableError."""
    now_ms = office.desk.parts.store.now_ms()
    found, last = _page(office, wanted)
    rows = [errand_row(one, now_ms) if isinstance(one, Errand) else invite_row(one, now_ms) for one in found]
    return {
        "rows": rows,
        "next": wanted.query(after=f"{last[0]}.{last[1]}") if last else None,
        "wanted": wanted,
        "first": wanted.query() if wanted.after else None,
        "filtered": bool(wanted.kind or wanted.rule),
        "title": TITLES.get(wanted.state, wanted.state),
        "everything": wanted.state == "all",
        "rules": _rule_names(office),
        "choices": [(word, TITLES.get(word, word)) for word in GROUPS],
        "kinds": [str(kind) for kind in Kind],
    }


def _rule_names(office: Office) -> list[str]:
    """What may be filtered by: the rules in force, and transfers that named their target."""
    ruleset = office.desk.book.current
    return [*(rule.name for rule in (*ruleset.rules, ruleset.default)), NAMED_TARGET] if ruleset else [NAMED_TARGET]


def _page(office: Office, wanted: Wanted) -> tuple[list[Invite | Errand], Row | None]:
    """The records of one page, and the place after which the next one begins; None at the end."""
    found: list[Invite | Errand] = []
    looked_at, place = 0, wanted.after
    while looked_at < MOST_LOOKED_AT:
        page = office.openings.page(GROUPS[wanted.state], most=PAGE, after=place, newest_first=wanted.newest)
        records = records_of(office, [row[1] for row in page.rows])
        for row in page.rows:
            place = row
            if row[1] in records and _passes(records[row[1]], wanted):
                found.append(records[row[1]])
            if len(found) == PAGE:
                return found, place if page.more or row != page.rows[-1] else None
        looked_at += len(page.rows)
        if not page.more:
            return found, None
    return found, place


def records_of(office: Office, ids: list[str]) -> dict[str, Invite | Errand]:
    """The records of these ids that are there, by id. Raises StoreUnavailableError."""
    parts = office.desk.parts
    invites = parts.store.get_many([one for one in ids if not is_errand_id(one)])
    errands = parts.errands.get_many([one for one in ids if is_errand_id(one)])
    found: list[Invite | Errand] = [*invites, *errands]
    return {one.id: one for one in found}


def _passes(record: Invite | Errand, wanted: Wanted) -> bool:
    if isinstance(record, Errand):
        return not wanted.kind and not wanted.rule
    return wanted.kind in ("", record.kind) and wanted.rule in ("", record.plan.rule)
