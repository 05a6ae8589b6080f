"""Limits of API keys over HTTP and with a stock client, and what keys used, as counted."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from hub_client import DEFAULT_MODEL, HubProcess, Json

CHAT: dict[str, Any] = {
    "model": DEFAULT_MODEL,
    "messages": [{"role": "user", "content": "Hello"}],
    "max_tokens": 5,
    "temperature": 0,
}


@pytest.fixture(scope="module")
def metered(build_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    process = HubProcess(build_dir, tmp_path_factory.mktemp("metered"))
    process.start()
    yield process
    assert process.is_alive(), process.log[-3000:]
    process.stop()


def make_key(
    process: HubProcess, name: str, scopes: list[str] | None = None, **limits: int
) -> Json:
    body = {"name": name, "scopes": scopes or ["infer"], "limits": limits}
    answer = httpx.post(f"{process.url}/keys", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def bearer(key: Json) -> dict[str, str]:
    return {"Authorization": f"Bearer {key['secret']}"}


def usage_of(process: HubProcess, name: str) -> Json:
    listed = httpx.get(f"{process.url}/keys").json()["data"]
    return next(key["usage"] for key in listed if key["name"] == name)


def wait_for_tokens(process: HubProcess, name: str, total: int) -> Json:
    """An engine tells what an answer took right after its end."""
    deadline = time.monotonic() + 30
    while True:
        usage = usage_of(process, name)
        if usage["prompt_tokens"] + usage["completion_tokens"] >= total:
            return usage
        assert time.monotonic() < deadline, usage
        time.sleep(0.05)


def test_requests_beyond_the_limit_are_429_and_the_openai_client_knows_it(
    metered: HubProcess,
) -> None:
    key = make_key(metered, "rpm", requests_per_minute=2)
    client = openai.OpenAI(base_url=f"{metered.url}/v1", api_key=key["secret"], max_retries=0)
    for left in ("1", "0"):
        raw = client.models.with_raw_response.list()
        assert raw.headers["x-ratelimit-limit-requests"] == "2"
        assert raw.headers["x-ratelimit-remaining-requests"] == left
        assert raw.headers["x-ratelimit-reset-requests"].endswith("s")
    with pytest.raises(openai.RateLimitError) as refused:
        client.models.list()
    assert refused.value.code == "rate_limit_exceeded"
    assert 1 <= int(refused.value.response.headers["retry-after"]) <= 30
    assert refused.value.response.headers["x-ratelimit-remaining-requests"] == "0"
    usage = usage_of(metered, "rpm")
    assert (usage["requests"], usage["refused_requests"]) == (2, 1)
    client.close()


def test_the_openai_client_waits_and_tries_again(metered: HubProcess) -> None:
    """120 a minute: the next is there within a second, as Retry-After says."""
    key = make_key(metered, "patient", requests_per_minute=120)
    with httpx.Client(headers=bearer(key)) as raw:
        while raw.get(f"{metered.url}/v1/models").status_code == 200:
            pass
    client = openai.OpenAI(base_url=f"{metered.url}/v1", api_key=key["secret"], max_retries=3)
    assert DEFAULT_MODEL in [model.id for model in client.models.list()]
    client.close()


def test_tokens_are_counted_whole_and_streamed_and_held_against_the_limit(
    metered: HubProcess,
) -> None:
    key = make_key(metered, "tpm", tokens_per_minute=40)
    url = f"{metered.url}/v1/chat/completions"
    first = httpx.post(url, json=CHAT, headers=bearer(key), timeout=120)
    assert first.status_code == 200
    assert first.headers["x-ratelimit-limit-tokens"] == "40"
    spent = first.json()["usage"]
    counted = wait_for_tokens(metered, "tpm", spent["total_tokens"])
    assert counted["prompt_tokens"] == spent["prompt_tokens"]
    assert counted["completion_tokens"] == spent["completion_tokens"]
    while True:  # streams are counted although nobody asked for their usage
        answer = httpx.post(url, json={**CHAT, "stream": True}, headers=bearer(key), timeout=120)
        if answer.status_code == 429:
            break
        total = counted["prompt_tokens"] + counted["completion_tokens"] + spent["total_tokens"]
        counted = wait_for_tokens(metered, "tpm", total)
        assert total < 400
    assert answer.json()["error"]["code"] == "rate_limit_exceeded"
    assert "tokens a minute" in answer.json()["error"]["message"]
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["x-ratelimit-remaining-tokens"] == "0"
    # What takes no tokens goes on.
    assert httpx.get(f"{metered.url}/v1/models", headers=bearer(key)).status_code == 200


def test_embeddings_count_too(metered: HubProcess) -> None:
    key = make_key(metered, "vectors")
    answer = httpx.post(
        f"{metered.url}/v1/embeddings",
        json={"model": DEFAULT_MODEL, "input": "Hello there"},
        headers=bearer(key),
        timeout=120,
    )
    assert answer.status_code == 200, answer.text
    tokens = answer.json()["usage"]["prompt_tokens"]
    assert wait_for_tokens(metered, "vectors", tokens)["prompt_tokens"] == tokens


def test_concurrent_streams_are_limited_and_their_ends_make_room(metered: HubProcess) -> None:
    key = make_key(metered, "streams", ["read", "infer"], concurrent_streams=2)
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(
            httpx.Client(base_url=metered.url, headers=bearer(key), timeout=60)
        )
        streams = [
            stack.enter_context(client.stream("GET", "/events")),
            stack.enter_context(client.stream("GET", "/logs", params={"follow": "true"})),
        ]
        # Logs are for administrators: refused, and holds no place.
        assert [stream.status_code for stream in streams] == [200, 403]
        assert stack.enter_context(client.stream("GET", "/events")).status_code == 200
        for path, body in (("/v1/chat/completions", CHAT), ("/events", None)):
            answer = client.request("POST" if body else "GET", path, json=body)
            assert answer.status_code == 429
            assert answer.json()["error"]["code"] == "too_many_streams"
            assert answer.headers["retry-after"] == "1"
        assert client.get("/models").status_code == 200
    with httpx.Client(base_url=metered.url, headers=bearer(key), timeout=120) as client:
        # An event stream notices within a second that nobody reads it.
        deadline = time.monotonic() + 30
        while (answer := client.post("/v1/chat/completions", json=CHAT)).status_code == 429:
            assert time.monotonic() < deadline, "the places of ended streams are not given back"
            time.sleep(0.1)
        assert answer.status_code == 200


def test_who_read_an_answers_end_may_ask_again_at_once(metered: HubProcess) -> None:
    key = make_key(metered, "one-stream", concurrent_streams=1)
    with httpx.Client(base_url=metered.url, headers=bearer(key), timeout=120) as client:
        for _ in range(10):
            with client.stream(
                "POST", "/v1/chat/completions", json={**CHAT, "stream": True}
            ) as answer:
                assert answer.status_code == 200
                assert "data: [DONE]" in answer.iter_lines()


def test_limits_change_while_the_hub_runs(metered: HubProcess) -> None:
    key = make_key(metered, "changing", requests_per_minute=1)
    models = f"{metered.url}/v1/models"
    assert [httpx.get(models, headers=bearer(key)).status_code for _ in range(2)] == [200, 429]
    path = f"{metered.url}/keys/changing"
    changed = httpx.patch(path, json={"limits": {"requests_per_minute": None}})
    assert changed.status_code == 200
    assert changed.json()["limits"]["requests_per_minute"] is None
    free = httpx.get(models, headers=bearer(key))
    assert free.status_code == 200
    assert "x-ratelimit-limit-requests" not in free.headers
    events = httpx.get(f"{metered.url}/audit").json()["data"]
    assert (events[0]["method"], events[0]["route"]) == ("PATCH", "/keys/{id}")


def test_the_command_line_sets_limits(build_dir: Path, tmp_path: Path) -> None:
    command = [build_dir / "mlx-hub", "keys", "create", "--name", "ci", "--scope", "infer",
               "--requests-per-minute", "10", "--tokens-per-minute", "2000",
               "--concurrent-streams", "3", "--json", "--data-dir", tmp_path]  # fmt: skip
    made = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(made.stdout)["limits"] == {
        "requests_per_minute": 10,
        "tokens_per_minute": 2000,
        "concurrent_streams": 3,
    }


def test_usage_is_kept_over_a_restart_and_told_in_metrics(build_dir: Path, tmp_path: Path) -> None:
    process = HubProcess(build_dir, tmp_path)
    with process:
        key = make_key(process, "kept")
        url = f"{process.url}/v1/chat/completions"
        total = httpx.post(url, json=CHAT, headers=bearer(key), timeout=120).json()["usage"]
        before = wait_for_tokens(process, "kept", total["total_tokens"])
        text = httpx.get(f"{process.url}/metrics").text
        assert 'mlx_hub_key_requests_total{key="kept"} 1' in text
        tokens = 'mlx_hub_key_tokens_total{gen_ai_token_type="input",key="kept"}'
        assert f"{tokens} {total['prompt_tokens']}" in text
        process.restart()
        assert usage_of(process, "kept") == before
