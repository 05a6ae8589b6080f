"""MLflow as others run it: with log-in, TLS and an S3 store, and what happens where one of them is wrong."""

from __future__ import annotations

import base64
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from hub_client import DEFAULT_MODEL, HubClient, HubProcess
from mlflow_server import MlflowServer
from support.http_proxy import Certificates, HttpProxy, make_certificates
from support.mlflow_checks import artifacts, files_of, read_back, wait_for, wait_until_told
from support.registry_models import register, write_model
from support.s3_store import S3Store
from tiny_models import TinyShape, make_tiny_model
from training_job import free_port

USER, PASSWORD, WRONG, TOKEN = "admin", "correct-horse-battery", "wr0ng-horse", "t0ken-of-mine"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
PART = 5 << 20  # the least that S3 takes


@dataclass
class Remote:
    """MLflow's basic-auth app on an S3 store; `door` is TLS before it, `store` S3 with faults."""

    certificates: Certificates
    door: HttpProxy
    store: HttpProxy
    s3: S3Store
    refused_parts: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    takes_token: bool = False

    def client(self) -> dict[str, str]:
        """For MLflow's own client."""
        return {
            "MLFLOW_TRACKING_USERNAME": USER,
            "MLFLOW_TRACKING_PASSWORD": PASSWORD,
            "MLFLOW_TRACKING_SERVER_CERT_PATH": str(self.certificates.ca),
        }

    def look_at_door(self, _method: str, _path: str, headers: dict[str, str]) -> int | None:
        """MLflow knows no tokens: whoever has ours is let in under its name."""
        if self.takes_token:
            if headers.get("authorization") != f"Bearer {TOKEN}":
                return 401
            headers["authorization"] = BASIC
        return None

    def look_at_store(self, method: str, path: str, _headers: dict[str, str]) -> int | None:
        """The next status that a part is refused with."""
        number = path.partition("partNumber=")[2].partition("&")[0]
        statuses = self.refused_parts.get(number, [])
        return statuses.pop(0) if method == "PUT" and number and statuses else None

    def parts_sent(self) -> int:
        return sum(
            method == "PUT" and "partNumber=" in path for method, path in self.store.requests
        )


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    folder = tmp_path_factory.mktemp("remote")
    certificates = make_certificates(folder / "certificates")
    settings = folder / "auth.ini"
    settings.write_text(
        "[mlflow]\n"
        "default_permission = READ\n"
        f"database_uri = sqlite:///{folder / 'auth.db'}\n"
        f"admin_username = {USER}\n"
        f"admin_password = {PASSWORD}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        "auth_cache_ttl_seconds = 60\n"
    )
    with ExitStack() as stack:
        s3 = stack.enter_context(S3Store(folder / "s3.log"))
        store = stack.enter_context(HttpProxy(s3.host))
        server = MlflowServer(
            folder / "mlflow",
            free_port(),
            f"s3://{s3.bucket}/artifacts",
            ("--app-name", "basic-auth"),
            {
                "MLFLOW_S3_ENDPOINT_URL": store.url,
                "AWS_ACCESS_KEY_ID": "nobody",
                "AWS_SECRET_ACCESS_KEY": "checks",
                "AWS_DEFAULT_REGION": "us-east-1",
                "MLFLOW_AUTH_CONFIG_PATH": str(settings),
                "MLFLOW_FLASK_SERVER_SECRET_KEY": "of the tests",
            },
        )
        stack.enter_context(server)
        door = stack.enter_context(HttpProxy(f"127.0.0.1:{server.port}", certificates))
        found = Remote(certificates, door, store, s3)
        door.look = found.look_at_door
        store.look = found.look_at_store
        yield found


def hub_of(build_dir: Path, remote: Remote, data: Path, **variables: str) -> HubProcess:
    data.mkdir(exist_ok=True)
    default = data.parent / f"{data.name}-default"
    if not default.exists():
        write_model(default, shards=1)
    return HubProcess(
        build_dir,
        data,
        ("--mlflow-uri", remote.door.url, "--default-model", str(default)),
        {"SSL_CERT_FILE": "", "MLX_HUB_MLFLOW_PART_BYTES": str(PART), **variables},
    )


