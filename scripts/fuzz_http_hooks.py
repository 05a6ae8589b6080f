"""What scripts/fuzz_http.py adds to schemathesis: ids of things that are there, no stream without an end, and no answer
that fills the whole context."""

from __future__ import annotations

import json
import os
import random
from typing import Any, cast

import schemathesis  # pyright: ignore[reportMissingImports]

Json = dict[str, Any]
IDS: dict[str, list[str]] = json.loads(os.environ.get("FUZZ_HTTP_IDS", "{}"))
# What must stay as it is: the key of all calls, and the model that readiness is about.
KEPT: list[str] = json.loads(os.environ.get("FUZZ_HTTP_KEPT", "[]"))
# The field that bounds an answer, by the path's end; without it a call takes minutes on a busy machine.
BOUNDS = {
    "completions": "max_tokens",
    "/v1/responses": "max_output_tokens",
    "/completion": "n_predict",
    "/api/chat": "num_predict",
    "/api/generate": "num_predict",
}
MOST_TOKENS = 64
LONGEST_ANSWER = 2**31 - 1
SHARE = 3  # of so many calls one names a thing that is there
_chance = random.Random(1)


def _with_real_id(path: str, parameters: dict[str, Any]) -> dict[str, Any]:
    for prefix, ids in IDS.items():
        if path.startswith(prefix + "/{"):
            name = path[len(prefix) + 2 :].split("}", 1)[0]
            return {**parameters, name: _chance.choice(ids)}
    return parameters


def _with_bound(field: str, values: Json) -> Json:
    """Where there is no bound, or a large one that would be taken; wrong ones stay."""
    given = values.get(field)
    is_long = type(given) is int and (given == -1 or MOST_TOKENS < given <= LONGEST_ANSWER)
    return {**values, field: MOST_TOKENS} if given is None or is_long else values


def _bounded(path: str, body: Json) -> Json:
    field = next((field for end, field in BOUNDS.items() if path.endswith(end)), "")
    if not field:
        return body
    if path.startswith("/api/"):
        options = body.get("options", {})
        if not isinstance(options, dict):
            return body
        return {**body, "options": _with_bound(field, cast("Json", options))}
    return _with_bound("max_completion_tokens" if "max_completion_tokens" in body else field, body)


@schemathesis.hook  # pyright: ignore
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:  # noqa: ARG001
    if case.query and "follow" in case.query:
        case.query = {**case.query, "follow": "false"}
    if isinstance(case.body, dict):
        case.body = _bounded(case.path, cast("Json", case.body))
    if not case.path_parameters:
        return
    deletes = case.method.upper() == "DELETE"
    if deletes or case.path.startswith("/keys/"):
        case.path_parameters = {
            name: "none" if value in KEPT else value for name, value in case.path_parameters.items()
        }
    if not deletes and not _chance.randrange(SHARE):
        case.path_parameters = _with_real_id(case.path, case.path_parameters)
