"""QLoRA steps of the hub's trainer against mlx-lm's: same weights, same modules, same tokens, taking turns.

    uv run python scripts/bench_training.py [--rounds 2] [--batch 1] [--length 128] [--json FILE]

Every row is longer than --length and cut to it, so that both sides see the same tokens without padding. The first
step of each run (compilation, page faults) is left out on both sides. tokens/s = batch * (length - 1) / step; the peak
is that of MLX's arrays.

With --shape (for a GPU) the models are random ones of a true size, and PyTorch is a peer too:

    uv run python scripts/bench_training.py --shape 8b --batch 4 --length 512 --layers 16 --steps 12
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import shape_bench
from bench_peers import FOUR_BIT, OURS, hub_and_peers, print_machine, turns, write_json
from hub_client import DEFAULT_MODEL, HubClient, HubError, Json
from mlx_lm_peer import Peer

LORA = {"rank": 8, "scale": 20.0, "learning_rate": 1e-4}


def make_rows(count: int, length: int) -> list[Json]:
    """Chat rows of English text, each longer than `length` tokens."""
    text = " ".join(" ".join(str(topics[name]).split()) for name in sorted(topics))
    size = 8 * length  # characters; a token has about four
    return [
        {
            "messages": [
                {"role": "user", "content": "Go on."},
                {"role": "assistant", "content": text[i * size : (i + 1) * size]},
            ]
        }
        for i in range(count)
    ]


def ours_steps(client: HubClient, dataset: str, name: str, options: argparse.Namespace) -> Json:
    job = client.submit(
        {
            "type": "finetune",
            "model": DEFAULT_MODEL,
            "dataset": dataset,
            "params": {
                **LORA,
                "lr_schedule": "constant",
                "batch_size": options.batch,
                "max_seq_length": options.length,
                "epochs": 1000,
                "max_steps": options.steps,
                "report_every": 1,
                "eval_every": 0,
                "eval_fraction": 0.0,
                "save_every": 0,
            },
            "output": {"name": name},
        }
    )
    done = client.wait(str(job["id"]), 1800)
    if done["state"] != "COMPLETED":
        raise HubError(f"our job {done['state'].lower()}: {done['reason']}")
    rows: list[Json] = client.call("GET", f"/jobs/{job['id']}/metrics", params={"limit": 500})[
        "data"
    ]
    rows = [row for row in rows if row.get("iterations_per_second")]
    return {
        "step_seconds": [1.0 / float(row["iterations_per_second"]) for row in rows],
        "losses": [float(row["train_loss"]) for row in rows],
        "peak_bytes": done["memory"]["peak_bytes"],
    }


def measure(
    client: HubClient, peers: dict[str, Peer], rows: list[Json], options: argparse.Namespace
) -> dict[str, list[Json]]:
    runs: dict[str, list[Json]] = {name: [] for name in [OURS, *peers]}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        client.upload_dataset("bench-rows", path)
    for number in range(options.rounds):
        for name in turns(number, peers):
            if name == OURS:
                runs[name].append(ours_steps(client, "bench-rows", f"bench-{number}", options))
            else:
                steps = options.peer_steps if name == FOUR_BIT else options.steps
                params = {**LORA, "batch": options.batch, "steps": steps, "length": options.length}
                runs[name].append(peers[name].call(do="train", rows=rows, params=params))
            print(f"  round {number + 1}: {name} done", file=sys.stderr, flush=True)
    return runs


def summary(runs: dict[str, list[Json]], options: argparse.Namespace) -> Json:
    tokens = options.batch * (options.length - 1)
    result: Json = {"tokens_per_step": tokens}
    for name, repeats in runs.items():
        steps = [seconds for repeat in repeats for seconds in repeat["step_seconds"][1:]]
        result[name] = {
            "iterations_per_second": 1.0 / statistics.median(steps),
            "tokens_per_second": tokens / statistics.median(steps),
            "best_tokens_per_second": tokens / min(steps),
            "peak_mb": max(int(repeat["peak_bytes"]) for repeat in repeats) / 1e6,
            "steps": len(steps),
            "losses": repeats[0]["losses"],
        }
    return result


def on_a_shape(options: argparse.Namespace, facts: Json) -> int:
    try:
        result = shape_bench.run(options)
    except (RuntimeError, OSError) as error:
        print(f"bench_training: {error}", file=sys.stderr)
        return 1
    shape_bench.show(result, options)
    write_json(options.json, {"machine": facts, **result})
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument(
        "--steps", type=int, default=6, help="of ours and of mlx-lm's best form, a round"
    )
    parser.add_argument(
        "--peer-steps", type=int, default=3, help="of mlx-lm's 4-bit form (15 s each)"
    )
    parser.add_argument("--build-dir", type=Path, default=Path("build/release"))
    parser.add_argument("--json", type=Path)
    gpu = parser.add_argument_group("with --shape")
    gpu.add_argument("--shape", choices=["1b", "3b", "8b", "32b", "70b"])
    gpu.add_argument("--layers", type=int, default=16, help="with adapters, from the last one")
    gpu.add_argument("--rank", type=int, default=8)
    gpu.add_argument("--grad-checkpoint", action="store_true")
    gpu.add_argument("--memory-limit-gb", type=float, default=0.0, help="of our job")
    gpu.add_argument(
        "--peers",
        nargs="+",
        default=["ours", "mlx-lm", "torch"],
        choices=["ours", shape_bench.RANKS, "mlx-lm", "torch"],
        help=f"{shape_bench.RANKS}: ours on --ranks GPUs, each with a batch",
    )
    gpu.add_argument("--ranks", type=int, default=2)
    gpu.add_argument("--torch-python", default=sys.executable, help="which has PyTorch")
    gpu.add_argument("--work", type=Path, help="folder for the weights")
    options = parser.parse_args()
    facts = print_machine()
    if options.shape:
        return on_a_shape(options, facts)
    rows = make_rows(max(8, 2 * options.batch), options.length)
    try:
        with hub_and_peers(options.build_dir) as (client, peers):
            runs = measure(client, peers, rows, options)
    except HubError as error:
        print(f"bench_training: {error}", file=sys.stderr)
        return 1
    result = summary(runs, options)
    print(
        f"\nLoRA rank {LORA['rank']}, all linear layers, {result['tokens_per_step']} tokens a step"
    )
    print(f"{'':34} {'it/s':>8} {'tok/s':>8} {'best':>8} {'peak MB':>8}")
    for name in [OURS, *peers]:
        one: dict[str, Any] = result[name]
        print(
            f"{name:34} {one['iterations_per_second']:8.3f} {one['tokens_per_second']:8.1f} "
            f"{one['best_tokens_per_second']:8.1f} {one['peak_mb']:8.0f}"
        )
    for name in peers:
        ratio = result[OURS]["tokens_per_second"] / result[name]["tokens_per_second"]
        print(f"{'ours / ' + name:34} {ratio:7.1f}x")
    write_json(options.json, {"machine": facts, "runs": runs, **result})
    return 0


if __name__ == "__main__":
    sys.exit(main())
