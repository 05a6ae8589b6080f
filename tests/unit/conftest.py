"""The C++ unit tests as pytest items, one for each GoogleTest case.

A `*_test.cpp` belongs to the program of its folder (tests/unit/base -> hub_base_test). The program lists its
cases; the selected ones then run in a single process, since starting one costs more than most cases, and every
item reports its own part of the JSON result. When the program crashes, no result is written: its cases run
again, each in a process of its own, so that the one that crashes is named. scripts/up builds no test programs:
where they are missing they are built first. One that cannot be built is an error of collection, never silence.
"""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

UNIT = Path(__file__).resolve().parent
ROOT = UNIT.parent.parent
RUN_TIMEOUT_SECONDS = 900


class CaseFailedError(Exception):
    """The text that the C++ assertion printed."""


class Program:
    """One test program: its cases, and the results of the run that all its items share."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.listed: dict[tuple[str, str], list[str]] | None = None
        self.selected: list[str] = []
        self.results: dict[str, dict[str, Any]] | None = None
        self.output = ""

    def cases(self, source: Path) -> list[str]:
        """The full names of the cases that `source` defines."""
        if self.listed is None:
            self.listed = self._list()
        return self.listed.get((source.parent.name, source.name), [])

    def result(self, case: str) -> dict[str, Any]:
        if self.results is None:
            self.results, status, self.output = self._run(self.selected)
            if self.results is None:
                self.results = {name: self._run_alone(name) for name in self.selected}
            elif status != 0 and not any("failures" in found for found in self.results.values()):
                raise CaseFailedError(f"{self.path.name} failed outside its cases\n{self.output}")
        return self.results[case]

    def _list(self) -> dict[tuple[str, str], list[str]]:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "list.json"
            try:
                done = subprocess.run(
                    [self.path, "--gtest_list_tests", f"--gtest_output=json:{report}"],
                    capture_output=True,
                    text=True,
                    check=False,
                    timeout=60,
                )
            except OSError as error:  # for example while the linker writes it
                raise pytest.Collector.CollectError(
                    f"{self.path} does not start: {error}"
                ) from error
            if done.returncode != 0 or not report.exists():
                raise pytest.Collector.CollectError(
                    f"{self.path} does not list its tests: {how_it_ended(done.returncode)}\n{done.stderr}"
                )
            suites = json.loads(report.read_text())["testsuites"]
        found: dict[tuple[str, str], list[str]] = {}
        for suite in suites:
            for case in suite["testsuite"]:
                file = Path(case["file"])
                name = f"{suite['name']}.{case['name']}"
                found.setdefault((file.parent.name, file.name), []).append(name)
        return found

    def _run(self, cases: list[str]) -> tuple[dict[str, dict[str, Any]] | None, int, str]:
        """(results by case or None when the process did not end by itself, its status, what it printed)."""
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "result.json"
            flags = Path(folder) / "flags"
            flags.write_text("--gtest_filter=" + ":".join(cases) + "\n")
            try:
                done = subprocess.run(
                    [self.path, f"--gtest_flagfile={flags}", f"--gtest_output=json:{report}"],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    check=False,
                    timeout=RUN_TIMEOUT_SECONDS,
                    cwd=ROOT,
                )
            except subprocess.TimeoutExpired as expired:
                printed = (expired.stdout or b"").decode(errors="replace")
                return None, -signal.SIGALRM, f"no end after {RUN_TIMEOUT_SECONDS} s\n{printed}"
            printed = done.stdout.decode(errors="replace")
            if not report.exists():
                return None, done.returncode, printed
            suites = json.loads(report.read_text())["testsuites"]
        results = {
            f"{suite['name']}.{case['name']}": case
            for suite in suites
            for case in suite["testsuite"]
        }
        return results, done.returncode, printed

    def _run_alone(self, case: str) -> dict[str, Any]:
        results, status, printed = self._run([case])
        if results is None:
            return {"failures": [{"failure": f"{how_it_ended(status)}\n{printed}"}]}
        return results[case]


def how_it_ended(status: int) -> str:
    if status < 0:
        return f"crashed with {signal.Signals(-status).name}"
    return f"exit status {status}"


class CaseItem(pytest.Item):
    program: Program

    def runtest(self) -> None:
        found = self.program.result(self.name)
        if found.get("result") == "SKIPPED":
            pytest.skip(str(found.get("skipped", [{}])[0].get("message", "skipped")))
        if "failures" in found:
            raise CaseFailedError("\n".join(str(one["failure"]) for one in found["failures"]))
        if found.get("status") != "RUN":
            raise CaseFailedError(f"{self.name} did not run: {found}")

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        if isinstance(excinfo.value, CaseFailedError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.name


class SourceFile(pytest.File):
    program: Program

    def collect(self) -> Iterator[CaseItem]:
        if not self.program.path.exists():
            raise self.CollectError(f"{self.program.path} is missing: run scripts/setup --tests")
        cases = self.program.cases(self.path)
        if not cases:
            raise self.CollectError(
                f"{self.program.path.name} has no case of {self.path.name}: it is out of date, "
                "run scripts/setup --tests"
            )
        for case in cases:
            item = CaseItem.from_parent(self, name=case)
            item.program = self.program
            item.add_marker("cpp")
            yield item


def build_missing_programs(config: pytest.Config) -> None:
    """Builds the test programs where scripts/up left them out; prints what the build prints."""
    build = ROOT / str(config.getoption("--build-dir"))
    if any((build / "tests").glob("hub_*_test")) or not (build / "build.ninja").exists():
        return
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print("Building the C++ test programs, once …", flush=True)
        subprocess.run([ROOT / "scripts" / "setup", "--tests"], check=False)


PROGRAMS = pytest.StashKey[dict[str, Program]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "cpp: a case of a C++ test program")
    config.stash[PROGRAMS] = {}


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if not file_path.name.endswith("_test.cpp"):
        return None
    module = "_".join(file_path.parent.relative_to(UNIT).parts)
    programs = parent.config.stash[PROGRAMS]
    if not programs:
        build_missing_programs(parent.config)
    if module not in programs:
        folder = ROOT / str(parent.config.getoption("--build-dir")) / "tests"
        programs[module] = Program(folder / f"hub_{module}_test")
    source = SourceFile.from_parent(parent, path=file_path)
    source.program = programs[module]
    return source


def pytest_collection_finish(session: pytest.Session) -> None:
    for item in session.items:
        if isinstance(item, CaseItem):
            item.program.selected.append(item.name)
