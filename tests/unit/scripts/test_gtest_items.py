"""The collector of tests/unit/conftest.py, on a small program that speaks GoogleTest's command line."""

from __future__ import annotations

import shutil
import stat
import sys
import textwrap
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

# Lists Queue.Good, Queue.Bad and Queue.Crashes of tests/unit/queue/queue_test.cpp.
PROGRAM = """\
    #!{python}
    import json, os, re, sys

    arguments = sys.argv[1:]
    for flagfile in [a.split("=", 1)[1] for a in arguments if a.startswith("--gtest_flagfile=")]:
        arguments += open(flagfile).read().split()
    options = dict(a.split("=", 1) for a in arguments if "=" in a)
    report = options["--gtest_output"].removeprefix("json:")
    cases = ["Good", "Bad", "Crashes"]
    if "--gtest_filter" in options:
        cases = [name.split(".")[1] for name in options["--gtest_filter"].split(":")]
    print("running", *cases)
    file = "/somewhere/tests/unit/queue/queue_test.cpp"
    suite = [dict(name=name, file=file, line=1, status="RUN", result="COMPLETED") for name in cases]
    if "--gtest_list_tests" not in arguments:
        if "Crashes" in cases:
            os.kill(os.getpid(), 11)
        for case in suite:
            if case["name"] == "Bad":
                case["failures"] = [dict(failure="Expected: 1, actual: 2")]
    with open(report, "w") as out:
        json.dump(dict(testsuites=[dict(name="Queue", testsuite=suite)]), out)
    sys.exit(any("failures" in case for case in suite))
    """


@pytest.fixture
def tree(pytester: pytest.Pytester) -> Path:
    """A tree with our two conftest files and one C++ test source, without its program."""
    source = Path(__file__).resolve().parents[2]
    for name in ("conftest.py", "unit/conftest.py"):
        target = pytester.path / "tests" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, target)
    folder = pytester.path / "tests" / "unit" / "queue"
    folder.mkdir()
    (folder / "queue_test.cpp").write_text("// TEST(Queue, Good)\n")
    return pytester.path


def add_program(tree: Path, python: str) -> None:
    program = tree / "build" / "release" / "tests" / "hub_queue_test"
    program.parent.mkdir(parents=True)
    program.write_text(textwrap.dedent(PROGRAM).replace("{python}", python))
    program.chmod(program.stat().st_mode | stat.S_IEXEC)


def test_a_missing_program_is_an_error_of_collection(pytester: pytest.Pytester, tree: Path) -> None:
    assert tree.exists()
    result = pytester.runpytest("tests/unit")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*hub_queue_test is missing: run scripts/setup*"])


def test_one_item_a_case(pytester: pytest.Pytester, tree: Path) -> None:
    add_program(tree, sys.executable)
    result = pytester.runpytest("tests/unit", "-v", "-k", "Good or Bad")
    result.assert_outcomes(passed=1, failed=1, deselected=1)
    result.stdout.fnmatch_lines(["*queue_test.cpp::Queue*Good PASSED*", "*Expected: 1, actual: 2*"])


def test_a_crash_is_charged_to_its_case(pytester: pytest.Pytester, tree: Path) -> None:
    add_program(tree, sys.executable)
    result = pytester.runpytest("tests/unit", "-v")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*queue_test.cpp::Queue*Good PASSED*", "*crashed with SIGSEGV*"])


def test_the_cpp_marker_leaves_them_out(pytester: pytest.Pytester, tree: Path) -> None:
    add_program(tree, sys.executable)
    result = pytester.runpytest("tests/unit", "-m", "not cpp")
    result.assert_outcomes(deselected=3)
