"""The file in force: good changes are taken up, bad ones never."""

import os
import threading
from pathlib import Path

import pytest

from service.rules.faults import Fault, RulesError
from service.rules.loading import RulesFile
from service.rules.ruleset import RuleSet

GOOD = "version: 1\ndefault: {workflow: everyone}\n"
BETTER = "version: 1\ndefault: {workflow: callbacks}\n"
BAD = "version: 1\ndefault: {workflwo: callbacks}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "rules.yaml"
    found.write_text(GOOD)
    return found


@pytest.fixture
def rules(path: Path) -> RulesFile:
    found = RulesFile(path, every_ms=1000)
    found.load(now_ms=5)
    return found


def change(path: Path, text: str) -> None:
    """Writes ``text`` as editors and config maps do: a new file in place of the old."""
    new = path.with_suffix(".new")
    new.write_text(text)
    os.replace(new, path)


def workflow(rules: RulesFile) -> str:
    """What the rules in force say."""
    return rules.current.default.steps[0].workflow.text


def test_loaded_rules_are_in_force(rules: RulesFile) -> None:
    assert (workflow(rules), rules.loaded_at_ms, rules.fault) == ("everyone", 5, None)


def test_changed_file_is_taken_up(rules: RulesFile, path: Path) -> None:
    change(path, BETTER)
    assert rules.refresh(2000) is True
    assert (workflow(rules), rules.loaded_at_ms) == ("callbacks", 2000)


def test_unchanged_file_changes_nothing(rules: RulesFile) -> None:
    assert rules.refresh(2000) is False
    assert rules.loaded_at_ms == 5


def test_touched_file_changes_nothing(rules: RulesFile, path: Path) -> None:
    change(path, GOOD)
    assert rules.refresh(2000) is False
    assert rules.loaded_at_ms == 5


def test_file_is_looked_at_once_an_interval(rules: RulesFile, path: Path) -> None:
    rules.refresh(2000)
    change(path, BETTER)
    assert rules.refresh(2999) is False
    assert rules.refresh(3000) is True


def test_file_is_looked_at_every_five_seconds_unless_told(path: Path) -> None:
    rules = RulesFile(path)
    rules.load(now_ms=1)
    rules.refresh(10_000)
    change(path, BETTER)
    assert (rules.refresh(14_999), rules.refresh(15_000)) == (False, True)


BROKEN = {"faulty": BAD, "no-yaml": "a: [", "no-text": None}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_broken_file_leaves_good_rules_in_force(rules: RulesFile, path: Path, text: str | None) -> None:
    change(path, text) if text else path.write_bytes(b"version: 1\n# \xff\n")
    assert rules.refresh(2000) is False
    assert workflow(rules) == "everyone"
    assert rules.fault is not None


def test_place_of_a_byte_that_is_no_text_is_told(path: Path) -> None:
    path.write_bytes(b"version: 1\n# \xff\n")
    with pytest.raises(RulesError, match=r"rules.yaml:2:3: the file is not UTF-8"):
        RulesFile(path).load(now_ms=1)


def test_vanished_file_leaves_good_rules_in_force(rules: RulesFile, path: Path) -> None:
    path.unlink()
    assert rules.refresh(2000) is False
    assert workflow(rules) == "everyone"
    assert "cannot be read: No such file" in str(rules.fault)


def test_mended_file_clears_the_fault(rules: RulesFile, path: Path) -> None:
    change(path, BAD)
    rules.refresh(2000)
    change(path, BETTER)
    assert rules.refresh(4000) is True
    assert (workflow(rules), rules.fault) == ("callbacks", None)


def test_file_put_back_clears_the_fault(rules: RulesFile, path: Path) -> None:
    change(path, BAD)
    rules.refresh(2000)
    change(path, GOOD)
    assert rules.refresh(4000) is False
    assert (workflow(rules), rules.loaded_at_ms, rules.fault) == ("everyone", 5, None)


def test_too_large_file_is_refused(path: Path) -> None:
    path.write_text(GOOD + "#" * 1_000_000)
    with pytest.raises(RulesError, match=r"^rules.yaml:1:1: a rules file may have 1000000 bytes at most"):
        RulesFile(path).load(now_ms=1)


def test_file_of_just_that_size_is_read(path: Path) -> None:
    path.write_text(GOOD + "#" * (1_000_000 - len(GOOD)))
    assert RulesFile(path).load(now_ms=1).rules == ()


