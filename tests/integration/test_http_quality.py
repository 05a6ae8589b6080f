"""HTTP itself, on the real program: connections, codings, conditions, limits, and the statuses for what is wrong."""

from __future__ import annotations

import contextlib
import gzip
import resource
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hub_client import DEFAULT_MODEL, HubProcess

IDLE_CONNECTIONS = 1000


@pytest.fixture(scope="module")
def site(build_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    process = HubProcess(build_dir, tmp_path_factory.mktemp("quality"))
    process.start()
    yield process
    assert process.is_alive(), process.log[-3000:]
    process.stop()


def connect(process: HubProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(process.url.rsplit(":", 1)[1])), timeout=60)


def read_answers(client: socket.socket, count: int) -> bytes:
    received = b""
    while received.count(b"HTTP/1.1 ") < count:
        piece = client.recv(65536)
        if not piece:
            break
        received += piece
    return received


def test_a_connection_serves_many_requests_and_says_when_it_does_not(site: HubProcess) -> None:
    with connect(site) as client:
        for _ in range(50):
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert read_answers(client, 1).startswith(b"HTTP/1.1 200")
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        last = b""
        while piece := client.recv(65536):
            last += piece
        assert b"Connection: close\r\n" in last


def test_a_hundred_pipelined_requests_are_answered_in_order(site: HubProcess) -> None:
    with connect(site) as client:
        client.sendall(
            b"".join(
                b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: n%d\r\n\r\n" % number
                for number in range(100)
            )
        )
        received = b""
        while b"X-Request-Id: n99\r\n" not in received:
            piece = client.recv(65536)
            assert piece
            received += piece
    order = [received.index(b"X-Request-Id: n%d\r\n" % number) for number in range(100)]
    assert order == sorted(order)


def test_json_is_packed_for_those_who_take_it_and_streams_never(site: HubProcess) -> None:
    with httpx.Client(base_url=site.url) as client:
        plain = client.get("/openapi.json", headers={"Accept-Encoding": "identity"})
        packed = client.get("/openapi.json", headers={"Accept-Encoding": "br;q=0.9, gzip;q=0.5"})
        assert "content-encoding" not in plain.headers
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.json() == plain.json()
        assert int(packed.headers["content-length"]) * 4 < int(plain.headers["content-length"])
        for answer in (plain, packed):
            assert "Accept-Encoding" in answer.headers["vary"]
        refused = client.get("/openapi.json", headers={"Accept-Encoding": "gzip;q=0, *;q=0.5"})
        assert "content-encoding" not in refused.headers
        small = client.get("/healthz", headers={"Accept-Encoding": "gzip"})
        assert "content-encoding" not in small.headers
        with client.stream("GET", "/events?after=0", headers={"Accept-Encoding": "gzip"}) as events:
            assert "content-encoding" not in events.headers
            assert next(events.iter_lines()) != ""


def test_the_dashboards_files_come_packed_beforehand(site: HubProcess) -> None:
    with httpx.Client(base_url=site.url) as client:
        page = client.get("/ui/", headers={"Accept-Encoding": "identity"})
        if page.status_code == 404:
            pytest.skip("this build has no dashboard")
        seen: dict[str, str] = {"": page.headers["etag"]}
        for coding in ("gzip", "br"):
            with client.stream("GET", "/ui/", headers={"Accept-Encoding": coding}) as packed:
                raw = b"".join(packed.iter_raw())
            assert packed.headers["content-encoding"] == coding
            assert packed.headers["vary"] == "Accept-Encoding"
            assert len(raw) == int(packed.headers["content-length"]) < len(page.content)
            seen[coding] = packed.headers["etag"]
            if coding == "gzip":
                assert gzip.decompress(raw) == page.content
        assert len(set(seen.values())) == 3, "each coding has a tag of its own"
        known = client.get(
            "/ui/", headers={"Accept-Encoding": "gzip", "If-None-Match": seen["gzip"]}
        )
        assert known.status_code == 304
        assert known.content == b""


