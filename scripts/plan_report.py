"""Rows of scripts/verify_plan: what the plan says, what is done about it, and what came of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

from hub_client import HubError
from plan_setting import CannotCheckError, CheckFailedError, Setting

PASSED, FAILED, CANNOT = "passed", "failed", "cannot be checked here"
Verdict = Literal["passed", "failed", "cannot be checked here"]
Say = Callable[[str], None]

# Rows that fail today and are known to, with the reason. One that passes must leave this list: it then fails the run.
KNOWN_MISSING: dict[str, str] = {}


@dataclass(frozen=True)
class Row:
    """`check` says in words or as a command what `run` does. `run` returns what it saw, or raises
    CheckFailedError, HubError or CannotCheckError with the reason."""

    id: str
    item: str  # the plan's words
    check: str
    run: Callable[[Setting], str] = field(compare=False)
    needs: frozenset[str] = frozenset()  # "hub", "stack"


@dataclass(frozen=True)
class Result:
    id: str
    item: str
    check: str
    verdict: Verdict
    detail: str
    seconds: float


def selected(rows: Sequence[Row], pattern: str | None) -> list[Row]:
    """By a shell pattern of the id, or a part of the item or the check."""
    if pattern is None:
        return list(rows)
    word = pattern.casefold()
    return [
        row
        for row in rows
        if fnmatch(row.id.casefold(), word) or word in f"{row.item} {row.check}".casefold()
    ]


def run_row(row: Row, setting: Setting) -> Result:
    started = time.monotonic()
    verdict: Verdict = PASSED
    try:
        detail = row.run(setting)
    except CannotCheckError as reason:
        verdict, detail = CANNOT, str(reason)
    except (CheckFailedError, HubError) as reason:
        verdict, detail = FAILED, str(reason)
    except (AssertionError, KeyError, IndexError, TypeError, ValueError, OSError) as reason:
        # An answer that has not the form that it should have.
        verdict, detail = FAILED, f"{type(reason).__name__}: {reason}"
    return Result(row.id, row.item, row.check, verdict, detail, time.monotonic() - started)


def run_rows(rows: Sequence[Row], setting: Setting, say: Say) -> list[Result]:
    """Rows with the same check share one run of it."""
    results: list[Result] = []
    done: dict[Callable[[Setting], str], Result] = {}
    for number, row in enumerate(rows, 1):
        say(f"[{number}/{len(rows)}] {row.id} {' '.join(row.check.split())}")
        if row.run in done:
            earlier = done[row.run]
            result = replace(earlier, id=row.id, item=row.item, check=row.check, seconds=0.0)
        else:
            result = done[row.run] = run_row(row, setting)
        results.append(result)
        say(f"        {result.verdict} ({result.seconds:.1f} s)")
    return results


def one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def table(results: Sequence[Result]) -> str:
    lines = ["| | item of the plan | check | result | s |", "|---|---|---|---|---|"]
    lines += [
        f"| {one.id} | {one_line(one.item)} | {one_line(one.check)} | {one.verdict}: {one_line(one.detail)} "
        f"| {one.seconds:.1f} |"
        for one in results
    ]
    return "\n".join(lines)


def complaints(results: Sequence[Result], accept_known: bool) -> list[str]:
    """Why the run as a whole fails; empty when it does not."""
    found: list[str] = []
    for one in results:
        known = KNOWN_MISSING.get(one.id)
        if one.verdict == FAILED and not (known and accept_known):
            found.append(f"{one.id} failed: {one.detail}")
        if one.verdict == PASSED and known:
            found.append(f"{one.id} passes now: take it out of KNOWN_MISSING ({known})")
    return found


def summary(results: Sequence[Result]) -> dict[str, Any]:
    counts = {
        verdict: sum(one.verdict == verdict for one in results)
        for verdict in (PASSED, FAILED, CANNOT)
    }
    return {"counts": counts, "rows": [asdict(one) for one in results]}


def write_json(file: Path, results: Sequence[Result]) -> None:
    file.write_text(json.dumps(summary(results), indent=2) + "\n")
