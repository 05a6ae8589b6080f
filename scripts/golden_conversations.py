"""The conversations and data rows that make_text_goldens.py renders: each trips another corner of a chat template."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

TOOLS: list[Json] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": 'Weather <now> & "soon" für eine Stadt',
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "Name, e.g. 'Köln'"},
                    "days": {"type": "integer", "minimum": 1, "default": 3},
                    "exact": {"type": "number", "multipleOf": 1e-05},
                },
                "required": ["city"],
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "noop",
            "parameters": {"type": "object", "properties": {}, "required": []},
        },
    },
]


def user(text: str) -> Json:
    return {"role": "user", "content": text}


def assistant(text: str | None, **fields: Any) -> Json:
    return {"role": "assistant", "content": text, **fields}


def call(name: str, arguments: Json | str) -> Json:
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}


SYSTEM: Json = {"role": "system", "content": "You are terse.\nAnswer in one line."}
CONVERSATIONS: dict[str, Json] = {
    "one_turn": {"messages": [user("Hello!")]},
    "answered": {"messages": [user("What is 2 + 2?"), assistant("4")]},
    "system": {"messages": [SYSTEM, user("Hi"), assistant("Hello."), user("Bye")]},
    "multi_turn": {
        "messages": [
            SYSTEM,
            user("First\nquestion"),
            assistant("First answer"),
            user("Zweite Frage: äöü 😀"),
            assistant("Zweite Antwort 👩‍👩‍👧‍👦"),
            user("third"),
            assistant("  third answer, with spaces around \n"),
        ]
    },
    "thinking": {
        "messages": [
            user("Why?"),
            assistant("<think>\nlet me see\n</think>\n\nBecause."),
            user("Really?"),
            assistant("<think>\nhm\n</think>\n\nYes."),
        ]
    },
    "reasoning_field": {"messages": [user("Why?"), assistant("Because.", reasoning="let me see")]},
    "tools": {
        "tools": TOOLS,
        "messages": [
            SYSTEM,
            user("Weather in Köln?"),
            assistant(None, tool_calls=[call("get_weather", '{"city": "Köln", "days": 2}')]),
            {"role": "tool", "tool_call_id": "call_1", "content": '{"degrees": 21.5}'},
            assistant("21.5 degrees."),
        ],
    },
    "tools_no_call": {"tools": TOOLS, "messages": [user("Hi")]},
    "two_calls": {
        "messages": [
            user("Both, please"),
            assistant(
                "Sure.",
                tool_calls=[call("noop", {}), call("get_weather", {"city": "A", "exact": 1e-7})],
            ),
            {"role": "tool", "content": "ok"},
            {"role": "tool", "content": "fine"},
            assistant("Done."),
        ]
    },
    "parts": {
        "messages": [
            {
                "role": "user",
                "name": "ann",
                "content": [
                    {"type": "text", "text": "part one, "},
                    {"type": "text", "text": "two"},
                ],
            }
        ]
    },
    "odd_text": {
        "messages": [
            user("  {{ not a template }} {% raw %} <|im_end|> \t\n"),
            assistant('a "quoted" \\ back\u0000slash'),
        ]
    },
    "two_users": {"messages": [user("a"), user("b")]},
    "starts_with_assistant": {"messages": [assistant("I begin."), user("ok")]},
    "empty_content": {"messages": [user(""), assistant("")]},
}

ROWS: list[Json] = [
    {
        "messages": [
            user("What is the capital of France?"),
            assistant("The capital of France is Paris."),
        ]
    },
    {
        "messages": [
            SYSTEM,
            user("Hi"),
            assistant("Hello."),
            user("Bye"),
            assistant("Goodbye! 👋🏽"),
        ]
    },
    {"messages": [user("Spaces"), assistant("  leading and trailing  \n")]},
    {"messages": [user("ends with newline\n"), assistant("\nbegins with newline")]},
    {"prompt": "Translate to German: good morning", "completion": "Guten Morgen"},
    {"prompt": "", "completion": "nothing was asked"},
    {"prompt": "Zahlen: ", "completion": "1234567890 ½ ④ 四十二"},
    {"text": "A plain text, to be continued."},
    {"text": "It ends itself.<|im_end|>"},
    {"text": "日本語と emoji 🏳️‍🌈 and code: x = [1, 2]\n\tprint(x)"},
]

# Rows with tools, for the template chatml_tools: the default model's own knows none.
TOOL_ROWS: list[Json] = [
    {"tools": TOOLS, "messages": [user("Hi"), assistant("Hello.")]},
    {
        "tools": TOOLS,
        "messages": [
            user("Weather in Köln?"),
            assistant("", tool_calls=[call("get_weather", {"city": "Köln", "days": 2})]),
            {"role": "tool", "tool_call_id": "call_1", "content": '{"degrees": 21.5}'},
            assistant("21.5 degrees."),
        ],
    },
    {"tools": TOOLS, "prompt": "Hi", "completion": "Hello."},
]
