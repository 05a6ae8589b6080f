"""Time to the first token of a long chat's first and second turn: what the prefix cache saves.

    uv run python scripts/bench_turns.py [--rounds 5] [--tokens 2000] [--restart] [--json FILE]

Every round is a chat of its own about other text. The second turn sends the first one's messages, its answer and a
short question, as clients do. The hub alone is measured: the question is how much of a turn's work the next one saves.
With --restart the hub ends and starts between all first and all second turns, so that these find what they save on the
disk; the model is loaded again before they are asked.
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


def first_messages(text: str) -> list[Json]:
    return [{"role": "user", "content": f"Read this:\n{text}\nWhat is it about?"}]


def second_messages(text: str, first: Json) -> list[Json]:
    return [
        *first_messages(text),
        {"role": "assistant", "content": first["text"]},
        {"role": "user", "content": "And in one word?"},
    ]


def chats(hub: HubProcess, texts: list[str], restart: bool) -> list[Json]:
    """The first and second turns of a chat about each text."""
    client = HubClient(hub.url)
    warm_up = first_messages("Hello")
    ask(client, warm_up)
    rounds: list[Json] = []
    for text in texts:
        first = ask(client, first_messages(text))
        rounds.append({"text": text, "first": first})
        if not restart:
            rounds[-1]["second"] = ask(client, second_messages(text, first))
    client.close()
    if restart:
        hub.restart()
        client = HubClient(hub.url)
        ask(client, warm_up)
        for one in rounds:
            one["second"] = ask(client, second_messages(one["text"], one["first"]))
        client.close()
    for number, one in enumerate(rounds):
        del one["text"]
        first, second = one["first"], one["second"]
        print(
            f"round {number + 1}: first turn {first['seconds'] * 1e3:.0f} ms for "
            f"{first['prompt_tokens']} tokens, second {second['seconds'] * 1e3:.0f} ms for "
            f"{second['prompt_tokens']}, {second['cached_tokens']} of them cached",
            flush=True,
        )
    return rounds


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=2000, help="of the first prompt")
    parser.add_argument("--build-dir", type=Path, default=Path("build/release"))
    parser.add_argument("--restart", action="store_true", help="the hub, between the turns")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    facts = print_machine()
    prompts = Prompts()
    tokenizer: Any = Tokenizer.from_file(str(prompts.folder / "tokenizer.json"))
    texts = [tokenizer.decode(prompts.draw(options.tokens)) for _ in range(options.rounds)]
    try:
        with HubProcess(options.build_dir.resolve()) as hub:
            rounds = chats(hub, texts, options.restart)
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
            "restart": options.restart,
            "rounds": rounds,
            "first": first,
            "second": second,
            "ratio": second / first,
        },
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
