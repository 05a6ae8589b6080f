"""Time to the first token of a long chat's first and second turn: what the prefix cache saves.

    uv run python scripts/bench_turns.py [--rounds 5] [--tokens 2000] [--json FILE]

Every round is a chat of its own about other text. The second turn sends the first one's messages, its answer and a
short question, as clients do. The hub alone is measured: the question is how much of a turn's work the next one saves.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from bench_peers import print_machine, write_json
from bench_serving import Prompts, answer_chunks
from hub_client import DEFAULT_MODEL, HubClient, HubError, HubProcess, Json
from tokenizers import Tokenizer


def ask(client: HubClient, messages: list[Json]) -> Json:
    """Seconds to the first text, the whole text, and what the usage says."""
    body = {
        "model": DEFAULT_MODEL,
        "messages": messages,
        "max_tokens": 24,
        "temperature": 0,
    }
    started = time.perf_counter()
    first = 0.0
    text = ""
    usage: Json = {}
    for chunk in answer_chunks(client, "/v1/chat/completions", body):
        usage = chunk.get("usage") or usage
        piece = chunk["choices"][0]["delta"].get("content", "") if chunk["choices"] else ""
        if piece and not text:
            first = time.perf_counter() - started
        text += piece
    if not text:
        raise HubError("the answer held no text")
    return {
        "seconds": first,
        "text": text,
        "prompt_tokens": usage["prompt_tokens"],
        "cached_tokens": usage["prompt_tokens_details"]["cached_tokens"],
    }


def chat(client: HubClient, text: str) -> tuple[Json, Json]:
    messages: list[Json] = [{"role": "user", "content": f"Read this:\n{text}\nWhat is it about?"}]
    first = ask(client, messages)
    messages += [
        {"role": "assistant", "content": first["text"]},
        {"role": "user", "content": "And in one word?"},
    ]
    return first, ask(client, messages)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=2000, help="of the first prompt")
    parser.add_argument("--build-dir", type=Path, default=Path("build/release"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    facts = print_machine()
    prompts = Prompts()
    tokenizer: Any = Tokenizer.from_file(str(prompts.folder / "tokenizer.json"))
    rounds: list[Json] = []
    try:
        with HubProcess(options.build_dir.resolve()) as hub:
            client = HubClient(hub.url)
            ask(client, [{"role": "user", "content": "Hello"}])
            for number in range(options.rounds):
                first, second = chat(client, tokenizer.decode(prompts.draw(options.tokens)))
                rounds.append({"first": first, "second": second})
                print(
                    f"round {number + 1}: first turn {first['seconds'] * 1e3:.0f} ms for "
                    f"{first['prompt_tokens']} tokens, second {second['seconds'] * 1e3:.0f} ms for "
                    f"{second['prompt_tokens']}, {second['cached_tokens']} of them cached",
                    flush=True,
                )
            client.close()
    except HubError as error:
        print(f"bench_turns: {error}", file=sys.stderr)
        return 1
    first, second = (
        statistics.median(one[turn]["seconds"] for one in rounds) for turn in ("first", "second")
    )
    print(
        f"median: first {first * 1e3:.0f} ms, second {second * 1e3:.0f} ms, 1/{first / second:.1f} of it"
    )
    write_json(
        options.json,
        {
            "machine": facts,
            "rounds": rounds,
            "first": first,
            "second": second,
            "ratio": second / first,
        },
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
