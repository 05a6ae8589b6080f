"""Scrapes are recorded a second each, and told again in their order."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest
from metrics_replay import Recorder, ReplayServer
from support.transfers import wait_for
from training_job import free_port


def write(folder: Path, *texts: str) -> Path:
    for number, text in enumerate(texts):
        (folder / f"{number:05}.txt").write_text(text)
    return folder


def test_scrapes_follow_each_other_and_the_last_stays(tmp_path: Path) -> None:
    with ReplayServer(write(tmp_path, "a 1\n", "a 2\n")) as server:
        assert server.seconds == 2.0
        url = f"http://{server.target}/metrics"
        time.sleep(1.1)  # nobody asked yet
        assert httpx.get(url).text == "a 1\n"
        wait_for(lambda: httpx.get(url).text == "a 2\n")
        time.sleep(1.1)
        assert httpx.get(url).text == "a 2\n"


def test_what_is_recorded_is_replayed(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    with (
        ReplayServer(write(source, "a 1\n")) as server,
        Recorder(f"http://{server.target}", tmp_path / "copy"),
    ):
        time.sleep(2.5)
    assert [path.read_text() for path in sorted((tmp_path / "copy").iterdir())] == ["a 1\n"] * 2


def test_a_hub_that_does_not_answer_is_told(tmp_path: Path) -> None:
    recorder = Recorder(f"http://127.0.0.1:{free_port()}", tmp_path)
    with pytest.raises(RuntimeError, match="could not be recorded"), recorder:
        time.sleep(1.5)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="holds no recorded scrapes"):
        ReplayServer(tmp_path)
