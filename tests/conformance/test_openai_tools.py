"""Tool calls, reasoning fields and refusals, through the official OpenAI client."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, cast

import openai
import pytest
from hub_client import DEFAULT_MODEL
from openai import OpenAI
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionMessageParam,
    ChatCompletionToolParam,
)
from pydantic import BaseModel, Field

QUESTION: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "What is the weather in Paris for the next 3 days?"}
]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather forecast of a city",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "maxLength": 20},
                "days": {"type": "integer", "minimum": 1, "maximum": 7},
                "unit": {"enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city", "days", "unit"],
            "additionalProperties": False,
        },
    },
}
TIME: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_time",
        "description": "The time in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


def ask(api: OpenAI, **fields: Any) -> ChatCompletion:
    asked: Any = {"model": DEFAULT_MODEL, "messages": QUESTION, "temperature": 0, **fields}
    return cast("ChatCompletion", api.chat.completions.create(**asked))


def function_of(answer: ChatCompletion) -> tuple[str, str]:
    """The name and arguments of an answer's only call."""
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    return call.function.name, call.function.arguments


def check_weather(arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(arguments)
    assert set(found) == {"city", "days", "unit"}
    assert isinstance(found["city"], str)
    assert 1 <= found["days"] <= 7
    assert found["unit"] in ("celsius", "fahrenheit")
    return found


def test_a_required_call(api: OpenAI) -> None:
    answer = api.chat.completions.create(
        model=DEFAULT_MODEL,
        messages=QUESTION,
        tools=[WEATHER, TIME],
        tool_choice="required",
        parallel_tool_calls=False,
        temperature=0,
        max_tokens=200,
    )
    (choice,) = answer.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert choice.message.tool_calls is not None
    (call,) = choice.message.tool_calls
    assert call.type == "function"
    assert call.id.startswith("call_")
    if call.function.name == "get_weather":
        check_weather(call.function.arguments)
    else:
        assert call.function.name == "get_time"
        assert set(json.loads(call.function.arguments)) == {"city"}


def test_a_named_call_many_at_once(api: OpenAI) -> None:
    def call(seed: int) -> str:
        answer = ask(
            api,
            tools=[TIME, WEATHER],
            tool_choice={"type": "function", "function": {"name": "get_weather"}},
            parallel_tool_calls=False,
            temperature=1.5,
            seed=seed,
            max_tokens=200,
        )
        name, arguments = function_of(answer)
        assert name == "get_weather"
        check_weather(arguments)
        return (answer.choices[0].message.tool_calls or [])[0].id

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(call, range(16)))
    assert len(set(ids)) == len(ids)


def test_a_stream_says_the_same_as_a_whole_answer(api: OpenAI) -> None:
    fields: dict[str, Any] = {
        "tools": [WEATHER],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "max_tokens": 200,
    }
    name, wanted = function_of(ask(api, **fields))
    stream: Any = ask(api, **fields, stream=True)
    chunks = cast("list[ChatCompletionChunk]", list(stream))
    deltas = [
        call
        for chunk in chunks
        for choice in chunk.choices
        for call in choice.delta.tool_calls or []
    ]
    assert {delta.index for delta in deltas} == {0}
    first, *others = deltas
    assert first.id is not None and first.type == "function"
    assert first.function is not None and first.function.name == name == "get_weather"
    assert first.function.arguments == ""
    assert len(others) > 3, "arguments come in pieces"
    assert all(delta.id is None and delta.function and not delta.function.name for delta in others)
    arguments = "".join(delta.function.arguments or "" for delta in others if delta.function)
    assert arguments == wanted
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == ""
    reasons = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert reasons[-1] == "tool_calls"
    assert set(reasons[:-1]) == {None}


def test_the_clients_own_accumulator(api: OpenAI) -> None:
    with api.chat.completions.stream(
        model=DEFAULT_MODEL,
        messages=QUESTION,
        tools=[WEATHER],
        tool_choice="required",
        parallel_tool_calls=False,
        temperature=0,
        max_tokens=200,
    ) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert "tool_calls.function.arguments.delta" in kinds
    assert "tool_calls.function.arguments.done" in kinds
    (call,) = final.choices[0].message.tool_calls or []
    check_weather(call.function.arguments)


def test_a_call_that_is_cut_off(api: OpenAI) -> None:
    fields: dict[str, Any] = {
        "tools": [WEATHER],
        "tool_choice": "required",
        "parallel_tool_calls": False,
    }
    whole = ask(api, **fields, max_tokens=200)
    tokens = whole.usage.completion_tokens if whole.usage else 0
    cut = ask(api, **fields, max_tokens=tokens - 8)
    assert cut.choices[0].finish_reason == "length"
    name, partial = function_of(cut)
    assert name == "get_weather"
    arguments = function_of(whole)[1]
    assert arguments.startswith(partial)
    assert 0 < len(partial) < len(arguments)


def test_several_answers_each_with_its_call(api: OpenAI) -> None:
    answer = api.chat.completions.create(
        model=DEFAULT_MODEL,
        messages=QUESTION,
        tools=[WEATHER],
        tool_choice="required",
        parallel_tool_calls=False,
        n=3,
        seed=1,
        max_tokens=200,
        logprobs=True,
    )
    assert len(answer.choices) == 3
    for choice in answer.choices:
        (call,) = choice.message.tool_calls or []
        assert call.type == "function"
        check_weather(call.function.arguments)
        assert choice.logprobs is not None and choice.logprobs.content