def test_mark_at_the_beginning_moves_no_place(path: Path) -> None:
    path.write_text("\ufeff{version: 1, default: {workflow: w}, via: 5}\n")
    with pytest.raises(RulesError, match=r"rules.yaml:1:43: via must be") as caught:
        RulesFile(path).load(now_ms=1)
    assert caught.value.faults[0].source_line.startswith("{version")


def test_first_load_raises_on_faults(path: Path) -> None:
    path.write_text(BAD)
    with pytest.raises(RulesError, match=r"rules.yaml:2:11: there is no key 'workflwo'"):
        RulesFile(path).load(now_ms=1)


def test_nothing_is_in_force_before_loading(path: Path) -> None:
    with pytest.raises(RuntimeError, match="no rules have been loaded"):
        _ = RulesFile(path).current


def no_callbacks(ruleset: RuleSet) -> tuple[Fault, ...]:
    """A check that only an outsider can make."""
    name = ruleset.default.steps[0].workflow
    return (ruleset.source.fault(name.place, "no such workflow"),) if name.text == "callbacks" else ()


def test_rules_that_fail_the_check_are_not_taken_up(path: Path) -> None:
    rules = RulesFile(path, check=no_callbacks)
    rules.load(now_ms=1)
    change(path, BETTER)
    assert rules.refresh(9000) is False
    assert workflow(rules) == "everyone"
    assert rules.fault is not None
    assert rules.fault.faults[0].message == "no such workflow"


def test_rules_are_taken_up_once_the_check_passes(path: Path) -> None:
    faults = [Fault("rules.yaml", 1, 1, "no such queue yet")]
    rules = RulesFile(path, check=lambda _: tuple(faults))
    with pytest.raises(RulesError, match="no such queue yet"):
        rules.load(now_ms=1)
    faults.clear()
    assert rules.refresh(9000) is True
    assert (workflow(rules), rules.fault) == ("everyone", None)


class Workspace:
    """What a check compares with: not to be had at first, then with a queue of that name or without."""

    def __init__(self) -> None:
        self.answer: tuple[Fault, ...] | None = None
        self.asked = 0

    def check(self, _: RuleSet) -> tuple[Fault, ...] | None:
        self.asked += 1
        return self.answer


NO_QUEUE = (Fault("rules.yaml", 1, 1, "no such queue"),)


def test_rules_that_could_not_be_checked_are_checked_later_and_stay(path: Path) -> None:
    workspace = Workspace()
    rules = RulesFile(path, check=workspace.check, every_ms=1000)
    rules.load(now_ms=5)
    assert (rules.refresh(2000), rules.fault) == (False, None)
    workspace.answer = NO_QUEUE
    for now_ms in (4000, 6000):
        assert rules.refresh(now_ms) is False
        assert rules.fault is not None
        assert rules.fault.faults == NO_QUEUE
    assert (workflow(rules), rules.loaded_at_ms) == ("everyone", 5)


def test_fault_of_rules_in_force_goes_with_its_cause(path: Path) -> None:
    workspace = Workspace()
    rules = RulesFile(path, check=workspace.check, every_ms=1000)
    rules.load(now_ms=5)
    workspace.answer = NO_QUEUE
    rules.refresh(2000)
    workspace.answer = ()
    assert (rules.refresh(4000), rules.fault) == (False, None)
    asked = workspace.asked
    rules.refresh(6000)
    assert workspace.asked == asked


def test_unchecked_rules_give_way_to_a_file_that_passes(path: Path) -> None:
    workspace = Workspace()
    rules = RulesFile(path, check=workspace.check, every_ms=1000)
    rules.load(now_ms=5)
    change(path, BAD)
    rules.refresh(2000)
    workspace.answer = ()
    change(path, BETTER)
    assert rules.refresh(4000) is True
    asked = workspace.asked
    assert (rules.refresh(6000), rules.fault, workspace.asked) == (False, None, asked)


def test_refresh_never_waits_for_another(path: Path) -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(ruleset: RuleSet) -> tuple[Fault, ...]:
        entered.set()
        leave.wait(10)
        return ()

    rules = RulesFile(path, check=slow)
    loading = threading.Thread(target=rules.load, args=(1,))
    loading.start()
    assert entered.wait(10)
    assert rules.refresh(2) is False
    assert loading.is_alive()
    leave.set()
    loading.join(10)
    assert workflow(rules) == "everyone"
