"""A background process is found again and ended, and no other is taken for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from background_process import BackgroundProcess, started_at

# Starts a child of its own, says so, and ends at SIGTERM only if it is told to.
LEADER = """
import signal, subprocess, sys, time
if sys.argv[1] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture(params=["obedient", "deaf"])
def leader(request: pytest.FixtureRequest) -> Iterator[tuple[subprocess.Popen[str], int]]:
    process = subprocess.Popen(
        [sys.executable, "-c", LEADER, str(request.param)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    yield process, child
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_whole_group_is_ended(
    leader: tuple[subprocess.Popen[str], int], tmp_path: Path
) -> None:
    process, child = leader
    known = BackgroundProcess(tmp_path / "it.json")
    known.remember(process.pid, 1234)
    assert (known.pid(), known.port()) == (process.pid, 1234)
    assert known.stop(timeout=1.0)
    deadline = time.monotonic() + 10
    while started_at(process.pid) is not None or started_at(child) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert known.pid() is None
    assert not (tmp_path / "it.json").exists()
    assert not known.stop(timeout=1.0)


def test_a_number_that_another_process_has_now_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "it.json"
    file.write_text(json.dumps({"pid": os.getpid(), "started": "long ago", "port": 1}))
    known = BackgroundProcess(file)
    assert known.pid() is None
    assert not known.stop(timeout=0.1)  # else this test would not come to its end
    assert not file.exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '{"pid": "1"}', '{"pid": 4194305, "started": null}']
)
def test_a_damaged_file_names_nobody(text: str, tmp_path: Path) -> None:
    file = tmp_path / "it.json"
    file.write_text(text)
    assert BackgroundProcess(file).pid() is None
