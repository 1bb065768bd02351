"""The command itself: exit codes, JSON, mending with and without agreement, and the walk for a live account."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.doctor.commands import Wishes, examine
from service.doctor.findings import ROWS
from service.doctor.subject import Subject
from service.doctor.verify import FACTS, SEEN
from service.errors import ConfigurationError
from service.tracking.lifecycle import EVENTS_FILTER
from tests.doctor.conftest import SLOW
from tests.flow.world import World

DOCS = "docs/reference/doctor.md"


def run(world: World, *arguments: str, text: str = "", **environ: str) -> Result:
    settings = world.settings
    known: Mapping[str, str] = {
        "TWILIO_ACCOUNT_SID": settings.twilio_account_sid,
        "TWILIO_AUTH_TOKEN": settings.twilio_auth_token,
        "TWILIO_WORKSPACE_SID": settings.twilio_workspace_sid,
        "TWILIO_BASE_URL": str(settings.twilio_base_url),
        "PUBLIC_BASE_URL": settings.public_base_url,
        "REDIS_URL": settings.redis_url,
        "RULES_FILE": str(settings.rules_file),
    }
    skipped = [part for one in SLOW for part in ("--skip", one)]
    return CliRunner().invoke(main, ["doctor", *skipped, *arguments], input=text, env={**known, **environ})


def test_healthy_installation_ends_with_zero(world: World) -> None:
    result = run(world)
    assert (result.exit_code, result.stdout) == (0, "nothing found in 10 looks\n")


def test_json_holds_each_finding_whole(world: World, subject: Subject) -> None:
    subject.account.send_events(callback_url="")
    result = run(world, "--json")
    (finding,) = json.loads(result.stdout)["findings"]
    assert result.exit_code == 1
    assert set(finding) == {"id", "severity", "title", "what", "why", "mend", "fixable"}
    assert all(finding.values())


def test_text_tells_what_why_and_how(world: World, subject: Subject) -> None:
    subject.account.send_events(events_filter="task.created")
    told = run(world).stdout
    row = ROWS["filter.incomplete"]
    assert all(
        part in told for part in ("[filter.incomplete]", row.why, "the filter lacks workflow.entered", "1 error")
    )


def test_what_is_to_be_copied_is_printed_in_one_piece(world: World, subject: Subject) -> None:
    subject.account.send_events(events_filter="task.created")
    missing = EVENTS_FILTER.removeprefix("task.created,")
    assert missing in run(world).stdout


def test_no_secret_is_printed(world: World, subject: Subject) -> None:
    subject.account.send_events(callback_url="https://a:hush1@other.example/?k=hush2")
    token = world.settings.twilio_auth_token
    for arguments in ((), ("--json",)):
        told = run(world, *arguments, TWILIO_API_KEY="SK" + "0" * 32, TWILIO_API_SECRET="hush3").output
        assert "hush" not in told
        assert token not in told


def test_skipped_finding_is_not_told(world: World, subject: Subject) -> None:
    subject.account.send_events(callback_url="")
    assert run(world, "--skip", "callback.none").exit_code == 0


def test_skipping_the_unknown_is_refused(world: World) -> None:
    result = run(world, "--skip", "callback.nought")
    assert (result.exit_code, "there is no such finding" in result.stderr) == (2, True)


def test_fix_shows_before_and_after_and_sets(world: World, subject: Subject) -> None:
    subject.account.send_events(callback_url="http://old.example.com/x", events_filter="task.created,worker.created")
    result = run(world, "--fix", "--yes")
    assert (result.exit_code, result.stdout) == (0, "nothing found in 10 looks\n")
    assert "before: http://old.example.com/x" in result.stderr
    assert f"after:  {subject.events_url}" in result.stderr
    assert subject.account.workspace().events_filter.startswith("task.created,worker.created,workflow.entered,")


@pytest.mark.parametrize("agree", [None, lambda question: False], ids=["nobody to ask", "refused"])
def test_fix_without_agreement_sets_nothing(subject: Subject, agree: object) -> None:
    subject.account.send_events(callback_url="http://old.example.com/x")
    told: list[str] = []
    wishes = Wishes(fix=True, agree=agree)  # type: ignore[arg-type]  # the table's second column
    code, _ = examine(subject, wishes, tell=told.append, progress=told.append)
    assert code == 1
    assert subject.account.workspace().callback_url == "http://old.example.com/x"
    assert any("nothing was set" in line for line in told)


def test_progress_names_every_look(subject: Subject) -> None:
    told: list[str] = []
    examine(subject, Wishes(), tell=told.append, progress=told.append)
    assert len(told) == 10


def test_walk_asks_for_every_fact_and_records(world: World, tmp_path: Path) -> None:
    record = tmp_path / "seen.json"
    typed = "y\n400, code 45359\nn\nit stayed open\n" + "s\n" * (len(FACTS) - 2)
    first = run(world, "--verify", "--record", str(record), text=typed)
    kept = json.loads(record.read_text())
    assert first.exit_code == 1
    assert kept["account_sid"] == world.settings.twilio_account_sid
    assert kept["answers"][FACTS[0].id]["note"] == "400, code 45359"
    assert kept["answers"][FACTS[1].id]["seen"] == "otherwise"
    again = run(world, "--verify", "--record", str(record), text="y\n\n" * (len(FACTS) - 2))
    assert FACTS[0].fact not in again.stderr
    assert FACTS[2].fact in again.stderr


def test_answers_from_a_file_ask_nobody(world: World, tmp_path: Path) -> None:
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps({fact.id: {"seen": SEEN[0]} for fact in FACTS}))
    result = run(world, "--verify", "--answers", str(answers), "--record", str(tmp_path / "seen.json"))
    assert result.exit_code == 0
    answers.write_text(json.dumps({FACTS[0].id: {"seen": SEEN[0]}}))
    result = run(world, "--verify", "--answers", str(answers), "--record", str(tmp_path / "seen.json"))
    assert (result.exit_code, "still to be seen" in result.stdout) == (2, True)


@pytest.mark.parametrize("text", ["[]", "{", '{"nought": {"seen": "as assumed"}}', '{"close.twice": {"seen": "yes"}}'])
def test_answers_that_are_none_are_refused(text: str, world: World, tmp_path: Path) -> None:
    answers = tmp_path / "answers.json"
    answers.write_text(text)
    result = run(world, "--verify", "--answers", str(answers), "--record", str(tmp_path / "seen.json"))
    assert result.exit_code == 2
    assert not (tmp_path / "seen.json").exists()


def test_unwritable_record_is_a_fault(tmp_path: Path) -> None:
    from service.doctor.commands import note_answers

    with pytest.raises(ConfigurationError):
        note_answers("AC" + "0" * 32, "{}", None, record=tmp_path / "none" / "seen.json")


def test_docs_hold_every_finding_and_no_other(repository: Path) -> None:
    docs = (repository / DOCS).read_text(encoding="utf-8")
    wanted = [f"| `{row.id}` | {row.severity} | {row.title} | {row.why} | {row.mend} |" for row in ROWS.values()]
    assert [line for line in docs.splitlines() if line.startswith("| `") and line.count("|") == 6] == wanted


def test_docs_hold_every_fact(repository: Path) -> None:
    docs = (repository / DOCS).read_text(encoding="utf-8")
    wanted = [f"| `{fact.id}` | {fact.fact} | {fact.rely} |" for fact in FACTS]
    assert [line for line in docs.splitlines() if line.startswith("| `") and line.count("|") == 4] == wanted


def test_every_row_is_found_by_some_look(repository: Path) -> None:
    looks = "".join(path.read_text() for path in (repository / "service" / "doctor").glob("at_*.py"))
    assert [row for row in ROWS if f'"{row}"' not in looks] == []
