"""The commands of scripts/stack: MLflow and Prometheus as background processes of this machine."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from background_process import BackgroundProcess
from hub_client import ROOT
from mlflow_server import MlflowServer
from package_files import PrepareError
from port_holder import holder_of, is_held
from prometheus_server import PrometheusServer

STOP_TIMEOUT = 20.0
COMPOSE_PORTS = {"GRAFANA_PORT": 3000}  # beside the two that both stacks have


class StackError(Exception):
    """A failure with one line that a person can act on."""


@dataclass(frozen=True)
class Options:
    folder: Path
    mlflow_port: int
    prometheus_port: int
    target: str  # host:port that is scraped
    key_file: Path | None


def stack_folder() -> Path:
    """Beside the hub's data folder: MLflow's database and artifacts are not a cache."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "mlx-hub-stack"
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "mlx-hub-stack"


def env_file(path: Path = ROOT / ".env") -> dict[str, str]:
    """NAME=value lines, as docker-compose reads them."""
    if not path.exists():
        return {}
    lines = [line.strip() for line in path.read_text().splitlines()]
    pairs = [line.split("=", 1) for line in lines if "=" in line and not line.startswith("#")]
    return {name.strip(): value.strip().strip("\"'") for name, value in pairs}


class Service:
    """One of the two: how it is asked for its health, and its process."""

    def __init__(self, name: str, folder: Path, port: int, health: str, option: str) -> None:
        self.name = name
        self.folder = folder / name.lower()
        self.port = port
        self.health = health
        self.option = option
        self.process = BackgroundProcess(folder / f"{name.lower()}.json")

    @property
    def url(self) -> str:
        running = self.process.port() if self.process.pid() is not None else None
        return f"http://localhost:{running or self.port}"

    def is_healthy(self) -> bool:
        if self.process.pid() is None:
            return False
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}{self.health}", timeout=3.0).is_success
        return False

    def require_port(self) -> None:
        """Raises StackError with who holds it and the way out."""
        holder = holder_of(self.port)
        if holder is None:
            return
        free = next(port for port in range(self.port + 1, 65536) if not is_held(port))
        raise StackError(
            f"{self.name} cannot listen: port {self.port} is held by {holder}. End it, or choose "
            f"another: scripts/stack up --{self.option}-port {free}, or {self.option.upper()}_PORT={free} "
            "in the environment or in .env"
        )


