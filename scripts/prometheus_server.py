"""A Prometheus of one's own, with the rules of infra/prometheus."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import yaml
from hub_client import ROOT

INFRA = ROOT / "infra" / "prometheus"
START_TIMEOUT = 60.0
STOP_TIMEOUT = 20.0


def program() -> Path:
    """Raises RuntimeError where there is none, with what installs it."""
    for candidate in ("prometheus", "/opt/homebrew/bin/prometheus", "/usr/local/bin/prometheus"):
        found = shutil.which(candidate)
        if found:
            return Path(found)
    raise RuntimeError("prometheus is not installed: scripts/stack up, or scripts/setup --tests")


def configuration(
    port: int, targets: list[str], interval: str = "5s", key_file: Path | None = None
) -> str:
    """prometheus.native.yml with this machine's ports and the hubs' addresses."""
    config: dict[str, Any] = yaml.safe_load((INFRA / "prometheus.native.yml").read_text())
    config["global"] = {"scrape_interval": interval, "evaluation_interval": interval}
    config["rule_files"] = [str(INFRA / "rules" / "*.yml")]
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    jobs["mlx-hub"]["static_configs"] = [{"targets": targets}]
    jobs["prometheus"]["static_configs"] = [{"targets": [f"localhost:{port}"]}]
    if key_file is not None:
        jobs["mlx-hub"]["authorization"] = {"credentials_file": str(key_file.resolve())}
    return yaml.safe_dump(config, sort_keys=False)


class PrometheusServer:
    """Its folder (configuration, data, log) outlives it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("this Prometheus was not started")
        return self._process.pid

    def configure(
        self, targets: list[str], interval: str = "5s", key_file: Path | None = None
    ) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        text = configuration(self.port, targets, interval, key_file)
        (self.folder / "prometheus.yml").write_text(text)

    def start(self) -> None:
        """After configure()."""
        with (self.folder / "prometheus.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    program(),
                    f"--config.file={self.folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self.folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/-/ready", timeout=2.0).is_success:
                    return
            time.sleep(0.1)
        self.stop()
        log_text = (self.folder / "prometheus.log").read_text(errors="replace")
        raise RuntimeError(f"Prometheus did not start:\n{log_text[-2000:]}")

    def stop(self) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __enter__(self) -> PrometheusServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