def trusting(remote: Remote) -> dict[str, str]:
    return {"MLX_HUB_MLFLOW_CA_FILE": str(remote.certificates.ca)}


def status(build_dir: Path, hub: HubProcess) -> str:
    """What `mlx-hub mlflow status` prints."""
    done = subprocess.run(
        [build_dir / "mlx-hub", "mlflow", "status", "--server", hub.url],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def assert_kept_secret(data: Path, said: list[str], secrets: list[str]) -> None:
    """Neither what was said nor anything in the data folder (log, database with its events) holds a secret."""
    files = [file for file in data.rglob("*") if file.is_file()]
    assert any(file.name == "serve.log" for file in files)
    assert any(file.name == "hub.db" for file in files)
    for secret in secrets:
        for text in said:
            assert secret not in text
        for file in files:
            assert secret.encode() not in file.read_bytes(), file.name


def test_the_hub_waits_for_the_right_certificate_and_the_right_password(
    build_dir: Path, remote: Remote, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    said: list[str] = []

    def look(hub: HubProcess, api: HubClient) -> str:
        text = status(build_dir, hub)
        said.extend((text, str(api.call("GET", "/system"))))
        return text

    wrong = make_certificates(tmp_path / "another")
    with hub_of(build_dir, remote, data, MLX_HUB_MLFLOW_CA_FILE=str(wrong.ca)) as hub:
        api = HubClient(hub.url)
        register(api, "patient", write_model(data / "imports" / "patient", shards=1))
        state = wait_for(api, lambda now: now["state"] == "unreachable" and now["waiting"] == 2)
        assert f"{remote.door.url} cannot be trusted" in state["error"]
        assert "cannot be trusted" in look(hub, api)
        assert state["verified"]
        api.close()
    assert remote.door.requests == []  # not a byte of a request

    variables = {
        "MLFLOW_TRACKING_SERVER_CERT_PATH": str(remote.certificates.ca),
        "MLFLOW_TRACKING_USERNAME": USER,
    }
    with hub_of(build_dir, remote, data, **variables, MLFLOW_TRACKING_PASSWORD=WRONG) as hub:
        api = HubClient(hub.url)
        state = wait_for(api, lambda now: now["state"] == "unreachable" and now["waiting"] == 2)
        assert "401" in state["error"]
        assert "401" in look(hub, api)
        api.close()

    # The certificates may also be the whole process's.
    variables = {
        "SSL_CERT_FILE": str(remote.certificates.ca),
        "MLFLOW_TRACKING_USERNAME": USER,
        "MLFLOW_TRACKING_PASSWORD": PASSWORD,
    }
    with hub_of(build_dir, remote, data, **variables) as hub:
        api = HubClient(hub.url)
        assert wait_until_told(api)["refused"] == 0
        look(hub, api)
        api.close()
    there = read_back(remote.door.url, remote.client())
    assert len(there["models"]["patient"]["versions"]) == 1
    assert_kept_secret(data, said, [PASSWORD, WRONG, BASIC.removeprefix("Basic ")])


def test_a_token_instead_of_a_password_and_a_certificate_that_nobody_looks_at(
    build_dir: Path, remote: Remote, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    variables = {"MLX_HUB_MLFLOW_INSECURE_TLS": "on", "MLX_HUB_MLFLOW_TOKEN": TOKEN}
    remote.takes_token = True
    try:
        with hub_of(build_dir, remote, data, **variables) as hub:
            api = HubClient(hub.url)
            register(api, "bearer", write_model(data / "imports" / "bearer", shards=1))
            assert wait_until_told(api)["verified"] is False
            text = status(build_dir, hub)
            assert "its certificate is not looked at" in text
            assert "mlflow_not_verified" in hub.log
            said = [text, str(api.call("GET", "/system"))]
            api.close()
    finally:
        remote.takes_token = False
    assert_kept_secret(data, said, [TOKEN])
    there = read_back(remote.door.url, remote.client())
    assert len(there["models"]["bearer"]["versions"]) == 1


def test_what_the_user_may_not_change_there_is_one_models_affair(
    build_dir: Path, remote: Remote, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    admin = httpx.Client(
        base_url=f"{remote.door.url}/api/2.0/mlflow",
        auth=(USER, PASSWORD),
        verify=ssl.create_default_context(cafile=str(remote.certificates.ca)),
    )
    guest = {"username": "guest", "password": "of-the-house-tonight"}
    admin.post("/users/create", json=guest).raise_for_status()
    for name in ("theirs", DEFAULT_MODEL):  # the latter may be there from another hub
        admin.post("/registered-models/create", json={"name": name})
    admin.close()
    variables = {
        "MLX_HUB_MLFLOW_USERNAME": guest["username"],
        "MLX_HUB_MLFLOW_PASSWORD": guest["password"],
        "MLX_HUB_MLFLOW_EXPERIMENT": "of guests",
    }
    with hub_of(build_dir, remote, data, **trusting(remote), **variables) as hub:
        api = HubClient(hub.url)
        for name in ("theirs", "mine"):
            register(api, name, write_model(data / "imports" / name, shards=1))
        state = wait_for(api, lambda now: now["refused"] == 2 and now["waiting"] == 2)
        assert state["state"] == "connected"
        assert "403" in state["data"][0]["error"]
        assert api.call("GET", "/models/mine")["mlflow"]["state"] == "synced"
        assert api.call("GET", "/models/theirs")["mlflow"]["state"] == "refused"
        api.close()


def test_large_files_go_in_parts_and_a_part_that_fails_is_sent_again(
    build_dir: Path, remote: Remote, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    variables = {"MLX_HUB_MLFLOW_USERNAME": USER, "MLX_HUB_MLFLOW_PASSWORD": PASSWORD}
    with hub_of(build_dir, remote, data, **trusting(remote), **variables) as hub:
        api = HubClient(hub.url)
        wait_until_told(api)
        assert remote.parts_sent() == 0  # small files go whole
        large = make_tiny_model(data / "imports" / "large", TinyShape(bits=0), seed=1)
        size = (large / "model.safetensors").stat().st_size
        parts = -(-size // PART)
        assert parts >= 3

        remote.refused_parts = {"2": [503, 503]}
        register(api, "large", large)
        assert wait_until_told(api)["refused"] == 0
        assert remote.parts_sent() == parts + 2
        files = files_of(api, "large")
        got = artifacts(remote.door.url, "models:/large/1", remote.client())
        assert {name: got[name] for name in files} == files

        # For good: what was begun is taken back, and the object waits.
        remote.refused_parts = {"2": [403]}
        other = make_tiny_model(data / "imports" / "other", TinyShape(bits=0), seed=2)
        register(api, "other", other)
        state = wait_for(api, lambda now: now["refused"] == 1)
        assert "the store behind MLflow refused part 2" in state["data"][0]["error"]
        assert remote.s3.unfinished_uploads() == 0
        register(api, "meanwhile", write_model(data / "imports" / "meanwhile", shards=1))
        wait_for(api, lambda now: now["waiting"] == 1)  # others do not wait for it
        api.call("POST", "/mlflow/retry")
        assert wait_until_told(api)["refused"] == 0
        assert remote.s3.unfinished_uploads() == 0
        files = files_of(api, "other")
        got = artifacts(remote.door.url, "models:/other/1", remote.client())
        assert {name: got[name] for name in files} == files
        there = read_back(remote.door.url, remote.client())
        assert {name: len(there["models"][name]["versions"]) for name in ("large", "other")} == {
            "large": 1,
            "other": 1,
        }
        api.close()
