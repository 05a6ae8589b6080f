"""Answers held to JSON schemas: whether each keeps to its own, and what a token of them costs.

    uv run python scripts/bench_schemas.py [--answers 10] [--streams 8] [--json FILE]

Twenty schemas, each asked for several times with other seeds at temperature 1, several at once; jsonschema judges. Then
one at a time, each schema's answer against free text of as many tokens, taking turns; without speculation, which makes
schemas cheaper than free text (bench_speculation.py). An answer that is not valid ends the run with exit status 1.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from answer_schemas import SCHEMAS, response_format, validators
from bench_peers import print_machine, write_json
from bench_serving import answer_chunks
from hub_client import DEFAULT_MODEL, HubClient, HubError, HubProcess, Json
from token_times import token_times

MOST_TOKENS = 400


def problems(name: str, choice: Json) -> list[str]:
    """Why it is no answer to what was asked for."""
    if choice["finish_reason"] != "stop":
        return [f"it ended by {choice['finish_reason']}"]
    try:
        value = json.loads(str(choice["message"]["content"]))
    except ValueError as error:
        return [f"it is no JSON: {error}"]
    return validators()[name](value)


def ask(url: str, name: str, seed: int) -> list[str]:
    client = HubClient(url)
    answer = client.call(
        "POST",
        "/v1/chat/completions",
        json={
            "model": DEFAULT_MODEL,
            "messages": [{"role": "user", "content": f"An example of: {name}. As JSON."}],
            "response_format": response_format(name),
            "temperature": 1.0,
            "seed": seed,
            "max_tokens": MOST_TOKENS,
        },
    )
    client.close()
    return [f"{name}, seed {seed}: {problem}" for problem in problems(name, answer["choices"][0])]


def validity(url: str, answers: int, streams: int) -> tuple[int, list[str]]:
    """How many answers there were, and what is wrong with which."""
    asked = [(name, seed) for seed in range(answers) for name in SCHEMAS]
    with ThreadPoolExecutor(streams) as pool:
        answered = [pool.submit(ask, url, name, seed) for name, seed in asked]
    return len(asked), [problem for one in answered for problem in one.result()]


def cost(url: str, answers: int) -> list[Json]:
    """Of each schema the milliseconds a token, with it and of free text, medians over the answers."""
    client = HubClient(url)
    rows: list[Json] = []
    for name in SCHEMAS:
        held: list[float] = []
        free: list[float] = []
        for seed in range(answers):
            body: Json = {
                "model": DEFAULT_MODEL,
                "prompt": f"{seed}. An example of: {name}. As JSON:\n",
                "temperature": 1.0,
                "seed": seed,
            }
            schema = {**body, "response_format": response_format(name), "max_tokens": MOST_TOKENS}
            times = token_times(answer_chunks(client, "/v1/completions", schema))
            held.append(times.seconds_per_token * 1e3)
            text = {**body, "max_tokens": max(times.tokens, 2), "ignore_eos": True}
            times = token_times(answer_chunks(client, "/v1/completions", text))
            free.append(times.seconds_per_token * 1e3)
        rows.append(
            {"schema": name, "ms": statistics.median(held), "free_ms": statistics.median(free)}
        )
    client.close()
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--answers", type=int, default=10, help="of each schema")
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--build-dir", type=Path, default=Path("build/release"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    facts = print_machine()
    build = options.build_dir.resolve()
    try:
        with HubProcess(build) as hub:
            count, wrong = validity(hub.url, options.answers, options.streams)
        with HubProcess(build, arguments=("--speculative-tokens", "0")) as hub:
            rows = cost(hub.url, options.answers)
    except HubError as error:
        print(f"bench_schemas: {error}", file=sys.stderr)
        return 1
    print(f"{count - len(wrong)} of {count} answers are valid")
    for problem in wrong:
        print(f"  {problem}")
    print(f"{'schema':<14}{'ms/token':>10}{'free text':>11}{'more':>8}")
    for row in rows:
        more = row["ms"] - row["free_ms"]
        print(f"{row['schema']:<14}{row['ms']:>10.2f}{row['free_ms']:>11.2f}{more:>8.2f}")
    median = statistics.median(row["ms"] - row["free_ms"] for row in rows)
    print(f"a token costs {median:.2f} ms more (median over the schemas)")
    write_json(
        options.json,
        {"machine": facts, "answers": count, "wrong": wrong, "cost": rows, "more_ms": median},
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
