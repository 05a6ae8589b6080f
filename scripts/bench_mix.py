"""What sharing costs: a batch of eight adapters beside one of none, and streams beside a long prompt.

    uv run python scripts/bench_mix.py [--rounds 5] [--json FILE]

1. Eight streams, each with an adapter of its own (rank 8, all projections of all layers), against eight of the base,
   without guessed tokens.
2. Four streams decode while a prompt of 4,000 tokens is read: the time between their tokens (95th percentile) against
   without it, and the prompt's rate against what it is alone.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
from bench_peers import MODELS, print_machine, write_json
from bench_serving import Prompts, answer_chunks
from hub_client import DEFAULT_MODEL, HubClient, HubError, HubProcess, Json

ADAPTERS = 8
RANK = 8
PROJECTIONS = {
    "self_attn.q_proj": ("hidden", "queries"),
    "self_attn.k_proj": ("hidden", "keys"),
    "self_attn.v_proj": ("hidden", "keys"),
    "self_attn.o_proj": ("queries", "hidden"),
    "mlp.gate_proj": ("hidden", "inner"),
    "mlp.up_proj": ("hidden", "inner"),
    "mlp.down_proj": ("inner", "hidden"),
}


def write_adapter(folder: Path, seed: int) -> None:
    """A LoRA adapter as mlx-lm writes it, with small random factors."""
    config: Json = json.loads((MODELS / DEFAULT_MODEL / "config.json").read_text())
    head = int(config["head_dim"])
    sizes = {
        "hidden": int(config["hidden_size"]),
        "inner": int(config["intermediate_size"]),
        "queries": int(config["num_attention_heads"]) * head,
        "keys": int(config["num_key_value_heads"]) * head,
    }
    layers = int(config["num_hidden_layers"])
    rng: Any = np.random.default_rng(seed)
    weights: dict[str, Any] = {}
    for layer, (name, (inputs, outputs)) in itertools.product(range(layers), PROJECTIONS.items()):
        path = f"model.layers.{layer}.{name}"
        for factor, shape in (
            ("lora_a", (sizes[inputs], RANK)),
            ("lora_b", (RANK, sizes[outputs])),
        ):
            weights[f"{path}.{factor}"] = mx.array(rng.normal(0.0, 0.01, shape), mx.float32)
    folder.mkdir(parents=True)
    mx.save_safetensors(str(folder / "adapters.safetensors"), weights)
    parameters = {"rank": RANK, "scale": 2.0, "dropout": 0.0, "keys": list(PROJECTIONS)}
    described = {"fine_tune_type": "lora", "lora_parameters": parameters, "num_layers": layers}
    (folder / "adapter_config.json").write_text(json.dumps(described))


class Stream(threading.Thread):
    """One answer, and when each piece of its text came."""

    def __init__(
        self, url: str, model: str, prompt: list[int], tokens: int, extra: Json | None = None
    ) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._body = {
            "model": model,
            "prompt": prompt,
            "max_tokens": tokens,
            "temperature": 0,
            "ignore_eos": True,
            **(extra or {}),
        }
        self.arrivals: list[float] = []
        self.tokens = 0
        self.error = ""
        self.ended = False

    def run(self) -> None:
        client = HubClient(self._url)
        try:
            for chunk in answer_chunks(client, "/v1/completions", self._body):
                if chunk["choices"] and chunk["choices"][0]["text"]:
                    self.arrivals.append(time.perf_counter())
                if chunk.get("usage"):
                    self.tokens = int(chunk["usage"]["completion_tokens"])
        except HubError as error:
            self.error = str(error)
        finally:
            self.ended = True
            client.close()


def join(streams: list[Stream]) -> None:
    for stream in streams:
        stream.join()
        if stream.error or not stream.arrivals:
            raise HubError(stream.error or "an answer held no text")


def batch_rate(
    url: str,
    models: list[str],
    prompts: Prompts,
    tokens: int,
    length: int = 32,
    extra: Json | None = None,
) -> float:
    """Tokens a second of a batch, from when all of it decodes to the first end."""
    streams = [Stream(url, model, prompts.draw(length), tokens, extra) for model in models]
    for stream in streams:
        stream.start()
    join(streams)
    begin = max(stream.arrivals[0] for stream in streams)
    end = min(stream.arrivals[-1] for stream in streams)
    count = sum(
        sum(1 for at in stream.arrivals if begin < at <= end) * stream.tokens / len(stream.arrivals)
        for stream in streams
    )
    return count / (end - begin)


def adapters_beside_none(url: str, prompts: Prompts, options: argparse.Namespace) -> Json:
    client = HubClient(url)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        for number in range(ADAPTERS):
            folder = Path(name) / f"a{number}"
            write_adapter(folder, number)
            client.call(
                "POST",
                "/models",
                json={"name": f"a{number}", "base_model": str(folder), "base": DEFAULT_MODEL},
            )
    mixed = [f"{DEFAULT_MODEL}+a{number}" for number in range(ADAPTERS)]
    plain = [DEFAULT_MODEL] * ADAPTERS
    for model in mixed:  # attached before anything is measured
        client.chat(model, "Hello", max_tokens=2)
    client.close()
    rates: dict[str, list[float]] = {"none": [], "adapters": []}
    for number in range(options.rounds):
        order = [("none", plain), ("adapters", mixed)]
        for which, models in order if number % 2 == 0 else reversed(order):
            rates[which].append(batch_rate(url, models, prompts, options.tokens))
    ratio = statistics.median(
        mixed / none for mixed, none in zip(rates["adapters"], rates["none"], strict=True)
    )
    return {**rates, "ratio": ratio}


def gaps(streams: list[Stream], begin: float, end: float) -> list[float]:
    return [
        (after - before) * 1e3
        for stream in streams
        for before, after in itertools.pairwise(stream.arrivals)
        if begin <= before and after <= end
    ]


def prompt_seconds(
    url: str, prompt: list[int], model: str = DEFAULT_MODEL, extra: Json | None = None
) -> float:
    """Until the first text of an answer."""
    started = time.perf_counter()
    stream = Stream(url, model, prompt, 2, extra)
    stream.start()
    join([stream])
    return stream.arrivals[0] - started


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def streams_beside_a_prompt(url: str, prompts: Prompts, options: argparse.Namespace) -> Json:
    rounds: list[Json] = []
    for _ in range(options.rounds):
        alone = prompt_seconds(url, prompts.draw(options.prompt))
        streams = [Stream(url, DEFAULT_MODEL, prompts.draw(32), 2000) for _ in range(4)]
        for stream in streams:
            stream.start()
        while not all(stream.arrivals for stream in streams):
            time.sleep(0.01)
        quiet_from = time.perf_counter()
        time.sleep(3.0)
        quiet_to = time.perf_counter()
        beside = prompt_seconds(url, prompts.draw(options.prompt))
        ended = time.perf_counter()
        if any(stream.ended for stream in streams):
            raise HubError("the streams ended before the long prompt was read")
        rounds.append(
            {
                "quiet_p95_ms": p95(gaps(streams, quiet_from, quiet_to)),
                "beside_p95_ms": p95(gaps(streams, quiet_to, ended)),
                "prompt_alone_seconds": alone,
                "prompt_beside_seconds": beside,
            }
        )
        join(streams)
    return {key: statistics.median(one[key] for one in rounds) for key in rounds[0]} | {
        "rounds": rounds
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=64, help="of an answer in the mixed batch")
    parser.add_argument("--prompt", type=int, default=4000, help="tokens of the long prompt")
    parser.add_argument("--build-dir", type=Path, default=Path("build/release"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    facts = print_machine()
    prompts = Prompts()
    try:
        with tempfile.TemporaryDirectory() as name:
            options.folder = name
            arguments = ("--allow-path", name)
            build_dir = options.build_dir.resolve()
            # Guesses would make other batches of other answers.
            unguessed = (*arguments, "--speculative-tokens", "0")
            with HubProcess(build_dir, arguments=unguessed) as hub:
                mixed = adapters_beside_none(hub.url, prompts, options)
            print(
                f"eight streams: {statistics.median(mixed['none']):.1f} tok/s without adapters, "
                f"{statistics.median(mixed['adapters']):.1f} with eight of them, "
                f"{mixed['ratio']:.2f} of it",
                flush=True,
            )
            with HubProcess(build_dir, arguments=arguments) as hub:
                stall = streams_beside_a_prompt(hub.url, prompts, options)
    except HubError as error:
        print(f"bench_mix: {error}", file=sys.stderr)
        return 1
    rate = stall["prompt_alone_seconds"] / stall["prompt_beside_seconds"]
    print(
        f"four streams: {stall['quiet_p95_ms']:.0f} ms between tokens (p95) alone, "
        f"{stall['beside_p95_ms']:.0f} ms beside a prompt of {options.prompt} tokens, which keeps "
        f"{rate:.2f} of its rate ({stall['prompt_alone_seconds']:.1f} s alone)"
    )
    write_json(options.json, {"machine": facts, "adapters": mixed, "stall": stall})
    return 0


if __name__ == "__main__":
    sys.exit(main())
