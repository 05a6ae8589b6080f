"""The real `huggingface_hub` client against tests/support/fake_hub.py: the routes are the Hub's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from support.fake_hub import FakeHub
from support.tiny_llama import repository
from support.transfers import REPO, pull, register

# The client reads its endpoint when it is imported, hence in a process of its own.
DOWNLOAD = """
import sys
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError
api = HfApi()
info = api.model_info({repo!r}, files_metadata=True)
print(info.sha, len(info.siblings), sum(s.size for s in info.siblings))
print(snapshot_download({repo!r}, allow_patterns=["*.json", "*.safetensors", "README.md"]))
for name, kind in (("acme/gated", GatedRepoError), ("acme/none", RepositoryNotFoundError)):
    try:
        api.hf_hub_download(name, "config.json")
    except kind:
        print("refused", name)
try:
    api.model_info({repo!r}, revision="v9")
except RevisionNotFoundError:
    print("no v9")
"""
UPLOAD = """
import sys
from huggingface_hub import HfApi
api = HfApi()
api.create_repo("acme/uploaded", exist_ok=True)
api.create_repo("acme/uploaded", exist_ok=True)
commit = api.upload_folder(repo_id="acme/uploaded", folder_path=sys.argv[1], commit_message="all")
print(commit.oid)
"""


def run(remote: FakeHub, tmp_path: Path, program: str, *arguments: str) -> list[str]:
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "HF_ENDPOINT": remote.url,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_TOKEN": remote.token,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


def test_the_real_client_downloads(remote: FakeHub, tmp_path: Path) -> None:
    files = repository(shards=2)
    commit = remote.add(REPO, files)
    remote.add("acme/gated", repository(), gated=True)
    facts, folder, *refused = run(remote, tmp_path, DOWNLOAD.format(repo=REPO))
    assert facts == f"{commit} {len(files)} {sum(map(len, files.values()))}"
    for name in ("config.json", "README.md", "model-00001-of-00002.safetensors"):
        assert (Path(folder) / name).read_bytes() == files[name]
    assert refused == ["refused acme/gated", "refused acme/none", "no v9"]


def test_the_real_client_uploads(remote: FakeHub, tmp_path: Path) -> None:
    files = {name: content for name, content in repository().items() if "/" not in name}
    folder = tmp_path / "model"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    for chunk in (0, 20_000):
        remote.lfs.clear()
        remote.faults.chunk_bytes = chunk
        (oid,) = run(remote, tmp_path, UPLOAD, str(folder))
        head = remote.repositories["acme/uploaded"]
        assert head.head == oid
        got = {name: head.commits[oid][name] for name in files}
        assert got == files
        (folder / "README.md").write_bytes(b"# Changed, so that there is something to commit\n")
        files["README.md"] = (folder / "README.md").read_bytes()


def test_the_cache_that_the_real_client_fills_serves_our_pulls(
    remote: FakeHub, tmp_path: Path, start: Any
) -> None:
    """What `hf download` brought is not downloaded again."""
    files = repository()
    remote.add(REPO, files)
    run(remote, tmp_path, DOWNLOAD.format(repo=REPO).split("for name, kind")[0])
    remote.requests.clear()
    process, client = start()
    register(client)
    job = pull(client)
    assert job["state"] == "COMPLETED", job["reason"]
    assert not any(seen.server == "lfs" for seen in remote.requests)
    stored = next(process.data_dir.glob("artifacts/*/v1")) / "model.safetensors"
    cached = next((tmp_path / "hf" / "hub").glob("models--*/snapshots/*/model.safetensors"))
    assert stored.stat().st_ino == cached.resolve().stat().st_ino
