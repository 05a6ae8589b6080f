"""Many streams at once: the hub, llama.cpp's server and mlx-lm's, the same prompts, taking turns.

    uv run python scripts/bench_streams.py [--rounds 3] [--streams 1 4 8 16] [--json FILE]

Every stream asks for 32 tokens after a prompt of about 128; no two prompts begin alike and no server may use a cached
one. Told are the median time to the first text and all tokens a second in sum. mlx-lm's 4-bit form, as installed, needs
half a minute for eight prompts: it is asked once at each number of streams, and only with --slow at more than 4.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import serving_peers
from bench_peers import MODELS, print_machine, write_json
from bench_serving import Prompts
from hub_client import DEFAULT_MODEL, HubError, HubProcess, Json
from package_files import PrepareError
from tokenizers import Tokenizer

TOKENS = 32
PROMPT = 128
TIMEOUT = 600.0


@dataclass
class Server:
    name: str
    serve: Callable[[int], contextlib.AbstractContextManager[str]]
    model: str
    extra: Json
    slow: bool = False


@contextlib.contextmanager
def hub(build_dir: Path) -> Generator[str]:
    with HubProcess(build_dir.resolve()) as process:
        yield process.url


def servers(options: argparse.Namespace) -> list[Server]:
    four_bit = MODELS / f"{DEFAULT_MODEL}-f32"
    result = [
        Server("ours", lambda _: hub(options.build_dir), DEFAULT_MODEL, {"ignore_eos": True}),
        Server(
            "llama-server",
            lambda streams: serving_peers.llama_cpp(streams, options.threads),
            "default",
            {"ignore_eos": True, "cache_prompt": False},
        ),
    ]
    if not options.without_mlx_lm:
        result.append(
            Server(
                "mlx_lm.server 4-bit",
                lambda _: serving_peers.mlx_lm(four_bit, preload_openblas=False),
                str(four_bit),
                {},
                slow=True,
            )
        )
    return result


def stream_once(url: str, body: Json, begun: threading.Barrier, out: list[Json]) -> None:
    """Seconds to the first text and to the last, and how many tokens came."""
    with httpx.Client(timeout=TIMEOUT) as client:
        begun.wait()
        started = time.perf_counter()
        first = 0.0
        count = 0
        with client.stream("POST", f"{url}/v1/completions", json=body) as answer:
            if answer.is_error:
                answer.read()
                out.append({"error": f"{answer.status_code} {answer.text[:200]}"})
                return
            for line in answer.iter_lines():
                if not line.startswith("data: {"):
                    continue
                chunk: Json = json.loads(line.removeprefix("data: "))
                usage = chunk.get("usage")
                count = usage["completion_tokens"] if usage else count
                if chunk.get("choices") and chunk["choices"][0].get("text"):
                    first = first or time.perf_counter() - started
        out.append({"first": first, "seconds": time.perf_counter() - started, "tokens": count})


def measure(url: str, server: Server, texts: list[str]) -> Json:
    answers: list[Json] = []
    barrier = threading.Barrier(len(texts) + 1)
    threads: list[threading.Thread] = []
    for text in texts:
        body = {
            "model": server.model,
            "prompt": text,
            "max_tokens": TOKENS,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
            **server.extra,
        }
        threads.append(threading.Thread(target=stream_once, args=(url, body, barrier, answers)))
        threads[-1].start()
    barrier.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    errors = [one["error"] for one in answers if "error" in one]
    if errors or len(answers) < len(texts):
        raise HubError(f"{server.name}: {errors[:1] or 'a stream broke'}")
    return {
        "first": statistics.median(one["first"] for one in answers),
        "rate": sum(one["tokens"] for one in answers) / seconds,
    }


def rounds_of(streams: int, options: argparse.Namespace, prompts: Prompts) -> dict[str, list[Json]]:
    tokenizer: Any = Tokenizer.from_file(str(prompts.folder / "tokenizer.json"))
    results: dict[str, list[Json]] = {}
    with contextlib.ExitStack() as stack:
        running = [
            (server, stack.enter_context(server.serve(streams)))
            for server in servers(options)
            if not server.slow or streams <= 4 or options.slow
        ]
        for server, url in running:
            measure(url, server, [tokenizer.decode(prompts.draw(8))])
        for number in range(options.rounds):
            for server, url in running if number % 2 == 0 else reversed(running):
                if server.slow and number > 0:
                    continue
                texts = [tokenizer.decode(prompts.draw(PROMPT)) for _ in range(streams)]
                results.setdefault(server.name, []).append(measure(url, server, texts))
    return results


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 4, 8, 16])
    parser.add_argument("--threads", type=int, default=2, help="of llama-server")
    parser.add_argument("--without-mlx-lm", action="store_true")
    parser.add_argument("--slow", action="store_true", help="mlx-lm with more than 4 streams, too")
    parser.add_argument("--build-dir", type=Path, default=Path("build/release"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    facts = print_machine()
    prompts = Prompts()
    table: Json = {}
    print("| streams | server | first text, ms | tok/s in sum | ours / it |", flush=True)
    print("| ---: | --- | ---: | ---: | ---: |", flush=True)
    try:
        for streams in options.streams:
            results = rounds_of(streams, options, prompts)
            table[str(streams)] = results
            ours = statistics.median(one["rate"] for one in results["ours"])
            for name, rounds in results.items():
                first = statistics.median(one["first"] for one in rounds) * 1e3
                rate = statistics.median(one["rate"] for one in rounds)
                print(
                    f"| {streams} | {name} | {first:.0f} | {rate:.1f} | {ours / rate:.2f} |",
                    flush=True,
                )
    except (HubError, PrepareError) as error:
        print(f"bench_streams: {error}", file=sys.stderr)
        return 1
    write_json(options.json, {"machine": facts, "streams": table})
    return 0


if __name__ == "__main__":
    sys.exit(main())
