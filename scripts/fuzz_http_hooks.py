"""What scripts/fuzz_http.py adds to schemathesis: ids of things that are there, and no stream without an end."""

from __future__ import annotations

import json
import os
import random
from typing import Any

import schemathesis  # pyright: ignore[reportMissingImports]

IDS: dict[str, list[str]] = json.loads(os.environ.get("FUZZ_HTTP_IDS", "{}"))
# What must stay as it is: the key of all calls, and the model that readiness is about.
KEPT: list[str] = json.loads(os.environ.get("FUZZ_HTTP_KEPT", "[]"))
SHARE = 3  # of so many calls one names a thing that is there
_chance = random.Random(1)


def _with_real_id(path: str, parameters: dict[str, Any]) -> dict[str, Any]:
    for prefix, ids in IDS.items():
        if path.startswith(prefix + "/{"):
            name = path[len(prefix) + 2 :].split("}", 1)[0]
            return {**parameters, name: _chance.choice(ids)}
    return parameters


@schemathesis.hook  # pyright: ignore
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:  # noqa: ARG001
    if case.query and "follow" in case.query:
        case.query = {**case.query, "follow": "false"}
    if not case.path_parameters:
        return
    deletes = case.method.upper() == "DELETE"
    if deletes or case.path.startswith("/keys/"):
        case.path_parameters = {
            name: "none" if value in KEPT else value for name, value in case.path_parameters.items()
        }
    if not deletes and not _chance.randrange(SHARE):
        case.path_parameters = _with_real_id(case.path, case.path_parameters)
