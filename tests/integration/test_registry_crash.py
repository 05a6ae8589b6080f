"""kill -9 of the server while models are registered, imported and removed: what is ready is whole."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from hub_client import HubClient, HubError, HubProcess
from support.tiny_llama import repository

ROUNDS = 10


def write_model(folder: Path, seed: int) -> Path:
    folder.mkdir(parents=True)
    for name, content in repository(seed, 3, vocab_size=20_000).items():
        if "/" not in name:
            (folder / name).write_bytes(content)
    return folder


def keep_busy(url: str, sources: list[Path], number: int, stop: threading.Event) -> None:
    """Registers, imports and removes models until the server is gone."""
    client = HubClient(url, timeout=10.0)
    turn = 0
    while not stop.is_set():
        turn += 1
        name = f"m-{number}-{turn}"
        try:
            body = {"name": name, "base_model": str(sources[turn % len(sources)])}
            client.call("POST", "/models", json=body)
            archive = client.request("GET", f"/models/{name}/archive").content
            kind = {"Content-Type": "application/x-tar"}
            where = f"/models/import?name={name}-copy"
            client.request("POST", where, content=archive, headers=kind)
            if turn % 2:
                client.call("DELETE", f"/models/{name}")
        except HubError:
            return
    client.close()


def command(build_dir: Path, data: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [build_dir / "mlx-hub", *arguments, "--data-dir", str(data), "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_what_is_ready_after_a_kill_is_whole(build_dir: Path, tmp_path: Path) -> None:
    chance = random.Random(7)
    sources = [write_model(tmp_path / f"source-{seed}", seed) for seed in range(3)]
    data = tmp_path / "data"
    data.mkdir()
    hub = HubProcess(build_dir, data, ("--allow-path", str(tmp_path)))
    for number in range(ROUNDS):
        hub.start()
        stop = threading.Event()
        busy = threading.Thread(target=keep_busy, args=(hub.url, sources, number, stop))
        busy.start()
        time.sleep(chance.uniform(0.05, 0.8))
        os.kill(hub.pid, signal.SIGKILL)
        stop.set()
        busy.join(timeout=30)
        assert not busy.is_alive()
        hub.stop()
        with sqlite3.connect(data / "hub.db") as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        database.close()
        status, report = command(build_dir, data, "verify")
        assert (status, report["damaged"]) == (0, 0), report
    # What the kills left is found, removed, and nothing that is needed goes with it.
    assert command(build_dir, data, "gc", "--apply")[0] == 0
    assert command(build_dir, data, "gc")[1]["data"] == []
    status, report = command(build_dir, data, "verify")
    assert (status, report["damaged"]) == (0, 0)
    versions: list[Any] = report["data"]
    assert len(versions) > ROUNDS, "hardly anything was going on"
    assert not list((data / "artifacts").rglob(".tmp-*"))
