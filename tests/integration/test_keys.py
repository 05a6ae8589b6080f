"""API keys: who gets in, with what, and that no secret is ever written down."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from hub_client import DEFAULT_MODEL, HubProcess, Json
from support.gguf_files import write_llama

ORIGIN = "https://app.example.org"
COMPLETION = {"model": DEFAULT_MODEL, "prompt": "Hello", "max_tokens": 2}


def cli(
    build_dir: Path, data_dir: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [build_dir / "mlx-hub", *arguments, "--data-dir", data_dir],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "MLX_HUB_API_KEY": "", **environment},
    )


def new_key(build_dir: Path, data_dir: Path, name: str, scope: str, **environment: str) -> str:
    done = cli(
        build_dir, data_dir, "keys", "create", "--name", name, "--scope", scope, **environment
    )
    assert done.returncode == 0, done.stderr
    secret = done.stdout.strip()
    assert secret.startswith("mh-")
    assert len(secret) == 46
    assert secret not in done.stderr
    return secret


@dataclass
class Keyed:
    """A hub that others can reach, and one key of each scope."""

    hub: HubProcess
    build_dir: Path
    secrets: dict[str, str]

    def call(
        self, method: str, path: str, key: str | None = None, **options: Any
    ) -> httpx.Response:
        headers: dict[str, str] = options.pop("headers", {})
        if key is not None:
            headers = {"Authorization": f"Bearer {self.secrets[key]}", **headers}
        return httpx.request(method, self.hub.url + path, headers=headers, timeout=120, **options)


@pytest.fixture(scope="module")
def keyed(build_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    data_dir = tmp_path_factory.mktemp("keyed")
    secrets = {"admin": new_key(build_dir, data_dir, "admin", "admin")}
    arguments = (
        "--host", "0.0.0.0",  # noqa: S104
        "--allowed-origins", ORIGIN,
        "--allowed-hosts", "hub.example.org",
    )  # fmt: skip
    process = HubProcess(build_dir, data_dir, arguments)
    process.start()
    try:
        for scope in ("read", "infer", "train"):
            secrets[scope] = new_key(
                build_dir, data_dir, scope, scope, MLX_HUB_API_KEY=secrets["admin"]
            )
        yield Keyed(process, build_dir, secrets)
    finally:
        process.stop()


def error_of(answer: httpx.Response, status: int) -> Json:
    assert answer.status_code == status, answer.text
    error: Json = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


def test_beyond_loopback_it_starts_only_with_an_admin_key(build_dir: Path, tmp_path: Path) -> None:
    serve = ("serve", "--host", "0.0.0.0", "--port", "0")  # noqa: S104
    refused = cli(build_dir, tmp_path, *serve)
    assert refused.returncode != 0
    assert "keys create" in refused.stderr
    new_key(build_dir, tmp_path, "reader", "read")
    again = cli(build_dir, tmp_path, *serve)
    assert again.returncode != 0
    assert "scope admin" in again.stderr


def test_the_published_address_is_this_machines(keyed: Keyed) -> None:
    assert keyed.hub.url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("path", ["/models", "/v1/models", "/events", "/keys", "/system"])
def test_without_a_key_nothing_is_told(keyed: Keyed, path: str) -> None:
    answer = keyed.call("GET", path)
    error = error_of(answer, 401)
    assert error["type"] == "authentication_error"
    assert error["code"] == "missing_api_key"
    assert answer.headers["www-authenticate"] == 'Bearer realm="mlx-hub"'


def test_health_is_open(keyed: Keyed) -> None:
    for path in ("/healthz", "/readyz", "/openapi.json"):
        assert keyed.call("GET", path).status_code == 200


def test_an_unknown_key_is_refused_without_being_repeated(keyed: Keyed) -> None:
    wrong = "mh-" + "A" * 43
    answer = keyed.call("GET", "/models", headers={"Authorization": f"Bearer {wrong}"})
    error = error_of(answer, 401)
    assert error["code"] == "invalid_api_key"
    assert "AAAA" not in answer.text
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_a_refused_upload_is_not_read(keyed: Keyed) -> None:
    files = {"file": ("x.jsonl", b'{"text":"a"}\n' * 100_000)}
    error = error_of(keyed.call("POST", "/datasets", "read", files=files), 403)
    assert error["type"] == "permission_error"
    assert error["code"] == "insufficient_scope"
    assert "scope train" in error["message"]
    assert list((keyed.hub.data_dir / "uploads").iterdir()) == []


def test_each_scope_does_its_work(keyed: Keyed) -> None:
    assert keyed.call("GET", "/models", "read").status_code == 200
    assert keyed.call("GET", "/models", "infer").status_code == 403
    assert keyed.call("GET", "/v1/models", "infer").status_code == 200
    assert keyed.call("POST", "/v1/completions", "infer", json=COMPLETION).status_code == 200
    assert keyed.call("POST", "/v1/completions", "train", json=COMPLETION).status_code == 403
    anthropic = keyed.call("GET", "/models", headers={"X-Api-Key": keyed.secrets["train"]})
    assert anthropic.status_code == 200
    assert keyed.call("PATCH", "/settings", "train", json={}).status_code == 403
    assert keyed.call("GET", "/keys", "train").status_code == 403
    assert keyed.call("GET", "/keys", "admin").status_code == 200


def test_a_revoked_key_is_out_at_once(keyed: Keyed) -> None:
    body = {"name": "short", "scopes": ["read"]}
    made = keyed.call("POST", "/keys", "admin", json=body)
    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    headers = {"Authorization": f"Bearer {made.json()['secret']}"}
    assert keyed.call("GET", "/models", headers=headers).status_code == 200
    used = [
        one for one in keyed.call("GET", "/keys", "admin").json()["data"] if one["name"] == "short"
    ]
    assert used[0]["last_used_at"] is not None
    done = cli(
        keyed.build_dir, keyed.hub.data_dir, "keys", "revoke", "short",
        MLX_HUB_API_KEY=keyed.secrets["admin"],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert error_of(keyed.call("GET", "/models", headers=headers), 401)["code"] == "invalid_api_key"


def test_the_last_admin_stays(keyed: Keyed) -> None:
    error = error_of(keyed.call("DELETE", "/keys/admin", "admin"), 409)
    assert error["code"] == "last_admin_key"


def test_the_audit_log_tells_who_did_what(keyed: Keyed) -> None:
    answer = keyed.call("DELETE", "/datasets/none", "train")
    assert answer.status_code == 404
    refused = keyed.call("DELETE", "/models/none", "read")
    assert refused.status_code == 403
    log = keyed.call("GET", "/audit", "admin").json()["data"]
    by_request = {entry["request_id"]: entry for entry in log}
    entry = by_request[answer.headers["x-request-id"]]
    assert entry["actor"]["name"] == "train"
    assert entry["route"] == "/datasets/{id}"
    assert entry["status"] == 404
    entry = by_request[refused.headers["x-request-id"]]
    assert (entry["actor"]["name"], entry["status"]) == ("read", 403)


def test_a_call_that_a_kill_cuts_off_stays_in_the_audit_log(
    build_dir: Path, tmp_path: Path
) -> None:
    """The entry is written before the change, so that nobody's change is ever without one."""
    (tmp_path / "data").mkdir()
    file = tmp_path / "large.gguf"
    write_llama(file, {}, more_tokens=100_000)
    process = HubProcess(build_dir, tmp_path / "data", ("--allow-path", str(tmp_path)))
    with process:
        body = {"name": "cut", "base_model": str(file)}
        with ThreadPoolExecutor(1) as pool:
            call = pool.submit(httpx.post, f"{process.url}/models", json=body, timeout=60)
            deadline = time.monotonic() + 30
            begun: list[Any] = []
            while not begun:
                assert not call.done() and time.monotonic() < deadline
                log = httpx.get(f"{process.url}/audit").json()["data"]
                begun = [entry for entry in log if entry["status"] == 102]
            os.kill(process.pid, signal.SIGKILL)
            with pytest.raises(httpx.TransportError):
                call.result()
        process.start()
        entry = httpx.get(f"{process.url}/audit").json()["data"][0]
        assert (entry["route"], entry["status"], entry["id"]) == ("/models", 102, begun[0]["id"])
        assert httpx.get(f"{process.url}/models/cut").status_code == 404
        assert httpx.post(f"{process.url}/models", json=body, timeout=60).status_code == 201
        assert httpx.get(f"{process.url}/audit").json()["data"][0]["status"] == 201


