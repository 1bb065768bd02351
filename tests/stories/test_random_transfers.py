"""The customer is never without an agent or a live task between request and outcome of a cold transfer."""

import os
from pathlib import Path

import pytest

from service.tracking.embedded import EmbeddedStore
from tests.stories.play import JUDGED
from tests.stories.transfers import Order, Running, Tally, running, transfer_at_random

pytestmark = pytest.mark.xdist_group("stories")


def told(order: Order, tally: Tally) -> str:
    counts = "\n".join(f"  {count:>6}  {what}" for what, count in sorted(tally.counts.items()))
    return f"{order}\n{counts}\nlongest unattended span: {tally.alone_ms} ms {tally.alone[:5]}"


def nothing_wrong(rig: Running) -> bool:
    judge = rig.control("GET", "judge")
    return not any(judge[name] for name in JUDGED)


def carried_out(order: Order, store: EmbeddedStore, rules: Path) -> Tally:
    with running(store.url, str(rules)) as rig:
        tally = transfer_at_random(rig, order)
        print(f"\n{told(order, tally)}")
        assert sum(count for what, count in tally.counts.items() if what.startswith("outcome")) > 0
        assert nothing_wrong(rig), rig.control("GET", "judge")["details"]
    return tally


def test_thirty_transfers_leave_nobody_alone(own_store: EmbeddedStore, rules_file: Path) -> None:
    order = Order(transfers=30, seed=int(os.environ.get("SEED") or 1))
    tally = carried_out(order, own_store, rules_file)
    assert tally.alone_ms == 0, told(order, tally)
    assert tally.counts["outcome: transferred"] > 0


def test_release_at_once_is_seen_as_a_gap(own_store: EmbeddedStore, rules_file: Path) -> None:
    """The measure has teeth: an agent who goes before anybody has come leaves a gap where nobody comes."""
    order = Order(transfers=12, seed=1, releases=("immediately",), replies=("ring out",))
    assert carried_out(order, own_store, rules_file).alone_ms > 0


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_thousand_transfers_leave_nobody_alone(own_store: EmbeddedStore, rules_file: Path) -> None:
    transfers, seed = (int(os.environ.get(name) or usual) for name, usual in (("TRANSFERS", "1000"), ("SEED", "1")))
    order = Order(transfers, seed)
    tally = carried_out(order, own_store, rules_file)
    assert tally.alone_ms == 0, told(order, tally)
