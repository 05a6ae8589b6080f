"""Runs the fuzzers that scripts/fuzz built, each from its seeds, and prints what they did.

    scripts/fuzz [--seconds 60] [--target NAME] [--jobs 2] [--merge]

Seeds: tests/fuzz/corpus/<target>/, small and committed, and for some targets the goldens. What a run finds on the
way lies in build/fuzz/corpus/<target>/ and is where the next run starts; --merge copies from there into the committed
seeds what adds coverage and is small. Exits with 1 when a fuzzer ended with a finding; the input that shows it is
then in build/fuzz/findings/.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SEEDS = ROOT / "tests" / "fuzz" / "corpus"
BUILD = ROOT / "build" / "fuzz"
# Goldens that are seeds, too.
GOLDENS = {"parquet": ROOT / "tests" / "golden" / "data"}
LONGEST_INPUT = 8192
MEMORY_MB = 2048
INPUT_TIMEOUT_SECONDS = 10
# What --merge keeps: the committed seeds stay a few kilobytes a target.
LARGEST_SEED = 1024
MOST_SEED_BYTES = 24 * 1024

STATISTIC = re.compile(r"^stat::(\w+):\s+(\d+)$", re.MULTILINE)
COVERAGE = re.compile(r"^#\d+\s+.*\bcov: (\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """What one fuzzer did."""

    target: str
    executions: int
    seconds: float
    edges: int
    findings: list[Path]
    status: int
    output: str

    @property
    def failed(self) -> bool:
        return self.status != 0 or bool(self.findings)


def targets() -> list[str]:
    return sorted(path.stem.removesuffix("_fuzzer") for path in (SEEDS.parent).glob("*_fuzzer.cpp"))


def program(target: str) -> Path:
    return BUILD / "fuzzers" / f"{target}_fuzzer"


def seed_folders(target: str) -> list[Path]:
    folders = [SEEDS / target, GOLDENS.get(target)]
    return [folder for folder in folders if folder is not None and folder.is_dir()]


def fuzz(target: str, seconds: int) -> Run:
    grown = BUILD / "corpus" / target
    found = BUILD / "findings" / target
    for folder in (grown, found):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(found.iterdir())
    started = time.monotonic()
    done = subprocess.run(
        [
            program(target),
            f"-max_total_time={seconds}",
            f"-max_len={LONGEST_INPUT}",
            f"-rss_limit_mb={MEMORY_MB}",
            f"-timeout={INPUT_TIMEOUT_SECONDS}",
            f"-artifact_prefix={found}/",
            "-print_final_stats=1",
            grown,
            *seed_folders(target),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        # Stacks with names, by binutils where there is no llvm-symbolizer.
        env=os.environ
        | {"ASAN_OPTIONS": "allow_addr2line=1", "UBSAN_OPTIONS": "print_stacktrace=1"},
    )
    output = done.stdout.decode(errors="replace")
    statistics = {name: int(value) for name, value in STATISTIC.findall(output)}
    coverage = [int(edges) for edges in COVERAGE.findall(output)]
    return Run(
        target=target,
        executions=statistics.get("number_of_executed_units", 0),
        seconds=time.monotonic() - started,
        edges=max(coverage, default=0),
        findings=sorted(set(found.iterdir()) - before),
        status=done.returncode,
        output=output,
    )


def report(run: Run) -> None:
    rate = run.executions / max(run.seconds, 1e-3)
    findings = str(len(run.findings)) if run.findings else "-"
    print(
        f"{run.target:<18} {run.seconds:>7.0f} s {run.executions:>12,} {rate:>10,.0f}/s "
        f"{run.edges:>8,} {findings:>9}",
        flush=True,
    )


def explain(run: Run) -> None:
    print(f"\n{run.target}_fuzzer ended with {run.status}:")
    print("\n".join(run.output.splitlines()[-60:]))
    for path in run.findings:
        print(f"kept: {path.relative_to(ROOT)} ({path.stat().st_size} bytes); show it again with")
        print(f"  {program(run.target).relative_to(ROOT)} {path.relative_to(ROOT)}")


def merge(target: str) -> None:
    """Adds to the committed seeds what raises their coverage, smallest first, up to a size."""
    seeds = SEEDS / target
    seeds.mkdir(parents=True, exist_ok=True)
    room = MOST_SEED_BYTES - sum(path.stat().st_size for path in seeds.iterdir())
    with tempfile.TemporaryDirectory() as small, tempfile.TemporaryDirectory() as chosen:
        for path in (BUILD / "corpus" / target).glob("*"):
            if path.stat().st_size <= LARGEST_SEED:
                shutil.copy(path, small)
        for folder in seed_folders(target):
            shutil.copytree(folder, chosen, dirs_exist_ok=True)
        before = {path.name for path in Path(chosen).iterdir()}
        command = [program(target), "-merge=1", f"-max_len={LONGEST_INPUT}", chosen, small]
        subprocess.run(command, capture_output=True, check=True)
        fresh = [path for path in Path(chosen).iterdir() if path.name not in before]
        added = 0
        for path in sorted(fresh, key=lambda each: each.stat().st_size):
            room -= path.stat().st_size
            if room < 0:
                break
            shutil.copy(path, seeds)
            added += 1
    print(f"{target:<18} {added} of {len(fresh)} inputs that add coverage are seeds now")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description="Runs the fuzzers.")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    parser.add_argument("--target", action="append", help="only this one; may be given again")
    parser.add_argument("--jobs", type=int, default=2, help="fuzzers at a time (2)")
    parser.add_argument("--merge", action="store_true", help="no fuzzing: keep what was found")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    known = targets()
    chosen: list[str] = options.target or known
    if unknown := sorted(set(chosen) - set(known)):
        print(f"fuzz: no target {', '.join(unknown)}; there are {', '.join(known)}")
        return 2
    if options.merge:
        for target in chosen:
            merge(target)
        return 0
    print(
        f"{'target':<18} {'time':>9} {'executions':>12} {'rate':>12} {'edges':>8} {'findings':>9}"
    )
    failed: list[Run] = []
    with ThreadPoolExecutor(options.jobs) as pool:
        runs = [pool.submit(fuzz, target, options.seconds) for target in chosen]
        for run in (future.result() for future in runs):
            report(run)
            if run.failed:
                failed.append(run)
    for run in failed:
        explain(run)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
