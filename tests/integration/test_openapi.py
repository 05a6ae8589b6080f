"""api/openapi.yaml is what the hub answers: the same document, and every route of it exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from hub_client import HubClient

ROOT = Path(__file__).resolve().parents[2]
METHODS = {"get", "put", "post", "delete", "patch"}


def document() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "api" / "openapi.yaml").read_text(encoding="utf-8"))


def test_the_hub_publishes_the_document(client: HubClient) -> None:
    published = client.call("GET", "/openapi.json")
    assert published["paths"].keys() == document()["paths"].keys()
    assert published["info"] == document()["info"]


def test_every_operation_is_a_route(client: HubClient) -> None:
    """With ids that do not exist an operation answers anything but "no such route" and "wrong method"."""
    missing: list[str] = []
    for path, operations in document()["paths"].items():
        for method in METHODS & set(operations):
            concrete = re.sub(r"\{[^}]+\}", "none", path)
            if path.endswith("/events") and "{" not in path:
                continue  # a stream without end
            answer = client.request(method.upper(), concrete, json={} if method != "get" else None)
            message = answer.text
            if answer.status_code == 405 or (answer.status_code == 404 and "route" in message):
                missing.append(f"{method.upper()} {path}: {answer.status_code}")
    assert missing == []


def test_answers_of_lists_have_the_common_form(client: HubClient) -> None:
    for path in ("/models", "/versions", "/datasets", "/jobs", "/evaluations", "/imports"):
        answer = client.call("GET", path)
        assert isinstance(answer["data"], list), path
        assert "next_cursor" in answer, path
