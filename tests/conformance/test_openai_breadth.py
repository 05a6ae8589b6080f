"""What an application does with the official OpenAI client, beyond the basics of test_openai_client.py."""

from __future__ import annotations

import base64
import json
import math
import struct
from typing import Any, Literal

import openai
import pytest
from hub_client import DEFAULT_MODEL
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import BaseModel, Field

QUESTION: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "What is the capital of France?"}
]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "maxLength": 20},
                "unit": {"enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city", "unit"],
            "additionalProperties": False,
        },
    },
}


class City(BaseModel, extra="forbid"):
    name: str = Field(max_length=20)
    kind: Literal["city", "village"]
    inhabitants: int


# Log-probabilities and several answers


def test_logprobs_of_a_chat(api: OpenAI) -> None:
    answer = api.chat.completions.create(
        model=DEFAULT_MODEL,
        messages=QUESTION,
        temperature=0,
        max_tokens=6,
        logprobs=True,
        top_logprobs=3,
    )
    choice = answer.choices[0]
    assert choice.logprobs is not None and choice.logprobs.content is not None
    assert "".join(token.token for token in choice.logprobs.content) == choice.message.content
    for token in choice.logprobs.content:
        assert len(token.top_logprobs) == 3
        assert token.logprob == token.top_logprobs[0].logprob  # the likeliest was taken
        assert bytes(token.bytes or []).decode() == token.token


def test_logprobs_of_a_stream(api: OpenAI) -> None:
    stream = api.chat.completions.create(
        model=DEFAULT_MODEL,
        messages=QUESTION,
        temperature=0,
        max_tokens=6,
        logprobs=True,
        stream=True,
    )
    tokens: list[str] = []
    text = ""
    for chunk in stream:
        choice = chunk.choices[0]
        text += choice.delta.content or ""
        if choice.logprobs and choice.logprobs.content:
            tokens += [token.token for token in choice.logprobs.content]
    assert len(tokens) == 6
    assert "".join(tokens) == text


def test_n_answers_have_seeds_of_their_own(api: OpenAI) -> None:
    answer = api.chat.completions.create(
        model=DEFAULT_MODEL, messages=QUESTION, temperature=1.5, max_tokens=12, n=3, seed=7
    )
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) == 3
    second = api.chat.completions.create(
        model=DEFAULT_MODEL, messages=QUESTION, temperature=1.5, max_tokens=12, seed=8
    )
    assert second.choices[0].message.content == answer.choices[1].message.content


def test_several_stop_strings_in_completions(api: OpenAI) -> None:
    answer = api.completions.create(
        model=DEFAULT_MODEL,
        prompt="One, two, three, four,",
        temperature=0,
        max_tokens=20,
        stop=["nine", "seven"],
    )
    assert answer.choices[0].finish_reason == "stop"
    assert "six" in answer.choices[0].text
    assert "seven" not in answer.choices[0].text


# Prompts given back, and prompts in batches


def test_echo_tells_how_likely_the_prompt_was(api: OpenAI) -> None:
    prompt = "The capital of France is Paris."
    answer = api.completions.create(
        model=DEFAULT_MODEL, prompt=prompt, echo=True, logprobs=1, max_tokens=1, temperature=0
    )
    choice = answer.choices[0]
    assert choice.text.startswith(prompt)
    assert choice.logprobs is not None
    logprobs = choice.logprobs.token_logprobs or []
    assert answer.usage is not None
    assert len(logprobs) == answer.usage.prompt_tokens + 1
    assert logprobs[0] is None  # pyright: ignore[reportUnnecessaryComparison]
    assert all(value <= 0 for value in logprobs[1:])
    tokens = choice.logprobs.tokens or []
    offsets = choice.logprobs.text_offset or []
    for token, offset in zip(tokens, offsets, strict=True):
        assert choice.text[offset : offset + len(token)] == token
    top = (choice.logprobs.top_logprobs or [])[1:]
    assert all(max(one.values()) >= value for one, value in zip(top, logprobs[1:], strict=True))
    # What follows is likelier than nonsense.
    other = api.completions.create(
        model=DEFAULT_MODEL,
        prompt="The capital of France is porridge.",
        echo=True,
        logprobs=1,
        max_tokens=0,
    )
    assert other.choices[0].text == "The capital of France is porridge."
    assert other.choices[0].logprobs is not None
    assert sum(logprobs[1:-1]) > sum((other.choices[0].logprobs.token_logprobs or [])[1:])


def test_echo_of_token_ids_in_a_batch(api: OpenAI) -> None:
    batch = [[504, 3575, 282, 4649, 314], [57, 5248]]
    answer = api.completions.create(
        model=DEFAULT_MODEL, prompt=batch, echo=True, logprobs=0, max_tokens=0
    )
    assert [choice.index for choice in answer.choices] == [0, 1]
    for choice, ids in zip(answer.choices, batch, strict=True):
        assert choice.logprobs is not None
        assert len(choice.logprobs.tokens or []) == len(ids)
        assert "".join(choice.logprobs.tokens or []) == choice.text


