"""Requests of every kind for scripts/storm, and what each came to: answers, hung-up calls, errors."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from answer_schemas import SCHEMAS, response_format, validators
from hub_client import Json

CHAT = "/v1/chat/completions"
SUBJECTS = ("the sea", "bread", "a mill", "rain", "old maps", "bees", "iron", "the moon")


@dataclass
class Outcome:
    """What became of one request."""

    kind: str  # answered, cancelled, disconnected, refused
    problems: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Storm:
    """Draws requests and sends them. One for each thread."""

    url: str
    models: list[str]
    draw: random.Random
    http: httpx.Client
    wrong: Callable[[str, object], list[str]]

    @staticmethod
    def of(url: str, models: list[str], seed: int) -> Storm:
        judges = validators()
        return Storm(
            url,
            models,
            random.Random(seed),
            httpx.Client(base_url=url, timeout=600),
            lambda name, value: judges[name](value),
        )

    def body(self) -> tuple[Json, str]:
        """A request, and the name of the schema that it is held to or ""."""
        draw = self.draw
        words = " ".join(draw.choices(SUBJECTS, k=draw.choice((2, 8, 40, 150))))
        # Some begin as others do, so that they share what was computed.
        begin = draw.choice(("", "You are a careful writer who knows the country well. " * 4))
        schema = draw.choice(list(SCHEMAS)) if draw.random() < 0.25 else ""
        body: Json = {
            "model": draw.choice(self.models),
            "messages": [{"role": "user", "content": f"{begin}Tell of {words}."}],
            "max_tokens": 300 if schema else draw.randint(1, 48),
            "temperature": draw.choice((0, 0.7, 1.2)),
            "seed": draw.randint(0, 1 << 30),
        }
        if schema:
            body["response_format"] = response_format(schema)
        elif draw.random() < 0.2:
            body |= {"logprobs": True, "top_logprobs": 3}
        elif draw.random() < 0.1:
            body["n"] = 2
        return body, schema

    def one(self) -> Outcome:
        """Sends a request and says what became of it."""
        fate = self.draw.random()
        body, schema = self.body()
        if fate < 0.05:
            return self.refused(body)
        if fate < 0.15:
            return self.disconnected(body)
        if fate < 0.30:
            return self.streamed(body, "", stop_after=self.draw.randint(0, 12))
        if fate < 0.65:
            return self.streamed(body, schema)
        answer = self.http.post(CHAT, json=body)
        if answer.is_error:
            return Outcome("refused", untyped(answer.status_code, answer.content))
        choices: list[Json] = answer.json()["choices"]
        texts = [(str(one["message"]["content"]), str(one["finish_reason"])) for one in choices]
        return Outcome("answered", self.judged(schema, texts))

    def judged(self, schema: str, texts: list[tuple[str, str]]) -> list[str]:
        problems: list[str] = []
        for text, finish in texts:
            if finish not in ("stop", "length"):
                problems.append(f"an answer ended by {finish}")
            elif schema and finish == "stop":
                problems += [
                    f"{schema}: {problem}" for problem in self.wrong(schema, as_json(text))
                ]
        return problems

    def streamed(self, body: Json, schema: str, stop_after: int | None = None) -> Outcome:
        """Reads the stream to its end, or hangs up after so many chunks."""
        texts: dict[int, str] = {}
        ends: dict[int, str] = {}
        with self.http.stream("POST", CHAT, json={**body, "stream": True}) as answer:
            if answer.is_error:
                return Outcome("refused", untyped(answer.status_code, answer.read()))
            for number, line in enumerate(answer.iter_lines()):
                if stop_after is not None and number >= stop_after:
                    return Outcome("cancelled")
                if not line.startswith("data: {"):
                    continue
                chunk: Json = json.loads(line.removeprefix("data: "))
                if "error" in chunk:
                    return Outcome("refused", untyped(200, line.removeprefix("data: ").encode()))
                for choice in chunk["choices"]:
                    index = int(choice["index"])
                    texts[index] = texts.get(index, "") + str(choice["delta"].get("content") or "")
                    if choice["finish_reason"]:
                        ends[index] = str(choice["finish_reason"])
        if not ends:
            return Outcome("answered", ["a stream ended without a finish_reason"])
        return Outcome("answered", self.judged(schema, [(texts[i], ends[i]) for i in ends]))

    def disconnected(self, body: Json) -> Outcome:
        """Sends the request and breaks the connection off at once or a little later, without a good-bye."""
        address = urlsplit(self.url)
        text = json.dumps({**body, "stream": self.draw.random() < 0.5}).encode()
        head = (
            f"POST {CHAT} HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
        )
        with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
            part = self.draw.choice((len(text), len(text) // 2))
            connection.sendall(head.encode() + text[:part])
            connection.settimeout(self.draw.choice((0.001, 0.2, 1.0)))
            with contextlib.suppress(TimeoutError):
                connection.recv(1)
            # Reset, as a machine that is switched off does.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return Outcome("disconnected")

    def refused(self, body: Json) -> Outcome:
        """A request that cannot be answered; any answer but a typed error is wrong."""
        bad: Json = self.draw.choice(
            (
                {"max_tokens": -1},
                {"temperature": "warm"},
                {"model": "nobody"},
                {"model": f"{body['model']}+nobody"},
                {"messages": []},
                {
                    "response_format": {
                        "type": "json_schema",
                        "json_schema": {"schema": {"type": 3}},
                    }
                },
            )
        )
        answer = self.http.post(CHAT, json={**body, **bad})
        if not 400 <= answer.status_code < 500:
            return Outcome("refused", [f"{bad} was answered by {answer.status_code}"])
        return Outcome("refused", untyped(answer.status_code, answer.content))


def as_json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def untyped(status: int, content: bytes) -> list[str]:
    """What an error lacks: a type of the API's list and a message that says something."""
    error: Any = None
    try:
        error = json.loads(content)["error"]
        typed = bool(error["type"]) and len(str(error["message"])) > 10
    except (ValueError, KeyError, TypeError):
        typed = False
    if not typed:
        return [f"an untyped error: {status} {content[:200]!r}"]
    # Nothing of what is asked for gives the hub a reason to fail.
    return [f"{status}: {error}"] if status == 500 or error["type"] == "server_error" else []
