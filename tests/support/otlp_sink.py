"""A receiver of OTLP/HTTP that is strict about the protocol's form."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.transfers import Json

HEXADECIMAL = set("0123456789abcdef")
SPAN_FIELDS = {
    "traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano",
    "attributes", "links", "status",
}  # fmt: skip


def check_id(text: Any, digits: int) -> None:
    assert isinstance(text, str)
    assert len(text) == digits
    assert set(text) <= HEXADECIMAL
    assert set(text) != {"0"}


def check_value(value: Json) -> None:
    ((kind, content),) = value.items()
    kinds = {"stringValue": str, "intValue": str, "doubleValue": float, "boolValue": bool}
    if kind == "arrayValue":
        assert set(content) == {"values"}
        for item in content["values"]:
            check_value(item)
        return
    assert isinstance(content, kinds[kind]), value
    assert kind != "intValue" or str(int(content)) == content


def check_span(span: Json) -> None:
    assert set(span) <= SPAN_FIELDS, set(span) - SPAN_FIELDS
    check_id(span["traceId"], 32)
    check_id(span["spanId"], 16)
    if "parentSpanId" in span:
        check_id(span["parentSpanId"], 16)
    assert isinstance(span["name"], str)
    assert span["name"]
    assert span["kind"] in (1, 2, 3)
    for field in ("startTimeUnixNano", "endTimeUnixNano"):
        assert isinstance(span[field], str), "64-bit integers are text"
    assert int(span["endTimeUnixNano"]) >= int(span["startTimeUnixNano"]) > 10**18
    keys = [entry["key"] for entry in span["attributes"]]
    assert len(set(keys)) == len(keys), keys
    for entry in span["attributes"]:
        assert set(entry) == {"key", "value"}
        check_value(entry["value"])
    for link in span.get("links", []):
        assert set(link) == {"traceId", "spanId"}
        check_id(link["traceId"], 32)
        check_id(link["spanId"], 16)
    if "status" in span:
        assert set(span["status"]) <= {"code", "message"}
        assert span["status"]["code"] in (0, 1, 2)


def checked(body: Json) -> list[Json]:
    """The spans of an ExportTraceServiceRequest; fails where its form is not the protocol's."""
    assert set(body) == {"resourceSpans"}
    spans: list[Json] = []
    (resource,) = body["resourceSpans"]
    assert set(resource) == {"resource", "scopeSpans"}
    names = {entry["key"]: entry["value"] for entry in resource["resource"]["attributes"]}
    assert names["service.name"] == {"stringValue": "mlx-hub"}
    for scope in resource["scopeSpans"]:
        assert set(scope) == {"scope", "spans"}
        assert scope["scope"]["name"] == "mlx-hub"
        for span in scope["spans"]:
            check_span(span)
            spans.append(span)
    return spans


def attributes_of(span: Json) -> Json:
    """Plain values by key."""

    def plain(value: Json) -> Any:
        ((kind, content),) = value.items()
        if kind == "arrayValue":
            return [plain(item) for item in content["values"]]
        return int(content) if kind == "intValue" else content

    return {entry["key"]: plain(entry["value"]) for entry in span["attributes"]}


def check_nested(spans: list[Json]) -> None:
    """Each span whose parent is there lies within its time."""
    by_id = {span["spanId"]: span for span in spans}
    assert len(by_id) == len(spans)
    for span in spans:
        parent = by_id.get(span.get("parentSpanId", ""))
        if parent is not None:
            assert parent["traceId"] == span["traceId"]
            start, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
            assert int(parent["startTimeUnixNano"]) <= start, (parent["name"], span["name"])
            assert end <= int(parent["endTimeUnixNano"]), (parent["name"], span["name"])


class Receiver:
    def __init__(self) -> None:
        self.spans: list[Json] = []
        self.problems: list[str] = []
        self.status = 200
        self.goes_on = threading.Event()  # cleared: it reads a request and says nothing
        self.goes_on.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.goes_on.wait()
                if receiver.status == 200:
                    try:
                        assert self.path == "/v1/traces"
                        assert self.headers["Content-Type"] == "application/json"
                        receiver.spans += checked(json.loads(body))
                    except (AssertionError, KeyError, ValueError) as problem:
                        receiver.problems.append(repr(problem))
                try:
                    self.send_response(receiver.status)
                    self.send_header("Content-Length", "2")
                    self.end_headers()
                    self.wfile.write(b"{}")
                except OSError:
                    """The hub has given up meanwhile."""

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Silence."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def named(self, name: str) -> list[Json]:
        return [span for span in self.spans if span["name"] == name]

    def of_trace(self, trace_id: str) -> dict[str, Json]:
        """Its spans by name, of which each is there once."""
        spans = [span for span in self.spans if span["traceId"] == trace_id]
        by_name = {span["name"]: span for span in spans}
        assert len(by_name) == len(spans), [span["name"] for span in spans]
        return by_name


@contextmanager
def running_receiver() -> Generator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, daemon=True)
    thread.start()
    yield receiver
    receiver.goes_on.set()
    receiver.server.shutdown()
    receiver.server.server_close()
