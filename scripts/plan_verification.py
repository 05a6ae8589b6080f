"""What scripts/verify_plan does; see there."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import plan_checks_code
import plan_checks_jobs
import plan_checks_operations
import plan_checks_registry
import plan_checks_serving
from hub_client import ROOT
from plan_report import (
    KNOWN_MISSING,
    Result,
    Row,
    complaints,
    run_rows,
    selected,
    summary,
    table,
    write_json,
)
from plan_setting import HUB_PORT, PROMETHEUS_PORT, Setting, SetupError, require_free

# What needs a hub first, while the set-up is young; the long commands and the one that stops MLflow last.
ROWS: tuple[Row, ...] = (
    *plan_checks_registry.ROWS,
    *plan_checks_jobs.ROWS,
    *plan_checks_serving.ROWS,
    *plan_checks_operations.ROWS,
    *plan_checks_code.ROWS,
)


def place(row_id: str) -> list[str]:
    """S4.1 is of the plan's section 4, T2.V of task 2 in its section 5."""
    kind, rest = row_id[0], row_id[1:]
    return ([] if kind == "S" else ["5"]) + rest.split(".")


def plan_order(results: Sequence[Result]) -> list[Result]:
    return sorted(results, key=lambda one: place(one.id))


def show_rows(rows: Sequence[Row]) -> None:
    for row in sorted(rows, key=lambda one: place(one.id)):
        known = (
            f"  [known to be missing: {KNOWN_MISSING[row.id]}]" if row.id in KNOWN_MISSING else ""
        )
        print(f"{row.id:8} {row.item}{known}\n         {' '.join(row.check.split())}")


def verify(rows: Sequence[Row], options: argparse.Namespace) -> list[Result]:
    needs = frozenset[str]().union(*(row.needs for row in rows))
    if "hub" in needs:
        require_free(HUB_PORT, "the hub")
    if "stack" in needs:
        require_free(PROMETHEUS_PORT, "Prometheus")
    with tempfile.TemporaryDirectory(prefix="mlx-hub-plan-", ignore_cleanup_errors=True) as folder:
        setting = Setting(Path(folder), options.build_dir.resolve())
        setting.prepare()
        try:
            return run_rows(rows, setting, say=lambda line: print(line, flush=True))
        finally:
            setting.close()


def end(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


def main(description: str) -> int:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--list", action="store_true", help="print the rows, check nothing")
    parser.add_argument(
        "--only", metavar="PATTERN", help="rows by name (T4.*), or with these words"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also writes the rows there")
    parser.add_argument(
        "--accept-known-missing",
        action="store_true",
        help="rows of KNOWN_MISSING (plan_report.py) may fail; one that passes fails the run either way",
    )
    parser.add_argument("--build-dir", type=Path, default=ROOT / "build" / "release")
    options = parser.parse_args()
    rows = selected(ROWS, options.only)
    if not rows:
        print(f"verify_plan: no row fits {options.only!r}; --list shows them", file=sys.stderr)
        return 2
    if options.list:
        show_rows(rows)
        return 0
    # An end from outside, too, ends what was started.
    signal.signal(signal.SIGTERM, end)
    started = time.monotonic()
    try:
        results = plan_order(verify(rows, options))
    except SetupError as error:
        print(f"verify_plan: {error}", file=sys.stderr)
        return 2
    print(f"\n{table(results)}\n")
    counts = ", ".join(
        f"{count} {verdict}" for verdict, count in summary(results)["counts"].items()
    )
    print(f"{counts}; {time.monotonic() - started:.0f} s")
    if options.json:
        write_json(options.json, results)
    found = complaints(results, options.accept_known_missing)
    for line in found:
        print(f"verify_plan: {line}", file=sys.stderr)
    return 1 if found else 0
