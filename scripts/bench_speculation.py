"""Tokens a second with and without speculation: the same requests to two hubs, taking turns.

    uv run python scripts/bench_speculation.py [--rounds 5] [--json FILE]

Three kinds of work: a text that is to come back nearly as it was, with `prediction` (what editors and coding tools
ask for); answers held to a JSON schema; and an ordinary question, where little can be guessed and nothing may be lost.
Both hubs must say the same, token by token: another answer ends the run with exit status 1.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

from bench_peers import print_machine, write_json
from bench_serving import answer_chunks
from hub_client import DEFAULT_MODEL, HubClient, HubError, HubProcess, Json
from token_times import token_times

POEM = (
    "The morning light lay on the water. A small red boat left the harbour, and the gulls went with it. "
    "Nobody on the pier waved. The old man at the rudder looked at the clouds in the west and thought of rain. "
)
SCHEMA: Json = {
    "type": "object",
    "properties": {
        "customer_name": {"type": "string", "maxLength": 12},
        "delivery_address": {
            "type": "object",
            "properties": {
                "street_and_number": {"type": "string", "maxLength": 12},
                "postal_code": {"type": "integer", "minimum": 10000, "maximum": 99999},
                "is_residential": {"type": "boolean"},
            },
            "required": ["street_and_number", "postal_code", "is_residential"],
            "additionalProperties": False,
        },
        "number_of_articles": {"type": "integer", "minimum": 1, "maximum": 99},
        "payment_confirmed": {"type": "boolean"},
    },
    "required": [
        "customer_name",
        "delivery_address",
        "number_of_articles",
        "payment_confirmed",
    ],
    "additionalProperties": False,
}


def works(number: int) -> dict[str, Json]:
    """The bodies of one round; no two rounds begin alike."""
    text = POEM * 2
    return {
        "repeat": {
            "prompt": f"Text {number}: {text}\nThe same text again, word by word: {POEM}",
            "prediction": {"type": "content", "content": text},
        },
        "schema": {
            "prompt": f"Order {number} of Ms Smith, 12 Mill Lane, as JSON:\n",
            "response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}},
        },
        "prose": {"prompt": f"{number} reasons why the sea is salt. The first reason is that"},
    }


def measure(client: HubClient, body: Json, tokens: int) -> Json:
    """The answer's text, and its tokens a second after the first."""
    asked = {"model": DEFAULT_MODEL, "max_tokens": tokens, "temperature": 0, **body}
    times = token_times(answer_chunks(client, "/v1/completions", asked))
    details = times.usage["completion_tokens_details"]
    return {
        "text": times.text,
        "tokens": times.tokens,
        "rate": 1 / times.seconds_per_token,
        "accepted": details["accepted_prediction_tokens"],
        "rejected": details["rejected_prediction_tokens"],
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=96, help="of an answer at most")
    parser.add_argument("--build-dir", type=Path, default=Path("build/release"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    facts = print_machine()
    folder = options.build_dir.resolve()
    results: dict[str, list[Json]] = {}
    try:
        with (
            HubProcess(folder) as on,
            HubProcess(folder, arguments=("--speculative-tokens", "0")) as off,
        ):
            clients = {"on": HubClient(on.url), "off": HubClient(off.url)}
            for number in range(1, options.rounds + 1):
                order = ["on", "off"] if number % 2 else ["off", "on"]
                for work, body in works(number).items():
                    measured = {
                        which: measure(clients[which], body, options.tokens) for which in order
                    }
                    results.setdefault(work, []).append(measured)
                    if measured["on"]["text"] != measured["off"]["text"]:
                        raise HubError(f"{work}, round {number}: the two answers differ")
            for client in clients.values():
                client.close()
    except HubError as error:
        print(f"bench_speculation: {error}", file=sys.stderr)
        return 1
    print("| work | without, tok/s | with, tok/s | ratio | guesses that came |")
    print("| --- | ---: | ---: | ---: | ---: |")
    summary: Json = {}
    for work, rounds in results.items():
        without, with_ = (
            statistics.median(one[which]["rate"] for one in rounds) for which in ("off", "on")
        )
        ratio = statistics.median(one["on"]["rate"] / one["off"]["rate"] for one in rounds)
        accepted = sum(one["on"]["accepted"] for one in rounds)
        drafted = accepted + sum(one["on"]["rejected"] for one in rounds)
        summary[work] = {"without": without, "with": with_, "ratio": ratio}
        print(f"| {work} | {without:.1f} | {with_:.1f} | {ratio:.2f} | {accepted} of {drafted} |")
    write_json(options.json, {"machine": facts, "summary": summary, "rounds": results})
    return 0


if __name__ == "__main__":
    sys.exit(main())
