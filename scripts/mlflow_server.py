"""An MLflow server of one's own, in an environment of its own, to try and test the hub against.

uv run python scripts/mlflow_server.py [--port 5000] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import httpx
from hub_client import ROOT
from package_files import find_uv

ENVIRONMENT = ROOT / "build" / "tools" / "mlflow"
START_TIMEOUT = 600.0  # 12 s on an idle machine, 75 s beside a compiler, over 180 s beside six


def python() -> Path:
    """The interpreter of MLflow's environment, which is made, or brought to uv.lock, first."""
    subprocess.run(
        [find_uv(), "sync", "--locked", "--only-group", "mlflow", "--quiet"],
        cwd=ROOT,
        check=True,
        env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(ENVIRONMENT)},
    )
    return ENVIRONMENT / "bin" / "python"


class MlflowServer:
    """`mlflow server` on SQLite, which takes artifacts itself. Its folder outlives it.

    `artifacts`: where it keeps them, a folder of its own or a store ("s3://bucket").
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        artifacts: str | None = None,
        arguments: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.port = port
        self._artifacts = artifacts or str(folder / "artifacts")
        self._arguments = arguments
        self._environment = environment or {}
        self.url = f"http://127.0.0.1:{port}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("this MLflow server was not started")
        return self._process.pid

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        interpreter = python()
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    interpreter,  # not bin/mlflow, which names the folder that it was made in
                    "-m",
                    "mlflow",
                    "server",
                    "--backend-store-uri",
                    f"sqlite:///{self.folder / 'mlflow.db'}",
                    "--artifacts-destination",
                    self._artifacts,
                    "--host",
                    "127.0.0.1",
                    "--port",
                    str(self.port),
                    "--workers",
                    "1",
                    *self._arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # its workers are killed with it
                env={
                    **os.environ,
                    "MLFLOW_DISABLE_TELEMETRY": "true",
                    "DO_NOT_TRACK": "true",
                    # Else it leaves seven processes behind.
                    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                    **self._environment,
                },
            )
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/health", timeout=2.0).is_success:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.2)
        self.kill()
        log_text = (self.folder / "server.log").read_text(errors="replace")
        raise RuntimeError(f"MLflow did not start:\n{log_text[-2000:]}")

    def kill(self) -> None:
        """As a crash would end it."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
            self.kill()

    def wait(self) -> None:
        if self._process is not None:
            self._process.wait()

    def __enter__(self) -> MlflowServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "mlflow")
    options = parser.parse_args()
    try:
        with MlflowServer(options.folder, options.port) as server:
            print(f"MLflow listens at {server.url}; its data is in {server.folder}", flush=True)
            server.wait()
    except KeyboardInterrupt:
        return 0
    except RuntimeError as error:
        print(f"mlflow_server: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
