"""Ollama's official client against the hub."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from typing import Any

import ollama
import pytest
from hub_client import DEFAULT_MODEL, HubClient, HubProcess
from ollama import Client
from package_files import cache_folder
from prepare_model import ENCODER_NAME

ENCODER = "minilm"
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
GREEDY = {"temperature": 0, "num_predict": 32}


@pytest.fixture(scope="module")
def hub(build_dir: Any) -> Iterator[HubProcess]:
    folder = cache_folder() / "models" / ENCODER_NAME
    with HubProcess(build_dir, arguments=("--allow-path", str(folder))) as process:
        client = HubClient(process.url)
        body = {"name": ENCODER, "base_model": str(folder), "storage": "reference"}
        client.call("POST", "/models", json=body)
        client.close()
        yield process
        assert process.is_alive(), process.log[-3000:]


@pytest.fixture
def api(hub: HubProcess) -> Client:
    return Client(host=hub.url, timeout=300)


def test_a_chat(api: Client) -> None:
    answer = api.chat(model=f"{DEFAULT_MODEL}:latest", messages=QUESTION, options=GREEDY)
    assert answer.model == f"{DEFAULT_MODEL}:latest"
    assert answer.message.role == "assistant"
    assert "Paris" in (answer.message.content or "")
    assert (answer.done, answer.done_reason) == (True, "stop")
    assert answer.prompt_eval_count == 37
    assert (answer.eval_count or 0) > 1
    whole, load = answer.total_duration, answer.load_duration
    prompt, made = answer.prompt_eval_duration, answer.eval_duration
    assert whole is not None and load is not None and prompt is not None and made is not None
    assert min(load, prompt, made) > 0
    assert whole >= load + prompt + made


def test_a_stream_says_the_same(api: Client) -> None:
    whole = api.chat(model=DEFAULT_MODEL, messages=QUESTION, options=GREEDY)
    parts = list(api.chat(model=DEFAULT_MODEL, messages=QUESTION, options=GREEDY, stream=True))
    assert "".join(part.message.content or "" for part in parts) == whole.message.content
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert len(parts) > 2
    assert parts[-1].done_reason == "stop"
    assert parts[-1].eval_count == whole.eval_count


def test_streams_are_lines_and_the_default(client: HubClient) -> None:
    body = {"model": DEFAULT_MODEL, "messages": QUESTION, "options": {"num_predict": 3}}
    answer = client.request("POST", "/api/chat", json=body)
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["done"] for line in lines][-1] is True
    assert lines[-1]["done_reason"] == "length"


def test_generate_with_a_system_prompt_and_raw(api: Client, client: HubClient) -> None:
    generated = api.generate(
        model=DEFAULT_MODEL,
        prompt="Name a fruit.",
        system="You answer in one word.",
        options=GREEDY,
    )
    chatted = api.chat(
        model=DEFAULT_MODEL,
        messages=[
            {"role": "system", "content": "You answer in one word."},
            {"role": "user", "content": "Name a fruit."},
        ],
        options=GREEDY,
    )
    assert generated.response == chatted.message.content
    prompt = "One, two, three,"
    raw = api.generate(model=DEFAULT_MODEL, prompt=prompt, raw=True, options=GREEDY)
    body = {"model": DEFAULT_MODEL, "prompt": prompt, "temperature": 0, "max_tokens": 32}
    text = client.call("POST", "/v1/completions", json=body)
    assert raw.response == text["choices"][0]["text"]


def test_stop_strings_and_seeds(api: Client) -> None:
    stopped = api.chat(
        model=DEFAULT_MODEL, messages=QUESTION, options={**GREEDY, "stop": ["Paris"]}
    )
    assert "Paris" not in (stopped.message.content or "")
    assert stopped.done_reason == "stop"
    drawn = {"temperature": 1.5, "seed": 7, "num_predict": 12}
    first, second = (
        api.chat(model=DEFAULT_MODEL, messages=QUESTION, options=drawn).message.content
        for _ in range(2)
    )
    other = api.chat(model=DEFAULT_MODEL, messages=QUESTION, options={**drawn, "seed": 8})
    assert first == second != other.message.content


def test_answers_held_to_a_schema_and_to_json(api: Client) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}},
        "required": ["city"],
        "additionalProperties": False,
    }
    answer = api.chat(
        model=DEFAULT_MODEL, messages=QUESTION, format=schema, options={"temperature": 0}
    )
    assert list(json.loads(answer.message.content or "")) == ["city"]
    loose = api.generate(
        model=DEFAULT_MODEL,
        prompt="A city and its country as JSON",
        format="json",
        options={"temperature": 0, "num_predict": 200},
    )
    said = loose.response or ""
    assert said.lstrip().startswith("{")
    if loose.done_reason == "stop":
        assert isinstance(json.loads(said), dict)


@pytest.mark.parametrize("model", [ENCODER, DEFAULT_MODEL])
def test_embeddings(api: Client, client: HubClient, model: str) -> None:
    texts = ["A man is eating food.", "The stock market fell."]
    embedded = api.embed(model=model, input=texts)
    wanted = client.call("POST", "/v1/embeddings", json={"model": model, "input": texts})
    assert [list(one) for one in embedded.embeddings] == [
        one["embedding"] for one in wanted["data"]
    ]
    assert embedded.prompt_eval_count == wanted["usage"]["prompt_tokens"]
    assert math.isclose(sum(x * x for x in embedded.embeddings[0]), 1.0, rel_tol=1e-5)
    old = api.embeddings(model=model, prompt=texts[0]).embedding
    length = math.sqrt(sum(x * x for x in old))
    for ours, theirs in zip(old, embedded.embeddings[0], strict=True):
        assert math.isclose(ours / length, theirs, abs_tol=1e-5)


def test_long_texts_are_cut_unless_they_must_not(api: Client) -> None:
    long = "word " * 3000
    cut = api.embed(model=ENCODER, input=long)
    assert cut.prompt_eval_count == 256
    with pytest.raises(ollama.ResponseError, match="256") as refused:
        api.embed(model=ENCODER, input=long, truncate=False)
    assert refused.value.status_code == 400


def test_what_there_is(api: Client) -> None:
    listed = {model.model: model for model in api.list().models}
    assert {DEFAULT_MODEL, ENCODER} <= listed.keys()
    assert (listed[DEFAULT_MODEL].size or 0) > 1_000_000
    shown = api.show(DEFAULT_MODEL)
    assert "completion" in (shown.capabilities or [])
    assert "messages" in (shown.template or "")
    assert shown.modelinfo is not None
    assert shown.modelinfo["general.architecture"] == "llama"
    assert shown.modelinfo["llama.context_length"] == 8192
    assert "embedding" in (api.show(ENCODER).capabilities or [])


def test_loading_and_unloading(api: Client, client: HubClient) -> None:
    loaded = api.generate(model=DEFAULT_MODEL, keep_alive="10m")
    assert (loaded.done, loaded.done_reason, loaded.response) == (True, "load", "")
    assert DEFAULT_MODEL in [model.model for model in api.ps().models]
    unloaded = api.chat(model=DEFAULT_MODEL, messages=[], keep_alive=0)
    assert unloaded.done_reason == "unload"
    for _ in range(400):  # who keeps house looks once a second
        if DEFAULT_MODEL not in [model.model for model in api.ps().models]:
            break
        time.sleep(0.05)
    else:
        raise AssertionError("still loaded")
    version = client.call("GET", "/api/version")
    assert version["version"] == client.call("GET", "/system")["version"]


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_shown_and_their_answers_read(api: Client, stream: bool) -> None:
    def get_weather(city: str) -> str:
        """The weather of a city.

        Args:
          city: Its name
        """
        return city

    # The model does once more what it did before.
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "What is the weather in Paris?"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": "get_weather", "arguments": {"city": "Paris"}}}],
        },
        {"role": "tool", "tool_name": "get_weather", "content": "It rains."},
        {"role": "user", "content": "What is the weather in Madrid?"},
    ]
    asked: dict[str, Any] = {"model": DEFAULT_MODEL, "messages": messages, "options": GREEDY}
    untyped: Any = api  # the overloads of its calls do not take a dict
    without: ollama.ChatResponse = untyped.chat(**asked)
    answer = untyped.chat(**asked, tools=[get_weather], stream=stream)
    parts: list[ollama.ChatResponse] = list(answer) if stream else [answer]
    calls = [call.function for part in parts for call in part.message.tool_calls or []]
    assert [(call.name, dict(call.arguments)) for call in calls] == [
        ("get_weather", {"city": "Madrid"})
    ]
    assert "".join(part.message.content or "" for part in parts) == ""
    assert (parts[-1].done, parts[-1].done_reason) == (True, "stop")
    assert (parts[-1].prompt_eval_count or 0) > (without.prompt_eval_count or 0)


def test_failures_have_ollamas_form(api: Client, client: HubClient) -> None:
    with pytest.raises(ollama.ResponseError, match="no-such-model") as missing:
        api.chat(model="no-such-model", messages=QUESTION)
    assert missing.value.status_code == 404
    with pytest.raises(ollama.ResponseError, match=r"options\.temperature") as wrong:
        api.chat(model=DEFAULT_MODEL, messages=QUESTION, options={"temperature": 9})
    assert wrong.value.status_code == 400
    with pytest.raises(ollama.ResponseError, match="template"):
        api.generate(model=DEFAULT_MODEL, prompt="Hi", template="{{ .Prompt }}")
    with pytest.raises(ollama.ResponseError, match="makes embeddings"):
        api.chat(model=ENCODER, messages=QUESTION)
    unknown = client.request("GET", "/api/nothing")
    assert unknown.status_code == 404
    assert list(unknown.json()) == ["error"]


def test_hanging_up_ends_the_answer(api: Client, client: HubClient) -> None:
    stream = api.generate(
        model=DEFAULT_MODEL,
        prompt="Count to ten thousand.",
        options={"num_predict": 4000},
        stream=True,
    )
    for _ in range(3):
        next(stream)
    del stream  # closes its connection
    for _ in range(200):
        slots = client.request("GET", f"/slots?model={DEFAULT_MODEL}").json()
        if not any(slot["is_processing"] for slot in slots):
            return
        time.sleep(0.05)
    raise AssertionError("still running")
