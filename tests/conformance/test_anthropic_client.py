"""The official Anthropic client against the hub."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic
from anthropic.types import MessageParam, ToolParam
from hub_client import DEFAULT_MODEL, HubClient, HubProcess

QUESTION: list[MessageParam] = [{"role": "user", "content": "What is the capital of France?"}]
# The client has no parameter for what the API still takes.
GREEDY = {"temperature": 0}


def connect(hub: HubProcess, key: str = "none") -> Anthropic:
    return Anthropic(base_url=hub.url, api_key=key, max_retries=0, timeout=300)


@pytest.fixture
def api(hub: HubProcess) -> Iterator[Anthropic]:
    with connect(hub) as connected:
        yield connected


def test_a_message(api: Anthropic) -> None:
    message = api.messages.create(
        model=DEFAULT_MODEL, max_tokens=32, messages=QUESTION, extra_body=GREEDY
    )
    assert message.id.startswith("msg_")
    assert (message.type, message.role, message.model) == ("message", "assistant", DEFAULT_MODEL)
    (block,) = message.content
    assert block.type == "text" and "Paris" in block.text
    assert message.stop_reason == "end_turn"
    assert message.stop_sequence is None
    assert message.usage.output_tokens > 1
    assert message._request_id  # pyright: ignore[reportPrivateUsage] (documented for use)


def test_it_says_what_the_chat_route_says(api: Anthropic, client: HubClient) -> None:
    system = "You answer in one word."
    message = api.messages.create(
        model=DEFAULT_MODEL,
        max_tokens=16,
        extra_body=GREEDY,
        system=[{"type": "text", "text": system}],
        messages=[{"role": "user", "content": [{"type": "text", "text": "Name a fruit."}]}],
    )
    chat = client.call(
        "POST",
        "/v1/chat/completions",
        json={
            "model": DEFAULT_MODEL,
            "max_tokens": 16,
            "temperature": 0,
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": "Name a fruit."},
            ],
        },
    )
    assert [block.text for block in message.content if block.type == "text"] == [
        chat["choices"][0]["message"]["content"]
    ]


def test_counted_tokens_are_those_that_are_read(api: Anthropic) -> None:
    messages: list[MessageParam] = [
        {"role": "user", "content": f"Is {time.time_ns()} a large number?"},
        {"role": "assistant", "content": "It is."},
        {"role": "user", "content": "Why?"},
    ]
    counted = api.messages.count_tokens(model=DEFAULT_MODEL, messages=messages, system="Be brief.")
    usages = [
        api.messages.create(
            model=DEFAULT_MODEL, max_tokens=1, messages=messages, system="Be brief."
        ).usage
        for _ in range(2)
    ]
    for usage in usages:
        assert usage.input_tokens + (usage.cache_read_input_tokens or 0) == counted.input_tokens
    assert (usages[1].cache_read_input_tokens or 0) > 0


def test_the_events_of_a_stream(api: Anthropic) -> None:
    whole = api.messages.create(
        model=DEFAULT_MODEL, max_tokens=32, messages=QUESTION, extra_body=GREEDY
    )
    events = list(
        api.messages.create(
            model=DEFAULT_MODEL, max_tokens=32, messages=QUESTION, extra_body=GREEDY, stream=True
        )
    )
    kinds = [event.type for event in events]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[2:-3]) == {"content_block_delta"}
    with api.messages.stream(
        model=DEFAULT_MODEL, max_tokens=32, messages=QUESTION, extra_body=GREEDY
    ) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    (block,) = whole.content
    assert block.type == "text" and text == block.text
    assert final.stop_reason == whole.stop_reason
    assert final.usage.output_tokens == whole.usage.output_tokens
    assert final.usage.input_tokens + (final.usage.cache_read_input_tokens or 0) == (
        whole.usage.input_tokens + (whole.usage.cache_read_input_tokens or 0)
    )


def test_the_raw_events_have_names(client: HubClient) -> None:
    body = {"model": DEFAULT_MODEL, "max_tokens": 4, "messages": QUESTION, "stream": True}
    answer = client.request("POST", "/v1/messages", json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["request-id"] == answer.headers["x-request-id"]
    lines = answer.text.splitlines()
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    data = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    assert names == [one["type"] for one in data]
    assert "ping" in names
    assert "[DONE]" not in answer.text


@pytest.mark.parametrize("stream", [False, True])
def test_why_it_stopped(api: Anthropic, stream: bool) -> None:
    create: Any = api.messages.create  # its overloads do not take a dict

    def ask(**more: Any) -> anthropic.types.Message:
        wanted: dict[str, Any] = {
            "model": DEFAULT_MODEL,
            "max_tokens": 32,
            "messages": QUESTION,
            "extra_body": GREEDY,
            **more,
        }
        if not stream:
            made: anthropic.types.Message = create(**wanted)
            return made
        with api.messages.stream(**wanted) as events:
            return events.get_final_message()

    assert ask(max_tokens=2).stop_reason == "max_tokens"
    stopped = ask(stop_sequences=["Berlin", "Paris"])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "Paris")
    assert all("Paris" not in block.text for block in stopped.content if block.type == "text")
    ended = ask()
    assert (ended.stop_reason, ended.stop_sequence) == ("end_turn", None)


def test_an_answer_held_to_a_schema(api: Anthropic) -> None:
    schema: dict[str, object] = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}},
        "required": ["city"],
        "additionalProperties": False,
    }
    message = api.messages.create(
        model=DEFAULT_MODEL,
        max_tokens=64,
        messages=QUESTION,
        extra_body=GREEDY,
        output_config={"format": {"type": "json_schema", "schema": schema}},
    )
    (block,) = message.content
    assert block.type == "text"
    assert list(json.loads(block.text)) == ["city"]


WEATHER: ToolParam = {
    "name": "get_weather",
    "description": "The weather forecast of a city",
    "input_schema": {
        "type": "object",
        "properties": {
            "city": {"type": "string", "maxLength": 20},
            "days": {"type": "integer", "minimum": 1, "maximum": 7},
        },
        "required": ["city", "days"],
        "additionalProperties": False,
    },
}
FORECAST: list[MessageParam] = [
    {"role": "user", "content": "What is the weather in Paris for the next 3 days?"}
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "get_weather"}])
def test_a_call_that_is_demanded(api: Anthropic, stream: bool, choice: Any) -> None:
    wanted: dict[str, Any] = {
        "model": DEFAULT_MODEL,
        "max_tokens": 128,
        "messages": FORECAST,
        "extra_body": GREEDY,
        "tools": [WEATHER],
        "tool_choice": {**choice, "disable_parallel_tool_use": True},
    }
    create: Any = api.messages.create  # its overloads do not take a dict
    message: anthropic.types.Message
    if stream:
        with api.messages.stream(**wanted) as events:
            message = events.get_final_message()
    else:
        message = create(**wanted)
    (call,) = [block for block in message.content if block.type == "tool_use"]
    assert message.stop_reason == "tool_use"
    assert call.name == "get_weather"
    assert call.id
    arguments: Any = call.input
    assert set(arguments) == {"city", "days"}
    assert 1 <= arguments["days"] <= 7


def test_what_a_tool_answered_is_read(api: Anthropic) -> None:
    messages: list[MessageParam] = [
        *FORECAST,
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "c1", "name": "get_weather", "input": {"city": "Paris"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "It rains purple frogs."},
                {"type": "text", "text": "Well?"},
            ],
        },
    ]
    counted = api.messages.count_tokens(model=DEFAULT_MODEL, messages=messages, tools=[WEATHER])
    shorter = api.messages.count_tokens(model=DEFAULT_MODEL, messages=messages)
    assert counted.input_tokens > shorter.input_tokens
    message = api.messages.create(
        model=DEFAULT_MODEL,
        max_tokens=24,
        messages=messages,
        tools=[WEATHER],
        tool_choice={"type": "none"},
    )
    assert all(block.type == "text" for block in message.content)


def test_failures_are_of_the_right_class(api: Anthropic, hub: HubProcess) -> None:
    with pytest.raises(anthropic.NotFoundError) as missing:
        api.messages.create(model="no-such-model", max_tokens=1, messages=QUESTION)
    body = missing.value.body
    assert isinstance(body, dict)
    assert body["type"] == "error"
    assert body["error"]["type"] == "not_found_error"
    assert body["request_id"] == missing.value.request_id
    with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
        api.messages.create(model=DEFAULT_MODEL, max_tokens=0, messages=QUESTION)
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long"):
        api.messages.create(
            model=DEFAULT_MODEL,
            max_tokens=1,
            messages=[{"role": "user", "content": "word " * 9000}],
        )
    with pytest.raises(anthropic.BadRequestError, match="reads text only"):
        api.messages.create(
            model=DEFAULT_MODEL,
            max_tokens=1,
            messages=[
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "image",
                            "source": {"type": "url", "url": "https://example.org/a.png"},
                        }
                    ],
                }
            ],
        )
    with (
        connect(hub, "mh-not-a-key") as stranger,
        pytest.raises(anthropic.AuthenticationError) as refused,
    ):
        stranger.messages.create(model=DEFAULT_MODEL, max_tokens=1, messages=QUESTION)
    assert isinstance(refused.value.body, dict)
    assert refused.value.body["error"]["type"] == "authentication_error"


def test_other_failures_of_the_route_have_anthropics_form(client: HubClient) -> None:
    wrong_method = client.request("GET", "/v1/messages")
    no_json = client.request(
        "POST", "/v1/messages", content="{", headers={"Content-Type": "application/json"}
    )
    for answer, status in ((wrong_method, 405), (no_json, 400)):
        assert answer.status_code == status
        assert answer.json()["error"]["type"] == "invalid_request_error"
        assert answer.json()["request_id"] == answer.headers["request-id"]


def test_hanging_up_ends_the_answer(api: Anthropic, client: HubClient) -> None:
    with api.messages.stream(
        model=DEFAULT_MODEL,
        max_tokens=4000,
        messages=[{"role": "user", "content": "Count from one to ten thousand."}],
    ) as stream:
        for number, _ in enumerate(stream.text_stream):
            if number == 3:
                break
    for _ in range(200):
        slots = client.request("GET", f"/slots?model={DEFAULT_MODEL}").json()
        if not any(slot["is_processing"] for slot in slots):
            return
        time.sleep(0.05)
    raise AssertionError("still running")


def test_many_at_once(api: Anthropic) -> None:
    def ask(number: int) -> str:
        with api.messages.stream(
            model=DEFAULT_MODEL,
            max_tokens=8,
            extra_body=GREEDY,
            messages=[{"role": "user", "content": f"Say the number {number % 2}."}],
        ) as stream:
            return "".join(stream.text_stream)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    assert answers[0] == answers[2]
    assert answers[1] == answers[3]
