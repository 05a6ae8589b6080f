"""scripts/verify_plan: what the plan says of serving (task 6, section 7)."""

from __future__ import annotations

import json
import platform

from hub_client import DEFAULT_MODEL, Json
from machine_facts import processor
from plan_report import Row
from plan_setting import TINY, CannotCheckError, Setting, expect

HUB = frozenset({"hub"})
CHAT: Json = {
    "model": DEFAULT_MODEL,
    "messages": [{"role": "user", "content": "What is the capital of France?"}],
    "temperature": 0,
    "max_tokens": 24,
}


def valid_responses(setting: Setting) -> str:
    chat = setting.client.call("POST", "/chat/completions", json=CHAT)
    text = str(chat["choices"][0]["message"]["content"])
    expect(chat["object"] == "chat.completion", f"object is {chat['object']}")
    expect("Paris" in text, f"the answer is {text!r}")
    expect(chat["usage"]["completion_tokens"] > 0, f"usage is {chat['usage']}")
    body = {"model": DEFAULT_MODEL, "prompt": "One, two,", "max_tokens": 4, "top_p": 0.9}
    completion = setting.client.call("POST", "/completions", json=body)
    expect(bool(completion["choices"][0]["text"]), "the completion is empty")
    return f"/chat/completions: {text.strip()[:50]!r}; /completions: {completion['choices'][0]['text']!r}"


def streams(setting: Setting) -> str:
    lines: list[str] = []
    body = {**CHAT, "stream": True}
    with setting.client.http.stream("POST", "/chat/completions", json=body) as answer:
        kind = answer.headers["content-type"]
        lines = [line for line in answer.iter_lines() if line]
    expect(kind.startswith("text/event-stream"), f"content type {kind}")
    expect(lines[-1] == "data: [DONE]", f"the last line is {lines[-1]}")
    pieces = [
        json.loads(line.removeprefix("data: "))["choices"][0]["delta"].get("content") or ""
        for line in lines[:-1]
    ]
    expect(len(pieces) > 2, f"only {len(pieces)} pieces")
    expect("Paris" in "".join(pieces), f"the answer is {''.join(pieces)!r}")
    return f"server-sent events, {len(pieces)} pieces and [DONE]"


def refused(setting: Setting, body: Json) -> Json:
    answer = setting.client.request("POST", "/chat/completions", json=body)
    expect(answer.status_code == 400, f"{answer.status_code}: {answer.text[:200]}")
    error: Json = answer.json()["error"]
    return error


def context_overflow(setting: Setting) -> str:
    long = [{"role": "user", "content": "one two three " * 4000}]
    error = refused(setting, {**CHAT, "messages": long})
    expect(error["code"] == "context_length_exceeded", f"the code is {error['code']}")
    return f"400: {error['message']}"


def adapter_mismatch(setting: Setting) -> str:
    setting.adapter("of-tiny")
    error = refused(setting, {**CHAT, "model": f"{DEFAULT_MODEL}+of-tiny"})
    expect(error["code"] == "adapter_mismatch", f"the code is {error['code']}")
    return f"400: {error['message']}"


def serves_adapter(setting: Setting) -> str:
    setting.adapter("of-tiny")
    body = {**CHAT, "model": f"{TINY}+of-tiny", "max_tokens": 4}
    answer = setting.client.call("POST", "/chat/completions", json=body)
    expect(answer["usage"]["completion_tokens"] > 0, f"usage is {answer['usage']}")
    return f"base + adapter answered {answer['usage']['completion_tokens']} tokens"


def long_context(setting: Setting) -> str:
    """A prompt of several thousand tokens, twice: the second time its keys and values may be there already."""
    messages = [{"role": "user", "content": "one two three four " * 500 + "What comes next?"}]
    body = {**CHAT, "messages": messages, "max_tokens": 4}
    tokens = [setting.client.call("POST", "/chat/completions", json=body)["usage"] for _ in "ab"]
    expect(tokens[0]["prompt_tokens"] > 2000, f"usage is {tokens[0]}")
    return f"a prompt of {tokens[0]['prompt_tokens']} tokens is answered"


def first_token(_: Setting) -> str:
    raise CannotCheckError(
        f"needs an M4 Pro and the weights of a 7B model; this is {processor()} ({platform.system()})"
    )


ROWS = (
    Row(
        "T6.V",
        "Validation: time-to-first-token on M4 Pro (target < 50 ms)",
        "scripts/bench_serving.py on that machine",
        first_token,
    ),
    Row(
        "T6.A.1",
        "Acceptance: API returns valid responses",
        "POST /completions and /chat/completions",
        valid_responses,
        HUB,
    ),
    Row(
        "T6.A.2",
        "Acceptance: supports streaming",
        "POST /chat/completions with stream",
        streams,
        HUB,
    ),
    Row(
        "T6.S.1",
        "Load base model + adapters",
        "chat with base+adapter",
        serves_adapter,
        HUB,
    ),
    Row(
        "T6.S.4",
        "KV cache management for long context windows",
        "a prompt of more than 2000 tokens",
        long_context,
        HUB,
    ),
    Row(
        "T6.F.1",
        "Failure mode: context window overflow",
        "a prompt longer than the context",
        context_overflow,
        HUB,
    ),
    Row(
        "T6.F.2",
        "Failure mode: adapter mismatch with base model",
        "the adapter of another base",
        adapter_mismatch,
        HUB,
    ),
    Row(
        "S7.2",
        "Performance: TTFT < 50 ms for 7B 4-bit models on M4 Pro",
        "as row T6.V",
        first_token,
    ),
)