def test_addresses_and_allowed_names_are_answered_others_not(keyed: Keyed) -> None:
    for host in ("192.0.2.7:8000", "[2001:db8::1]:80", "hub.example.org", "localhost"):
        assert keyed.call("GET", "/healthz", headers={"Host": host}).status_code == 200, host
    for host in ("evil.example.org", "192.0.2.7.evil.org", "hub.example.org.evil.org"):
        answer = keyed.call("GET", "/healthz", headers={"Host": host})
        assert error_of(answer, 403)["code"] == "host_not_allowed"


def test_pages_of_allowed_origins_may_call(keyed: Keyed) -> None:
    preflight = keyed.call(
        "OPTIONS",
        "/v1/completions",
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type, x-stainless-os",
        },
    )
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "x-stainless-os" in preflight.headers["access-control-allow-headers"]
    assert "Origin" in preflight.headers["vary"]
    for key, status in (("infer", 200), (None, 401)):
        answer = keyed.call(
            "POST", "/v1/completions", key, json=COMPLETION, headers={"Origin": ORIGIN}
        )
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "X-Request-Id" in answer.headers["access-control-expose-headers"]
    streamed = keyed.call(
        "POST", "/v1/completions", "infer",
        json={**COMPLETION, "stream": True}, headers={"Origin": ORIGIN},
    )  # fmt: skip
    assert streamed.headers["access-control-allow-origin"] == ORIGIN


