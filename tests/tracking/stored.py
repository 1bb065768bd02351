"""Records as an earlier version has left them in the store: kept as files, one for each version of the record.

``python -m tests.tracking.stored`` writes those of today's version; to be run once, when the version is raised, before
anything else changes. A file is never changed afterwards.
"""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import redis

from service.model import Ask, Errand, ErrandKind, ErrandState, Invite, Kind, Last, Origin, RoutingRequest
from service.tracking.connection import connect
from service.tracking.embedded import start_embedded
from service.tracking.errand_records import ERRAND_VERSION, errand_fields
from service.tracking.records import RECORD_VERSION, key, partition_of_id
from service.tracking.store import NONE, Store
from tests.conftest import sid
from tests.tracking.test_store import draft

FIXTURES = Path(__file__).parent / "fixtures"
ID, CHANNEL = "iv_07_" + "ab" * 16, sid("UO", 7)

# field → what it is in the stored records that have it
TOLD = {
    "interaction_sid": sid("KD", 1), "channel_sid": CHANNEL, "conversation_sid": sid("CH", 4), "task_sid": sid("WT", 1),
    "invite_sid": sid("KG", 1), "worker_sid": sid("WK", 1), "predecessor": "iv_07_" + "cd" * 16, "reason": "told",
    "successor": "iv_07_" + "ef" * 16,
}  # fmt: skip


def full() -> Invite:
    """An invite with everything in it that a record can hold."""
    return replace(
        draft(id=ID, step=0, attempt=2, ladder_at_ms=1_700_000_000_000, asked_by="key:crm", **TOLD),
        farewell_sent=True, old_agent_gone=True, cancel_wanted=True, let_go=True,
    )  # fmt: skip


def bare() -> Invite:
    """An escalation with nothing that could be left out."""
    request = RoutingRequest(Kind.ESCALATION, sid("CH", 4))
    return replace(draft(id="iv_07_" + "12" * 16), kind=Kind.ESCALATION, request=request)


def errand() -> Errand:
    """A parked conversation."""
    return Errand(
        id="er_07_" + "ab" * 16, kind=ErrandKind.PARK, state=ErrandState.TAKEN, created_at_ms=0,
        ask=Ask(who=Origin(sid("WK", 1)), last=Last.END, attributes={"topic": "täx"}, wake_after_s=600),
        interaction_sid=sid("KD", 1), channel_sid=CHANNEL, conversation_sid=sid("CH", 4), channel_type="web",
        asked_by="flex:" + sid("WK", 1), carried={"customerName": "Ada"},
    )  # fmt: skip


def written(client: "redis.Redis") -> dict[str, dict[str, str]]:
    """Today's records of all kinds, as the store itself holds them."""
    store = Store(client, keep_s=3600)
    for invite in (full(), bare()):
        store.create(invite, due_in_s=60)
    store.move(ID, "created", due=60, event_sid=sid("EV", 1))
    store.move(ID, "lapsed", due=NONE, fields={"ended_at_ms": "1700000000123", "sent_at_ms": "1700000000001"})
    return {one.id: fields_in(client, one.id) for one in (bare(), full())}


def fields_in(client: "redis.Redis", invite_id: str) -> dict[str, str]:
    """A record as it lies in the store."""
    held = client.hgetall(key(partition_of_id(invite_id), f"inv:{invite_id}"))
    return {str(name): str(value) for name, value in sorted(held.items())}


def main() -> None:
    """Write the files of today's versions."""
    FIXTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        running = start_embedded(Path(directory))
        try:
            records = written(connect(running.url))
        finally:
            running.close()
    _write(f"record-v{RECORD_VERSION}.json", records)
    one = errand()
    _write(f"errand-v{ERRAND_VERSION}.json", {one.id: {"id": one.id, **errand_fields(one)}})


def _write(name: str, records: dict[str, dict[str, str]]) -> None:
    path = FIXTURES / name
    if path.exists():
        print(f"{path} is there already and stays as it is")
        return
    path.write_text(json.dumps(records, indent=1, ensure_ascii=False) + "\n")
    print(f"{path} written")


if __name__ == "__main__":
    main()
