"""How the server answers under many connections: wrk on two routes, and what an idle event stream holds.

    uv run python scripts/bench_http.py [--connections 200] [--seconds 10] [--rounds 3] [--streams 1000] [--json FILE]

wrk (Debian's package of that name) sends requests over so many kept connections as fast as they are answered. It shares
the machine's cores with the hub. Memory a stream: the hub's resident memory with all streams of GET /events open and
idle, less what it was before, divided by their number.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench_peers import print_machine, write_json
from hub_client import ROOT, HubProcess, Json

ROUTES = ("/healthz", "/v1/models")
SETTLE = 3.0  # seconds until what was freed is given back, and streams are idle
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


def seconds_of(text: str) -> float:
    """ "1.23ms" as wrk writes it."""
    match = re.fullmatch(r"([0-9.]+)(us|ms|s|m)", text)
    if match is None:
        raise ValueError(f"wrk wrote a duration as {text!r}")
    return float(match[1]) * UNITS[match[2]]


def read_wrk(output: str) -> Json:
    """What wrk --latency prints."""
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", output)
    latencies = dict(re.findall(r"^\s+(50|99)%\s+(\S+)$", output, re.MULTILINE))
    total = re.search(r"(\d+) requests in", output)
    if rate is None or total is None or "99" not in latencies:
        raise ValueError(f"wrk printed something else:\n{output}")
    socket_errors = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output
    )
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    return {
        "requests": int(total[1]),
        "requests_per_second": float(rate[1]),
        "p50_seconds": seconds_of(latencies["50"]),
        "p99_seconds": seconds_of(latencies["99"]),
        "errors": sum(map(int, socket_errors.groups())) if socket_errors else 0,
        "refused": int(refused[1]) if refused else 0,
    }


def run_wrk(url: str, connections: int, seconds: int) -> Json:
    command = ["wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--latency", url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return read_wrk(done.stdout)


def resident_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this system does not tell what a process holds")


def open_stream(port: int) -> socket.socket:
    """One GET /events whose head has come."""
    stream = socket.create_connection(("127.0.0.1", port), timeout=60)
    stream.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    received = b""
    while b"\r\n\r\n" not in received:
        piece = stream.recv(4096)
        if not piece:
            raise RuntimeError("the hub closed a stream")
        received += piece
    if not received.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(received.decode(errors="replace"))
    return stream


def measure_streams(hub: HubProcess, streams: int) -> Json:
    port = int(hub.url.rsplit(":", 1)[1])
    time.sleep(SETTLE)
    before = resident_bytes(hub.pid)
    with contextlib.ExitStack() as stack:
        for _ in range(streams):
            stack.enter_context(open_stream(port))
        time.sleep(SETTLE)
        held = resident_bytes(hub.pid)
    return {
        "streams": streams,
        "resident_bytes_before": before,
        "resident_bytes_with": held,
        "bytes_a_stream": round((held - before) / streams),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--build-dir", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing: apt-get install wrk")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the hub inherits it
    result: Json = {"machine": print_machine(), "routes": {}}
    arguments = ("--max-handlers", str(options.streams + 64))
    with HubProcess(options.build_dir.resolve(), arguments=arguments) as hub:
        result["streams"] = measure_streams(hub, options.streams)
        print(f"\n| route, {options.connections} connections | requests/s | p50 | p99 | errors |")
        print("| --- | ---: | ---: | ---: | ---: |")
        for route in ROUTES:
            rounds = [
                run_wrk(hub.url + route, options.connections, options.seconds)
                for _ in range(options.rounds)
            ]
            result["routes"][route] = rounds
            middle = {
                name: statistics.median(one[name] for one in rounds)
                for name in ("requests_per_second", "p50_seconds", "p99_seconds")
            }
            failed = sum(one["errors"] + one["refused"] for one in rounds)
            print(
                f"| `{route}` | {middle['requests_per_second']:.0f} | "
                f"{middle['p50_seconds'] * 1e3:.1f} ms | {middle['p99_seconds'] * 1e3:.1f} ms | {failed} |"
            )
    held = result["streams"]
    print(
        f"\n{held['streams']} idle streams of /events: {held['bytes_a_stream'] / 1024:.1f} KiB each "
        f"({held['resident_bytes_before'] / 2**20:.1f} MiB before, "
        f"{held['resident_bytes_with'] / 2**20:.1f} MiB with them)"
    )
    write_json(options.json, result)
    failures = sum(
        one["errors"] + one["refused"] for rounds in result["routes"].values() for one in rounds
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