def test_pages_of_other_origins_may_not(keyed: Keyed) -> None:
    headers = {"Origin": "https://evil.example.org", "Access-Control-Request-Method": "POST"}
    preflight = keyed.call("OPTIONS", "/v1/completions", headers=headers)
    assert not [name for name in preflight.headers if name.startswith("access-control")]
    looked = keyed.call("GET", "/models", "read", headers=headers)
    assert "access-control-allow-origin" not in looked.headers
    sent = keyed.call("POST", "/v1/completions", "infer", json=COMPLETION, headers=headers)
    assert error_of(sent, 403)["code"] == "origin_not_allowed"


def test_the_command_line_sends_its_key(keyed: Keyed) -> None:
    data_dir = keyed.hub.data_dir
    without = cli(keyed.build_dir, data_dir, "models")
    assert without.returncode != 0
    assert "MLX_HUB_API_KEY" in without.stderr
    key = keyed.secrets["read"]
    assert cli(keyed.build_dir, data_dir, "models", MLX_HUB_API_KEY=key).returncode == 0
    (data_dir / "config.toml").write_text(f'api_key = "{key}"\n')
    try:
        assert cli(keyed.build_dir, data_dir, "models").returncode == 0
    finally:
        (data_dir / "config.toml").unlink()


def test_keys_are_listed_and_revoked_without_a_server(build_dir: Path, tmp_path: Path) -> None:
    secret = new_key(build_dir, tmp_path, "first", "read")
    twice = cli(build_dir, tmp_path, "keys", "create", "--name", "first", "--scope", "read")
    assert twice.returncode != 0
    assert "'first' exists already" in twice.stderr
    wrong = cli(build_dir, tmp_path, "keys", "create", "--name", "x", "--scope", "root")
    assert "read, infer, train or admin" in wrong.stderr
    table = cli(build_dir, tmp_path, "keys", "list").stdout
    assert secret[:7] in table
    assert secret not in table
    revoked = cli(build_dir, tmp_path, "keys", "revoke", "first", "--json")
    assert revoked.returncode == 0, revoked.stderr
    with HubProcess(build_dir, tmp_path) as process:
        log = httpx.get(f"{process.url}/audit").json()["data"]
    actors = [(entry["actor"]["name"], entry["method"], entry["status"]) for entry in log]
    assert actors == [("data folder", "DELETE", 204), ("data folder", "POST", 201)]
    listed = json.loads(cli(build_dir, tmp_path, "keys", "list", "--json").stdout)["data"]
    assert [(key["name"], key["state"]) for key in listed] == [("first", "revoked")]
    assert cli(build_dir, tmp_path, "keys", "revoke", "first").returncode != 0