class Stack:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.mlflow = Service("MLflow", options.folder, options.mlflow_port, "/health", "mlflow")
        self.prometheus = Service(
            "Prometheus", options.folder, options.prometheus_port, "/-/healthy", "prometheus"
        )
        self.services = (self.mlflow, self.prometheus)

    @contextlib.contextmanager
    def _alone(self) -> Generator[None]:
        """Two that start at once would start everything twice."""
        self.options.folder.mkdir(parents=True, exist_ok=True)
        with (self.options.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def up(self) -> None:
        with self._alone():
            missing = [one for one in self.services if not self._is_as_wanted(one)]
            for service in missing:
                service.require_port()
            started: list[Service] = []
            try:
                for service in missing:
                    begun = time.monotonic()
                    print(f"{service.name}: starting", flush=True)
                    started.append(service)
                    self._start(service)
                    print(f"{service.name}: healthy after {time.monotonic() - begun:.1f} s")
                if self.prometheus not in missing:
                    self._reconfigure()
            except BaseException:
                for service in started:
                    service.process.stop(STOP_TIMEOUT)
                raise

    def _is_as_wanted(self, service: Service) -> bool:
        pid, port = service.process.pid(), service.process.port()
        if pid is None:
            return False
        if port != service.port:
            raise StackError(
                f"{service.name} runs at port {port}, not {service.port}: scripts/stack down first"
            )
        if not service.is_healthy():
            raise StackError(
                f"{service.name} (pid {pid}) runs but does not answer at {service.url}{service.health}: "
                f"see {service.folder}, then scripts/stack down"
            )
        return True

    def _start(self, service: Service) -> None:
        server: MlflowServer | PrometheusServer
        if service is self.mlflow:
            server = MlflowServer(service.folder, service.port)
        else:
            server = PrometheusServer(service.folder, service.port)
            server.configure([self.options.target], key_file=self.options.key_file)
        try:
            server.start()
            service.process.remember(server.pid, service.port)
        except BaseException:  # also when a person stops it while it waits
            server.stop()
            raise

    def _reconfigure(self) -> None:
        """The hub may be elsewhere than when Prometheus was started, and rules may have changed."""
        server = PrometheusServer(self.prometheus.folder, self.prometheus.port)
        server.configure([self.options.target], key_file=self.options.key_file)
        pid = self.prometheus.process.pid()
        if pid is not None:
            os.kill(pid, signal.SIGHUP)

    def down(self) -> None:
        with self._alone():
            for service in reversed(self.services):
                stopped = service.process.stop(STOP_TIMEOUT)
                print(f"{service.name}: {'stopped' if stopped else 'did not run'}")

    def status(self) -> bool:
        """Prints what runs; True when both are healthy."""
        healthy = [one.is_healthy() for one in self.services]
        for service, answers in zip(self.services, healthy, strict=True):
            pid = service.process.pid()
            state = "healthy" if answers else "not answering" if pid else "stopped"
            line = f"{service.name:<11} {state:<14} {service.url}"
            print(line + (f"  pid {pid}, folder {service.folder}" if pid else ""))
        if healthy[1]:
            print(f"{'Hub':<11} {self._scraped()}")
        return all(healthy)

    def _scraped(self) -> str:
        """What Prometheus says of its target."""
        try:
            answer = httpx.get(f"{self.prometheus.url}/api/v1/targets", timeout=3.0).json()
            targets = [
                one for one in answer["data"]["activeTargets"] if one["labels"]["job"] == "mlx-hub"
            ]
        except (httpx.HTTPError, KeyError, ValueError) as error:
            return f"Prometheus does not say: {error}"
        told = {"up": "scraped", "down": "not scraped", "unknown": "not scraped yet"}
        for one in targets:
            return f"{told[one['health']]:<14} {one['scrapeUrl']}  {one['lastError']}".rstrip()
        return told["unknown"]  # in its first seconds it has no targets

    def show_settings(self) -> None:
        print(
            f"\nThe hub is told of MLflow by one of\n\n"
            f'  mlflow_uri = "{self.mlflow.url}"      in its config.toml\n'
            f"  mlx-hub serve --mlflow-uri {self.mlflow.url}\n\n"
            f"Graphs: {self.prometheus.url}/graph   alerts: {self.prometheus.url}/alerts\n"
            "Grafana comes with compose.yaml; one of your own takes infra/grafana/dashboards/*.json."
        )


def check(options: Options, compose: bool) -> bool:
    """Prints who holds which port; True when none is held by others."""
    stack = Stack(options)
    own = {one.process.port() for one in stack.services if one.process.pid() is not None}
    ports = {"MLFLOW_PORT": options.mlflow_port, "PROMETHEUS_PORT": options.prometheus_port}
    if compose:
        ports |= {name: int(setting(name, str(port))) for name, port in COMPOSE_PORTS.items()}
    free = True
    for name, port in ports.items():
        holder = None if port in own else holder_of(port)
        free = free and holder is None
        told = f"held by {holder}; set {name} in .env" if holder else "free"
        print(f"{name:<16} {port:<6} {'ours' if port in own else told}")
    return free


def setting(name: str, default: str) -> str:
    return os.environ.get(name) or env_file().get(name) or default


def default_target() -> str:
    """The listener of its own where there is one, else the hub's port."""
    listen = setting("MLX_HUB_METRICS_LISTEN", "")
    if listen:
        return f"localhost:{listen.rsplit(':', 1)[1]}"
    return setting("MLX_HUB_URL", f"http://localhost:{setting('MLX_HUB_PORT', '8000')}")


def parse(arguments: list[str]) -> tuple[str, bool, Options]:
    parser = argparse.ArgumentParser(prog="scripts/stack")
    parser.add_argument("command", choices=["up", "down", "status", "check"])
    parser.add_argument("--mlflow-port", type=int, default=int(setting("MLFLOW_PORT", "5001")))
    parser.add_argument(
        "--prometheus-port", type=int, default=int(setting("PROMETHEUS_PORT", "9090"))
    )
    parser.add_argument("--hub", default=default_target(), help="the hub's address, or host:port")
    parser.add_argument(
        "--key-file", type=Path, default=setting("MLX_HUB_METRICS_KEY_FILE", "") or None
    )
    parser.add_argument(
        "--folder", type=Path, default=setting("MLX_HUB_STACK_DIR", str(stack_folder()))
    )
    parser.add_argument("--compose", action="store_true", help="check: compose.yaml's ports, too")
    found = parser.parse_args(arguments)
    address = urlsplit(found.hub if "//" in found.hub else f"//{found.hub}")
    if not address.hostname or address.scheme not in ("", "http") or not address.port:
        parser.error(f"--hub {found.hub}: wanted host:port or http://host:port")
    if found.key_file is not None and not found.key_file.is_file():
        parser.error(f"--key-file {found.key_file}: there is no such file")
    options = Options(
        found.folder.expanduser().resolve(),
        found.mlflow_port,
        found.prometheus_port,
        address.netloc,
        found.key_file,
    )
    return str(found.command), bool(found.compose), options


def main(arguments: list[str]) -> int:
    command, compose, options = parse(arguments)
    if command == "check":
        return 0 if check(options, compose) else 1
    stack = Stack(options)
    try:
        if command == "down":
            stack.down()
            return 0
        if command == "up":
            stack.up()
        healthy = stack.status()
        if command == "up":
            stack.show_settings()
    except (StackError, PrepareError, RuntimeError) as error:
        print(f"stack: {error}", file=sys.stderr)
        return 1
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
