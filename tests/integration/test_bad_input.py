"""Bad input is answered with a clear error in the one error form; nothing crashes and nothing is lost."""

from __future__ import annotations

import json
import shutil
import socket
import struct
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hub_client import DEFAULT_MODEL, HubClient, HubProcess, Json
from package_files import cache_folder

HELLO = [{"role": "user", "content": "Hello"}]
CHAT = {"model": DEFAULT_MODEL, "messages": HELLO, "max_tokens": 1}
JOB = {"type": "finetune", "model": DEFAULT_MODEL, "dataset": "none"}


def error_of(client: HubClient, method: str, path: str, status: int, **options: Any) -> Json:
    answer = client.request(method, path, **options)
    assert answer.status_code == status, f"{answer.status_code} {answer.text[:300]}"
    error: Json = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert answer.headers["x-request-id"]
    return error


@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/completions", "/models", "/jobs", "/evaluations"]
)
@pytest.mark.parametrize(
    "body", ["", "{", '{"model": nope}', "[]", "3", '"text"', "\xff\xfe", "{}"]
)
def test_a_body_that_is_no_json_object(client: HubClient, path: str, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    error = error_of(client, "POST", path, 400, content=body.encode("latin-1"), headers=headers)
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "nobody", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": 3, "content": "x"}]}, "messages[0].role"),
        ({"model": 3}, "model"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"temperature": -0.5}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"top_k": -3}, "top_k"),
        ({"min_p": 2}, "min_p"),
        ({"stop": 5}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"seed": "x"}, "seed"),
    ],
)
def test_wrong_values_are_named(client: HubClient, change: Json, param: str) -> None:
    error = error_of(client, "POST", "/v1/chat/completions", 400, json={**CHAT, **change})
    assert error["param"] == param
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "name", ["no-such-model", f"{DEFAULT_MODEL}:99", f"{DEFAULT_MODEL}+nothing", "../../etc"]
)
def test_an_unknown_model_is_404_and_never_downloaded(client: HubClient, name: str) -> None:
    error = error_of(client, "POST", "/v1/chat/completions", 404, json={**CHAT, "model": name})
    assert error["code"] == "model_not_found"
    assert name.split(":")[0].split("+")[-1] in error["message"]


def test_a_prompt_longer_than_the_context(client: HubClient) -> None:
    messages = [{"role": "user", "content": "one two three " * 4000}]
    error = error_of(
        client, "POST", "/v1/chat/completions", 400, json={**CHAT, "messages": messages}
    )
    assert error["code"] == "context_length_exceeded"
    assert "8192" in error["message"]


def test_token_ids_outside_the_vocabulary(client: HubClient) -> None:
    body = {"model": DEFAULT_MODEL, "prompt": [1, 10**6], "max_tokens": 1}
    error_of(client, "POST", "/v1/completions", 400, json=body)


def test_a_huge_body_is_refused(client: HubClient) -> None:
    messages = [{"role": "user", "content": "x" * (9 * 2**20)}]
    error_of(client, "POST", "/v1/chat/completions", 413, json={**CHAT, "messages": messages})


def test_unknown_routes_and_methods(client: HubClient) -> None:
    error_of(client, "GET", "/no/such/route", 404)
    answer = client.request("DELETE", "/v1/chat/completions")
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        ({"model": "no-such-model"}, 404, "no-such-model"),
        ({"dataset": "no-such-data"}, 404, "no-such-data"),
        ({"type": "paint"}, 400, "type"),
        ({"params": {"rank": 0}}, 400, "rank"),
        ({"params": {"rank": "big"}}, 400, "rank"),
        ({"params": {"learning_rate": -1}}, 400, "learning_rate"),
        ({"params": {"epochs": -2}}, 400, "epochs"),
        ({"params": {"no_such_setting": 1}}, 400, "no_such_setting"),
        ({"no_such_field": 1}, 400, "no_such_field"),
    ],
)
def test_a_job_that_cannot_work_is_refused_at_once(
    client: HubClient, change: Json, status: int, word: str
) -> None:
    before = client.call("GET", "/jobs")["data"]
    error = error_of(client, "POST", "/jobs", status, json={**JOB, **change})
    assert word in error["message"]
    assert client.call("GET", "/jobs")["data"] == before


def upload(client: HubClient, name: str, text: str) -> Any:
    return client.request(
        "POST", "/datasets", data={"name": name}, files={"file": ("data.jsonl", text.encode())}
    )


ROW = json.dumps({"messages": [*HELLO, {"role": "assistant", "content": "Hi"}]})


@pytest.mark.parametrize(
    "broken",
    [
        '{"messages": [',
        '{"messages": "text"}',
        '{"nothing": 1}',
        '{"messages": [{"role": "user"}]}',
        "\xff",
    ],
)
def test_a_broken_line_of_a_data_set_is_named(client: HubClient, broken: str) -> None:
    name = f"broken-{abs(hash(broken))}"
    answer = client.request(
        "POST",
        "/datasets",
        data={"name": name},
        files={"file": ("data.jsonl", f"{ROW}\n{broken}\n{ROW}\n".encode("latin-1"))},
    )
    assert answer.status_code in {400, 422}, answer.text[:300]
    assert "2" in answer.json()["error"]["message"]
    assert client.request("GET", f"/datasets/{name}").status_code == 404


def test_an_empty_data_set_is_refused(client: HubClient) -> None:
    assert upload(client, "empty", "").status_code in {400, 422}


def test_a_name_is_taken_once(client: HubClient) -> None:
    assert upload(client, "taken", f"{ROW}\n").status_code == 201
    assert upload(client, "taken", f"{ROW}\n").status_code == 409
    body = {"name": DEFAULT_MODEL, "base_model": DEFAULT_MODEL}
    assert client.request("POST", "/models", json=body).status_code == 409


