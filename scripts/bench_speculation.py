"""Tokens a second with and without speculation: the same requests to two hubs, taking turns.

    uv run python scripts/bench_speculation.py [--rounds 5] [--batch 8] [--draft right|wrong] [--times 4] [--json FILE]

Three kinds of work: a text that is to come back nearly as it was, with `prediction` (what editors and coding tools
ask for); answers held to a JSON schema; and an ordinary question, where little can be guessed and nothing may be lost.
`--batch` asks for so many answers to the question at once, too, whose rate is that of all, their prompt included.
With `--draft` a draft model guesses as well. `right`: the model is the default one with `--times` its layers, of which
the further ones add nothing (deep_model.py), and the default one drafts for it: every guess is right, so this is the
most that a draft model of that size can gain here. `wrong`: one of the default model's size with random weights drafts
for it: no guess is right, so this is what it costs until the engine lets it be.
Both hubs must say the same, token by token: another answer ends the run with exit status 1.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench_peers import print_machine, write_json
from bench_serving import answer_chunks
from deep_model import deepen
from hub_client import DEFAULT_MODEL, HubClient, HubError, HubProcess, Json
from package_files import cache_folder
from random_model import SHAPES, write_model
from token_times import token_times

GUESSES = re.compile(
    r'mlx_hub_engine_(drafted|accepted_draft)_tokens_total\{.*source="(\w+)".*\} (\S+)'
)
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


def works(number: int, batch: int) -> dict[str, Json]:
    """The bodies of one round; no two rounds begin alike."""
    text = POEM * 2
    prose = f"{number} reasons why the sea is salt. The first reason is that"
    many: dict[str, Json] = (
        {f"prose x{batch}": {"prompt": f"Here are {prose}", "n": batch}} if batch > 1 else {}
    )
    return {
        "repeat": {
            "prompt": f"Text {number}: {text}\nThe same text again, word by word: {POEM}",
            "prediction": {"type": "content", "content": text},
        },
        "schema": {
            "prompt": f"Order {number} of Ms Smith, 12 Mill Lane, as JSON:\n",
            "response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}},
        },
        "prose": {"prompt": prose},
        **many,
    }


def measure(client: HubClient, model: str, body: Json, tokens: int) -> Json:
    """What was said, and its tokens a second after the first."""
    asked = {"model": model, "max_tokens": tokens, "temperature": 0, **body}
    if "n" in body:
        begun = time.perf_counter()
        answer = client.call("POST", "/v1/completions", json=asked)
        usage = answer["usage"]
        text = [choice["text"] for choice in answer["choices"]]
        rate = usage["completion_tokens"] / (time.perf_counter() - begun)
    else:
        times = token_times(answer_chunks(client, "/v1/completions", asked))
        usage, text, rate = times.usage, times.text, 1 / times.seconds_per_token
    details = usage["completion_tokens_details"]
    return {
        "text": text,
        "tokens": usage["completion_tokens"],
        "rate": rate,
        "accepted": details["accepted_prediction_tokens"],
        "rejected": details["rejected_prediction_tokens"],
    }


def guesses(client: HubClient) -> str:
    """Of all rounds: how many tokens each source guessed, and how many of them came."""
    found: dict[str, dict[str, int]] = {}
    for line in client.request("GET", "/metrics").text.splitlines():
        if match := GUESSES.match(line):
            found.setdefault(match[2], {})[match[1]] = int(float(match[3]))
    return ", ".join(
        f"{source} {counts['accepted_draft']} of {counts['drafted']}"
        for source, counts in sorted(found.items())
    )


def models_of(folder: Path, draft: str, times: int) -> tuple[Path, Path]:
    """The larger model, and the one that drafts for it."""
    default = cache_folder() / "models" / DEFAULT_MODEL
    large = deepen(default, folder / "large", times)
    return large, default if draft == "right" else write_model(folder / "draft", SHAPES["135m"])


def compare(options: argparse.Namespace, work_folder: Path) -> dict[str, list[Json]]:
    """What was measured of each kind of work, a round each; raises HubError where two answers differ."""
    build = options.build_dir.resolve()
    allow = ("--allow-path", str(work_folder))
    large, extra = None, ()
    if options.draft:
        large, draft = models_of(work_folder, options.draft, options.times)
        extra = ("--draft-model", f"large={draft}")
    model = "large" if large else DEFAULT_MODEL
    results: dict[str, list[Json]] = {}
    with (
        HubProcess(build, arguments=(*allow, *extra)) as on,
        HubProcess(build, arguments=(*allow, "--speculative-tokens", "0")) as off,
    ):
        clients = {"on": HubClient(on.url), "off": HubClient(off.url)}
        if large:
            for client in clients.values():
                client.call("POST", "/models", json={"name": "large", "base_model": str(large)})
        for number in range(1, options.rounds + 1):
            order = ["on", "off"] if number % 2 else ["off", "on"]
            for work, body in works(number, options.batch).items():
                measured = {
                    which: measure(clients[which], model, body, options.tokens) for which in order
                }
                results.setdefault(work, []).append(measured)
                if measured["on"]["text"] != measured["off"]["text"]:
                    raise HubError(f"{work}, round {number}: the two answers differ")
        time.sleep(2)  # engines tell of their work about once a second
        print(f"guesses that came, by source: {guesses(clients['on'])}")
        for client in clients.values():
            client.close()
    return results


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=96, help="of an answer at most")
    parser.add_argument("--batch", type=int, default=1, help="answers to the question at once")
    parser.add_argument("--draft", choices=["right", "wrong"], help="with a draft model")
    parser.add_argument("--times", type=int, default=4, help="layers of the model with --draft")
    parser.add_argument("--build-dir", type=Path, default=Path("build/release"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    facts = print_machine()
    try:
        with tempfile.TemporaryDirectory() as folder:
            results = compare(options, Path(folder))
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
