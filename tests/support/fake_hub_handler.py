"""The routes of the fake Hugging Face Hub and of its LFS storage (support/fake_hub.py)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml
from support.fake_hub_state import (
    LFS_FROM_BYTES,
    HubState,
    RefusedError,
    Repository,
    Seen,
    git_oid,
    is_lfs,
)

Json = dict[str, Any]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: HubState
    server_name: str
    seen: Seen
    drained: bool

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Silence: what was asked is in FakeHub.requests."""

    def do_HEAD(self) -> None:
        self.handle_call()

    def do_GET(self) -> None:
        self.handle_call()

    def do_POST(self) -> None:
        self.handle_call()

    def do_PUT(self) -> None:
        self.handle_call()

    def handle_call(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.drained = False
        self.seen = Seen(self.server_name, self.command, self.path, headers, [])
        with self.hub.lock:
            self.hub.requests.append(self.seen)
        try:
            if refusal := self.refusal():
                status, extra = refusal
                self.answer(status, b'{"error":"as the test wants"}', extra)
            elif self.server_name == "lfs":
                self.storage()
            else:
                self.route()
        except RefusedError as refused:
            code = {"X-Error-Code": refused.code} if refused.code else {}
            self.drain()
            self.answer(
                refused.status,
                json.dumps({"error": refused.message}).encode(),
                {**code, "X-Error-Message": refused.message},
            )
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def drain(self) -> None:
        if not self.drained:
            self.body()

    def refusal(self) -> tuple[int, dict[str, str]] | None:
        with self.hub.lock:
            for index, (part, status, extra) in enumerate(self.hub.faults.refusals):
                if part in self.path:
                    del self.hub.faults.refusals[index]
                    return status, extra
        return None

    # ---- answers

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def json_answer(self, value: Any, status: int = 200) -> None:
        self.answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def body(self) -> bytes:
        self.drained = True
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def json_body(self) -> Json:
        return json.loads(self.body() or b"{}")

    def send_content(self, name: str, content: bytes, headers: dict[str, str]) -> None:
        """The bytes or a range of them, with the faults that the test asked for."""
        faults = self.hub.faults
        if name in faults.flip_byte:
            content = content[:-1] + bytes([content[-1] ^ 1])
        begin, end, status = 0, len(content), 200
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if asked and not faults.no_ranges:
            begin = int(asked[1])
            end = min(end, int(asked[2]) + 1) if asked[2] else end
            if begin >= len(content):
                self.answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                return
            status = 206
            headers["Content-Range"] = f"bytes {begin}-{end - 1}/{len(content)}"
        piece = content[begin:end]
        cut: int | None = None
        with self.hub.lock:
            # Headers of weights are read ahead by small ranges; a cut is for the transfer.
            if faults.cut_after.get(name) and not (asked and asked[2]):
                cut = faults.cut_after[name].pop(0)
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(piece))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.send_slowly(piece[:cut], faults.bytes_per_second.get(name, 0))
        if cut is not None:
            self.close_connection = True
            self.connection.close()

    def send_slowly(self, piece: bytes, bytes_per_second: int) -> None:
        step = max(1, bytes_per_second // 20) if bytes_per_second else 1 << 16
        for begin in range(0, len(piece), step):
            part = piece[begin : begin + step]
            self.wfile.write(part)
            self.seen.sent_bytes.append(len(part))
            if bytes_per_second:
                time.sleep(len(part) / bytes_per_second)

    # ---- the Hub's own routes

    def repository(self, name: str, write: bool = False) -> Repository:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token and token != self.hub.token:
            raise RefusedError(401, "", "Invalid credentials in Authorization header")
        found = self.hub.repositories.get(name)
        if found is None or (found.private and not token):
            raise RefusedError(401 if not token else 404, "RepoNotFound", "Repository not found")
        if write and not token:
            raise RefusedError(401, "", "Invalid username or password.")
        return found

    def files(self, name: str, revision: str) -> tuple[Repository, str, dict[str, bytes]]:
        repository = self.repository(name)
        found = repository.files(revision)
        if found is None:
            raise RefusedError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return repository, *found

    def route(self) -> None:
        url = urlsplit(self.path)
        path = url.path
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self.info(found[1], unquote(found[2] or "main"), "blobs" in parse_qs(url.query))
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)/?", path):
            self.tree(found[1], unquote(found[2]))
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self.resolve(found[1], unquote(found[2]), unquote(found[3]))
        elif path == "/api/repos/create":
            self.create()
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/(.+)", path):
            self.preupload(found[1])
        elif found := re.fullmatch(r"/([^/]+/[^/]+)\.git/info/lfs/objects/batch", path):
            self.batch(found[1])
        elif path == "/api/validate-yaml":
            self.validate_card()
        elif path == "/verify":
            self.verify()
        elif found := re.fullmatch(r"/complete/([0-9a-f]+)", path):
            self.complete(found[1])
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/(.+)", path):
            self.commit(found[1])
        else:
            raise RefusedError(404, "", f"no route {path}")

    def info(self, name: str, revision: str, blobs: bool) -> None:
        repository, commit, files = self.files(name, revision)
        self.json_answer(
            {
                "_id": "0" * 24,
                "id": name,
                "modelId": name,
                "sha": commit,
                "private": repository.private,
                "gated": "manual" if repository.gated else False,
                "disabled": False,
                "tags": [],
                "downloads": 0,
                "likes": 0,
                "siblings": [
                    self.hub.listed(file, content, blobs) for file, content in sorted(files.items())
                ],
            }
        )

    def tree(self, name: str, revision: str) -> None:
        _, _, files = self.files(name, revision)
        entries: list[Json] = []
        for file, content in sorted(files.items()):
            entry: Json = {
                "type": "file",
                "path": file,
                "oid": git_oid(content),
                "size": len(content),
            }
            if is_lfs(file, content):
                entry["lfs"] = {
                    "oid": hashlib.sha256(content).hexdigest(),
                    "size": len(content),
                    "pointerSize": 134,
                }
            entries.append(entry)
        self.json_answer(entries)

    def resolve(self, name: str, revision: str, file: str) -> None:
        if (moved := self.hub.repositories.get(name)) and moved.renamed_to:
            self.answer(307, b"", {"Location": self.path.replace(name, moved.renamed_to, 1)})
            return
        repository, commit, files = self.files(name, revision)
        if repository.gated:
            raise RefusedError(403, "GatedRepo", "Access to this model is restricted")
        content = files.get(file)
        if content is None:
            raise RefusedError(404, "EntryNotFound", "Entry not found")
        headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if not is_lfs(file, content):
            self.send_content(file, content, {**headers, "ETag": f'"{git_oid(content)}"'})
            return
        sha256 = hashlib.sha256(content).hexdigest()
        self.answer(
            302,
            b"Found. Redirecting",
            {
                **headers,
                "X-Linked-Size": str(len(content)),
                "X-Linked-ETag": f'"{sha256}"',
                "Location": f"{self.hub.storage_url}/{sha256}?name={file}&signature=abc",
            },
        )

    # ---- uploads

    def create(self) -> None:
        asked = self.json_body()
        if (self.headers.get("Authorization") or "") != f"Bearer {self.hub.token}":
            raise RefusedError(401, "", "Invalid username or password.")
        name = f"{asked.get('organization') or 'tester'}/{asked['name']}"
        address = {"url": f"{self.hub.url}/{name}", "name": name, "id": "0" * 24}
        if name in self.hub.repositories:
            self.json_answer({**address, "error": "You already created this model repo"}, 409)
            return
        private = bool(asked.get("private")) or asked.get("visibility") == "private"
        self.hub.repositories[name] = Repository(private=private)
        self.hub.repositories[name].commit({".gitattributes": b"*.safetensors filter=lfs\n"})
        self.json_answer(address)

    def validate_card(self) -> None:
        """The metadata block of a README.md, as the Hub wants it."""
        content = str(self.json_body()["content"])
        matter = re.match(r"---\n(.*?)\n---\n", content, re.DOTALL)
        errors: list[Json] = []
        try:
            parsed: object = yaml.safe_load(matter[1]) if matter else {}
            if not isinstance(parsed, dict):
                errors.append({"message": "the metadata is no mapping"})
        except yaml.YAMLError as error:
            errors.append({"message": str(error)})
        self.json_answer({"errors": errors, "warnings": []}, 400 if errors else 200)

    def preupload(self, name: str) -> None:
        self.repository(name, write=True)
        self.json_answer(
            {
                "files": [
                    {
                        "path": file["path"],
                        "uploadMode": "lfs"
                        if file["path"].endswith(".safetensors") or file["size"] >= LFS_FROM_BYTES
                        else "regular",
                        "shouldIgnore": False,
                        "oid": None,
                    }
                    for file in self.json_body()["files"]
                ]
            }
        )

    def batch(self, name: str) -> None:
        self.repository(name, write=True)
        objects: list[Json] = []
        for wanted in self.json_body()["objects"]:
            oid, size = str(wanted["oid"]), int(wanted["size"])
            entry: Json = {"oid": oid, "size": size, "authenticated": True}
            chunk = self.hub.faults.chunk_bytes
            if oid in self.hub.lfs:
                objects.append(entry)
                continue
            upload: Json = {"href": f"{self.hub.storage_url}/upload/{oid}", "header": {}}
            if chunk and size > chunk:
                self.hub.parts[oid] = {}
                upload["href"] = f"{self.hub.url}/complete/{oid}"
                upload["header"] = {"chunk_size": str(chunk)}
                for part in range(1, -(-size // chunk) + 1):
                    upload["header"][f"{part:05d}"] = (
                        f"{self.hub.storage_url}/part/{oid}/{part}?signature=abc"
                    )
            entry["actions"] = {"upload": upload, "verify": {"href": f"{self.hub.url}/verify"}}
            objects.append(entry)
        self.json_answer({"transfer": "basic", "objects": objects})

    def verify(self) -> None:
        asked = self.json_body()
        content = self.hub.lfs.get(str(asked["oid"]))
        if content is None or len(content) != asked["size"]:
            raise RefusedError(422, "", "the object is not what was announced")
        self.json_answer({})

    def complete(self, oid: str) -> None:
        asked = self.json_body()
        parts = self.hub.parts.pop(oid)
        numbers = [int(part["partNumber"]) for part in asked["parts"]]
        content = b"".join(parts[number] for number in numbers)
        if hashlib.sha256(content).hexdigest() != oid or any(not p["etag"] for p in asked["parts"]):
            raise RefusedError(422, "", "the parts do not make the object")
        self.hub.lfs[oid] = content
        self.json_answer({})

    def commit(self, name: str) -> None:
        repository = self.repository(name, write=True)
        files = dict(repository.commits.get(repository.head, {}))
        summary = ""
        for line in self.body().splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header":
                summary = value["summary"]
            elif entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                if value["oid"] not in self.hub.lfs:
                    raise RefusedError(422, "", f"LFS object {value['oid']} does not exist")
                files[value["path"]] = self.hub.lfs[value["oid"]]
            elif entry["key"] == "deletedFile":
                files.pop(value["path"], None)
        if not summary:
            raise RefusedError(400, "", "a commit needs a summary")
        oid = repository.commit(files)
        self.json_answer(
            {
                "success": True,
                "commitOid": oid,
                "commitUrl": f"{self.hub.url}/{name}/commit/{oid}",
                "hookOutput": "",
            }
        )

    # ---- the LFS host: signed addresses, no token

    def storage(self) -> None:
        url = urlsplit(self.path)
        if self.headers.get("Authorization"):
            raise RefusedError(400, "", "Only one auth mechanism allowed")
        if found := re.fullmatch(r"/upload/([0-9a-f]+)", url.path):
            content = self.body()
            if hashlib.sha256(content).hexdigest() != found[1]:
                raise RefusedError(400, "", "BadDigest")
            self.hub.lfs[found[1]] = content
            self.answer(200)
        elif found := re.fullmatch(r"/part/([0-9a-f]+)/(\d+)", url.path):
            content = self.body()
            self.hub.parts[found[1]][int(found[2])] = content
            etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
            self.answer(200, b"", {"ETag": f'"{etag}"'})
        else:
            sha256 = url.path.removeprefix("/")
            content = self.hub.lfs.get(sha256)
            if content is None:
                raise RefusedError(403, "", "no such object")
            name = parse_qs(url.query).get("name", [sha256])[0]
            self.send_content(name, content, {"ETag": f'"{sha256}"'})
