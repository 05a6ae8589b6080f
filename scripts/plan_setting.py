"""The fresh set-up in which scripts/verify_plan checks: own home, data, cache and ports of the plan's commands."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from hub_client import DEFAULT_MODEL, ROOT, HubClient, HubProcess, Json
from mlflow_server import MlflowServer
from package_files import cache_folder, find_uv
from port_holder import holder_of
from tiny_models import make_tiny_model, write_rows
from training_job import free_port

HUB_PORT, PROMETHEUS_PORT = 8000, 9090  # the plan's
TINY, ROWS = "tiny", "counting"
TINY_PARAMS: Json = {"rank": 2, "batch_size": 2, "max_seq_length": 64, "eval_every": 0}


class CheckFailedError(Exception):
    """What the plan says is not so; with what was seen instead."""


class CannotCheckError(Exception):
    """This machine lacks what the check needs; with what that is."""


class SetupError(Exception):
    """The set-up itself could not be made."""


def expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise CheckFailedError(otherwise)


def require_free(port: int, whose: str) -> None:
    """Raises SetupError with who listens there."""
    if holder := holder_of(port):
        raise SetupError(
            f"port {port} ({whose}, as in the plan's commands) is taken by {holder}: stop that first"
        )


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Seconds that it took; raises CheckFailedError."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > seconds:
            raise CheckFailedError(f"not within {seconds:g} s: {what}")
        time.sleep(0.05)
    return time.monotonic() - started


class Setting:
    """Parts are started when a check first asks for them; close() ends them all."""

    def __init__(self, folder: Path, build_dir: Path) -> None:
        self.folder = folder
        self.build_dir = build_dir
        self.home = folder / "home"
        self.data_dir = folder / "data"
        self.sensor = folder / "sensor"
        self.trained: dict[str, Json] = {}  # finished jobs by the name of what they made
        self._hub: HubProcess | None = None
        self._client: HubClient | None = None
        self._mlflow: MlflowServer | None = None
        self._stack_error: str | None = None
        self._stack_asked = False
        # MLflow's usual port is often held; the plan names Prometheus' only.
        self._stack_options = f"--folder {folder / 'stack'} --mlflow-port {free_port()}"

    # Environment.

    def environment(self) -> dict[str, str]:
        """Nothing of the user's own folders and settings; tools keep their caches."""
        keep = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MLX_HUB_", "MLFLOW_", "OTEL_", "XDG_"))
        }
        uv = find_uv()
        home = Path.home()
        return {
            **keep,
            "HOME": str(self.home),
            "XDG_DATA_HOME": str(self.home / "data"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(home / ".cache" / "uv")),
            "UV_PYTHON_INSTALL_DIR": str(home / ".local" / "share" / "uv" / "python"),
            "PATH": f"{os.environ['PATH']}{os.pathsep}{Path(uv).parent}",
        }

    def prepare(self) -> None:
        """The default model, as scripts/setup made it, is all that is taken over."""
        source = cache_folder() / "models" / DEFAULT_MODEL
        if not source.exists():
            raise SetupError(f"{source} is missing: run scripts/setup")
        if not (self.build_dir / "mlx-hub").exists():
            raise SetupError(f"{self.build_dir / 'mlx-hub'} is missing: run scripts/setup")
        caches = "Library/Caches" if platform.system() == "Darwin" else "cache"
        shutil.copytree(source, self.home / caches / "mlx-hub" / "models" / DEFAULT_MODEL)
        (self.data_dir / "imports").mkdir(parents=True)
        self.sensor.write_text("50")

    def shell(self, command: str, timeout: float = 900.0, extra: Mapping[str, str] = {}) -> str:
        """A command as typed in the project's root; its output. Raises CheckFailedError."""
        try:
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=ROOT,
                env={**self.environment(), **extra},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as error:
            raise CheckFailedError(f"no end after {timeout:g} s") from error
        if done.returncode != 0:
            last = " / ".join((done.stdout + done.stderr).strip().splitlines()[-4:])
            raise CheckFailedError(f"ended with {done.returncode}: {last}")
        return done.stdout

    # MLflow and the hub.

    @property
    def mlflow(self) -> MlflowServer:
        if self._mlflow is None:
            server = MlflowServer(self.folder / "mlflow", free_port())
            try:
                server.start()
            except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
                raise CheckFailedError(f"MLflow does not start: {error}") from error
            self._mlflow = server
        return self._mlflow

    @property
    def hub(self) -> HubProcess:
        if self._hub is None:
            settings = {"MLX_HUB_TEMPERATURE_SENSOR": str(self.sensor)}
            # Where MLflow does not start, the rows about it say so themselves.
            with contextlib.suppress(CheckFailedError):
                settings |= {
                    "MLX_HUB_MLFLOW_URI": self.mlflow.url,
                    "MLX_HUB_OTLP_ENDPOINT": self.mlflow.url,
                    "OTEL_EXPORTER_OTLP_HEADERS": "x-mlflow-experiment-id=0",
                }
            self._hub = HubProcess(
                self.build_dir,
                self.data_dir,
                environment={**self.environment(), **settings},
                port=HUB_PORT,
            )
            self._hub.start()
        return self._hub

    def start_hub(self) -> None:
        """For checks that do not ask it themselves."""
        self.client.call("GET", "/system")

    @property
    def client(self) -> HubClient:
        if self._client is None:
            self._client = HubClient(self.hub.url)
        return self._client

    def file(self, name: str) -> Path:
        """Where the hub may read."""
        return self.data_dir / "imports" / name

    def mlx_hub(self, arguments: str) -> str:
        address = {"MLX_HUB_DATA_DIR": str(self.data_dir)}
        return self.shell(f"{self.build_dir / 'mlx-hub'} {arguments}", extra=address)

    # Things that several checks share.

    def tiny_job(self, name: str, **params: object) -> Json:
        """The body of a job of a second on a model of a few megabytes."""
        if self.client.request("GET", f"/models/{TINY}").status_code == 404:
            model = make_tiny_model(self.file(TINY))
            self.client.call("POST", "/models", json={"name": TINY, "base_model": str(model)})
            self.client.upload_dataset(ROWS, write_rows(self.file("rows.jsonl")))
        return {
            "type": "finetune",
            "model": TINY,
            "dataset": ROWS,
            "params": {**TINY_PARAMS, "max_steps": 4, **params},
            "output": {"name": name},
        }

    def adapter(self, name: str) -> Json:
        """The finished job that made the tiny model's adapter of that name."""
        if name not in self.trained:
            job = self.client.wait(str(self.client.submit(self.tiny_job(name))["id"]))
            expect(job["state"] == "COMPLETED", f"the job {job['state']}: {job['reason']}")
            self.trained[name] = job
        return self.trained[name]

    def running_job(self, name: str) -> str:
        """The id of a job that would take long and has made a few steps."""
        params: Json = {"max_steps": 100_000, "epochs": 100_000, "save_every": 5}
        job_id = str(self.client.submit(self.tiny_job(name, **params))["id"])
        wait_until(lambda: self.steps(job_id) > 5, 120, f"job {job_id} makes steps")
        return job_id

    def steps(self, job_id: str) -> int:
        progress: Json = self.client.job(job_id)["progress"] or {"step": 0}
        return int(progress["step"])

    # The monitoring stack without containers.

    def stack(self) -> None:
        """`scripts/stack up`, once. Raises CheckFailedError."""
        if not self._stack_asked:
            self._stack_asked = True
            if not (ROOT / "scripts" / "stack").exists():
                self._stack_error = "missing: scripts/stack"
            else:
                try:
                    self.shell(f"scripts/stack up {self._stack_options}", timeout=240)
                except CheckFailedError as error:
                    self._stack_error = f"scripts/stack up: {error}"
        if self._stack_error is not None:
            raise CheckFailedError(self._stack_error)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        if self._hub is not None:
            self._hub.stop()
        if self._mlflow is not None:
            self._mlflow.stop()
        if self._stack_asked and self._stack_error != "missing: scripts/stack":
            try:
                self.shell(f"scripts/stack down {self._stack_options}", timeout=60)
            except CheckFailedError as error:
                print(f"verify_plan: scripts/stack down: {error}", file=sys.stderr)
