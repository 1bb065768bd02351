"""The commands that people type: make's targets, the CI script, and the example of the environment."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from service.settings import NAMES

FOR_GUNICORN = {"WEB_CONCURRENCY", "PIN_WORKERS"}


def make(repository: Path, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(
        command, cwd=repository, env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("target", ["run", "test", "lint", "bench", "clean", "lock", "help"])
def test_make_knows_and_explains_target(repository: Path, target: str) -> None:
    assert make(repository, "--dry-run", target).returncode == 0
    assert re.search(rf"^  make {target} +\w", make(repository).stdout, re.MULTILINE)


def test_run_needs_only_runtime_lock(repository: Path) -> None:
    recipe = (repository / "Makefile").read_text()
    assert re.search(r"^run: \$\(VENV\)/runtime\.stamp ", recipe, re.MULTILINE)


def test_old_python_is_refused_by_name(repository: Path, tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = make(repository, f"VENV={tmp_path}/venv", f"PYTHON={old}", f"{tmp_path}/venv/runtime.stamp")
    assert done.returncode != 0
    assert "Python 3.11 or newer is needed" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_ci_script_is_sound_bash(repository: Path) -> None:
    script = repository / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in script.read_text()
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_example_environment_names_every_setting(repository: Path) -> None:
    text = (repository / "config" / "example.env").read_text()
    named = re.findall(r"^([A-Z_]+)=", text, re.MULTILINE)
    assert len(named) == len(set(named))
    assert set(named) - FOR_GUNICORN == set(NAMES)


def test_example_environment_holds_the_defaults(repository: Path) -> None:
    from service.settings import Settings

    text = (repository / "config" / "example.env").read_text()
    given = dict(re.findall(r"^([A-Z_]+)=(\S+)$", text, re.MULTILINE))
    defaults = {
        name.upper(): str(field.default)
        for name, field in Settings.model_fields.items()
        if not field.is_required() and field.default not in (None, "")
    }
    assert {name: value for name, value in given.items() if name not in FOR_GUNICORN} == defaults
