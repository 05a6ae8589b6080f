"""What the fake Hugging Face Hub holds, does wrong, and was asked (support/fake_hub.py)."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from typing import Any

LFS_FROM_BYTES = 100_000


def git_oid(content: bytes) -> str:
    head = f"blob {len(content)}\0".encode()
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()


def is_lfs(name: str, content: bytes) -> bool:
    return name.endswith(".safetensors") or len(content) >= LFS_FROM_BYTES


@dataclass
class Repository:
    """Branch `main` and its commits: each the whole content."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict[str, dict[str, bytes]])
    head: str = ""
    private: bool = False
    gated: bool = False
    renamed_to: str = ""

    def commit(self, files: dict[str, bytes]) -> str:
        digest = hashlib.sha1(self.head.encode(), usedforsecurity=False)
        for name in sorted(files):
            digest.update(name.encode() + git_oid(files[name]).encode())
        self.head = digest.hexdigest()
        self.commits[self.head] = dict(files)
        return self.head

    def files(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        commit = self.head if revision == "main" else revision
        found = self.commits.get(commit)
        return None if found is None else (commit, found)


@dataclass
class Faults:
    """What goes wrong; names are file names."""

    cut_after: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    flip_byte: set[str] = field(default_factory=set[str])
    listed_size: dict[str, int] = field(default_factory=dict[str, int])
    no_ranges: bool = False
    no_sizes: bool = False  # the list has names only, as some mirrors'
    bytes_per_second: dict[str, int] = field(default_factory=dict[str, int])
    # (part of the path, status, headers): answered once each, in order.
    refusals: list[tuple[str, int, dict[str, str]]] = field(
        default_factory=list[tuple[str, int, dict[str, str]]]
    )
    chunk_bytes: int = 0  # uploads to LFS in parts of that size


@dataclass(frozen=True)
class Seen:
    server: str  # "hub" or "lfs"
    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    sent_bytes: list[int]  # of the answer's body, as far as it was sent


class RefusedError(Exception):
    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message or code


class HubState:
    """Repositories, LFS objects and requests, shared by the two servers."""

    url = ""
    storage_url = ""

    def __init__(self) -> None:
        self.token = "hf_" + "s" * 20
        self.repositories: dict[str, Repository] = {}
        self.lfs: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.faults = Faults()
        self.requests: list[Seen] = []
        self.lock = threading.Lock()

    def add(self, name: str, files: dict[str, bytes], **settings: Any) -> str:
        """Makes or extends a repository; returns the commit."""
        repository = self.repositories.setdefault(name, Repository(**settings))
        for file, content in files.items():
            if is_lfs(file, content):
                self.lfs[hashlib.sha256(content).hexdigest()] = content
        return repository.commit(files)

    def downloads(self, part: str = "") -> list[Seen]:
        """GETs of files' bytes whose path holds `part`."""
        with self.lock:
            return [
                seen
                for seen in self.requests
                if seen.method == "GET"
                and ("/resolve/" in seen.path or seen.server == "lfs")
                and part in seen.path
            ]

    def sent_bytes(self, part: str = "") -> int:
        return sum(sum(seen.sent_bytes) for seen in self.downloads(part))

    def listed(self, name: str, content: bytes, blobs: bool) -> dict[str, Any]:
        """An entry of `siblings` in a repository's description; `blobs`: with size and digests."""
        entry: dict[str, Any] = {"rfilename": name}
        if blobs and not self.faults.no_sizes:
            entry["size"] = self.faults.listed_size.get(name, len(content))
            entry["blobId"] = git_oid(content)
            if is_lfs(name, content):
                entry["lfs"] = {
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "size": entry["size"],
                    "pointerSize": 134,
                }
        return entry
