"""Records what mlx-lm's tool parsers read from answers, for tests/unit/chat: tests/golden/chat/tool_calls.json.

    uv run python scripts/make_tool_call_goldens.py

Each case is an answer as a model of that family writes it. mlx-lm's parsers get the text between their marks.
"""

import importlib
import json
from pathlib import Path
from typing import Any, cast

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden" / "chat" / "tool_calls.json"
# Our name of a form, and mlx-lm's.
PARSERS = {
    "hermes": "json_tools",
    "qwen_xml": "qwen3_coder",
    "mistral": "mistral",
    "function_gemma": "function_gemma",
    "gemma4": "gemma4",
}
TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": "search",
            "parameters": {
                "type": "object",
                "properties": {
                    "query": {"type": "string"},
                    "limit": {"type": "integer"},
                    "score": {"type": "number"},
                    "deep": {"type": "boolean"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "filter": {"type": "object"},
                    "anything": {},
                },
            },
        },
    }
]


def xml(**parameters: str) -> str:
    body = "".join(
        f"<parameter={key}>\n{value}\n</parameter>\n" for key, value in parameters.items()
    )
    return f"<tool_call>\n<function=search>\n{body}</function>\n</tool_call>"


CASES: list[tuple[str, str]] = [
    (
        "hermes",
        '<tool_call>\n{"name": "search", "arguments": {"query": "a \\"b\\" ü😀", "limit": 3}}\n</tool_call>',
    ),
    (
        "hermes",
        '<tool_call>{"name":"search","arguments":{"filter":{"a":[1,{"b":null}]},"deep":true}}</tool_call>',
    ),
    ("hermes", '<tool_call>\n{"arguments": {}, "name": "search"}\n</tool_call>'),
    ("qwen_xml", xml(query="rust and c++", limit="3", score="0.5", deep="true")),
    ("qwen_xml", xml(query="two\nlines\n", tags='["a", "b"]', filter='{"a": {"b": 1}}')),
    ("qwen_xml", xml(query="null", limit="4.0", score="2", deep="False")),
    ("qwen_xml", xml(query="<b>bold</b> & more", anything="[1, 2]")),
    ("qwen_xml", xml(anything="3", unknown="4")),
    ("qwen_xml", xml()),
    ("mistral", '[TOOL_CALLS][{"name": "search", "arguments": {"query": "x"}}]'),
    (
        "mistral",
        '[TOOL_CALLS] [{"name": "search", "arguments": {"query": "x"}, "id": "abcdefghi"}, '
        '{"name": "search", "arguments": {"limit": 2}}]',
    ),
    ("mistral", '[TOOL_CALLS]search[ARGS]{"query": "x", "tags": ["]", "}"]}'),
    (
        "function_gemma",
        '<start_function_call>call:search{query:<escape>a, "b": c<escape>,limit:3}<end_function_call>',
    ),
    (
        "function_gemma",
        "<start_function_call>call:search{deep:true,score:1.5,anything:word}<end_function_call>",
    ),
    ("function_gemma", "<start_function_call>call:search{}<end_function_call>"),
    (
        "gemma4",
        '<|tool_call>call:search{query:<|"|>a, {b}: "c"<|"|>,limit:3,deep:false}<tool_call|>',
    ),
    ("gemma4", '<|tool_call>call:search{filter:{a:[1,<|"|>x<|"|>,{b:null}]},tags:[]}<tool_call|>'),
    ("gemma4", "<|tool_call>call:search{limit:1}call:search{limit:2}<tool_call|>"),
]


def read(form: str, text: str) -> list[dict[str, Any]]:
    parser: Any = importlib.import_module(f"mlx_lm.tool_parsers.{PARSERS[form]}")
    body = text.removeprefix(parser.tool_call_start).removesuffix(parser.tool_call_end)
    found: Any = parser.parse_tool_call(body, TOOLS)
    calls = cast("list[Any]", found if isinstance(found, list) else [found])
    return [{"name": call["name"], "arguments": call["arguments"]} for call in calls]


def main() -> None:
    golden = {
        "tools": TOOLS,
        "cases": [{"form": form, "text": text, "calls": read(form, text)} for form, text in CASES],
    }
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    GOLDEN.write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
