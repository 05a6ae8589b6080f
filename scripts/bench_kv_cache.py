"""Keys and values in 8 and 4 bits (`kv_bits`) and activations in 8 bits (`activation_bits`, on CPUs) against floats:
what they change, what they take, how fast they are.

    uv run python scripts/bench_kv_cache.py [--tokens 4096] [--cached 128 4000] [--rounds 3] [--json FILE]

The default model reads the documents of this tree, from their beginning, each kind with a cache of its own that it
fills by itself. Told are the perplexity, the mean divergence KL(floats || bits) of the next token's distribution, how
often both find the same token the likeliest, the bytes of a cached token, and the median times of steps of one token
and of prompts in chunks of 256, without sampling and without a server. The kinds take turns.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import machine_facts
from hub_client import DEFAULT_MODEL, Json
from package_files import cache_folder
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parent.parent
TARGET = "hub_bench_kv_cache"


def build(folder: Path) -> Path:
    """The bench program, brought up to date. CMake comes with the environment."""
    cmake = Path(sys.executable).parent / "cmake"
    subprocess.run([cmake, "--build", folder, "--target", TARGET], check=True, stdout=sys.stderr)
    return folder / "tests" / TARGET


def text_tokens(model: Path, count: int) -> list[int]:
    """The first tokens of the tree's documents, one after another by name."""
    tokenizer: Any = Tokenizer.from_file(str(model / "tokenizer.json"))
    text = "\n".join(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))
    tokens: list[int] = tokenizer.encode(text).ids
    if len(tokens) < count:
        sys.exit(f"the documents have {len(tokens)} tokens, {count} were wanted")
    return tokens[:count]


def run(program: Path, model: Path, tokens: list[int], options: argparse.Namespace) -> list[Json]:
    """What the program prints, line by line."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(tokens, file)
        file.flush()
        command = [program, model, file.name, options.rounds, *options.cached]
        output = subprocess.run(
            [str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True
        ).stdout
    return [json.loads(line) for line in output.splitlines()]


def name(row: Json) -> str:
    bits = f"kv {row['bits']} bits" if row["bits"] else "floats"
    return f"{bits}, activations 8" if row["activation_bits"] == 8 else bits


def print_table(qualities: list[Json], speeds: list[Json]) -> None:
    print(f"\n{'':<28}{'perplexity':>12}{'mean KL':>12}{'same best':>12}{'bytes/token':>14}")
    for row in qualities:
        print(
            f"{name(row):<28}{row['perplexity']:>12.4f}{row['kl']:>12.2e}"
            f"{row['same_best']:>12.2%}{row['bytes_per_token']:>14,}"
        )
    print(f"\n{'':<28}{'cached':>12}{'decode tok/s':>14}{'best':>10}{'prompt tok/s':>14}")
    for row in speeds:
        print(
            f"{name(row):<28}{row['cached']:>12,}{row['decode_tok_s']:>14.1f}"
            f"{row['best_decode_tok_s']:>10.1f}{row['prompt_tok_s']:>14.1f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", type=int, default=4096, help="of the text")
    parser.add_argument("--cached", type=int, nargs="*", default=[128, 4000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--build-dir", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.tokens <= max(options.cached, default=0):
        parser.error("--tokens must be more than --cached")
    program = build(options.build_dir.resolve())
    facts = machine_facts.facts()
    is_busy = machine_facts.is_busy()
    model = cache_folder() / "models" / DEFAULT_MODEL
    rows = run(program, model, text_tokens(model, options.tokens), options)
    qualities = [row for row in rows if "kl" in row]
    speeds = [row for row in rows if "cached" in row]
    print(f"{DEFAULT_MODEL}, {options.tokens - 1} tokens of docs/*.md")
    if is_busy:
        print("BUSY: other processes run, times are noisy")
    print_table(qualities, speeds)
    if options.json:
        result = {"machine": facts, "busy": is_busy, "quality": qualities, "speed": speeds}
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
