"""Tries mutants, each in a forked process of its own that imports the changed module and runs the tests that reach it.

Nothing is written to the tree: the change lives in the process that tries it. Needs an operating system with ``fork``.
"""

import ast
import contextlib
import importlib
import io
import os
import pickle
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, FrameType, ModuleType

import pytest
from coverage import Coverage

from tests.mutation.mutants import Mutant, mutated

LEFT_OUT = ("valkey", "randomly", "xdist", "cov", "cacheprovider")  # plugins
PYTEST = (
    *("-q", "-x", "--no-header", "--no-summary", "--import-mode=importlib", "--override-ini=addopts="),
    *(f"-pno:{name}" for name in LEFT_OUT),
)
WARM = ("hypothesis", "jsonschema", "pydantic", "redis", "structlog", "yaml")  # imported once, before any fork
MOST_BYTES = 4 * 2**30  # of memory for one trial: a mutant may ask for more and more
LONGEST_S = 20.0  # beyond what its tests usually take, until a mutant counts as caught: it runs for ever

KILLED, SURVIVED, UNREACHED, ENDLESS = "killed", "survived", "not reached", "ran for ever"


@dataclass
class Reach:
    """Which tests reach which lines of a package, and how long each takes (seconds)."""

    tests: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    lines: dict[str, dict[int, set[str]]] = field(default_factory=dict)  # by module, then line

    def of(self, mutant: Mutant) -> list[list[str]]:
        """The tests that may notice a mutant, the quickest first, in rounds.

        Reading a file of tests costs more than most tests: one file first, the likeliest, then another, then the rest.
        """
        tests, likely = self._reaching(mutant)
        spent: dict[str, float] = {}
        for test in tests:
            spent[_file(test)] = spent.get(_file(test), 0.0) + self.seconds.get(test, 0.0)
        stem = Path(mutant.module).stem
        near = {_file(test) for test in likely}
        files = sorted(spent, key=lambda file: (stem not in file, file not in near, spent[file], file))
        rounds = [files[:1], files[1:2], files[2:]]
        return [[test for test in tests if _file(test) in some] for some in rounds if some]

    def _reaching(self, mutant: Mutant) -> tuple[list[str], set[str]]:
        """Every test of the files that reach it, and those that surely do.

        All of a file, because what a fixture or the file itself has made once is used by other tests than the one that
        was seen to reach the line.
        """
        lines = self.lines.get(mutant.module, {})
        wanted = range(mutant.line, mutant.last_line + 1)
        found: set[str] = set().union(*(lines.get(line, set()) for line in wanted))
        found = found or lines.get(mutant.statement_line, set())
        if not any("::" in one for one in found):  # it runs when the module is imported: whom it concerns is not seen
            found = set(self.tests)
        files = {_file(one) for one in found}
        tests = [test for test in self.tests if _file(test) in files]
        return sorted(tests, key=lambda test: (test not in found, self.seconds.get(test, 0.0), test)), found


class _Watch:
    """A plugin that notes for each test which lines it reaches."""

    def __init__(self, package: str) -> None:
        self.coverage = Coverage(data_file=None, config_file=False, include=[f"{package}/*"], branch=False)
        self.reach = Reach()

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Iterator[None]:
        """What a file does when it is read counts as reached by the file."""
        if isinstance(collector, pytest.Module):
            self.coverage.switch_context(collector.nodeid)
        result = yield
        self.coverage.switch_context("")
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.coverage.switch_context(item.nodeid)
        began = time.perf_counter()
        result = yield
        self.reach.seconds[item.nodeid] = time.perf_counter() - began
        self.reach.tests.append(item.nodeid)
        self.coverage.switch_context("")
        return result


class _Chosen:
    """A plugin that runs these tests only, in this order."""

    def __init__(self, tests: Sequence[str]) -> None:
        self._order = {test: number for number, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted(
            (item for item in items if item.nodeid in self._order), key=lambda item: self._order[item.nodeid]
        )


class _Changed(SourceFileLoader):
    """Loads a module from a tree in place of its source."""

    def __init__(self, name: str, path: str, tree: ast.Module) -> None:
        super().__init__(name, path)
        self._tree = tree

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._tree, self.path, "exec", dont_inherit=True)


