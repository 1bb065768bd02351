"""The sentence on the state of the house, and the words for times and numbers."""

from dataclasses import replace

import pytest

from service.console.house import BUSY, QUIET, STATES, TROUBLE, House, findings, level_of
from service.console.now_view import now_view
from service.console.words import exactly, many, moment, span
from service.model import ErrandState, State
from service.tracking.census import OPEN_STATES, Counted
from service.tracking.checkup import Server
from service.tracking.hours import End, Minute

NOW_MS = 1_700_000_000_000


def counted(*, due: int = 0, lag_s: float = 0, caught_s: float | None = 10, **states: tuple[int, float]) -> Counted:
    """States are given as (how many, age of the oldest in seconds)."""
    counts = dict.fromkeys(OPEN_STATES, 0) | {name: number for name, (number, _) in states.items()}
    return Counted(counts, {name: age for name, (_, age) in states.items()}, due, lag_s, caught_s)


SERVER = Server("", "7.2.4", "master", "noeviction", True, True, 10, 100, "Valkey 9.1.2", 4, 60)
CASES = {
    "nothing open": (House(counted()), QUIET, "All is quiet: nobody waits."),
    "somebody waits": (House(counted(pending=(3, 240))), QUIET, "3 customers wait, the longest for 4 min."),
    "one waits long": (House(counted(pending=(1, 1200))), BUSY, "1 customer waits, the longest for 20 min."),
    "store away": (House(None, "no connection"), TROUBLE, "The store does not answer"),
    "far behind": (House(counted(due=7, lag_s=80)), TROUBLE, "Nobody works on what is due: 7 records wait"),
    "far behind as Twilio is": (
        House(counted(due=7, lag_s=80), twilio_fault="no answer"),
        TROUBLE,
        "7 records wait for Twilio",
    ),
    "a little behind": (House(counted(due=2, lag_s=15)), BUSY, "The reconciler is 15 s behind"),
    "not caught up": (House(counted(caught_s=600)), TROUBLE, "Twilio's events were last read 10 min ago."),
    "slower catch-up": (House(counted(caught_s=600), catch_up_every_s=300), QUIET, "All is quiet"),
    "Twilio away": (House(counted(), twilio_fault="no connection"), TROUBLE, "Twilio does not answer us."),
    "rules broken": (House(counted(), rules_fault="1 fault"), BUSY, "The rules file as it is now"),
    "no rules": (House(counted(), rules_loaded=False), TROUBLE, "No rules could be loaded"),
    "creates hang": (House(counted(requested=(4, 90))), TROUBLE, "4 invites not made at Twilio yet"),
    "judgement waits": (House(counted(due=1, lapsed=(2, 400))), BUSY, "2 conversations may be without anybody"),
    "first start": (House(counted(caught_s=None)), QUIET, "All is quiet"),
    "store refuses": (
        House(counted(), write_fault="Redis: OutOfMemoryError", unsigned_s=500),
        TROUBLE,
        "The store can be read, and refuses to write.",
    ),
    "store is a replica": (
        House(counted(), servers=(replace(SERVER, role="slave"),)),
        TROUBLE,
        "The store can be read",
    ),
    "store nearly full": (
        House(counted(), servers=(SERVER, replace(SERVER, used_bytes=95))),
        BUSY,
        "The store is nearly full: 95 % of its memory.",
    ),
    "store without a limit": (House(counted(), servers=(replace(SERVER, most_bytes=0),)), QUIET, "All is quiet"),
    "append-only file fails": (
        House(counted(), servers=(replace(SERVER, aof_written=False),)),
        BUSY,
        "The store cannot write its append-only file.",
    ),
    "invites are looked for": (House(counted(), searching="the store is empty"), BUSY, "Open invites are being"),
    "no reconciler": (
        House(counted(due=3, lag_s=80, caught_s=900), unsigned_s=300),
        TROUBLE,
        "No reconcile process is at work; the last one signed 5 min ago.",
    ),
    "reconciler has signed": (House(counted(), unsigned_s=20), QUIET, "All is quiet"),
}


