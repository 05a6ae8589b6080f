"""llama.cpp's routes, as its clients call them: over plain HTTP."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from hub_client import DEFAULT_MODEL, HubClient, parse_sse

TEXT = "One, two, three,"


def completion(client: HubClient, **more: Any) -> dict[str, Any]:
    body = {"prompt": TEXT, "n_predict": 8, "temperature": 0, **more}
    return client.call("POST", "/completion", json=body)


def test_health(client: HubClient) -> None:
    for path in ("/health", "/v1/health"):
        assert client.call("GET", path) == {"status": "ok"}


def test_text_to_tokens_and_back(client: HubClient) -> None:
    text = "Grüße, 世界! 🙂"
    tokens = client.call("POST", "/tokenize", json={"content": text})["tokens"]
    assert all(isinstance(token, int) for token in tokens)
    assert client.call("POST", "/detokenize", json={"tokens": tokens}) == {"content": text}
    pieces = client.call("POST", "/tokenize", json={"content": text, "with_pieces": True})["tokens"]
    assert [piece["id"] for piece in pieces] == tokens
    assert "".join(piece["piece"] for piece in pieces).startswith("Grüße, ")
    assert client.call("POST", "/detokenize", json={"tokens": []}) == {"content": ""}
    refused = client.request("POST", "/detokenize", json={"tokens": [10**9]})
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "tokens"


def test_a_conversation_as_the_model_reads_it(client: HubClient) -> None:
    messages = [{"role": "user", "content": "Hi"}]
    prompt = client.call("POST", "/apply-template", json={"messages": messages})["prompt"]
    assert prompt.endswith("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")
    tokens = client.call("POST", "/tokenize", json={"content": prompt})["tokens"]
    counted = client.call(
        "POST", "/v1/messages/count_tokens", json={"model": DEFAULT_MODEL, "messages": messages}
    )
    assert counted["input_tokens"] == len(tokens)
    asked = {"temperature": 0, "max_tokens": 12}
    chat = client.call(
        "POST",
        "/v1/chat/completions",
        json={"model": DEFAULT_MODEL, "messages": messages, **asked},
    )
    text = completion(client, prompt=prompt, n_predict=12)
    assert text["content"] == chat["choices"][0]["message"]["content"]


def test_a_completion(client: HubClient) -> None:
    answer = completion(client, cache_prompt=True, id_slot=-1, samplers=["top_k"])
    openai = client.call(
        "POST",
        "/v1/completions",
        json={"model": DEFAULT_MODEL, "prompt": TEXT, "max_tokens": 8, "temperature": 0},
    )
    assert answer["content"] == openai["choices"][0]["text"]
    assert answer["model"] == DEFAULT_MODEL
    assert (answer["stop"], answer["stop_type"], answer["stopping_word"]) == (True, "limit", "")
    assert answer["tokens_predicted"] == 8
    assert answer["tokens_evaluated"] == openai["usage"]["prompt_tokens"]
    assert answer["prompt"] == TEXT
    timings = answer["timings"]
    assert timings["predicted_n"] == 8
    assert timings["prompt_n"] + timings["cache_n"] == answer["tokens_evaluated"]
    assert timings["predicted_ms"] > 0
    tokens = client.call("POST", "/tokenize", json={"content": TEXT, "add_special": True})["tokens"]
    assert completion(client, prompt=tokens)["content"] == answer["content"]


def test_tokens_and_their_likelihood(client: HubClient) -> None:
    answer = completion(client, n_probs=3, return_tokens=True)
    assert len(answer["tokens"]) == len(answer["completion_probabilities"]) == 8
    for token, told in zip(answer["tokens"], answer["completion_probabilities"], strict=True):
        assert told["id"] == token
        assert len(told["top_logprobs"]) == 3
        assert told["top_logprobs"][0]["id"] == token  # the likeliest, at temperature 0
        assert told["logprob"] == told["top_logprobs"][0]["logprob"]
    said = client.call("POST", "/detokenize", json={"tokens": answer["tokens"]})
    assert said["content"] == answer["content"]


def test_a_stream(client: HubClient) -> None:
    body = {"prompt": TEXT, "n_predict": 8, "temperature": 0, "stream": True}
    answer = client.request("POST", "/completion", json=body)
    events = [json.loads(event.data) for event in parse_sse(iter(answer.text.splitlines()))]
    assert "[DONE]" not in answer.text
    assert [event["stop"] for event in events] == [False] * (len(events) - 1) + [True]
    assert "".join(event["content"] for event in events) == completion(client)["content"]
    assert events[-1]["timings"]["predicted_n"] == 8


def test_stop_words(client: HubClient) -> None:
    answer = completion(client, n_predict=40, stop=["seven", "six"])
    assert (answer["stop_type"], answer["stopping_word"]) == ("word", "six")
    assert "six" not in answer["content"]


@pytest.mark.parametrize(
    ("grammar", "allowed"),
    [
        ('root ::= "yes" | "no"', {"yes", "no"}),
        (
            'root ::= [0-3]{2} "-" tail\ntail ::= "x" # end\n',
            {f"{a}{b}-x" for a in "0123" for b in "0123"},
        ),
        ('root ::= "ab" "c"? | "abd"', {"ab", "abc", "abd"}),
    ],
)
def test_answers_held_to_a_grammar(client: HubClient, grammar: str, allowed: set[str]) -> None:
    for seed in range(3):
        answer = completion(client, grammar=grammar, temperature=1.5, seed=seed, n_predict=32)
        assert answer["content"] in allowed
        assert answer["stop_type"] == "eos"


def test_answers_held_to_a_schema(client: HubClient) -> None:
    schema = {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
    answer = completion(client, json_schema=schema, n_predict=64)
    numbers = json.loads(answer["content"])
    assert len(numbers) == 2


def test_properties(client: HubClient) -> None:
    props = client.call("GET", f"/props?model={DEFAULT_MODEL}")
    assert props["default_generation_settings"]["n_ctx"] == 8192
    assert props["total_slots"] >= 1
    assert "messages" in props["chat_template"]
    assert props["eos_token"] == "<|im_end|>"
    assert client.call("GET", "/props")["model_alias"] == DEFAULT_MODEL


def test_slots_show_what_runs(client: HubClient, hub: Any) -> None:
    completion(client, n_predict=1)  # loads the model
    path = f"/slots?model={DEFAULT_MODEL}"
    seen = threading.Event()

    def watch() -> None:
        other = HubClient(hub.url)
        while not seen.is_set():
            for slot in other.request("GET", path).json():
                if slot["is_processing"] and slot["n_prompt_tokens"] > 0:
                    seen.set()
        other.close()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    body = {"prompt": TEXT, "n_predict": 2000, "ignore_eos": True, "stream": True}
    with client.http.stream("POST", "/completion", json=body) as stream:
        for _ in stream.iter_lines():
            if seen.is_set():
                break
    assert seen.is_set()
    watcher.join()
    assert client.request("GET", "/slots?model=no-such-model").status_code == 404


def test_refusals_name_the_field(client: HubClient) -> None:
    for more, param in (
        ({"n_predict": 0}, "n_predict"),
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"mirostat": 2}, "mirostat"),
        ({"grammar": "start = 1"}, "grammar"),
        ({"repeat_penalty": -1}, "repeat_penalty"),
    ):
        refused = client.request("POST", "/completion", json={"prompt": TEXT, **more})
        assert refused.status_code == 400, more
        assert refused.json()["error"]["param"] == param