def test_files_of_a_version_have_tags_and_ranges(site: HubProcess) -> None:
    with httpx.Client(base_url=site.url) as client:
        version = client.get("/versions", params={"model": DEFAULT_MODEL}).json()["data"][0]["id"]
        path = f"/versions/{version}/files/config.json"
        whole = client.get(path)
        assert whole.status_code == 200
        assert whole.headers["accept-ranges"] == "bytes"
        tag = whole.headers["etag"]
        part = client.get(path, headers={"Range": "bytes=2-9", "If-Range": tag})
        assert (part.status_code, part.content) == (206, whole.content[2:10])
        assert part.headers["content-range"] == f"bytes 2-9/{len(whole.content)}"
        assert client.get(path, headers={"Range": "bytes=-4"}).content == whole.content[-4:]
        changed = client.get(path, headers={"Range": "bytes=2-9", "If-Range": '"another"'})
        assert (changed.status_code, changed.content) == (200, whole.content)
        beyond = client.get(path, headers={"Range": "bytes=99999999-"})
        assert beyond.status_code == 416
        assert beyond.headers["content-range"] == f"bytes */{len(whole.content)}"
        assert client.get(path, headers={"If-None-Match": f"W/{tag}"}).status_code == 304
        since = {"If-Modified-Since": whole.headers["last-modified"]}
        assert client.get(path, headers=since).status_code == 304
        head = client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(whole.content))


def test_what_is_wrong_has_its_status(site: HubProcess) -> None:
    with httpx.Client(base_url=site.url) as client:
        json_type = {"Content-Type": "application/json"}
        assert client.get("/nowhere").status_code == 404
        wrong = client.delete("/healthz")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
        assert client.get("/models", headers={"Accept": "text/csv"}).status_code == 406
        assert client.get("/models", headers={"Accept": "text/csv, */*;q=0.1"}).status_code == 200
        asked_for_json = client.get("/v1/models", headers={"Accept": "text/event-stream"})
        assert asked_for_json.status_code == 200, "clients of OpenAI's routes say what they like"
        large = client.post("/keys", content=b" " * (8 << 20) + b"{}", headers=json_type)
        assert large.status_code == 413
        xml = client.post("/keys", content=b"<a/>", headers={"Content-Type": "text/xml"})
        assert xml.status_code == 415
        packed = {**json_type, "Content-Encoding": "gzip"}
        assert client.post("/keys", content=b"x", headers=packed).status_code == 415
        assert client.get("/models?" + "x" * 20_000).status_code == 414
        assert client.get("/models", headers={"X-Large": "x" * 70_000}).status_code == 431
        options = client.options("/models")
        assert (options.status_code, options.content) == (204, b"")
        assert options.headers["allow"] == "GET, HEAD, OPTIONS, POST"
        head = client.head("/models")
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) > 0
    with connect(site) as client:
        client.sendall(b"POST /datasets HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert read_answers(client, 1).startswith(b"HTTP/1.1 411")


def test_a_thousand_idle_connections_leave_room_for_others(site: HubProcess) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = IDLE_CONNECTIONS + 200
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"only {hard} files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        with contextlib.ExitStack() as stack:
            idle = [stack.enter_context(connect(site)) for _ in range(IDLE_CONNECTIONS)]
            assert httpx.get(f"{site.url}/healthz").status_code == 200
            for client in idle[::50]:
                client.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            for client in idle[::50]:
                assert read_answers(client, 1).startswith(b"HTTP/1.1 200")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_slow_head_is_cut_off_while_others_are_served(site: HubProcess) -> None:
    """A byte a second: the whole head has 15 seconds, not each of its bytes."""
    with connect(site) as slow:
        answer: list[bytes] = []

        def read() -> None:
            answer.append(read_answers(slow, 1))

        reader = threading.Thread(target=read)
        reader.start()
        head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
        slow.sendall(head)
        for _ in range(40):
            if not reader.is_alive():
                break
            with contextlib.suppress(OSError):
                slow.sendall(b"x")
            assert httpx.get(f"{site.url}/healthz").status_code == 200
            time.sleep(1)
        reader.join(30)
        assert answer[0].startswith(b"HTTP/1.1 408")


def test_a_stop_lets_the_answer_in_flight_end(build_dir: Path, tmp_path: Path) -> None:
    process = HubProcess(build_dir, tmp_path)
    process.start()
    body = {"model": DEFAULT_MODEL, "prompt": "Once upon a time", "max_tokens": 60,
            "ignore_eos": True, "stream": True}  # fmt: skip
    with httpx.stream("POST", f"{process.url}/v1/completions", json=body, timeout=120) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("data: ")
        stopped = threading.Thread(target=process.stop)
        stopped.start()
        assert list(lines)[-2:] == ["data: [DONE]", ""]
    stopped.join(60)
    assert not stopped.is_alive()
