"""A model of any size alone and in batches: the hub and mlx-lm on the same weights, taking turns.

    uv run python scripts/random_model.py --shape 8b FOLDER
    uv run python scripts/bench_batches.py FOLDER [--streams 1 8 32] [--rounds 3] [--json FILE]

For machines with a GPU. Told are the time to the first token of prompts of 128 and 2,048 tokens, tokens a second of all
streams together while all of them decode, and whether an answer is the same to the last bit alone and in a batch. Ours
goes the whole way, HTTP and streamed text; mlx-lm computes the same batches by its batch_generate in a process of its
own, without a server.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

from bench_mix import Stream, prompt_seconds
from bench_peers import print_machine, write_json
from bench_serving import Prompts
from hub_client import HubClient, HubError, HubProcess, Json
from mlx_lm_peer import Peer

PROMPTS = (128, 2048)
STREAM_PROMPT = 128
FEW_STREAMS = 4
MODEL = "measured"


def one_word(prompts: Prompts) -> Json:
    """Random weights draw ids that the tokenizer has no text for, and what has no text is not streamed: the answer is
    one word over and over."""
    return {"logit_bias": {str(prompts.tokens[0]): 100}}


def first_seconds(url: str, peer: Peer | None, prompts: Prompts, length: int) -> Json:
    """Seconds to the first token of one prompt, ours and mlx-lm's."""
    result: Json = {"ours": prompt_seconds(url, prompts.draw(length), MODEL, one_word(prompts))}
    if peer:
        answer = peer.call(do="generate", tokens=prompts.draw(length), count=2)
        result["mlx-lm"] = answer["first_seconds"]
    return result


def counted(client: HubClient, phase: str) -> int:
    """Tokens so far, as the engine reports them once a second."""
    name = "mlx_hub_engine_tokens_total"
    lines = client.request("GET", "/metrics").text.splitlines()
    found = [line for line in lines if line.startswith(name) and f'phase="{phase}"' in line]
    return int(float(found[0].rsplit(" ", 1)[1])) if found else 0


def decode_rate(url: str, prompts: Prompts, streams: int, tokens: int) -> float:
    """Tokens a second while all streams decode. Counted by the engine: random weights draw ids that have no text."""
    client = HubClient(url)
    prompted = counted(client, "prefill") + streams * STREAM_PROMPT
    running = [Stream(url, MODEL, prompts.draw(STREAM_PROMPT), tokens) for _ in range(streams)]
    for stream in running:
        stream.start()
    seen: list[tuple[float, int]] = []
    while not any(stream.ended for stream in running):
        if counted(client, "prefill") >= prompted:
            decoded = counted(client, "decode")
            if not seen or seen[-1][1] != decoded:
                seen.append((time.perf_counter(), decoded))
        time.sleep(0.02)
    for stream in running:
        stream.join()
    client.close()
    errors = [stream.error for stream in running if stream.error]
    if errors:
        raise HubError(errors[0])
    if len(seen) < 3:
        raise HubError(f"{tokens} tokens are too few to count them: --tokens")
    (begin, before), (end, after) = seen[1], seen[-1]
    return (after - before) / (end - begin)


def stream_rates(url: str, peer: Peer | None, prompts: Prompts, streams: int, tokens: int) -> Json:
    """Tokens a second in sum, ours and mlx-lm's."""
    few = max(1, FEW_STREAMS // streams)  # these decode longer, for the count
    result: Json = {"ours": decode_rate(url, prompts, streams, few * tokens)}
    if peer:
        texts = [prompts.draw(STREAM_PROMPT) for _ in range(streams)]
        result["mlx-lm"] = peer.call(do="batch", prompts=texts, count=tokens)["rate"]
    return result


def is_same_in_a_batch(url: str, prompts: Prompts, streams: int) -> bool:
    """Whether an answer has the same tokens and logprobs, to the last bit, alone and beside others."""
    body: Json = {
        "model": MODEL,
        "prompt": prompts.draw(STREAM_PROMPT),
        "max_tokens": 64,
        "temperature": 0,
        "ignore_eos": True,
        "logprobs": 1,
    }
    client = HubClient(url)

    def answer() -> Json:
        choice: Json = client.call("POST", "/v1/completions", json=body)["choices"][0]["logprobs"]
        return choice

    alone = answer()
    others = [Stream(url, MODEL, prompts.draw(STREAM_PROMPT), 400) for _ in range(streams - 1)]
    for stream in others:
        stream.start()
    time.sleep(2.0)
    beside = answer()
    for stream in others:
        stream.join()
    client.close()
    return beside == alone


def medians(rounds: list[Json]) -> Json:
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def measure(url: str, peer: Peer | None, options: argparse.Namespace) -> Json:
    prompts = Prompts()
    result: Json = {"first_seconds": {}, "rates": {}}
    for length in PROMPTS:
        first_seconds(url, peer, prompts, length)  # compiles what is missing
        rounds = [first_seconds(url, peer, prompts, length) for _ in range(options.rounds)]
        result["first_seconds"][str(length)] = medians(rounds)
        print(f"prompt {length}: first token after {words(medians(rounds), 1e3, 'ms')}", flush=True)
    for streams in options.streams:
        rounds = [
            stream_rates(url, peer, prompts, streams, options.tokens) for _ in range(options.rounds)
        ]
        result["rates"][str(streams)] = medians(rounds)
        print(f"{streams} streams: {words(medians(rounds), 1, 'tok/s in sum')}", flush=True)
    result["same_in_a_batch"] = is_same_in_a_batch(url, prompts, max(options.streams))
    print(f"same answer alone and in a batch: {'yes' if result['same_in_a_batch'] else 'no'}")
    return result


def words(figures: Json, factor: float, unit: str) -> str:
    return ", ".join(f"{name} {value * factor:.0f} {unit}" for name, value in figures.items())


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--without-peer", action="store_true")
    parser.add_argument("--batch-invariant", action="store_true", help="with this setting")
    parser.add_argument("--build-dir", type=Path, default=Path("build/release"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    facts = print_machine()
    model = options.model.resolve()
    peer = None if options.without_peer else Peer(model)
    arguments = (
        "--allow-path",
        str(model.parent),
        "--max-running",
        str(max(options.streams)),
        "--kv-budget-bytes",
        str(16 << 30),
        "--speculative-tokens",
        "0",
        "--batch-invariant",
        "on" if options.batch_invariant else "off",
    )
    try:
        with HubProcess(options.build_dir.resolve(), arguments=arguments) as hub:
            client = HubClient(hub.url)
            client.call("POST", "/models", json={"name": MODEL, "base_model": str(model)})
            client.close()
            result = measure(hub.url, peer, options)
    except HubError as error:
        print(f"bench_batches: {error}", file=sys.stderr)
        return 1
    write_json(options.json, {"machine": facts, **result})
    return 0


if __name__ == "__main__":
    sys.exit(main())