class _Finder:
    """Answers for the one module that is changed."""

    def __init__(self, name: str, path: Path, tree: ast.Module) -> None:
        self._name, self._path, self._tree = name, path, tree

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        inside = [str(self._path.parent)] if self._path.name == "__init__.py" else None
        loader = _Changed(fullname, str(self._path), self._tree)
        return spec_from_file_location(fullname, self._path, loader=loader, submodule_search_locations=inside)


def warm_up(scratch: str) -> None:
    """Import what every test needs and no mutant changes. What Hypothesis finds wrong goes to ``scratch``."""
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = scratch
    for name in WARM:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def reach_of(package: str, tests: str) -> Reach:
    """Run all tests once, unchanged, and note what each reaches. Raises RuntimeError if one of them fails."""
    answer = _in_child(lambda: _watched(package, tests), limit_s=1800)
    if not isinstance(answer, Reach):
        raise RuntimeError(f"the tests in {tests} do not pass unchanged: {answer}")
    return answer


def _watched(package: str, tests: str) -> object:
    watch = _Watch(package)
    watch.coverage.start()
    code = _pytest([tests], watch)
    watch.coverage.stop()
    if code != 0:
        return f"pytest ends with {code}"
    data = watch.coverage.get_data()
    root = Path.cwd()
    for path in data.measured_files():
        module = Path(path).relative_to(root).as_posix()
        found = data.contexts_by_lineno(path)
        watch.reach.lines[module] = {line: set(tests) - {""} for line, tests in found.items()}
    return watch.reach


def tried(mutant: Mutant, source: str, rounds: Sequence[Sequence[str]], usual_s: float) -> str:
    """What became of one mutant. ``usual_s`` is what its tests take in seconds."""
    if not rounds:
        return UNREACHED
    answer = _in_child(lambda: _noticed(mutant, source, rounds), limit_s=3 * usual_s + LONGEST_S)
    if answer is None:
        return ENDLESS
    return SURVIVED if answer == 0 else KILLED


def _noticed(mutant: Mutant, source: str, rounds: Sequence[Sequence[str]]) -> int:
    path = Path.cwd() / mutant.module
    name = mutant.module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    sys.meta_path.insert(0, _Finder(name, path, mutated(source, mutant)))
    codes = (_pytest(sorted(set(map(_file, tests))), _Chosen(tests)) for tests in rounds)
    return next((code for code in codes if code != 0), 0)


def _file(test: str) -> str:
    return test.partition("::")[0]


def _pytest(paths: Sequence[str], plugin: object) -> int:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return int(pytest.main([*PYTEST, *paths], plugins=[plugin]))


def _in_child(work: Callable[[], object], *, limit_s: float) -> object:
    """What ``work`` answers in a forked process; None if it takes longer, 1 if the process dies of it."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        os.setsid()  # so that servers that tests start can be ended with it
        _end_alone_after(limit_s + LONGEST_S)
        resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
        with os.fdopen(write, "wb") as out:
            pickle.dump(_answer(work), out)
        os._exit(0)
    os.close(write)
    try:
        return _awaited(read, limit_s)
    finally:
        os.close(read)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _end_alone_after(seconds: float) -> None:
    """Should whoever waits for this process have died, it is not to hang on for ever."""
    alarm = threading.Timer(seconds, os._exit, [1])  # SIGALRM belongs to the time-outs of pytest
    alarm.daemon = True
    alarm.start()


def _answer(work: Callable[[], object]) -> object:
    try:
        return work()
    except BaseException as error:  # also what a mutant raises to end the process
        return f"{type(error).__name__}: {error}"


def _awaited(read: int, limit_s: float) -> object:
    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        written = b"".join(iter(lambda: os.read(read, 1 << 20), b""))
        return pickle.loads(written) if written else 1  # noqa: S301  from our own child
    except TimeoutError:
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def sources(package: str) -> Mapping[str, str]:
    """The source of every module of a package (or of the one module), by path below the repository."""
    root = Path(package)
    paths = [root] if root.is_file() else sorted(root.rglob("*.py"))
    return {path.as_posix(): path.read_text(encoding="utf-8") for path in paths}