@pytest.mark.parametrize(("house", "level", "text"), CASES.values(), ids=CASES.keys())
def test_sentence_tells_the_worst_first(house: House, level: str, text: str) -> None:
    found = findings(house)
    assert level_of(found) == level
    assert found[0].text.startswith(text)


def test_customers_are_told_beside_the_trouble() -> None:
    found = findings(House(counted(pending=(2, 30)), twilio_fault="away"))
    assert [one.level for one in found] == [TROUBLE, QUIET]
    assert found[1].text == "2 customers wait, the longest for 30 s."


def test_dead_reconciler_is_told_once_with_what_waits_for_it() -> None:
    (trouble, _) = findings(House(counted(due=3, lag_s=80, caught_s=900), unsigned_s=300))
    assert "3 records wait for one" in trouble.hint


def test_store_that_refuses_is_not_told_as_a_dead_reconciler() -> None:
    """It cannot sign then, and it is not what is to be mended."""
    found = findings(House(counted(), write_fault="Redis: OutOfMemoryError", unsigned_s=500))
    assert [one.level for one in found] == [TROUBLE, QUIET]


def test_every_state_has_its_words() -> None:
    assert set(STATES) == {*State, *ErrandState}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (-3, "0 s"), (59.4, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (12_000, "3 h 20 min"),
     (86_400, "1 d"), (187_200, "2 d 4 h")],
)  # fmt: skip
def test_duration_reads_in_two_units(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (20, "20 s"), (90, "90 s"), (600, "10 min"), (5400, "90 min"), (43_200, "12 h"), (604_800, "7 d")],
)
def test_time_that_was_set_is_not_rounded(seconds: int, text: str) -> None:
    assert exactly(seconds) == text


@pytest.mark.parametrize(
    ("at_ms", "text", "away"),
    [
        (NOW_MS, "22:13:20", "0 s ago"),
        (NOW_MS + 90_000, "22:14:50", "in 1 min"),
        (NOW_MS - 86_400_000, "13 Nov 22:13:20", "1 d ago"),
    ],
    ids=["now", "ahead", "yesterday"],
)
def test_moment_is_told_in_utc(at_ms: int, text: str, away: str) -> None:
    told = moment(at_ms, NOW_MS)
    assert told is not None
    assert (told["text"], told["away"]) == (text, away)


def test_counts_agree_with_their_noun() -> None:
    assert [many(1, "invite"), many(2000, "invite"), many(2, "it is", "they are")] == [
        "1 invite",
        "2,000 invites",
        "2 they are",
    ]


# -- the page made of it


def minute(number: int, waiting: int = 1) -> Minute:
    return Minute(NOW_MS + number * 60_000, waiting, 2, 0, 0, 120.0, 0.5)


def test_line_breaks_where_nobody_counted() -> None:
    view = now_view(House(counted()), [minute(0), minute(1), minute(10)], [], now_ms=NOW_MS, hours=6)
    times, waiting, attended = view["charts"][0]["data"]["data"]
    assert waiting == [1, 1, None, 1]
    assert attended == [2, 2, None, 2]
    assert times == sorted(times)


def test_chart_is_told_in_words_too() -> None:
    view = now_view(House(counted()), [minute(0, 3), minute(1, 9), minute(2, 4)], [], now_ms=NOW_MS, hours=6)
    assert view["charts"][0]["lines"][0] == "waiting: last 4, at most 9"
    assert view["charts"][1]["told"] == "longest wait: last 2 min, at most 2 min"


def test_ends_keep_their_reason() -> None:
    end = End(NOW_MS, "iv_00_" + "0" * 32, None, "released", "an agent is on the channel")
    (shown,) = now_view(House(counted()), [], [end], now_ms=NOW_MS, hours=1)["ends"]
    assert (shown["how"], shown["why"], shown["sid"]) == ("let go", end.why, end.invite_id)


def test_page_without_a_store_still_says_so() -> None:
    view = now_view(House(None, "no connection"), [], [], now_ms=NOW_MS, hours=6)
    assert (view["level"], view["tiles"], view["charts"]) == (TROUBLE, [], [])
