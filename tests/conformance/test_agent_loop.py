"""A coding agent's tool loop, replayed turn by turn as the agent sent it: each turn computes only what is new in it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from hub_client import DEFAULT_MODEL, HubClient, Json
from package_files import cache_folder
from support.tiny_hub import hub_with
from tiny_models import make_tiny_model

RECORDING: Json = json.loads((Path(__file__).parent / "recordings" / "tool_loop.json").read_text())
# What a turn ends with to have the assistant begin is not what the recorded answer begins with.
SLACK = 24
LONG_TOKENS = 30_000
LONG_CONTEXT = 32_768

Turn = tuple[int, int]  # tokens of the prompt, and of them those that were cached
Ask = Callable[[HubClient, str, list[Json]], Turn]


def chat(client: HubClient, model: str, messages: list[Json]) -> Turn:
    body = {"model": model, "messages": messages, "tools": RECORDING["tools"]}
    usage = client.call("POST", "/v1/chat/completions", json={**body, "max_tokens": 2})["usage"]
    return usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]


def responses(client: HubClient, model: str, messages: list[Json]) -> Turn:
    """As Codex asks: the whole conversation as items, nothing stored."""
    items: list[Json] = []
    for message in messages[1:]:
        if message["role"] == "tool":
            output = {"call_id": message["tool_call_id"], "output": message["content"]}
            items.append({"type": "function_call_output", **output})
            continue
        if message["content"]:
            items.append({"role": message["role"], "content": message["content"]})
        items += [
            {"type": "function_call", "call_id": call["id"], **call["function"]}
            for call in message.get("tool_calls", [])
        ]
    body = {
        "model": model,
        "instructions": messages[0]["content"],
        "input": items,
        "tools": [{"type": "function", **tool["function"]} for tool in RECORDING["tools"]],
        "max_output_tokens": 2,
        "store": False,
    }
    usage = client.call("POST", "/v1/responses", json=body)["usage"]
    return usage["input_tokens"], usage["input_tokens_details"]["cached_tokens"]


def anthropic(client: HubClient, model: str, messages: list[Json]) -> Turn:
    """As Claude Code asks."""
    turns: list[Json] = []
    for message in messages[1:]:
        if message["role"] == "tool":
            block = {"tool_use_id": message["tool_call_id"], "content": message["content"]}
            turns.append({"role": "user", "content": [{"type": "tool_result", **block}]})
            continue
        blocks: list[Json] = []
        if message["content"]:
            blocks.append({"type": "text", "text": message["content"]})
        for call in message.get("tool_calls", []):
            arguments = json.loads(call["function"]["arguments"])
            block = {"id": call["id"], "name": call["function"]["name"], "input": arguments}
            blocks.append({"type": "tool_use", **block})
        turns.append({"role": message["role"], "content": blocks})
    functions = [tool["function"] for tool in RECORDING["tools"]]
    tools = [
        {"name": one["name"], "description": one["description"], "input_schema": one["parameters"]}
        for one in functions
    ]
    body = {
        "model": model,
        "system": messages[0]["content"],
        "messages": turns,
        "tools": tools,
        "max_tokens": 2,
    }
    usage = client.call("POST", "/v1/messages", json=body)["usage"]
    cached = int(usage["cache_read_input_tokens"] or 0)
    return int(usage["input_tokens"]) + cached, cached


def ends_of_turns(messages: list[Json]) -> list[int]:
    """How many messages the agent had sent at each of its calls."""
    return [i + 1 for i, message in enumerate(messages) if message["role"] in ("user", "tool")]


def replay(client: HubClient, model: str, messages: list[Json], ask: Ask) -> list[Turn]:
    turns = [ask(client, model, messages[:count]) for count in ends_of_turns(messages)]
    for (before, _), (prompt, cached) in itertools.pairwise(turns):
        assert prompt > before
        assert cached >= before - SLACK, (
            f"of {prompt} tokens, {before} sent before, {cached} were cached"
        )
    return turns


@pytest.mark.parametrize("ask", [chat, responses, anthropic])
def test_a_loop_of_6000_tokens_on_the_default_model(client: HubClient, ask: Ask) -> None:
    turns = replay(client, DEFAULT_MODEL, RECORDING["messages"], ask)
    assert len(turns) == 11
    assert turns[-1][0] >= 6000


def long_loop() -> list[Json]:
    """The recorded steps again and again, each time with calls of their own, up to LONG_TOKENS."""
    file = cache_folder() / "models" / DEFAULT_MODEL / "tokenizer.json"
    tokenizer: Any = tokenizers.Tokenizer.from_file(str(file))
    begin, steps = RECORDING["messages"][:2], RECORDING["messages"][2:-2]
    messages: list[Json] = list(begin)
    tokens = sum(len(tokenizer.encode(message["content"]).ids) for message in begin)
    for number in itertools.count():
        place = 2 * (number % (len(steps) // 2))
        asked: Json = json.loads(json.dumps(steps[place]))
        told: Json = json.loads(json.dumps(steps[place + 1]))
        name = f"call_{number:024d}"
        asked["tool_calls"][0]["id"] = told["tool_call_id"] = name
        told["content"] = f"step {number}\n{told['content']}"
        messages += [asked, told]
        tokens += len(tokenizer.encode(told["content"]).ids)
        tokens += len(tokenizer.encode(json.dumps(asked["tool_calls"][0]["function"])).ids)
        if tokens >= LONG_TOKENS:
            break
    return messages


@pytest.fixture
def long_context(build_dir: Path, tmp_path: Path) -> Iterator[HubClient]:
    model = make_tiny_model(tmp_path / "long")
    config: Json = json.loads((model / "config.json").read_text())
    config["max_position_embeddings"] = LONG_CONTEXT
    (model / "config.json").write_text(json.dumps(config))
    with hub_with(build_dir, tmp_path) as hub:
        client = HubClient(hub.url)
        client.call("POST", "/models", json={"name": "long", "base_model": str(model)})
        yield client
        client.close()


def test_a_loop_of_30000_tokens_on_a_tiny_model(long_context: HubClient) -> None:
    turns = replay(long_context, "long", long_loop(), chat)
    assert turns[-1][0] >= LONG_TOKENS
    assert turns[-1][0] < LONG_CONTEXT
    computed = sum(prompt - cached for prompt, cached in turns)
    assert computed <= turns[-1][0] + SLACK * len(turns), "nothing was computed twice"
