"""What goes wrong, as the official OpenAI client tells it: its exceptions, time-outs and retries."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from hub_client import DEFAULT_MODEL, HubClient, HubProcess
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam
from support.transfers import wait_for

QUESTION: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "What is the capital of France?"}
]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", 9),
        ("max_tokens", 0),
        ("top_logprobs", 99),
        ("n", 0),
        ("stop", 5),
        ("response_format", {"type": "xml"}),
        ("logit_bias", {"paris": 1}),
    ],
)
def test_a_bad_field_is_a_bad_request_that_names_it(api: OpenAI, field: str, value: object) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        api.chat.completions.create(
            model=DEFAULT_MODEL, messages=QUESTION, extra_body={field: value}
        )
    assert str(refused.value.param).startswith(field)
    assert refused.value.type == "invalid_request_error"


def test_images_are_refused_with_the_models_name(api: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        api.chat.completions.create(
            model=DEFAULT_MODEL,
            messages=[
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
                    ],
                }
            ],
        )
    assert str(refused.value.param).startswith("messages[0].content[0]")
    assert DEFAULT_MODEL in refused.value.message


def test_a_conversation_that_is_too_long(api: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        api.completions.create(model=DEFAULT_MODEL, prompt=[504] * 9000, max_tokens=1)
    assert refused.value.code == "context_length_exceeded"


def test_an_unknown_model_everywhere(api: OpenAI) -> None:
    for ask in (
        lambda: api.chat.completions.create(model="no-such", messages=QUESTION),
        lambda: api.completions.create(model="no-such", prompt="Hi"),
        lambda: api.embeddings.create(model="no-such", input="Hi"),
        lambda: api.responses.create(model="no-such", input="Hi"),
        lambda: api.models.retrieve("no-such"),
    ):
        with pytest.raises(openai.NotFoundError) as unknown:
            ask()
        assert unknown.value.code == "model_not_found"


def test_a_client_that_gives_up_ends_its_generation(api: OpenAI, client: HubClient) -> None:
    def running() -> int:
        return sum(engine["running"] for engine in client.call("GET", "/system")["engines"])

    with pytest.raises(openai.APITimeoutError):
        api.with_options(timeout=1.0).completions.create(
            model=DEFAULT_MODEL, prompt="Count:", max_tokens=7000, extra_body={"ignore_eos": True}
        )
    wait_for(lambda: running() == 0, 30)


def test_closing_a_stream_ends_its_generation(api: OpenAI, client: HubClient) -> None:
    stream = api.completions.create(
        model=DEFAULT_MODEL,
        prompt="Count:",
        max_tokens=7000,
        stream=True,
        extra_body={"ignore_eos": True},
    )
    assert next(iter(stream)).choices
    stream.close()
    wait_for(
        lambda: sum(one["running"] for one in client.call("GET", "/system")["engines"]) == 0, 30
    )


def test_keys_that_are_wrong_or_allow_too_little(own_hub: HubProcess) -> None:
    admin = HubClient(own_hub.url)
    secret = str(admin.call("POST", "/keys", json={"name": "reader", "scopes": ["read"]})["secret"])
    admin.close()
    with (
        OpenAI(base_url=f"{own_hub.url}/v1", api_key="mh-wrong", max_retries=0) as wrong,
        pytest.raises(openai.AuthenticationError) as unknown,
    ):
        wrong.models.list()
    assert unknown.value.code == "invalid_api_key"
    with (
        OpenAI(base_url=f"{own_hub.url}/v1", api_key=secret, max_retries=0) as reader,
        pytest.raises(openai.PermissionDeniedError) as refused,
    ):
        reader.completions.create(model=DEFAULT_MODEL, prompt="Hi")
    assert refused.value.code == "insufficient_scope"


@pytest.fixture
def small_hub(build_dir: Any) -> Iterator[HubProcess]:
    """One request runs at a time, four may wait, of one key three."""
    settings = {"MLX_HUB_MAX_RUNNING": "1", "MLX_HUB_MAX_WAITING": "4"}
    with HubProcess(build_dir, environment=settings) as process:
        yield process


def test_busy_hubs_are_asked_again(small_hub: HubProcess) -> None:
    """429 and 503 with Retry-After: without retries the client's own exceptions, with them an answer."""
    admin = HubClient(small_hub.url)
    created = admin.call("POST", "/keys", json={"name": "user", "scopes": ["infer"]})
    admin.close()

    def flood(key: str, retries: int, count: int = 8) -> list[object]:
        with OpenAI(
            base_url=f"{small_hub.url}/v1", api_key=key, max_retries=retries, timeout=300
        ) as api:

            def ask(_: int) -> object:
                try:
                    return api.completions.create(
                        model=DEFAULT_MODEL,
                        prompt="Count:",
                        max_tokens=30,
                        extra_body={"ignore_eos": True},
                    )
                except openai.APIStatusError as error:
                    return error

            with ThreadPoolExecutor(count) as pool:
                return list(pool.map(ask, range(count)))

    by_key = [one for one in flood(str(created["secret"]), 0) if isinstance(one, Exception)]
    assert by_key
    assert all(isinstance(one, openai.RateLimitError) for one in by_key)
    at_all = [one for one in flood("none", 0, 12) if isinstance(one, openai.APIStatusError)]
    assert at_all
    assert {one.status_code for one in at_all} <= {429, 503}
    assert all(1 <= int(one.response.headers["retry-after"]) <= 60 for one in at_all)
    patient = flood(str(created["secret"]), 40)
    assert not [one for one in patient if isinstance(one, Exception)]
