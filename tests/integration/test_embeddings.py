"""`POST /v1/embeddings`: a text encoder and the default model, with OpenAI's own client and without."""

from __future__ import annotations

import base64
import json
import math
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from hub_client import DEFAULT_MODEL, HubClient, HubProcess
from openai import OpenAI
from package_files import cache_folder
from prepare_model import ENCODER_NAME

MODELS = Path(__file__).resolve().parents[1] / "golden" / "models"
ENCODER = "minilm"
TEXTS = ["A man is eating food.", "Someone is having a meal.", "The stock market fell by a lot."]


@pytest.fixture(scope="module")
def hub(build_dir: Path) -> Iterator[HubProcess]:
    folder = cache_folder() / "models" / ENCODER_NAME
    allowed = ("--allow-path", str(folder), "--allow-path", str(MODELS))
    with HubProcess(build_dir, arguments=allowed) as process:
        client = HubClient(process.url)
        body = {"name": ENCODER, "base_model": str(folder)}
        client.call("POST", "/models", json={**body, "storage": "reference"})
        adapter = {"name": "changed", "base_model": str(MODELS / "adapter"), "base": DEFAULT_MODEL}
        client.call("POST", "/models", json=adapter)
        client.close()
        yield process
        assert process.is_alive(), process.log[-3000:]


@pytest.fixture
def api(hub: HubProcess) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{hub.url}/v1", api_key="none", max_retries=0, timeout=300) as connected:
        yield connected


def dot(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


def single(vector: list[float]) -> bytes:
    """As float32: a number written in decimal is read as a double."""
    return struct.pack(f"<{len(vector)}f", *vector)


def vectors(client: HubClient, model: str, texts: Any, **more: Any) -> list[list[float]]:
    answer = client.call("POST", "/v1/embeddings", json={"model": model, "input": texts, **more})
    assert [one["index"] for one in answer["data"]] == list(range(len(answer["data"])))
    return [one["embedding"] for one in answer["data"]]


@pytest.mark.parametrize("model", [ENCODER, DEFAULT_MODEL])
def test_the_openai_client_in_both_encodings(api: OpenAI, model: str) -> None:
    # Without encoding_format the client asks for base64 and unpacks it itself.
    packed = api.embeddings.create(model=model, input=TEXTS)
    plain = api.embeddings.create(model=model, input=TEXTS, encoding_format="float", user="me")
    assert packed.object == "list"
    assert packed.model == model
    assert packed.usage.prompt_tokens == packed.usage.total_tokens > len(TEXTS)
    assert [one.index for one in packed.data] == [0, 1, 2]
    for left, right in zip(packed.data, plain.data, strict=True):
        assert single(left.embedding) == single(right.embedding)
        assert math.isclose(dot(left.embedding, left.embedding), 1.0, abs_tol=1e-5)
    cut = api.embeddings.create(model=model, input=TEXTS[0], dimensions=32).data[0].embedding
    assert len(cut) == 32
    assert math.isclose(dot(cut, cut), 1.0, abs_tol=1e-5)


def test_base64_is_little_endian_float32(client: HubClient) -> None:
    (plain,) = vectors(client, ENCODER, "x")
    (packed,) = vectors(client, ENCODER, "x", encoding_format="base64")
    assert base64.b64decode(str(packed), validate=True) == single(plain)
    assert len(plain) == 384


def test_sentences_that_mean_the_same_are_near(client: HubClient) -> None:
    eats, meal, stocks = vectors(client, ENCODER, TEXTS)
    assert dot(eats, meal) > 0.5
    assert dot(eats, stocks) < 0.2


@pytest.mark.parametrize("model", [ENCODER, DEFAULT_MODEL, "changed"])
def test_a_text_alone_and_in_company_has_the_same_bits(client: HubClient, model: str) -> None:
    texts = [*TEXTS, "x", "many words " * 100]
    together = vectors(client, model, texts)
    for text, vector in zip(texts, together, strict=True):
        assert vectors(client, model, text) == [vector]


def test_the_vectors_are_the_references(client: HubClient) -> None:
    record = json.loads((MODELS / "encoders" / f"{ENCODER_NAME}.json").read_text())
    texts = [case["text"] for case in record["cases"]]
    for case, vector in zip(record["cases"], vectors(client, ENCODER, texts), strict=True):
        worst = max(abs(a - b) for a, b in zip(vector, case["vectors"]["mean"], strict=True))
        assert worst <= record["tolerance"]
        assert vectors(client, ENCODER, case["ids"]) == [vector]


def test_an_adapter_changes_the_vectors(client: HubClient) -> None:
    (base,) = vectors(client, DEFAULT_MODEL, TEXTS[0])
    (changed,) = vectors(client, f"{DEFAULT_MODEL}+changed", TEXTS[0])
    assert changed == vectors(client, "changed", TEXTS[0])[0]
    assert dot(base, changed) < 0.9999


def test_the_form_without_v1(client: HubClient) -> None:
    answer = client.call("POST", "/embeddings", json={"model": f"{ENCODER}:1", "input": "x"})
    assert answer["model"] == f"{ENCODER}:1"
    assert answer["data"][0]["embedding"] == vectors(client, ENCODER, "x")[0]


@pytest.mark.parametrize(
    ("change", "param", "code", "words"),
    [
        ({"input": ""}, "input", None, ["empty"]),
        ({"input": []}, "input", None, ["empty array"]),
        ({"input": ["a", ""]}, "input[1]", None, ["empty"]),
        ({"input": {"text": "a"}}, "input", None, ["object"]),
        ({"input": ["a"] * 2049}, "input", None, ["2048", "2049"]),
        ({"input": [5, 30522]}, "input[0]", None, ["30521", "30522"]),
        ({"input": [-1]}, "input[0]", None, ["token id"]),
        ({"input": "word " * 300}, "input[0]", "context_length_exceeded", ["256", "302"]),
        ({"encoding_format": "int8"}, "encoding_format", None, ["'float'", "'base64'", "'int8'"]),
        ({"dimensions": 385}, "dimensions", None, ["384", "385"]),
        ({"dimensions": 0}, "dimensions", None, ["0"]),
        ({"pooling": "max"}, "pooling", None, ["'mean'", "'max'"]),
        ({"model": ""}, "model", None, ["required"]),
    ],
)
def test_what_cannot_work_is_a_400_that_says_why(
    client: HubClient, change: dict[str, Any], param: str, code: str | None, words: list[str]
) -> None:
    body = {"model": ENCODER, "input": "a", **change}
    answer = client.request("POST", "/v1/embeddings", json=body)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["param"], error["code"]) == (param, code)
    for word in words:
        assert word in error["message"]


