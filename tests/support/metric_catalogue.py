"""docs/metrics.md as data, and a server that exposes exactly what it promises."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from typing import Any

CATALOGUE = Path(__file__).resolve().parent.parent.parent / "docs" / "metrics.md"
KINDS = {"h": "histogram", "c": "counter", "g": "gauge"}
BUCKETS = ("0.1", "1", "10", "+Inf")

# Values of labels whose cell names none, or only the first.
EXAMPLES: dict[str, list[str]] = {
    "http_request_method": ["GET", "POST"],
    "http_route": ["/models"],
    "http_response_status_code": ["200", "503"],
    "kind": ["finetune"],
    "key": ["ci"],
    "worker": ["engine tiny", "job 0"],
    "level": ["info", "error"],
}
JOB_STATES = ["QUEUED", "RUNNING", "COMPLETED", "FAILED"]


@dataclass(frozen=True)
class Metric:
    name: str
    kind: str  # histogram, counter, gauge
    labels: dict[str, list[str]]

    def samples(self) -> set[str]:
        """The names that a query may use."""
        if self.kind != "histogram":
            return {self.name}
        return {f"{self.name}_{part}" for part in ("bucket", "sum", "count")}

    def label_names(self) -> set[str]:
        own = set(self.labels) | {"instance", "job"}
        return own | {"le"} if self.kind == "histogram" else own


def read_catalogue(path: Path = CATALOGUE) -> dict[str, Metric]:
    """The metrics by name. A row that cannot be read is an error, never left out."""
    found: dict[str, Metric] = {}
    for line in path.read_text().splitlines():
        if not line.startswith("| `"):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert len(cells) == 4, line
        for name in _names(cells[0]):
            kind = KINDS.get(cells[1]) or ("counter" if name.endswith("_total") else "gauge")
            assert cells[1] in ("", *KINDS), line
            assert name not in found, f"{name} stands twice"
            found[name] = Metric(name, kind, _labels(name, cells[2]))
    assert found, f"{path} names no metric"
    return found


def _names(cell: str) -> Iterator[str]:
    """`a_b_bytes`, `…_c_bytes`: the second is a_c_bytes."""
    first = ""
    for name in re.findall(r"`([^`]+)`", cell):
        if name.startswith("…_"):
            ending = name.removeprefix("…_")
            kept = first.split("_")[: -len(ending.split("_"))]
            yield "_".join([*kept, ending])
        else:
            first = first or name
            yield name


def _labels(metric: str, cell: str) -> dict[str, list[str]]:
    """`state` (`a`, `b`), `model`"""
    found: dict[str, list[str]] = {}
    for label, listed in re.findall(r"`(\w+)`(?:\s*\(([^)]*)\))?", cell):
        values = [value for value in re.findall(r"`([^`]+)`", listed) if value != "…"]
        if label == "state" and metric.startswith("mlx_hub_jobs"):
            values = JOB_STATES
        found[label] = EXAMPLES.get(label) or values or ["tiny"]
    return found


def exposition(metrics: dict[str, Metric], second: float) -> str:
    """The text of a scrape `second` seconds after the start: counters grow, gauges are still."""
    lines: list[str] = []
    for metric in metrics.values():
        lines.append(f"# TYPE {metric.name} {metric.kind}")
        for values in product(*metric.labels.values()):
            pairs = [f'{key}="{value}"' for key, value in zip(metric.labels, values, strict=True)]
            count = round(second * 3)
            if metric.kind == "histogram":
                for rank, bound in enumerate(BUCKETS):
                    bucket = ",".join([*pairs, f'le="{bound}"'])
                    lines.append(f"{metric.name}_bucket{{{bucket}}} {count * (rank + 1)}")
                lines.append(f"{metric.name}_sum{{{','.join(pairs)}}} {count * 2.5}")
                lines.append(f"{metric.name}_count{{{','.join(pairs)}}} {count * len(BUCKETS)}")
            else:
                value = float(count) if metric.kind == "counter" else 1.0
                lines.append(f"{metric.name}{{{','.join(pairs)}}} {value}")
    return "\n".join(lines) + "\n"


class CatalogueServer:
    """`GET /metrics` with a series for each metric and value that the catalogue names."""

    def __init__(self, metrics: dict[str, Metric]) -> None:
        started = time.monotonic()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = exposition(metrics, time.monotonic() - started).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Silence."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.target = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> CatalogueServer:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
