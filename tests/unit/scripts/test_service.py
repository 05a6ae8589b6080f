"""scripts/service and its templates: what it writes, and what it asks systemd and launchd for."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SERVICE = ROOT / "scripts" / "service"
UNIT = ROOT / "infra" / "systemd" / "mlx-hub.service"
AGENT = ROOT / "infra" / "launchd" / "mlx-model-hub.serve.plist"


class Machine:
    """A home and a PATH of its own, where systemctl and launchctl only write down what they were asked."""

    def __init__(self, folder: Path, system: str) -> None:
        self.home = folder / "home"
        self.bin = folder / "bin"
        self.asked = folder / "asked"
        self.home.mkdir()
        self.bin.mkdir()
        for name in ("systemctl", "launchctl"):
            self.program(name, f'echo "{name} $*" >> {self.asked}')
        self.program("uname", f"echo {system}")

    def program(self, name: str, body: str) -> Path:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    def run(
        self, *arguments: str | Path, script: Path = SERVICE
    ) -> subprocess.CompletedProcess[str]:
        environment = {"HOME": str(self.home), "PATH": f"{self.bin}:/usr/bin:/bin"}
        command = ["bash", script, *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    def calls(self) -> list[str]:
        return self.asked.read_text().splitlines() if self.asked.exists() else []


def test_systemd_gets_the_unit_of_the_program_on_path(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "Linux")
    program = machine.program("mlx-hub", "true")
    done = machine.run("install")
    assert done.returncode == 0, done.stderr
    unit = machine.home / ".config" / "systemd" / "user" / "mlx-hub.service"
    expected = UNIT.read_text().replace("%h/.local/bin/mlx-hub", str(program))
    assert unit.read_text() == expected
    assert machine.calls() == [
        "systemctl --user daemon-reload",
        "systemctl --user enable --now mlx-hub.service",
    ]

    assert machine.run("status").returncode == 0
    done = machine.run("uninstall")
    assert done.returncode == 0, done.stderr
    assert not unit.exists()
    assert machine.calls()[3:] == [
        "systemctl --user disable --now mlx-hub.service",
        "systemctl --user daemon-reload",
    ]


def test_launchd_gets_an_agent(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "Darwin")
    program = machine.program("mlx-hub", "true")
    done = machine.run("install", "--program", program)
    assert done.returncode == 0, done.stderr
    agent = machine.home / "Library" / "LaunchAgents" / "mlx-model-hub.serve.plist"
    written = plistlib.loads(agent.read_bytes())
    log = str(machine.home / "Library" / "Logs" / "mlx-hub.log")
    assert written["ProgramArguments"] == [str(program), "serve"]
    assert written["StandardErrorPath"] == written["StandardOutPath"] == log
    domain = f"gui/{os.getuid()}"
    assert machine.calls()[-1] == f"launchctl bootstrap {domain} {agent}"

    done = machine.run("uninstall")
    assert done.returncode == 0, done.stderr
    assert not agent.exists()
    assert machine.calls()[-1] == f"launchctl bootout {domain}/mlx-model-hub.serve"


def test_it_finds_the_templates_beside_itself_where_it_was_installed(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "Linux")
    machine.program("mlx-hub", "true")
    installed = tmp_path / "share" / "mlx-hub" / "service"
    installed.mkdir(parents=True)
    for file in (SERVICE, UNIT):
        shutil.copy(file, installed)
    assert machine.run("install", script=installed / "service").returncode == 0
    (installed / UNIT.name).unlink()
    done = machine.run("install", script=installed / "service")
    assert done.returncode == 1
    assert "mlx-hub.service is missing" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ((), "wanted install, uninstall or status"),
        (("start",), "got 'start'"),
        (("install", "--program", "/nowhere/mlx-hub"), "/nowhere/mlx-hub is no program"),
        (("install", "--as-root"), "unknown option --as-root"),
        (("uninstall",), "nothing to uninstall"),
        (("status",), "not installed"),
    ],
)
@pytest.mark.parametrize("system", ["Linux", "Darwin"])
def test_it_says_what_it_wanted(
    tmp_path: Path, system: str, arguments: tuple[str, ...], wanted: str
) -> None:
    machine = Machine(tmp_path, system)
    done = machine.run(*arguments)
    assert done.returncode == 1
    assert wanted in done.stderr
    assert machine.calls() == []


def test_a_path_that_a_unit_cannot_hold_is_refused(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "Linux")
    folder = tmp_path / "my programs"
    folder.mkdir()
    shutil.copy(machine.program("mlx-hub", "true"), folder)
    done = machine.run("install", "--program", folder / "mlx-hub")
    assert done.returncode == 1
    assert "cannot name" in done.stderr
    assert not (machine.home / ".config").exists()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """A copy whose program exists, since the real one need not be installed here."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("%h/.local/bin/mlx-hub", shutil.which("true") or ""))
    assert "ExecStart=/" in unit.read_text()
    verify = ["systemd-analyze", "--user", "verify", unit]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(verify, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    # It reads what it is given: an unknown setting is named.
    unit.write_text(unit.read_text().replace("NoNewPrivileges", "NoNewPrivilege"))
    done = subprocess.run(verify, capture_output=True, text=True, check=False, env=environment)
    assert "NoNewPrivilege" in done.stderr


def test_the_agent_restarts_what_failed() -> None:
    agent = plistlib.loads(AGENT.read_bytes())
    assert agent["RunAtLoad"] is True
    assert agent["KeepAlive"] == {"SuccessfulExit": False}
    assert agent["ProgramArguments"] == ["@PROGRAM@", "serve"]
    assert agent["Umask"] == 0o077
