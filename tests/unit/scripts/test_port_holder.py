"""Who holds a port is named, on Linux and on macOS."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import port_holder
import pytest
from training_job import free_port


def held(_: int) -> bool:
    return True


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1"])  # noqa: S104
def test_a_listener_is_named(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as listener:
        listener.bind((address, 0))
        port = listener.getsockname()[1]
        listener.listen()
        holder = port_holder.holder_of(port)
        assert holder is not None
        assert holder.pid == os.getpid()
        assert f"(pid {os.getpid()})" in str(holder)
    assert port_holder.holder_of(port) is None


def test_a_free_port_has_no_holder() -> None:
    assert port_holder.holder_of(free_port()) is None


def test_airplay_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lsof = tmp_path / "lsof"
    lsof.write_text("#!/bin/sh\nprintf 'p612\\ncControlCe\\nf9\\np612\\ncControlCe\\nf10\\n'\n")
    lsof.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(port_holder, "is_held", held)
    monkeypatch.setattr(port_holder, "_by_proc", port_holder.__dict__["_by_lsof"])
    holder = port_holder.holder_of(5000)
    assert holder is not None
    assert holder.pid == 612
    assert "AirPlay" in str(holder)
    other = port_holder.holder_of(9090)
    assert other == port_holder.Holder(612, "ControlCe")


def test_a_holder_that_cannot_be_named_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setattr(port_holder, "is_held", held)
    holder = port_holder.holder_of(port)
    assert holder is not None
    assert holder.pid is None
    assert "cannot be named" in str(holder)
