"""What the tests of pull, push and import share."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hub_client import HubClient, HubProcess
from support.fake_hub_state import git_oid, is_lfs

Json = dict[str, Any]
REPO = "acme/tiny-llama"
NEEDED = {"config.json", "generation_config.json", "README.md", "LICENSE", "model.safetensors"}


def register(client: HubClient, name: str = "tiny", base_model: str = REPO) -> str:
    return str(client.call("POST", "/models", json={"name": name, "base_model": base_model})["id"])


def pull(client: HubClient, name: str = "tiny", **body: Any) -> Json:
    """The ended job."""
    job = client.call("POST", f"/models/{name}/pull", json=body)
    return client.wait(str(job["id"]), timeout=60)


def refusal(client: HubClient, name: str = "tiny", **body: Any) -> tuple[int, str, str]:
    answer = client.request("POST", f"/models/{name}/pull", json=body)
    error = answer.json()["error"]
    return answer.status_code, str(error["code"]), str(error["message"])


def file_bytes(client: HubClient, version_id: str, name: str) -> bytes:
    return client.request("GET", f"/versions/{version_id}/files/{name}").content


def wait_for(what: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def largest_part(folder: Path) -> int:
    """Bytes of the largest unfinished download in the folder; 0 where there is none. A part that is finished between
    its listing and its look-up has its final name by then."""
    sizes = [0]
    for part in folder.glob("*.part"):
        with contextlib.suppress(FileNotFoundError):
            sizes.append(part.stat().st_size)
    return max(sizes)


def hf_cache(folder: Path, name: str, commit: str, files: dict[str, bytes]) -> dict[str, Path]:
    """What `hf download` leaves behind: blobs by their etag, links to them by name."""
    root = folder / ("models--" + name.replace("/", "--"))
    for part in ("blobs", "refs", f"snapshots/{commit}"):
        (root / part).mkdir(parents=True, exist_ok=True)
    (root / "refs" / "main").write_text(commit)
    blobs: dict[str, Path] = {}
    for file, content in files.items():
        oid = hashlib.sha256(content).hexdigest() if is_lfs(file, content) else git_oid(content)
        blobs[file] = root / "blobs" / oid
        blobs[file].write_bytes(content)
        link = root / "snapshots" / commit / file
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(os.path.relpath(blobs[file], link.parent))
    return blobs


def submit(client: HubClient, model: str = "tiny", name: str | None = None) -> Json:
    rows = [
        {"messages": [{"role": "user", "content": f"q{i}"}, {"role": "assistant", "content": "a"}]}
        for i in range(4)
    ]
    text = "\n".join(json.dumps(row) for row in rows)
    if client.request("GET", "/datasets/rows").status_code == 404:
        client.call(
            "POST",
            "/datasets?name=rows",
            content=text,
            headers={"Content-Type": "application/jsonl"},
        )
    params = {
        "max_steps": 2,
        "batch_size": 1,
        "max_seq_length": 64,
        "eval_every": 0,
        "save_every": 0,
    }
    job: Json = {"type": "finetune", "model": model, "dataset": "rows", "params": params}
    return client.submit({**job, "output": {"name": name}} if name else job)


def default_model() -> Path:
    found = os.environ.get("MLX_HUB_MODELS")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(found) if found else cache / "mlx-hub" / "models" / "smollm2-135m-instruct"


def has_ended(client: HubClient, job_id: str) -> bool:
    return client.job(job_id)["state"] in {"COMPLETED", "FAILED", "CANCELLED"}


def run_cli(build_dir: Path, hub: HubProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [build_dir / "mlx-hub", *arguments, "--server", hub.url]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
