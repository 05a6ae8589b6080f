"""Calls made up from the OpenAPI document (schemathesis) against a hub of their own: no answer of 500 and more, none
that the document does not know.

    uv run python scripts/fuzz_http.py [--cases 5000] [--short] [--seed 1] [--json FILE]

Good and bad calls of every route but streams without an end. A third of the ids and names are those of things that are
there (scripts/fuzz_http_hooks.py), so that handlers are reached, not only their 404. Statuses are counted by the hub.
--short leaves out what tries each constraint of the document by itself, some 5,000 calls.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from hub_client import DEFAULT_MODEL, ROOT, HubClient, HubProcess, Json
from package_files import find_uv
from tiny_models import write_rows

ENVIRONMENT = ROOT / "build" / "tools" / "schemathesis"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
ENDLESS = "/events"  # a stream without an end; of /logs the hooks leave follow=true out
SLOW = ("/models/import",)  # wants an archive: what is made up is none
COUNTED = re.compile(
    r'http_server_request_duration_seconds_count\{.*http_response_status_code="(\d+)".*\} (\d+)'
)


def program() -> Path:
    """schemathesis in its environment, which is made, or brought to uv.lock, first."""
    subprocess.run(
        [find_uv(), "sync", "--locked", "--only-group", "schemathesis", "--quiet"],
        cwd=ROOT,
        check=True,
        env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(ENVIRONMENT)},
    )
    return ENVIRONMENT / "bin" / "schemathesis"


@contextmanager
def empty_model_hub() -> Generator[str]:
    """Stands for the Hugging Face Hub: it has nothing."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def furnish(client: HubClient, folder: Path) -> Json:
    """Things that made-up calls find: names by the path's beginning."""
    rows = client.upload_dataset("rows", write_rows(folder / "rows.jsonl"))
    version = client.call("GET", "/versions", params={"limit": 1})["data"][0]["id"]
    model = client.call("GET", f"/models/{DEFAULT_MODEL}")["id"]
    key = client.call("POST", "/keys", json={"name": "reader", "scopes": ["read"]})
    admin = client.call("POST", "/keys", json={"name": "fuzzer", "scopes": ["admin"]})
    return {
        "secret": admin["secret"],
        "kept": ["fuzzer", admin["id"], DEFAULT_MODEL, model, version],
        "ids": {
            "/models": [DEFAULT_MODEL],
            "/v1/models": [DEFAULT_MODEL],
            "/versions": [version],
            "/datasets": ["rows", rows["id"]],
            "/keys": [key["id"]],
            "/engines": [DEFAULT_MODEL],
        },
    }


def statuses(client: HubClient) -> Counter[int]:
    """How often each was answered so far, as the hub counts."""
    found: Counter[int] = Counter()
    answer = client.request("GET", "/metrics")
    answer.raise_for_status()
    for status, count in COUNTED.findall(answer.text):
        found[int(status)] += int(count)
    return found


def attack(url: str, furniture: Json, phases: str, numbers: tuple[int, int], report: Path) -> int:
    """schemathesis' exit status: 0 when no check failed."""
    examples, seed = numbers
    excluded = [option for path in (ENDLESS, *SLOW) for option in ("--exclude-path", path)]
    command = [
        program(), "run", f"{url}/openapi.json", "--url", url,
        "--checks", ",".join(CHECKS), "--phases", phases,
        "--max-examples", str(examples), "--seed", str(seed), "--no-shrink",
        "--generation-database", "none", "--suppress-health-check", "all",
        "--request-timeout", "60", "--continue-on-failure", "--warnings", "off", "--no-color",
        "-H", f"Authorization: Bearer {furniture['secret']}", *excluded,
    ]  # fmt: skip
    with report.open("w") as out:
        done = subprocess.run(
            command,
            cwd=report.parent,  # where it looks for settings and leaves its cache
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
            env={
                **os.environ,
                "SCHEMATHESIS_HOOKS": "fuzz_http_hooks",
                "PYTHONPATH": str(ROOT / "scripts"),
                "FUZZ_HTTP_IDS": json.dumps(furniture["ids"]),
                "FUZZ_HTTP_KEPT": json.dumps(furniture["kept"]),
            },
        )
    return done.returncode


def run(options: argparse.Namespace, folder: Path, model_hub: str) -> Json:
    data_dir = folder / "data"
    data_dir.mkdir()
    arguments = (
        "--hf-endpoint",
        model_hub,
        "--load-timeout-seconds",
        "120",
        "--log-level",
        "error",
    )
    environment = {"HF_HOME": str(folder / "hf"), "HF_TOKEN": "", "HF_HUB_CACHE": ""}
    with HubProcess(options.build_dir.resolve(), data_dir, arguments, environment) as hub:
        client = HubClient(hub.url)
        furniture = furnish(client, folder)
        client.http.headers["Authorization"] = f"Bearer {furniture['secret']}"
        paths = client.call("GET", "/openapi.json")["paths"]
        methods = {"get", "put", "post", "patch", "delete"}
        operations = sum(len(methods & set(item)) for item in paths.values())
        report = folder / "report.txt"
        before = statuses(client)
        failed = False
        rounds = 0
        while not failed and (statuses(client) - before).total() < options.cases:
            left = options.cases - (statuses(client) - before).total()
            # Most calls are otherwise those of the coverage phase, which takes no number.
            examples = max(1, math.ceil(left / operations / (1 if options.short else 4)))
            phases = "examples,fuzzing" if options.short else "examples,coverage,fuzzing"
            numbers = (examples, options.seed + rounds)
            failed = attack(hub.url, furniture, phases, numbers, report) != 0
            rounds += 1
        counted = statuses(client) - before
        result: Json = {
            "operations": operations,
            "cases": counted.total(),
            "rounds": rounds,
            "statuses": dict(sorted(counted.items())),
            "alive": hub.is_alive(),
            "failed": failed,
            "report": report.read_text() if failed else "",
        }
        client.close()
        return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--build-dir", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--cases", type=int, default=5000, help="at least so many calls")
    parser.add_argument("--short", action="store_true", help="without the phase of coverage")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="mlx-hub-fuzz-") as folder,
        empty_model_hub() as model_hub,
    ):
        result = run(options, Path(folder), model_hub)
    print(result.pop("report"))
    for name, value in result.items():
        print(f"{name}: {value}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    server_errors = [status for status in result["statuses"] if status >= 500]
    return 1 if result["failed"] or server_errors or not result["alive"] else 0


if __name__ == "__main__":
    sys.exit(main())
