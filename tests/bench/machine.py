"""What was measured on, and who runs on which core."""

import os
import platform
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

PARTS = ("flask", "gunicorn", "hiredis", "redis", "twilio", "urllib3")


@dataclass(frozen=True)
class Cores:
    """The measured process has a core of its own; whoever makes its work, or serves it, has the others."""

    measured: frozenset[int]
    others: frozenset[int]
    every: frozenset[int]

    def on(self, cores: frozenset[int]) -> Callable[[], None]:
        """For a child, before its exec: only these cores."""
        return lambda: os.sched_setaffinity(0, cores)


def cores() -> Cores:
    """Of this process's cores the first is for what is measured. Of one core everybody has a part."""
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(frozenset(allowed[:1]), frozenset(allowed[1:] or allowed), frozenset(allowed))


def described() -> dict[str, str]:
    """The machine and the versions, as words."""
    found = {"processor": _processor(), "cores": str(os.cpu_count()), "system": platform.platform(terse=True)}
    found["python"] = platform.python_version()
    found |= {name: version(name) for name in PARTS}
    return found | {"node": _node()}


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    named = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def _node() -> str:
    try:
        return subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "not installed"


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has used, in user and system mode (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def own_mb(pid: int) -> float:
    """Memory that a process shares with nobody: what one more of its kind costs."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1000