def test_a_loop_of_two_turns(api: OpenAI) -> None:
    messages: list[Any] = list(QUESTION)
    first = api.chat.completions.create(
        model=DEFAULT_MODEL,
        messages=messages,
        tools=[WEATHER],
        tool_choice="required",
        parallel_tool_calls=False,
        temperature=0,
        max_tokens=200,
    )
    message = first.choices[0].message
    (call,) = message.tool_calls or []
    messages.append(message.model_dump(exclude_none=True))
    messages.append(
        {"role": "tool", "tool_call_id": call.id, "content": '{"forecast": "sunny, 24 degrees"}'}
    )
    second = api.chat.completions.create(
        model=DEFAULT_MODEL,
        messages=messages,
        tools=[WEATHER],
        tool_choice="none",
        temperature=0,
        max_tokens=60,
    )
    answer = second.choices[0].message
    assert answer.tool_calls is None
    assert answer.content
    assert second.usage is not None and first.usage is not None
    # With "none" the instructions are not there, but the call and its result are.
    assert second.usage.prompt_tokens > 60


class GetWeather(BaseModel):
    """The weather forecast of a city"""

    city: str = Field(max_length=20)
    unit: Literal["celsius", "fahrenheit"]


def test_pydantic_tools_are_parsed(api: OpenAI) -> None:
    answer = api.chat.completions.parse(
        model=DEFAULT_MODEL,
        messages=QUESTION,
        tools=[openai.pydantic_function_tool(GetWeather)],
        tool_choice="required",
        parallel_tool_calls=False,
        temperature=0,
        max_tokens=200,
    )
    (call,) = answer.choices[0].message.tool_calls or []
    assert isinstance(call.function.parsed_arguments, GetWeather)


def test_strict_tools_leave_the_answer_free(api: OpenAI) -> None:
    answer = api.chat.completions.create(
        model=DEFAULT_MODEL,
        messages=[{"role": "user", "content": "What is the capital of France?"}],
        tools=[openai.pydantic_function_tool(GetWeather)],
        temperature=0,
        max_tokens=60,
    )
    message = answer.choices[0].message
    for call in message.tool_calls or []:
        assert call.type == "function"
        GetWeather.model_validate_json(call.function.arguments)
    assert message.content or message.tool_calls


def test_no_choice_of_tools_is_text_as_without_tools(api: OpenAI) -> None:
    without = ask(api, max_tokens=16)
    none = ask(api, max_tokens=16, tools=[WEATHER], tool_choice="none")
    assert none.choices[0].message.content == without.choices[0].message.content
    assert none.usage is not None and without.usage is not None
    assert none.usage.prompt_tokens == without.usage.prompt_tokens


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"tool_choice": "required"}, "tool_choice", None),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type", "unsupported_parameter"),
        ({"functions": [{"name": "f"}]}, "functions", "unsupported_parameter"),
        (
            {
                "tools": [WEATHER],
                "tool_choice": {"type": "function", "function": {"name": "unknown"}},
            },
            "tool_choice.function.name",
            None,
        ),
        (
            {
                "tools": [
                    TIME,
                    {
                        "type": "function",
                        "function": {
                            "name": "bad",
                            "parameters": {
                                "type": "object",
                                "properties": {"a": {"type": "nothing"}},
                            },
                        },
                    },
                ],
                "tool_choice": "required",
            },
            "tools[1].function.parameters",
            None,
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "What is this?"},
                            {"type": "image_url", "image_url": {"url": "data:,x"}},
                        ],
                    }
                ]
            },
            "messages[0].content[1]",
            "unsupported_content",
        ),
    ],
)
def test_what_cannot_work_is_a_bad_request(
    api: OpenAI, fields: dict[str, Any], param: str, code: str | None
) -> None:
    asked: dict[str, Any] = {"model": DEFAULT_MODEL, "messages": QUESTION, **fields}
    with pytest.raises(openai.BadRequestError) as refused:
        api.post("/chat/completions", body=asked, cast_to=object)
    assert refused.value.param == param
    assert refused.value.code == code
    if code == "unsupported_content":
        assert DEFAULT_MODEL in refused.value.message


def test_reasoning_fields_are_taken_by_a_model_that_does_not_think(api: OpenAI) -> None:
    answer = api.chat.completions.create(
        model=DEFAULT_MODEL,
        messages=QUESTION,
        reasoning_effort="low",
        user="someone",
        metadata={"a": "b"},
        store=True,
        temperature=0,
        max_tokens=8,
    )
    assert answer.choices[0].message.content
    assert answer.usage is not None and answer.usage.completion_tokens_details is not None
    assert answer.usage.completion_tokens_details.reasoning_tokens == 0


def test_routes_that_are_not_there_say_so(api: OpenAI) -> None:
    with pytest.raises(openai.InternalServerError) as images:
        api.images.generate(prompt="a cat", model=DEFAULT_MODEL)
    with pytest.raises(openai.InternalServerError) as audio:
        api.audio.transcriptions.create(file=("a.wav", b"RIFF"), model=DEFAULT_MODEL)
    with pytest.raises(openai.InternalServerError) as moderation:
        api.moderations.create(input="x")
    for refused in (images, audio, moderation):
        assert refused.value.status_code == 501
        assert refused.value.type == "not_supported_error"
        assert refused.value.code == "not_supported"
