"""TLS by certificate files: stock clients that trust the certificate, and whatever else calls."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from hub_client import DEFAULT_MODEL, HubProcess
from support.certificates import write_certificate

QUESTION: dict[str, Any] = {
    "model": DEFAULT_MODEL,
    "messages": [{"role": "user", "content": "Hello"}],
    "max_tokens": 4,
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("https"))


@pytest.fixture(scope="module")
def secure(
    build_dir: Path, certificate: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HubProcess]:
    arguments = ("--tls-cert", str(certificate), "--tls-key", str(certificate.with_name("key.pem")))
    process = HubProcess(build_dir, tmp_path_factory.mktemp("secure"), arguments)
    process.start()
    yield process
    assert process.is_alive(), process.log[-3000:]
    process.stop()


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


def port_of(process: HubProcess) -> int:
    return int(process.url.rsplit(":", 1)[1])


def connect(process: HubProcess, context: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", port_of(process)), timeout=30)
    return context.wrap_socket(plain, server_hostname="127.0.0.1")


def curl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["curl", "-sS", "--noproxy", "*", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_curl_that_trusts_the_certificate_is_answered(
    secure: HubProcess, certificate: Path
) -> None:
    assert secure.url.startswith("https://127.0.0.1:")
    done = curl("--cacert", str(certificate), "-w", "%{http_code} %{ssl_verify_result}", "-o",
                "/dev/null", f"{secure.url}/healthz")  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "200 0"), done.stderr
    refused = curl(f"{secure.url}/healthz")
    assert refused.returncode == 60, "whoever does not trust it does not talk to it"


def test_python_reads_events_large_answers_and_several_on_one_connection(
    secure: HubProcess, certificate: Path
) -> None:
    with httpx.Client(base_url=secure.url, verify=trusting(certificate), timeout=60) as client:
        plain = client.get("/openapi.json", headers={"Accept-Encoding": "identity"})
        assert plain.json()["openapi"].startswith("3.1")
        assert len(plain.content) > 100_000
        assert client.get("/healthz").status_code == 200
        with client.stream("GET", "/events") as events:
            made = httpx.patch(
                f"{secure.url}/settings",
                json={"require_keys": False},
                verify=trusting(certificate),
            )
            assert made.status_code == 200
            line = next(line for line in events.iter_lines() if line.startswith("event:"))
            assert line == "event: setting.changed"
        body = b'{"name":"x","path":"' + b"x" * 4_000_000 + b'"}'
        answer = client.post(
            "/datasets", content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.json()["error"]["code"] == "path_not_allowed"


def test_the_openai_client_streams(secure: HubProcess, certificate: Path) -> None:
    http = openai.DefaultHttpxClient(verify=trusting(certificate))
    client = openai.OpenAI(base_url=f"{secure.url}/v1", api_key="none", http_client=http)
    chunks = list(client.chat.completions.create(**QUESTION, temperature=0, stream=True))
    assert chunks[-1].choices[0].finish_reason is not None
    client.close()


def test_the_command_line_finds_its_own_hub(secure: HubProcess, build_dir: Path) -> None:
    done = subprocess.run(
        [build_dir / "mlx-hub", "models", "--json", "--data-dir", secure.data_dir],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert DEFAULT_MODEL in done.stdout


def test_plain_http_is_told_what_this_port_speaks(secure: HubProcess) -> None:
    answer = httpx.get(f"http://127.0.0.1:{port_of(secure)}/healthz", timeout=30)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "https_required"
    assert answer.headers["connection"] == "close"


def test_both_versions_of_tls_and_nothing_older(secure: HubProcess, certificate: Path) -> None:
    for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        context = trusting(certificate)
        context.minimum_version = context.maximum_version = version
        context.set_alpn_protocols(["h2", "http/1.1"])
        with connect(secure, context) as client:
            assert client.version() == name
            assert client.selected_alpn_protocol() == "http/1.1"
    old = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port_of(secure)}", "-tls1_1",
         "-cipher", "DEFAULT:@SECLEVEL=0"],
        input="", capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert old.returncode != 0
    assert "alert protocol version" in old.stderr


def test_an_answer_ends_with_a_close_notify(secure: HubProcess, certificate: Path) -> None:
    context = trusting(certificate)
    with connect(secure, context) as client:  # an end without one raises SSLEOFError
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        received = b""
        while piece := client.recv(65536):
            received += piece
    assert received.startswith(b"HTTP/1.1 200")


def test_pipelined_requests_are_answered_in_order(secure: HubProcess, certificate: Path) -> None:
    with connect(secure, trusting(certificate)) as client:
        request = b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n"
        client.sendall(request % b"healthz" + request % b"nowhere" + request % b"healthz")
        received = b""
        while received.count(b"HTTP/1.1 ") < 3:
            received += client.recv(65536)
    assert [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404", b"200"]


def test_what_is_no_handshake_and_who_hangs_up_harm_nobody(
    secure: HubProcess, certificate: Path
) -> None:
    for bytes_ in (b"\x16\x03\x01\x02\x00\x01\x00", b"\x16" + b"\xff" * 2000, b"\x00" * 50):
        with socket.create_connection(("127.0.0.1", port_of(secure)), timeout=30) as client:
            client.sendall(bytes_)
    with socket.create_connection(("127.0.0.1", port_of(secure))):
        pass
    assert httpx.get(f"{secure.url}/healthz", verify=trusting(certificate)).status_code == 200


def test_a_renewed_certificate_is_taken_up_without_a_restart(
    build_dir: Path, tmp_path: Path
) -> None:
    certificate = write_certificate(tmp_path, "old")
    data = tmp_path / "data"
    data.mkdir()
    arguments = ("--tls-cert", str(certificate), "--tls-key", str(tmp_path / "key.pem"))
    with HubProcess(build_dir, data, arguments) as process:
        before = trusting(certificate)
        kept = httpx.Client(base_url=process.url, verify=before)
        assert kept.get("/healthz").status_code == 200
        write_certificate(tmp_path, "new")
        deadline = time.monotonic() + 30
        while True:
            try:
                with connect(process, trusting(certificate)) as client:
                    served = client.getpeercert()
                break
            except ssl.SSLCertVerificationError:
                assert time.monotonic() < deadline
                time.sleep(0.2)
        assert served is not None
        assert served["subject"] == ((("commonName", "new"),),)
        assert kept.get("/healthz").status_code == 200, "a connection that is there goes on"
        kept.close()


def test_files_that_cannot_serve_stop_the_start(build_dir: Path, tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    write_certificate(other)
    cases = {
        ("--tls-cert", str(certificate)): "tls_cert and tls_key go together",
        ("--tls-cert", str(tmp_path / "none"), "--tls-key", str(tmp_path / "key.pem")):
            "there is no such file",
        ("--tls-cert", str(certificate), "--tls-key", str(other / "key.pem")): "belongs to",
    }  # fmt: skip
    for arguments, words in cases.items():
        done = subprocess.run(
            [
                build_dir / "mlx-hub",
                "serve",
                "--port",
                "0",
                "--data-dir",
                tmp_path / "d",
                *arguments,
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode != 0
        assert words in done.stderr, done.stderr


def test_nobody_is_warned_of_open_keys_behind_tls(build_dir: Path, tmp_path: Path) -> None:
    certificate = write_certificate(tmp_path)
    data = tmp_path / "data"
    data.mkdir()
    made = subprocess.run(
        [build_dir / "mlx-hub", "keys", "create", "--name", "a", "--scope", "admin", "--json",
         "--data-dir", data],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    secret = json.loads(made.stdout)["secret"]
    arguments = ("--host", "0.0.0.0", "--tls-cert", str(certificate),  # noqa: S104
                 "--tls-key", str(tmp_path / "key.pem"))  # fmt: skip
    with HubProcess(build_dir, data, arguments) as process:
        assert "keys_travel_in_the_open" not in process.log
        answer = httpx.get(
            f"{process.url}/models",
            headers={"Authorization": f"Bearer {secret}"},
            verify=trusting(certificate),
        )
        assert answer.status_code == 200
