"""The official OpenAI client against the hub."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import openai
import pytest
from hub_client import DEFAULT_MODEL, HubProcess
from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam

QUESTION: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "What is the capital of France?"}
]


def test_chat(api: OpenAI) -> None:
    answer = api.chat.completions.create(
        model=DEFAULT_MODEL, messages=QUESTION, temperature=0, max_tokens=32
    )
    assert answer.object == "chat.completion"
    assert answer.model == DEFAULT_MODEL
    assert answer.id.startswith("chatcmpl-")
    (choice,) = answer.choices
    assert choice.message.role == "assistant"
    assert "Paris" in (choice.message.content or "")
    assert choice.finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 37
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_the_same_routes_without_v1(hub: HubProcess) -> None:
    with OpenAI(base_url=hub.url, api_key="none", max_retries=0, timeout=300) as api:
        chat = api.chat.completions.create(
            model=DEFAULT_MODEL, messages=QUESTION, temperature=0, max_tokens=32
        )
        assert "Paris" in (chat.choices[0].message.content or "")
        text = api.completions.create(
            model=DEFAULT_MODEL, prompt="One, two,", temperature=0, max_tokens=4
        )
        assert text.choices[0].text


def test_a_stream_says_the_same_as_a_whole_answer(api: OpenAI) -> None:
    whole = api.chat.completions.create(
        model=DEFAULT_MODEL, messages=QUESTION, temperature=0, max_tokens=32
    )
    stream = api.chat.completions.create(
        model=DEFAULT_MODEL,
        messages=QUESTION,
        temperature=0,
        max_tokens=32,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    assert all(chunk.choices[0].delta.role is None for chunk in chunks[1:-1])
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    reasons = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert reasons[-1] == "stop"
    assert set(reasons[:-1]) == {None}
    assert chunks[-1].choices == []
    # How many tokens were guessed depends on the time that steps took.
    unguessed = {"completion_tokens_details": None}
    said, wanted = chunks[-1].usage, whole.usage
    assert said is not None and wanted is not None
    assert said.model_copy(update=unguessed) == wanted.model_copy(update=unguessed)


def test_without_include_usage_there_is_none(api: OpenAI) -> None:
    stream = api.chat.completions.create(
        model=DEFAULT_MODEL, messages=QUESTION, max_tokens=2, stream=True
    )
    assert all(chunk.usage is None for chunk in stream)


def test_length_ends_an_answer(api: OpenAI) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        answer = api.chat.completions.create(
            model=DEFAULT_MODEL, messages=QUESTION, temperature=0, extra_body={name: 3}
        )
        assert answer.choices[0].finish_reason == "length"
        assert answer.usage is not None
        assert answer.usage.completion_tokens == 3


@pytest.mark.parametrize("stop", ["Par", ["zzz", "is Par"], [" Paris"]])
def test_stop_strings_end_the_answer_before_themselves(api: OpenAI, stop: str | list[str]) -> None:
    answer = api.chat.completions.create(
        model=DEFAULT_MODEL, messages=QUESTION, temperature=0, max_tokens=32, stop=stop
    )
    text = answer.choices[0].message.content or ""
    assert answer.choices[0].finish_reason == "stop"
    assert "Paris" not in text
    assert text.startswith("The capital of France")
    # Generation stops, too: no token after the stop string is counted.
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 7


def test_stop_strings_in_a_stream(api: OpenAI) -> None:
    stream = api.chat.completions.create(
        model=DEFAULT_MODEL,
        messages=QUESTION,
        temperature=0,
        max_tokens=32,
        stop="Par",
        stream=True,
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert text == "The capital of France is "


def test_a_seed_makes_an_answer_repeatable(api: OpenAI) -> None:
    def ask(seed: int) -> str:
        answer = api.chat.completions.create(
            model=DEFAULT_MODEL,
            messages=[{"role": "user", "content": "Tell me a story."}],
            temperature=1.5,
            max_tokens=24,
            seed=seed,
        )
        return answer.choices[0].message.content or ""

    first = ask(1)
    assert ask(1) == first
    assert ask(2) != first


def test_a_seed_holds_in_a_batch(api: OpenAI) -> None:
    """Same request and seed, same answer: alone, and beside others."""

    def ask(number: int) -> str:
        answer = api.chat.completions.create(
            model=DEFAULT_MODEL,
            messages=[{"role": "user", "content": f"Tell me about the number {number}."}],
            temperature=1.0,
            max_tokens=24,
            seed=number,
        )
        return answer.choices[0].message.content or ""

    alone = [ask(number) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(ask, range(4)))
    assert together == alone


def test_sampling_settings_are_heard(api: OpenAI) -> None:
    """Each of these leaves only the likeliest token, so the answer is the greedy one."""
    greedy = api.chat.completions.create(
        model=DEFAULT_MODEL, messages=QUESTION, temperature=0, max_tokens=8
    )
    for setting in ({"top_k": 1}, {"min_p": 1.0}, {"top_p": 1e-6}):
        answer = api.chat.completions.create(
            model=DEFAULT_MODEL,
            messages=QUESTION,
            temperature=2.0,
            max_tokens=8,
            extra_body=setting,
        )
        assert answer.choices[0].message.content == greedy.choices[0].message.content, setting


def test_completions(api: OpenAI) -> None:
    answer = api.completions.create(
        model=DEFAULT_MODEL, prompt="One, two, three, four,", temperature=0, max_tokens=4
    )
    assert answer.object == "text_completion"
    assert answer.choices[0].text.strip().startswith("five")
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 4
    stream = api.completions.create(
        model=DEFAULT_MODEL,
        prompt="One, two, three, four,",
        temperature=0,
        max_tokens=4,
        stream=True,
    )
    assert (
        "".join(chunk.choices[0].text for chunk in stream if chunk.choices)
        == answer.choices[0].text
    )


def test_several_prompts_give_several_choices(api: OpenAI) -> None:
    prompts = ["One, two, three,", "Monday, Tuesday,"]
    answer = api.completions.create(
        model=DEFAULT_MODEL, prompt=prompts, temperature=0, max_tokens=3
    )
    assert [choice.index for choice in answer.choices] == [0, 1]
    alone = [
        api.completions.create(model=DEFAULT_MODEL, prompt=prompt, temperature=0, max_tokens=3)
        .choices[0]
        .text
        for prompt in prompts
    ]
    assert [choice.text for choice in answer.choices] == alone


def test_content_parts_are_joined(api: OpenAI) -> None:
    parts: list[ChatCompletionMessageParam] = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is the capital "},
                {"type": "text", "text": "of France?"},
            ],
        }
    ]
    answer = api.chat.completions.create(
        model=DEFAULT_MODEL, messages=parts, temperature=0, max_tokens=16
    )
    assert "Paris" in (answer.choices[0].message.content or "")


def test_text_outside_ascii_comes_back_whole(api: OpenAI) -> None:
    """An emoji has several tokens, none of which is text by itself: no chunk shows half of it."""
    prompt = "😀" * 18
    stream = api.completions.create(
        model=DEFAULT_MODEL, prompt=prompt, temperature=0, max_tokens=12, stream=True
    )
    pieces = [chunk.choices[0].text for chunk in stream if chunk.choices]
    assert "😀" in "".join(pieces)
    assert not any("\ufffd" in piece for piece in pieces[:-1])


def test_models(api: OpenAI) -> None:
    assert DEFAULT_MODEL in [model.id for model in api.models.list()]
    assert api.models.retrieve(DEFAULT_MODEL).id == DEFAULT_MODEL


def test_errors_are_the_clients_own(api: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        api.chat.completions.create(model="no-such-model", messages=QUESTION)
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as empty:
        api.chat.completions.create(model=DEFAULT_MODEL, messages=[])
    assert empty.value.param == "messages"
    assert empty.value.type == "invalid_request_error"
    with pytest.raises(openai.BadRequestError):
        api.chat.completions.create(model=DEFAULT_MODEL, messages=QUESTION, temperature=-1)
    assert unknown.value.response.headers["x-request-id"]
