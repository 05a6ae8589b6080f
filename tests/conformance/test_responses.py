"""The Responses API through the official OpenAI client."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from hub_client import DEFAULT_MODEL, HubClient, HubProcess
from openai import OpenAI
from openai.types.responses import FunctionToolParam, ResponseInputParam
from pydantic import BaseModel, Field

QUESTION = "What is the capital of France?"
WEATHER: FunctionToolParam = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


class City(BaseModel):
    name: str = Field(max_length=20)
    inhabitants: int


def test_a_text(api: OpenAI) -> None:
    answer = api.responses.create(
        model=DEFAULT_MODEL,
        input=QUESTION,
        temperature=0,
        max_output_tokens=32,
        metadata={"purpose": "test"},
    )
    assert answer.id.startswith("resp_")
    assert answer.status == "completed"
    assert answer.model == DEFAULT_MODEL
    assert "Paris" in answer.output_text
    assert answer.metadata == {"purpose": "test"}
    assert answer.usage is not None
    assert answer.usage.input_tokens == 37
    assert answer.usage.total_tokens == 37 + answer.usage.output_tokens
    chat = api.chat.completions.create(
        model=DEFAULT_MODEL,
        messages=[{"role": "user", "content": QUESTION}],
        temperature=0,
        max_tokens=32,
    )
    assert answer.output_text == chat.choices[0].message.content


def test_items_and_instructions(api: OpenAI) -> None:
    items: ResponseInputParam = [
        {"role": "user", "content": [{"type": "input_text", "text": "My name is Ada."}]},
        {"role": "assistant", "content": "Hello Ada."},
        {"role": "user", "content": "What is my name?"},
    ]
    answer = api.responses.create(
        model=DEFAULT_MODEL,
        instructions="You know names.",
        input=items,
        temperature=0,
        max_output_tokens=24,
        store=False,
    )
    chat = api.chat.completions.create(
        model=DEFAULT_MODEL,
        messages=[
            {"role": "system", "content": "You know names."},
            {"role": "user", "content": "My name is Ada."},
            {"role": "assistant", "content": "Hello Ada."},
            {"role": "user", "content": "What is my name?"},
        ],
        temperature=0,
        max_tokens=24,
    )
    assert answer.output_text == chat.choices[0].message.content
    assert answer.instructions == "You know names."
    with pytest.raises(openai.NotFoundError):
        api.responses.retrieve(answer.id)


def test_a_cut_off_answer_is_incomplete(api: OpenAI) -> None:
    answer = api.responses.create(
        model=DEFAULT_MODEL, input=QUESTION, temperature=0, max_output_tokens=3
    )
    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"


def test_a_conversation_goes_on_from_what_is_stored(api: OpenAI) -> None:
    first = api.responses.create(
        model=DEFAULT_MODEL,
        instructions="Answer in capital letters.",
        input="My name is Ada. Say hello.",
        temperature=0,
        max_output_tokens=20,
    )
    second = api.responses.create(
        model=DEFAULT_MODEL,
        input="What is my name?",
        previous_response_id=first.id,
        temperature=0,
        max_output_tokens=24,
    )
    assert second.previous_response_id == first.id
    # The same as when the client sends it all itself; the instructions of before are not carried over.
    told = api.responses.create(
        model=DEFAULT_MODEL,
        input=[
            {"role": "user", "content": "My name is Ada. Say hello."},
            {"role": "assistant", "content": first.output_text},
            {"role": "user", "content": "What is my name?"},
        ],
        temperature=0,
        max_output_tokens=24,
    )
    assert told.output_text == second.output_text
    assert second.usage is not None and told.usage is not None
    assert second.usage.input_tokens == told.usage.input_tokens
    assert told.usage.input_tokens_details.cached_tokens > 16
    items = api.responses.input_items.list(second.id, order="asc")
    texts = [one.content[0].text for one in items if one.type == "message"]  # type: ignore[union-attr] # pyright: ignore
    assert texts == ["My name is Ada. Say hello.", first.output_text, "What is my name?"]
    kept = api.responses.retrieve(second.id)
    assert kept.output_text == second.output_text
    api.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError) as gone:
        api.responses.create(model=DEFAULT_MODEL, input="Hi", previous_response_id=first.id)
    assert gone.value.param == "previous_response_id"
    assert gone.value.code == "response_not_found"
    third = api.responses.create(
        model=DEFAULT_MODEL, input="Hi", previous_response_id=second.id, max_output_tokens=4
    )
    assert third.usage is not None
    assert third.usage.input_tokens > second.usage.input_tokens


def test_a_stream_has_every_event_in_order(api: OpenAI) -> None:
    whole = api.responses.create(
        model=DEFAULT_MODEL, input=QUESTION, temperature=0, max_output_tokens=32
    )
    events = list(
        api.responses.create(
            model=DEFAULT_MODEL, input=QUESTION, temperature=0, max_output_tokens=32, stream=True
        )
    )
    kinds = [event.type for event in events]
    deltas = kinds.count("response.output_text.delta")
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * deltas,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert deltas > 3
    assert [event.sequence_number for event in events] == list(range(len(events)))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == whole.output_text
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == text
    assert last.response.usage is not None and whole.usage is not None
    assert last.response.usage.output_tokens == whole.usage.output_tokens
    # A stream is stored before its last event arrives.
    assert api.responses.retrieve(last.response.id).output_text == text


def test_the_clients_own_stream_helper(api: OpenAI) -> None:
    with api.responses.stream(
        model=DEFAULT_MODEL, input=QUESTION, temperature=0, max_output_tokens=32
    ) as stream:
        for _ in stream:
            pass
        answer = stream.get_final_response()
    assert "Paris" in answer.output_text


def test_a_stream_that_is_cut_off_is_incomplete(api: OpenAI) -> None:
    *_, last = api.responses.create(
        model=DEFAULT_MODEL, input=QUESTION, temperature=0, max_output_tokens=3, stream=True
    )
    assert last.type == "response.incomplete"
    assert api.responses.retrieve(last.response.id).status == "incomplete"


def test_structured_output(api: OpenAI) -> None:
    answer = api.responses.parse(
        model=DEFAULT_MODEL,
        input="Describe Paris.",
        temperature=0,
        max_output_tokens=200,
        text_format=City,
    )
    assert isinstance(answer.output_parsed, City)


def test_logprobs(api: OpenAI) -> None:
    answer: Any = api.responses.create(
        model=DEFAULT_MODEL,
        input=QUESTION,
        temperature=0,
        max_output_tokens=6,
        include=["message.output_text.logprobs"],
        top_logprobs=2,
    )
    logprobs = answer.output[0].content[0].logprobs
    assert "".join(one.token for one in logprobs) == answer.output_text
    assert all(len(one.top_logprobs) == 2 for one in logprobs)


def test_a_function_call_and_its_result(api: OpenAI) -> None:
    first = api.responses.create(
        model=DEFAULT_MODEL,
        input="What is the weather in Paris?",
        tools=[WEATHER],
        tool_choice="required",
        parallel_tool_calls=False,
        temperature=0,
        max_output_tokens=120,
    )
    (call,) = [item for item in first.output if item.type == "function_call"]
    assert call.name == "get_weather"
    assert set(json.loads(call.arguments)) == {"city"}
    second = api.responses.create(
        model=DEFAULT_MODEL,
        previous_response_id=first.id,
        input=[
            {"type": "function_call_output", "call_id": call.call_id, "output": "21 degrees, sunny"}
        ],
        tools=[WEATHER],
        tool_choice="none",
        temperature=0,
        max_output_tokens=40,
    )
    assert second.output_text


def test_a_function_call_streams(api: OpenAI) -> None:
    events = list(
        api.responses.create(
            model=DEFAULT_MODEL,
            input="What is the weather in Paris?",
            tools=[WEATHER],
            tool_choice={"type": "function", "name": "get_weather"},
            parallel_tool_calls=False,
            temperature=0,
            max_output_tokens=120,
            stream=True,
        )
    )
    kinds = [event.type for event in events]
    assert kinds.count("response.function_call_arguments.delta") > 1
    (done,) = [one for one in events if one.type == "response.function_call_arguments.done"]
    pieces = [one.delta for one in events if one.type == "response.function_call_arguments.delta"]
    assert "".join(pieces) == done.arguments
    assert set(json.loads(done.arguments)) == {"city"}


@pytest.mark.parametrize(
    ("field", "value", "param"),
    [
        ("background", True, "background"),
        ("tools", [{"type": "web_search"}], "tools[0].type"),
        ("conversation", "conv_1", "conversation"),
        ("max_output_tokens", 0, "max_output_tokens"),
        ("text", {"format": {"type": "xml"}}, "text.format.type"),
        ("truncation", "some", "truncation"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    api: OpenAI, field: str, value: object, param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        api.responses.create(model=DEFAULT_MODEL, input="Hi", extra_body={field: value})
    assert refused.value.param == param


def test_too_long_a_conversation_is_refused_or_loses_its_beginning(api: OpenAI) -> None:
    turn = "word " * 900
    items: Any = [
        {"role": role, "content": turn} for _ in range(6) for role in ("user", "assistant")
    ]
    items.append({"role": "user", "content": "Say hello."})
    with pytest.raises(openai.BadRequestError) as refused:
        api.responses.create(model=DEFAULT_MODEL, input=items)
    assert refused.value.code == "context_length_exceeded"
    assert refused.value.param == "input"
    answer = api.responses.create(
        model=DEFAULT_MODEL, input=items, truncation="auto", max_output_tokens=4
    )
    assert answer.usage is not None
    assert answer.usage.input_tokens < 8192


def test_each_key_has_its_own_and_answers_outlive_a_restart(own_hub: HubProcess) -> None:
    admin = HubClient(own_hub.url)
    secrets = [
        str(admin.call("POST", "/keys", json={"name": name, "scopes": ["infer"]})["secret"])
        for name in ("a", "b")
    ]
    admin.close()

    def clients() -> list[OpenAI]:
        return [
            OpenAI(base_url=f"{own_hub.url}/v1", api_key=key, max_retries=0, timeout=300)
            for key in secrets
        ]

    mine, other = clients()
    answer = mine.responses.create(model=DEFAULT_MODEL, input="Hi", max_output_tokens=4)
    for ask in (
        lambda: other.responses.retrieve(answer.id),
        lambda: other.responses.delete(answer.id),
        lambda: other.responses.input_items.list(answer.id),
        lambda: other.responses.create(
            model=DEFAULT_MODEL, input="Hi", previous_response_id=answer.id
        ),
    ):
        with pytest.raises(openai.NotFoundError):
            ask()
    own_hub.stop()
    own_hub.start()
    mine, other = clients()
    assert mine.responses.retrieve(answer.id).id == answer.id
