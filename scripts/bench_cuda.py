"""Products with packed weights on an NVIDIA GPU: ours, MLX's stock operation, the dense product in bfloat16.

    uv run python scripts/bench_cuda.py [--no-stock] [--quick] [--json FILE] [--build build/release]

Needs MLX's CUDA library at run time and the plugin (cmake/cuda_plugin.cmake). Times are the device's, one operation
after the other, with weights that change so that no cache holds them. The floor: reading them and x and writing y, at
the bandwidth of a copy measured in the same run. MLX compiles its stock kernels at their first use: minutes at first.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import machine_facts
from bench_kernels import build, lines_of

ROOT = Path(__file__).resolve().parent.parent
TARGET = "hub_bench_cuda"


def print_table(facts: dict[str, Any], cases: list[dict[str, Any]]) -> None:
    """A row a shape and number of rows; then what unpacking takes."""
    print(f"{facts['device']}, MLX {facts['mlx']}; copy {facts['copy_gb_s']} GB/s\n")
    print(
        f"{'weight':<16}{'bits':>5}{'rows':>6}{'ours':>9}{'stock':>9}{'dense':>9}{'floor':>9}  µs"
    )
    for case in cases:
        if "unpack" in case:
            outputs, columns = case["unpack"]
            print(
                f"{f'{outputs}x{columns}':<16}{case['bits']:>5}{'all':>6}{case['ours_us']:>9.1f}"
                f"{case['stock_us']:>9.1f}{'':>18}  unpacked"
            )
            continue
        floor = case["bytes"] / facts["copy_gb_s"] / 1e3
        ours = f"{case['ours_us']:.1f}" if case["ours_us"] else "-"
        stock = f"{case['stock_us']:.1f}" if case["stock_us"] else "-"
        shape = f"{case['n']}x{case['k']}"
        print(
            f"{shape:<16}{case['bits']:>5}{case['m']:>6}{ours:>9}{stock:>9}"
            f"{case['dense_us']:>9.1f}{floor:>9.1f}"
        )


def main() -> None:
    """Builds, measures, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--no-stock", action="store_true", help="leave MLX's operation out")
    parser.add_argument("--quick", action="store_true", help="only the first shape")
    parser.add_argument("--json", type=Path, help="also write everything to this file")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    arguments = parser.parse_args()
    options = [name for name in ("no-stock", "quick") if vars(arguments)[name.replace("-", "_")]]
    program = build(arguments.build, TARGET)
    facts, *cases = lines_of([str(program), *(f"--{name}" for name in options)])
    if not cases:
        sys.exit("nothing was measured")
    print_table(facts, cases)
    if arguments.json:
        found = {"machine": machine_facts.facts(), "device": facts, "cases": cases}
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
