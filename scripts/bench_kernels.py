"""The CPU kernels against MLX's stock operations and against what the machine can do at most.

    uv run python scripts/bench_kernels.py [--seconds 0.3] [--no-stock] [--json FILE] [--build build/release]

Each figure is the best of the runs that fit --seconds (others use the machine, too); weights lie in MLX's packing
with float16 scales for ours and float32 scales for stock, which is far slower with float16 ones. The limits: reading
1 GiB on all threads, and multiply-adds in registers on all threads. MLX_HUB_THREADS and MLX_HUB_CPU hold.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import machine_facts

ROOT = Path(__file__).resolve().parent.parent
TARGET = "hub_bench_kernels"


def build(folder: Path, target: str = TARGET) -> Path:
    """The bench program, brought up to date. CMake comes with the environment."""
    cmake = Path(sys.executable).parent / "cmake"
    subprocess.run([cmake, "--build", folder, "--target", target], check=True, stdout=sys.stderr)
    return folder / "tests" / target


def lines_of(command: list[str]) -> list[dict[str, Any]]:
    """What a bench program prints, line by line; progress goes to stderr."""
    lines: list[dict[str, Any]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 (a pipe was asked for)
        for line in process.stdout:
            lines.append(json.loads(line))
            print(f"\r{len(lines)} measured", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    if process.returncode != 0:
        sys.exit(f"{Path(command[0]).name} ended with status {process.returncode}")
    return lines


def print_table(limits: dict[str, Any], cases: list[dict[str, Any]]) -> None:
    """A row a case: times, ratio, and the share of the limit that its unit names."""
    print(
        f"{limits['level']}, {limits['threads']} threads; limits: read {limits['read_gb_s']} GB/s, "
        f"multiply-add {limits['peak_gflop_s']} GFLOP/s\n"
    )
    print(
        f"{'case':<48}{'ours ms':>10}{'stock ms':>10}{'ratio':>8}{'rate':>10} {'unit':<8}{'limit':>7}"
    )
    for case in cases:
        limit = limits["read_gb_s"] if case["unit"] == "GB/s" else limits["peak_gflop_s"]
        stock = f"{case['stock_ms']:.3f}" if case["stock_ms"] else "-"
        ratio = f"{case['stock_ms'] / case['ours_ms']:.1f}x" if case["stock_ms"] else "-"
        print(
            f"{case['name']:<48}{case['ours_ms']:>10.3f}{stock:>10}{ratio:>8}"
            f"{case['ours_rate']:>10.1f} {case['unit']:<8}{case['ours_rate'] / limit:>7.0%}"
        )


def main() -> None:
    """Builds, measures, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=0.3, help="time for each figure")
    parser.add_argument("--no-stock", action="store_true", help="leave MLX's operations out")
    parser.add_argument("--json", type=Path, help="also write everything to this file")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    arguments = parser.parse_args()
    command = [str(build(arguments.build)), str(arguments.seconds)]
    *cases, limits = lines_of(command + (["--no-stock"] if arguments.no_stock else []))
    print_table(limits, cases)
    if arguments.json:
        facts = {"machine": machine_facts.facts(), "limits": limits, "cases": cases}
        arguments.json.write_text(json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    main()