def test_streams_hold_a_thread_each_and_the_limit_is_said(build_dir: Path, tmp_path: Path) -> None:
    """As many open streams as max_handlers: others wait their turn and are told; with the default there is room."""
    for limit, streams, status in (("4", 4, 503), ("256", 100, 200)):
        folder = tmp_path / limit
        folder.mkdir()
        process = HubProcess(build_dir, folder, ("--max-handlers", limit))
        process.start()
        try:
            with contextlib.ExitStack() as stack:
                client = stack.enter_context(
                    httpx.Client(timeout=30, limits=httpx.Limits(max_connections=200))
                )
                for _ in range(streams):
                    answer = stack.enter_context(client.stream("GET", f"{process.url}/events"))
                    assert answer.status_code == 200
                assert client.get(f"{process.url}/models").status_code == status
        finally:
            process.stop()


def test_on_loopback_keys_are_a_setting(own_hub: HubProcess, build_dir: Path) -> None:
    url = own_hub.url
    assert httpx.get(f"{url}/models").status_code == 200
    headers = {"Authorization": "Bearer not-needed"}
    assert httpx.get(f"{url}/v1/models", headers=headers).status_code == 200
    refused = httpx.patch(f"{url}/settings", json={"require_keys": True})
    assert error_of(refused, 409)["code"] == "no_admin_key"
    secret = new_key(build_dir, own_hub.data_dir, "admin", "admin")
    assert httpx.patch(f"{url}/settings", json={"require_keys": True}).status_code == 200
    assert httpx.get(f"{url}/models").status_code == 401
    assert httpx.get(f"{url}/models", headers=headers).status_code == 401
    own_hub.restart()
    assert httpx.get(f"{own_hub.url}/models").status_code == 401
    good = {"Authorization": f"Bearer {secret}"}
    changed = httpx.patch(f"{own_hub.url}/settings", json={"require_keys": None}, headers=good)
    assert changed.status_code == 200
    assert httpx.get(f"{own_hub.url}/models").status_code == 200


def test_workers_do_not_inherit_a_key(build_dir: Path, tmp_path: Path) -> None:
    """A shell that has MLX_HUB_API_KEY set for the command line starts the server, too."""
    process = HubProcess(build_dir, tmp_path, (), {"MLX_HUB_API_KEY": "mh-of-the-shell"})
    process.start()
    try:
        answer = httpx.post(f"{process.url}/v1/completions", json=COMPLETION, timeout=120)
        assert answer.status_code == 200
        engine = httpx.get(f"{process.url}/engines").json()["data"][0]
        environment = Path(f"/proc/{engine['pid']}/environ")
        if environment.exists():
            assert b"mh-of-the-shell" not in environment.read_bytes()
    finally:
        process.stop()


def test_no_secret_is_written_anywhere(keyed: Keyed) -> None:
    """After everything above: logs of the hub and its engine, database, events, whatever lies in the folder."""
    engine = keyed.call("POST", "/v1/completions", "infer", json=COMPLETION)
    assert engine.status_code == 200
    events = keyed.call("GET", "/audit?limit=200", "admin").text
    files = [path for path in keyed.hub.data_dir.rglob("*") if path.is_file()]
    assert any(path.parent.name == "logs" for path in files), "the engine has a log"
    assert "request_refused" in keyed.hub.log
    for secret in keyed.secrets.values():
        assert secret not in events
        for part in (secret, secret[8:]):
            for path in files:
                assert part.encode() not in path.read_bytes(), path
