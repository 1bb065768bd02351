"""How gunicorn is set up, read by gunicorn itself; and the two hooks that place workers on cores."""

import os
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from gunicorn.app.wsgiapp import WSGIApplication
from gunicorn.config import Config

from service.settings import Settings

Load = Callable[..., Config]


@pytest.fixture
def load(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load the file as `gunicorn --config` does, with these environment variables and none of the machine's."""

    def loaded(**environ: str) -> Config:
        for name in ("HOST", "PORT", "WEB_CONCURRENCY", "PIN_WORKERS", "LOG_LEVEL"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        path = str(repository / "config" / "gunicorn.conf.py")
        monkeypatch.setattr("sys.argv", ["gunicorn", "--config", path, "service.app:create_front()"])
        application = WSGIApplication()  # type: ignore[no-untyped-call]
        config: Config | None = application.cfg
        assert config is not None
        return config

    return loaded


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("control_socket_disable", True),
        ("keepalive", 75),
        ("preload_app", True),
        ("worker_class_str", "service.intake.worker.Worker"),
        ("accesslog", None),
        ("forwarded_allow_ips", []),
        ("forwarder_headers", []),
        ("limit_request_fields", 64),
        ("graceful_timeout", 20),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_setting_is_what_was_measured(load: Load, setting: str, value: object) -> None:
    assert getattr(load(), setting) == value


def test_heartbeat_file_is_kept_in_memory(load: Load) -> None:
    assert load().worker_tmp_dir == ("/dev/shm" if os.access("/dev/shm", os.W_OK) else None)


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({}, ("127.0.0.1", 8080)),
        ({"HOST": "0.0.0.0", "PORT": "9000"}, ("0.0.0.0", 9000)),
        ({"HOST": "::1", "PORT": ""}, ("::1", 8080)),
    ],
    ids=["defaults", "given", "ipv6"],
)
def test_address_comes_from_environment(load: Load, environ: dict[str, str], address: tuple[str, int]) -> None:
    assert load(**environ).address == [address]


def test_workers_come_from_environment(load: Load) -> None:
    assert load(WEB_CONCURRENCY="3").workers == 3


def test_workers_fit_into_the_container(load: Load, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine with many cores; a worker has its threads for requests, and five of its own."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    service = yaml.safe_load((repository / "docker-compose.yml").read_text())["services"]["web"]
    threads = int(Settings.model_fields["web_threads"].default) + 5
    assert load().workers * threads < service["pids_limit"]


def test_log_level_of_parts_is_not_gunicorns(load: Load) -> None:
    assert load(LOG_LEVEL="WARNING,service.reconcile=DEBUG").loglevel == "warning"


def test_workers_share_a_directory_for_metrics(load: Load) -> None:
    config = load()
    assert Path(config.env["PROMETHEUS_MULTIPROC_DIR"]).is_dir()
    assert config.env == load().env  # also after a reload: counters go on


def test_reload_gives_slots_beyond_the_cores(load: Load) -> None:
    config = load(WEB_CONCURRENCY="2")
    living = {pid: SimpleNamespace(core=slot, slot=slot) for pid, slot in enumerate([0, 1])}
    worker: Any = SimpleNamespace()
    config.pre_fork(SimpleNamespace(WORKERS=living), worker)
    assert worker.slot == 2


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5"])
def test_impossible_number_of_workers_stops_start(load: Load, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        load(WEB_CONCURRENCY=text)
    assert "WEB_CONCURRENCY must be a whole number above 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("quota", "allowed"),
    [("max 100000\n", None), ("50000 100000\n", 1), ("150000 100000\n", 2), ("nonsense\n", None)],
    ids=["none", "half_a_core", "one_and_a_half", "unreadable"],
)
def test_container_quota_bounds_the_cores(repository: Path, tmp_path: Path, quota: str, allowed: int | None) -> None:
    namespace = runpy.run_path(str(repository / "config" / "gunicorn.conf.py"))
    file = tmp_path / "cpu.max"
    file.write_text(quota)
    namespace["cores"].__globals__["CPU_QUOTA"] = file
    machine = len(os.sched_getaffinity(0))
    assert namespace["cores"]() == min(machine, allowed or machine)


def test_new_worker_takes_the_core_set_free(load: Load) -> None:
    config = load(WEB_CONCURRENCY="4")
    living = {pid: SimpleNamespace(core=core) for pid, core in enumerate([0, 2, 3])}
    worker: Any = SimpleNamespace()
    config.pre_fork(SimpleNamespace(WORKERS=living), worker)
    assert worker.core == 1


@pytest.mark.parametrize(("pin", "tied"), [("1", True), ("", False)], ids=["asked", "not_asked"])
def test_worker_is_tied_only_if_asked(load: Load, pin: str, tied: bool) -> None:
    before = os.sched_getaffinity(0)
    last = max(before)
    try:
        load(PIN_WORKERS=pin).post_fork(None, SimpleNamespace(core=len(before) - 1, slot=0))
        assert os.sched_getaffinity(0) == ({last} if tied else before)
    finally:
        os.sched_setaffinity(0, before)