@pytest.mark.parametrize(
    "name", ["", ".", "../up", "a/b", "a:b", "a@b", "a+b", "x" * 101, "-dash", "naïve"]
)
def test_names_that_are_none(client: HubClient, name: str) -> None:
    error_of(client, "POST", "/models", 400, json={"name": name, "base_model": DEFAULT_MODEL})


@pytest.mark.parametrize("path", ["/etc/passwd", "../../etc/passwd", "/proc/self/environ"])
def test_paths_outside_the_allowed_roots_are_refused(client: HubClient, path: str) -> None:
    answer = client.request("POST", "/datasets", json={"name": "outside", "path": path})
    assert answer.status_code in {400, 403}, answer.text
    assert "root:" not in answer.text
    answer = client.request("POST", "/models", json={"name": "outside", "base_model": path})
    assert answer.status_code in {400, 403}, answer.text


def copy_of_default_model(target: Path) -> Path:
    shutil.copytree(cache_folder() / "models" / DEFAULT_MODEL, target)
    return target


def serve_folder(own_hub: HubProcess, folder: Path) -> Json:
    """The error that registering the folder, or the first request for it, is answered with."""
    client = HubClient(own_hub.url)
    answer = client.request("POST", "/models", json={"name": "corrupt", "base_model": str(folder)})
    if answer.is_success:
        answer = client.request("POST", "/v1/chat/completions", json={**CHAT, "model": "corrupt"})
    assert not answer.is_success
    assert answer.status_code < 500 or answer.status_code == 503, answer.text
    error: Json = answer.json()["error"]
    # The hub goes on: its own model answers.
    assert client.chat(DEFAULT_MODEL, "Hello", max_tokens=1) is not None
    client.close()
    return error


def test_a_truncated_safetensors_is_refused(own_hub: HubProcess) -> None:
    folder = copy_of_default_model(own_hub.data_dir / "imports" / "truncated")
    weights = folder / "model.safetensors"
    with weights.open("r+b") as file:
        file.truncate(weights.stat().st_size // 2)
    assert "model.safetensors" in serve_folder(own_hub, folder)["message"]


def test_a_safetensors_with_a_wild_header_is_refused(own_hub: HubProcess) -> None:
    folder = copy_of_default_model(own_hub.data_dir / "imports" / "wild")
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2**60) + b"{" * 1000)
    assert "model.safetensors" in serve_folder(own_hub, folder)["message"]


def test_missing_tensors_are_named(own_hub: HubProcess) -> None:
    folder = copy_of_default_model(own_hub.data_dir / "imports" / "missing")
    config = json.loads((folder / "config.json").read_text())
    config["num_hidden_layers"] += 1
    (folder / "config.json").write_text(json.dumps(config))
    message = serve_folder(own_hub, folder)["message"]
    assert "'num_hidden_layers' is 31, but the tensors are of 30 layers" in message


def test_a_model_folder_without_config_is_refused(own_hub: HubProcess) -> None:
    folder = own_hub.data_dir / "imports" / "empty"
    folder.mkdir(parents=True)
    assert "config.json" in serve_folder(own_hub, folder)["message"]


def test_a_client_that_hangs_up_frees_its_place(client: HubClient, hub: HubProcess) -> None:
    """Sixteen clients ask for long answers and hang up; a seventeenth is answered at once."""
    body = json.dumps({**CHAT, "max_tokens": 2000, "stream": True}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode()
    host, port = hub.url.removeprefix("http://").rsplit(":", 1)
    sockets = [
        socket.create_connection((host.strip("[]"), int(port)), timeout=30) for _ in range(16)
    ]
    for connection in sockets:
        connection.sendall(head + body)
    for connection in sockets:
        connection.recv(16)
        connection.close()
    started = time.monotonic()
    client.chat(DEFAULT_MODEL, "Hello", max_tokens=4)
    assert time.monotonic() - started < 30


def test_half_a_request_disturbs_nobody(client: HubClient, hub: HubProcess) -> None:
    host, port = hub.url.removeprefix("http://").rsplit(":", 1)
    with socket.create_connection((host.strip("[]"), int(port)), timeout=5) as connection:
        connection.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
        )
        assert client.chat(DEFAULT_MODEL, "Hello", max_tokens=1) is not None


def test_garbage_on_the_port_disturbs_nobody(client: HubClient, hub: HubProcess) -> None:
    host, port = hub.url.removeprefix("http://").rsplit(":", 1)
    for garbage in (
        b"\x16\x03\x01\x02\x00" + bytes(64),
        b"GET\r\n\r\n",
        b"A" * 100_000,
        b"\r\n" * 100,
    ):
        with socket.create_connection((host.strip("[]"), int(port)), timeout=5) as connection:
            connection.sendall(garbage)
    assert client.request("GET", "/healthz").is_success


def test_several_clients_share_the_engine(client: HubClient, hub: HubProcess) -> None:
    """Nobody waits for another's whole answer: a short request ends while a long one streams."""
    client.chat(DEFAULT_MODEL, "Hello", max_tokens=1)
    ended: dict[str, float] = {}

    def ask(name: str, tokens: int) -> None:
        one = HubClient(hub.url)
        one.call(
            "POST",
            "/v1/completions",
            # With this seed the model does not end by itself.
            json={"model": DEFAULT_MODEL, "prompt": "One, two,", "max_tokens": tokens, "seed": 1},
        )
        ended[name] = time.monotonic()
        one.close()

    long = threading.Thread(target=ask, args=("long", 300))
    long.start()
    time.sleep(0.3)
    ask("short", 4)
    long.join()
    assert ended["short"] < ended["long"]