def test_an_encoder_does_not_chat(api: OpenAI, client: HubClient) -> None:
    with pytest.raises(openai.BadRequestError, match="makes embeddings, it cannot chat"):
        api.chat.completions.create(model=ENCODER, messages=[{"role": "user", "content": "Hi"}])
    model = client.call("GET", f"/models/{ENCODER}")
    assert model["capabilities"] == {
        "chat": False,
        "completions": False,
        "embeddings": True,
        "finetune": False,
    }
    assert client.call("GET", "/system")["capabilities"]["embeddings"] is True


def test_a_long_list_does_not_hold_up_a_stream(client: HubClient, hub: HubProcess) -> None:
    """Tokens come while the list is worked on: steps of both take turns."""
    answers: list[int] = []

    def embed() -> None:
        other = HubClient(hub.url)
        answers.append(len(vectors(other, DEFAULT_MODEL, ["some words to embed"] * 300)))
        other.close()

    body = {"model": DEFAULT_MODEL, "prompt": "One, two,", "max_tokens": 48, "stream": True}
    chunks_before_its_end = 0
    worker = threading.Thread(target=embed)
    with client.http.stream("POST", "/v1/completions", json={**body, "ignore_eos": True}) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: {") and not worker.is_alive() and not answers:
                worker.start()
            elif line.startswith("data: {") and worker.is_alive():
                chunks_before_its_end += 1
    worker.join()
    assert answers == [300]
    assert chunks_before_its_end > 1


def test_embedded_tokens_are_counted(client: HubClient) -> None:
    asked = client.call("POST", "/v1/embeddings", json={"model": ENCODER, "input": TEXTS})
    assert asked["usage"]["prompt_tokens"] > 0
    name = f'mlx_hub_engine_tokens_total{{gen_ai_request_model="{ENCODER}",phase="embed"}}'
    for _ in range(100):
        lines = client.request("GET", "/metrics").text.splitlines()
        if any(line.startswith(name) and float(line.split()[-1]) > 0 for line in lines):
            return
        threading.Event().wait(0.1)
    pytest.fail(f"{name} is not in /metrics")