def test_a_batch_of_prompts_streams(api: OpenAI) -> None:
    prompts = ["One, two, three,", "Monday, Tuesday,"]
    whole = api.completions.create(model=DEFAULT_MODEL, prompt=prompts, temperature=0, max_tokens=4)
    texts = ["", ""]
    for chunk in api.completions.create(
        model=DEFAULT_MODEL, prompt=prompts, temperature=0, max_tokens=4, stream=True
    ):
        for choice in chunk.choices:
            texts[choice.index] += choice.text
    assert texts == [choice.text for choice in whole.choices]


# Answers that must look so


def test_json_object(api: OpenAI) -> None:
    answer = api.chat.completions.create(
        model=DEFAULT_MODEL,
        messages=[{"role": "user", "content": "Name a city and its country as JSON."}],
        temperature=0,
        max_tokens=200,
        response_format={"type": "json_object"},
    )
    assert answer.choices[0].finish_reason == "stop"
    assert isinstance(json.loads(answer.choices[0].message.content or ""), dict)


def test_json_schema(api: OpenAI) -> None:
    answer = api.chat.completions.create(
        model=DEFAULT_MODEL,
        messages=[{"role": "user", "content": "Describe Paris."}],
        temperature=1.2,
        seed=5,
        max_tokens=200,
        response_format={
            "type": "json_schema",
            "json_schema": {
                "name": "city",
                "strict": True,
                "schema": {**City.model_json_schema(), "additionalProperties": False},
            },
        },
    )
    City.model_validate_json(answer.choices[0].message.content or "")


def test_parse_with_pydantic(api: OpenAI) -> None:
    answer = api.chat.completions.parse(
        model=DEFAULT_MODEL,
        messages=[{"role": "user", "content": "Describe Paris."}],
        temperature=0,
        max_tokens=200,
        response_format=City,
    )
    city = answer.choices[0].message.parsed
    assert isinstance(city, City)
    assert city.kind in ("city", "village")


def test_parse_says_when_the_answer_was_cut_off(api: OpenAI) -> None:
    with pytest.raises(openai.LengthFinishReasonError):
        api.chat.completions.parse(
            model=DEFAULT_MODEL, messages=QUESTION, max_tokens=3, response_format=City
        )


# Tools


def test_a_demanded_tool_is_called(api: OpenAI) -> None:
    answer = api.chat.completions.create(
        model=DEFAULT_MODEL,
        messages=[{"role": "user", "content": "What is the weather in Paris?"}],
        tools=[WEATHER],
        tool_choice={"type": "function", "function": {"name": "get_weather"}},
        parallel_tool_calls=False,
        temperature=0,
        max_tokens=120,
    )
    (call,) = answer.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert set(json.loads(call.function.arguments)) == {"city", "unit"}


def test_a_tool_call_streams(api: OpenAI) -> None:
    stream = api.chat.completions.create(
        model=DEFAULT_MODEL,
        messages=[{"role": "user", "content": "What is the weather in Paris?"}],
        tools=[WEATHER],
        tool_choice="required",
        parallel_tool_calls=False,
        temperature=0,
        max_tokens=120,
        stream=True,
    )
    name, arguments, pieces, reason = "", "", 0, None
    for chunk in stream:
        choice = chunk.choices[0]
        reason = choice.finish_reason or reason
        for call in choice.delta.tool_calls or []:
            name += (call.function.name if call.function else None) or ""
            arguments += (call.function.arguments if call.function else None) or ""
            pieces += 1
    assert reason == "tool_calls"
    assert name == "get_weather"
    assert pieces > 2
    assert set(json.loads(arguments)) == {"city", "unit"}


def test_a_tools_result_is_answered(api: OpenAI) -> None:
    answer = api.chat.completions.create(
        model=DEFAULT_MODEL,
        messages=[
            {"role": "user", "content": "What is the weather in Paris?"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "It is 21 degrees and sunny."},
        ],
        tools=[WEATHER],
        tool_choice="none",
        temperature=0,
        max_tokens=40,
    )
    assert answer.choices[0].message.content
    assert not answer.choices[0].message.tool_calls


# Embeddings


def test_embeddings_in_both_encodings(api: OpenAI) -> None:
    texts = ["The sea is blue.", "Der Himmel ist grau."]
    default = api.embeddings.create(model=DEFAULT_MODEL, input=texts)  # base64 on the wire
    floats = api.embeddings.create(model=DEFAULT_MODEL, input=texts, encoding_format="float")
    assert [one.index for one in default.data] == [0, 1]
    for a, b in zip(default.data, floats.data, strict=True):
        assert len(a.embedding) == len(b.embedding)
        assert all(
            math.isclose(x, y, abs_tol=1e-6) for x, y in zip(a.embedding, b.embedding, strict=True)
        )
    raw: Any = api.embeddings.create(model=DEFAULT_MODEL, input=texts[0], encoding_format="base64")
    values = struct.unpack(
        f"<{len(floats.data[0].embedding)}f", base64.b64decode(raw.data[0].embedding)
    )
    assert math.isclose(values[0], floats.data[0].embedding[0], abs_tol=1e-6)
    assert floats.usage.prompt_tokens == floats.usage.total_tokens > 0
