"""What grammars cost for each token of an answer: random answers under schemas, expressions and a Lark grammar.

    uv run python scripts/bench_grammar.py [--model FOLDER] [--json FILE] [--build build/release]

Each answer begins with cold caches, as a request's does. Times are microseconds of one thread's processor time, but for
compiling, which is by the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TARGET = "hub_bench_grammar"
COLUMNS = (
    ("compile_us", "compile"),
    ("begin_us", "begin"),
    ("clone_us", "clone"),
    ("mask_median_us", "mask"),
    ("mask_p99_us", "p99"),
    ("mask_max_us", "max"),
    ("accept_median_us", "accept"),
    ("accept_p99_us", "p99"),
    ("steps", "steps"),
)


def main() -> None:
    """Builds, measures, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", type=Path, default=default_model(), help="its token 2 must end an answer"
    )
    parser.add_argument("--json", type=Path, help="also write the figures there")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    arguments = parser.parse_args()
    cmake = Path(sys.executable).parent / "cmake"
    subprocess.run(
        [cmake, "--build", arguments.build, "--target", TARGET], check=True, stdout=sys.stderr
    )
    output = subprocess.run(
        [arguments.build / "tests" / TARGET, arguments.model],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    head, *cases = [json.loads(line) for line in output.splitlines()]
    print_table(head, cases)
    if arguments.json:
        arguments.json.write_text(json.dumps({"model": head, "cases": cases}, indent=1) + "\n")


def default_model() -> Path:
    """Where scripts/setup puts it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    models = Path(os.environ.get("MLX_HUB_MODELS", cache / "mlx-hub" / "models"))
    return models / "smollm2-135m-instruct"


def print_table(head: dict[str, Any], cases: list[dict[str, Any]]) -> None:
    """A row a grammar."""
    print(f"{head['logits']} tokens, made ready for grammars in {head['start_us'] / 1000:.0f} ms\n")
    print(f"{'grammar':<16}" + "".join(f"{title:>9}" for _, title in COLUMNS))
    for case in cases:
        print(f"{case['name']:<16}" + "".join(f"{case[key]:>9.1f}" for key, _ in COLUMNS))


if __name__ == "__main__":
    main()
