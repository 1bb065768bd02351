"""From whatever a person pastes to the conversation that it belongs to. Reads a bounded part of the store, no more."""

import re
from dataclasses import dataclass

from service.console.office import Office
from service.model import Errand, Invite
from service.tracking.errand_records import is_errand_id
from service.tracking.records import is_invite_id

MOST_SEARCHED = 4000  # records, newest first, where no index knows a SID
MOST_FOUND = 50
LONGEST = 4000  # characters of what is pasted

_IDS = re.compile(r"\b(?:(?:iv_[0-9]{2}_[0-9a-z]{32,33})|(?:er_[0-9]{2}_[0-9a-f]{32})|(?:[A-Z]{2}[0-9a-fA-F]{32}))\b")
# Kinds of SIDs that no index knows, and the fields of a record that may hold them.
SEARCHED = {
    "KD": ("interaction_sid",),
    "KG": ("invite_sid",),
    "WT": ("task_sid",),
    "WK": ("worker_sid",),
    "UO": ("channel_sid",),
}
KINDS = "CH conversation, UO channel, KD interaction, KG invite, WT task, WK worker, or our own iv_… and er_…"


@dataclass(frozen=True)
class Found:
    """What a text leads to: one conversation or channel (``sid``), or several records, or why there is nothing."""

    text: str
    sid: str | None = None
    records: tuple[Invite | Errand, ...] = ()
    why_not: str = ""


def look_up(office: Office, text: str) -> Found:
    """The first SID or id in ``text``, followed. Raises StoreUnavailableError."""
    match = _IDS.search(text[:LONGEST])
    if match is None:
        return Found("", why_not=f"There is no SID in it. What is known here: {KINDS}.")
    name = match[0]
    if is_invite_id(name):
        return _of_record(name, office.desk.parts.store.get(name))
    if is_errand_id(name):
        return _of_record(name, office.desk.parts.errands.get(name))
    if name.startswith("CH"):
        return Found(name, sid=name)
    return _of_sid(office, name)


def _of_record(name: str, record: Invite | Errand | None) -> Found:
    if record is None:
        return Found(name, why_not="There is no record of this id, or it ended too long ago.")
    sid = record.conversation_sid or record.channel_sid
    return Found(name, sid=sid) if sid else Found(name, records=(record,))


def _of_sid(office: Office, name: str) -> Found:
    store = office.desk.parts.store
    if name.startswith("UO"):
        conversation = store.conversation_of(name)
        if conversation or store.of_anchor(name) or office.desk.parts.errands.of_anchor(name):
            return Found(name, sid=conversation or name)
    if name.startswith("WT") and (invite_id := store.id_of_task(name)):
        return _of_record(name, store.get(invite_id))
    fields = SEARCHED.get(name[:2])
    if fields is None:
        return Found(name, why_not=f"SIDs that begin with {name[:2]} are not kept. What is known here: {KINDS}.")
    return _searched(office, name, fields)


def _searched(office: Office, name: str, fields: tuple[str, ...]) -> Found:
    store = office.desk.parts.store
    ids = [row[1] for row in store.newest(before=None, most=MOST_SEARCHED)]
    found = store.get_many(office.openings.with_field(fields, name, ids)[:MOST_FOUND])
    places = {one.conversation_sid or one.channel_sid for one in found}
    if len(places) == 1 and (sid := places.pop()):
        return Found(name, sid=sid)
    why_not = "" if found else f"None of the newest {len(ids):,} records holds it."
    return Found(name, records=tuple(found), why_not=why_not)
