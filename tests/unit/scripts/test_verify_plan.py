"""What scripts/verify_plan makes of its rows; the rows themselves run against the real thing."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import plan_checks_code
import plan_report
import pytest
from plan_report import CANNOT, FAILED, KNOWN_MISSING, PASSED, Row, complaints, run_rows, selected
from plan_setting import CannotCheckError, CheckFailedError, Setting, SetupError, require_free
from plan_verification import ROWS, main, plan_order


def good(_: Setting) -> str:
    return "seen"


def bad(_: Setting) -> str:
    raise CheckFailedError("it is not so")


def impossible(_: Setting) -> str:
    raise CannotCheckError("no such machine")


def strange(_: Setting) -> str:
    answer: dict[str, str] = {}
    return answer["id"]


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(tmp_path, tmp_path)


def rows(*checks: Callable[[Setting], str]) -> list[Row]:
    return [Row(f"T{n}.V", f"item {n}", "a check", check) for n, check in enumerate(checks, 1)]


def test_verdicts(setting: Setting) -> None:
    said: list[str] = []
    results = run_rows(rows(good, bad, impossible, strange), setting, said.append)
    assert [one.verdict for one in results] == [PASSED, FAILED, CANNOT, FAILED]
    assert [one.detail for one in results[:3]] == ["seen", "it is not so", "no such machine"]
    assert "KeyError" in results[3].detail
    assert any(line.startswith("[2/4] T2.V") for line in said)
    assert complaints(results, accept_known=True) == [
        "T2.V failed: it is not so",
        "T4.V failed: KeyError: 'id'",
    ]
    counts = plan_report.summary(results)["counts"]
    assert counts == {PASSED: 1, FAILED: 2, CANNOT: 1}


def test_rows_with_one_check_run_it_once(setting: Setting) -> None:
    runs: list[int] = []

    def counted(_: Setting) -> str:
        runs.append(1)
        return "seen"

    results = run_rows(rows(counted, counted), setting, lambda _: None)
    assert len(runs) == 1
    assert [(one.id, one.verdict) for one in results] == [("T1.V", PASSED), ("T2.V", PASSED)]


def test_what_is_known_to_be_missing(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_report, "KNOWN_MISSING", {"T1.V": "later", "T2.V": "later"})
    results = run_rows(rows(bad, good), setting, lambda _: None)
    found = complaints(results, accept_known=True)
    assert found == ["T2.V passes now: take it out of KNOWN_MISSING (later)"]
    assert "T1.V failed: it is not so" in complaints(results, accept_known=False)


def test_a_table_row_a_result(setting: Setting) -> None:
    results = run_rows(rows(good, bad), setting, lambda _: None)
    lines = plan_report.table(results).splitlines()
    assert len(lines) == 4
    assert lines[3].startswith("| T2.V | item 2 | a check | failed: it is not so |")
    assert plan_report.one_line("a\n  b | c") == "a b \\| c"


def test_json_of_results(setting: Setting, tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    plan_report.write_json(file, run_rows(rows(good), setting, lambda _: None))
    found = json.loads(file.read_text())
    assert found["rows"][0]["verdict"] == PASSED
    assert found["counts"][PASSED] == 1


def test_selection() -> None:
    four = selected(ROWS, "t4.*")
    assert four and all(row.id.startswith("T4.") for row in four)
    assert {row.id for row in selected(ROWS, "curl -X POST")} == {"S6.2"}
    assert selected(ROWS, "no such words") == []
    assert selected(ROWS, None) == list(ROWS)


def test_every_task_has_its_validation_and_acceptance() -> None:
    names = [row.id for row in ROWS]
    assert len(names) == len(set(names))
    for task in range(1, 9):
        assert f"T{task}.V" in names
        assert any(name.startswith(f"T{task}.A") for name in names)
    assert {"S6.1", "S6.2", "S6.3", "S6.4", "S7.1", "S7.2", "S7.3", "S7.4.1", "S7.5.1"} <= set(
        names
    )
    assert set(names) >= KNOWN_MISSING.keys()


def test_rows_come_in_the_plans_order(setting: Setting) -> None:
    some = [Row(name, "", "", good) for name in ("S7.1", "T2.V", "S4.1", "T1.A.2", "S3.D", "S6.1")]
    ordered = plan_order(run_rows(some, setting, lambda _: None))
    assert [one.id for one in ordered] == ["S3.D", "S4.1", "T1.A.2", "T2.V", "S6.1", "S7.1"]


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def test_a_taken_port_is_named(taken_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError, match=f"port {taken_port} .*is taken"):
        require_free(taken_port, "the hub")
    monkeypatch.setattr("plan_verification.HUB_PORT", taken_port)
    monkeypatch.setattr("sys.argv", ["verify_plan", "--only", "T4.V"])
    assert main("") == 2


def test_an_unknown_pattern_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["verify_plan", "--only", "nothing like this"])
    assert main("") == 2
    assert "no row fits 'nothing like this'" in capsys.readouterr().err


def test_coverage_counts_only_when_it_is_of_this_tree(tmp_path: Path) -> None:
    report = tmp_path / "coverage.json"
    with pytest.raises(CannotCheckError):
        plan_checks_code.line_coverage(report, newest=0)
    report.write_text('{"line_percent": 91.5}')
    os.utime(report, (100, 100))
    assert plan_checks_code.line_coverage(report, newest=99) == 91.5
    with pytest.raises(CannotCheckError, match="as new as the sources"):
        plan_checks_code.line_coverage(report, newest=101)


def test_the_users_settings_do_not_reach_the_set_up(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLX_HUB_PORT", "1234")
    monkeypatch.setenv("XDG_DATA_HOME", "/elsewhere")
    environment = setting.environment()
    assert "MLX_HUB_PORT" not in environment
    assert environment["HOME"] == str(setting.home)
    assert environment["XDG_DATA_HOME"].startswith(str(setting.home))


def test_a_command_that_fails_shows_its_last_lines(setting: Setting) -> None:
    assert setting.shell("echo fine").strip() == "fine"
    with pytest.raises(CheckFailedError, match="ended with 3: the reason"):
        setting.shell("echo the reason >&2; exit 3")
    with pytest.raises(CheckFailedError, match="no end after"):
        setting.shell("sleep 5", timeout=0.1)
