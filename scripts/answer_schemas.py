"""Twenty JSON schemas as people send them with a request, bounded so that random answers end, and their validators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hub_client import Json
from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

WORD: Json = {"type": "string", "maxLength": 16}
DIGIT: Json = {"type": "integer", "minimum": 0, "maximum": 9}
# Quarters: a number without a step has as many digits as chance will have it.
SHARE: Json = {"type": "number", "minimum": 0, "maximum": 1, "multipleOf": 0.25}
FLAG: Json = {"type": "boolean"}


def record(**properties: Json) -> Json:
    """An object with exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def items(of: Json, least: int = 1, most: int = 3) -> Json:
    return {"type": "array", "items": of, "minItems": least, "maxItems": most}


def choice(*values: str | int | None) -> Json:
    return {"enum": list(values)}


SCHEMAS: dict[str, Json] = {
    "person": record(name=WORD, age={"type": "integer", "minimum": 0, "maximum": 130}),
    "verdict": record(label=choice("positive", "negative", "neutral"), confidence=SHARE),
    "list of words": items(WORD, 2, 5),
    "address": record(street=WORD, city=WORD, code={"type": "string", "pattern": "^[0-9]{5}$"}),
    "order": record(
        customer=WORD, lines=items(record(article=WORD, count=DIGIT)), paid=FLAG, note=WORD
    ),
    "either": {"anyOf": [record(answer=WORD), record(error=WORD, code=DIGIT)]},
    "maybe": record(value={"type": ["integer", "null"], "minimum": 0, "maximum": 99}),
    "constant": record(kind={"const": "event"}, id=DIGIT),
    "date": record(day={"type": "string", "format": "date"}, weekend=FLAG),
    "moment": record(at={"type": "string", "format": "date-time"}),
    "identity": record(id={"type": "string", "format": "uuid"}),
    "mail": record(to={"type": "string", "pattern": "^[a-z]{1,8}@[a-z]{1,8}\\.(com|org)$"}),
    "tuple": {"type": "array", "prefixItems": [WORD, DIGIT, FLAG], "minItems": 3, "items": False},
    "matrix": items(items(DIGIT, 2, 3), 2, 3),
    "tool call": record(
        tool=choice("search", "read", "write"), arguments=record(path=WORD, lines=DIGIT)
    ),
    "references": {
        **record(first={"$ref": "#/$defs/point"}, second={"$ref": "#/$defs/point"}),
        "$defs": {"point": record(x=SHARE, y=SHARE)},
    },
    "optional": {
        "type": "object",
        "properties": {"name": WORD, "tags": items(WORD, 0, 2)},
        "required": ["name"],
        "additionalProperties": False,
    },
    "nested": record(a=record(b=record(c=record(d=items(choice(1, 2, 3)))))),
    "fractions": record(
        low={"type": "number", "exclusiveMinimum": 0, "maximum": 2, "multipleOf": 0.125}, high=SHARE
    ),
    "rating": record(stars=choice(1, 2, 3, 4, 5), review={"type": "string", "maxLength": 60}),
}


def validators() -> dict[str, Callable[[Any], list[str]]]:
    """What is wrong with a value, by the schema's name; formats count, too."""

    def errors_of(validator: Validator) -> Callable[[Any], list[str]]:
        return lambda value: [error.message for error in validator.iter_errors(value)]

    return {
        name: errors_of(
            Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        )
        for name, schema in SCHEMAS.items()
    }


def response_format(name: str) -> Json:
    """A request's field that asks for it."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMAS[name]}}
