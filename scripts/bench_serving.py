"""Decode and prefill of the hub against mlx-lm: same weights, same tokens, taking turns.

    uv run python scripts/bench_serving.py [--rounds 3] [--json FILE]

Ours goes the whole way: HTTP to the hub, its engine, streamed text. mlx-lm runs in a process of its own without
HTTP, in two forms: the 4-bit weights with float32 scales (float16 ones run 50 times slower there), and its best
form here, dequantized to float32 with OpenBLAS preloaded. Every round draws new prompts, so no cache helps.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import machine_facts
from bench_peers import FOUR_BIT, MODELS, OURS, hub_and_peers, print_machine, turns, write_json
from hub_client import DEFAULT_MODEL, HubClient, HubError, Json
from mlx_lm_peer import Peer
from tokenizers import Tokenizer

PREFILL = 512


class Prompts:
    """Stretches of English text as token ids, never the same twice."""

    folder = MODELS / DEFAULT_MODEL

    def __init__(self) -> None:
        tokenizer: Any = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        text = "\n".join(str(topics[name]) for name in sorted(topics))
        self.tokens: list[int] = list(tokenizer.encode(text).ids)
        # A start of its own for each run of the script: a hub that runs on has a warm prefix cache.
        self.offset = (time.time_ns() // 1000) % (len(self.tokens) // 2)

    def draw(self, count: int) -> list[int]:
        self.offset += count
        return self.tokens[self.offset : self.offset + count]


def answer_chunks(client: HubClient, path: str, body: Json) -> Iterator[Json]:
    """The chunks of an answer that streams, with the usage at its end, as they come."""
    asked = {**body, "stream": True, "stream_options": {"include_usage": True}}
    with client.http.stream("POST", path, json=asked) as answer:
        if answer.is_error:
            answer.read()
            raise HubError(f"{path}: {answer.status_code} {answer.text[:300]}")
        for line in answer.iter_lines():
            if not line.startswith("data: {"):
                continue
            chunk: Json = json.loads(line.removeprefix("data: "))
            if "error" in chunk:
                raise HubError(str(chunk["error"]))
            yield chunk


def ours_generate(client: HubClient, tokens: list[int], count: int) -> Json:
    body = {
        "model": DEFAULT_MODEL,
        "prompt": tokens,
        "max_tokens": count,
        "temperature": 0,
    }
    started = time.perf_counter()
    arrivals: list[float] = []
    usage: Json = {}
    for chunk in answer_chunks(client, "/v1/completions", body):
        usage = chunk.get("usage") or usage
        if chunk["choices"] and chunk["choices"][0]["text"]:
            arrivals.append(time.perf_counter())
    if not arrivals:
        raise HubError("the answer held no text")
    return {
        "first_seconds": arrivals[0] - started,
        "rest_seconds": arrivals[-1] - arrivals[0],
        "count": int(usage["completion_tokens"]),
        "prompt": int(usage["prompt_tokens"]),
    }


def rate(count: float, seconds: float) -> float:
    return count / seconds if seconds > 0 else 0.0


def measure(
    client: HubClient, peers: dict[str, Peer], options: argparse.Namespace
) -> dict[str, Any]:
    """Rates by name and by what was measured, one value a round."""
    prompts = Prompts()
    rates: dict[str, dict[str, list[float]]] = {
        name: {"decode": [], "prefill": []} for name in [OURS, *peers]
    }
    ours_generate(client, prompts.draw(16), 4)
    for peer in peers.values():
        peer.call(do="generate", tokens=prompts.draw(16), count=4)
    for number in range(options.rounds):
        short, long = prompts.draw(32), prompts.draw(PREFILL)
        for name in turns(number, peers):
            if name == OURS:
                decode = ours_generate(client, short, options.tokens)
                prefill = ours_generate(client, long, 2)
                if prefill["prompt"] != PREFILL:
                    raise HubError(
                        f"the hub counted {prefill['prompt']} prompt tokens, sent {PREFILL}"
                    )
                count = decode["count"]
            else:
                peer = peers[name]
                fewer = min(options.tokens, 32) if name == FOUR_BIT else options.tokens
                decode = peer.call(do="generate", tokens=short, count=fewer)
                count = len(decode["tokens"])
                repeat = number == 0 or name != FOUR_BIT or options.all_prefills
                prefill = peer.call(do="generate", tokens=long, count=2) if repeat else None
            rates[name]["decode"].append(rate(count - 1, decode["rest_seconds"]))
            if prefill is not None:
                rates[name]["prefill"].append(rate(PREFILL, prefill["first_seconds"]))
            print(f"  round {number + 1}: {name} done", file=sys.stderr, flush=True)
    return rates


def summary(rates: dict[str, Any], bandwidth: float) -> Json:
    result: Json = {}
    for name, kinds in rates.items():
        result[name] = {
            kind: {
                "median": statistics.median(values),
                "min": min(values),
                "max": max(values),
                "runs": len(values),
            }
            for kind, values in kinds.items()
        }
    # What a decoded token reads: all weights (the embedding is the output head, too), with the scales in float16 as
    # they lie on disk; keys and values come on top, 46 kB for each token of context here.
    weights = (MODELS / DEFAULT_MODEL / "model.safetensors").stat().st_size
    config: Json = json.loads((MODELS / DEFAULT_MODEL / "config.json").read_text())
    per_layer = 2 * int(config["num_key_value_heads"]) * int(config["head_dim"]) * 4
    result["cache_bytes_per_context_token"] = per_layer * int(config["num_hidden_layers"])
    limit = bandwidth / weights
    result["weight_bytes_per_token"] = weights
    result["read_bandwidth_bytes_per_second"] = bandwidth
    result["decode_memory_limit_tokens_per_second"] = limit
    result["ours_part_of_memory_limit"] = result[OURS]["decode"]["median"] / limit
    return result


def show(result: Json, peers: list[str]) -> None:
    print(f"\n{'tok/s: median (min to max)':34} {'decode':>26} {f'prefill({PREFILL})':>26}")
    for name in [OURS, *peers]:
        cells = [
            f"{one['median']:.1f} ({one['min']:.1f} to {one['max']:.1f})"
            for one in (result[name]["decode"], result[name]["prefill"])
        ]
        print(f"{name:34} {cells[0]:>26} {cells[1]:>26}")
    for name in peers:
        ratios = [
            result[OURS][kind]["median"] / result[name][kind]["median"]
            for kind in ("decode", "prefill")
        ]
        print(f"{'ours / ' + name:34} {ratios[0]:>25.1f}x {ratios[1]:>25.1f}x")
    print(
        f"weights read a token: {result['weight_bytes_per_token'] / 1e6:.0f} MB, keys and values for a token of "
        f"context: {result['cache_bytes_per_context_token'] / 1e3:.0f} kB; memory reads "
        f"{result['read_bandwidth_bytes_per_second'] / 1e9:.1f} GB/s, so decode is limited to "
        f"{result['decode_memory_limit_tokens_per_second']:.0f} tok/s; ours reaches "
        f"{100 * result['ours_part_of_memory_limit']:.0f} % of that"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=64, help="decoded in a round")
    parser.add_argument(
        "--all-prefills", action="store_true", help="mlx-lm's 4-bit prefill (45 s) every round"
    )
    parser.add_argument("--build-dir", type=Path, default=Path("build/release"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    facts = print_machine()
    try:
        with hub_and_peers(options.build_dir) as (client, peers):
            rates = measure(client, peers, options)
    except HubError as error:
        print(f"bench_serving: {error}", file=sys.stderr)
        return 1
    result = summary(rates, machine_facts.read_bandwidth())
    show(result, list(peers))
    write_json(options.json, {"machine": facts, "rounds": rates, **result})
    return 0


if __name__ == "__main__":
    sys.exit(main())
