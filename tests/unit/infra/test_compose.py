"""compose.yaml: what docker-compose refuses, and what it would let pass.

Debian's docker-compose needs no daemon to read the file; where it is not installed the structure is checked here
all the same.
"""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hub_client import ROOT

Json = dict[str, Any]

SERVICE_KEYS = {
    *(
        "image",
        "build",
        "profiles",
        "restart",
        "environment",
        "command",
        "entrypoint",
        "ports",
        "user",
    ),
    *("volumes", "extra_hosts", "depends_on", "healthcheck"),
}
HEALTH_KEYS = {"test", "interval", "timeout", "retries", "start_period"}
PORT = re.compile(r"127\.0\.0\.1:\$\{([A-Z_]+)_PORT:-(\d+)\}:\d+")
# Images without a shell or any program to ask with; infra/README.md says how to ask them.
WITHOUT_SHELL = {"collector", "tempo", "loki"}


@pytest.fixture
def compose() -> Json:
    found: Json = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return found


def problems(compose: Json) -> list[str]:
    found = [f"unknown key {key}" for key in compose.keys() - {"services", "volumes"}]
    services: dict[str, Json] = compose["services"]
    used = set[str]()
    for name, service in services.items():
        found += [f"{name}: {one}" for one in _service_problems(name, service, services)]
        used |= {volume.split(":")[0] for volume in service.get("volumes", [])}
    named = {volume for volume in used if not volume.startswith((".", "$", "/"))}
    if named != set(compose["volumes"]):
        found.append(f"volumes {sorted(named ^ set(compose['volumes']))}")
    ports = [port for one in services.values() for port in one.get("ports", [])]
    if len({PORT.sub(r"\2", port) for port in ports}) != len(ports):
        found.append("two services want the same port")
    return found


def _service_problems(name: str, service: Json, services: dict[str, Json]) -> list[str]:
    found = [f"unknown key {key}" for key in service.keys() - SERVICE_KEYS]
    if not re.fullmatch(r"[a-z0-9./-]+:v?\d+(\.\d+)+", service.get("image", "")):
        found.append(f"image {service.get('image')} is not pinned")
    found += [
        f"port {port} is not 127.0.0.1:${{NAME_PORT:-…}}:…"
        for port in service.get("ports", [])
        if not PORT.fullmatch(port)
    ]
    if name not in WITHOUT_SHELL:
        health: Json = service.get("healthcheck", {})
        if set(health) != HEALTH_KEYS or not isinstance(health["test"], list):
            found.append("health check")
    for other in service.get("depends_on", {}):
        if other not in services:
            found.append(f"depends on {other}, which is not there")
        elif services[other].get("profiles"):
            found.append(f"depends on {other}, which Compose v2 refuses without its profile")
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("./") and not (ROOT / source).is_dir():
            found.append(f"{source} is not a folder")
    return found


def test_it_is_well_formed(compose: Json) -> None:
    assert problems(compose) == []
    started = {name for name, one in compose["services"].items() if not one.get("profiles")}
    assert started == {"mlflow", "prometheus", "grafana"}


@pytest.mark.parametrize("profiles", [[], ["postgres"], ["otel"], ["postgres", "otel"]])
def test_docker_compose_takes_it(profiles: list[str]) -> None:
    program = shutil.which("docker-compose")
    if program is None:
        pytest.skip("docker-compose is not installed (apt-get install docker-compose)")
    chosen = [word for profile in profiles for word in ("--profile", profile)]
    done = subprocess.run(
        [program, *chosen, "config", "-q"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_mlflow_is_the_one_that_the_hub_is_tested_against(compose: Json) -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    (wanted,) = [one for one in groups["mlflow"] if one.startswith("mlflow")]
    version = wanted.split("==")[1]
    service = compose["services"]["mlflow"]
    assert service["image"].endswith(f":{version}")
    assert service["build"]["args"] == {"MLFLOW_VERSION": version}


def test_mlflow_is_started_with_what_it_is_given(compose: Json, tmp_path: Path) -> None:
    """Its command runs here, with a program in its way that only says how it was called."""
    (tmp_path / "mlflow").write_text('#!/bin/sh\nprintf "[%s] " "$@"\n')
    (tmp_path / "mlflow").chmod(0o755)
    command = [word.replace("$$", "$") for word in compose["services"]["mlflow"]["command"]]
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "MLFLOW_BACKEND_STORE_URI": "sqlite:////a b.db",
        "MLFLOW_ARTIFACTS": "s3://mlflow",
    }
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment, cwd=tmp_path
    )
    assert "[--backend-store-uri] [sqlite:////a b.db] [--artifacts-destination] [s3://mlflow]" in (
        done.stdout
    )
    assert "[--allowed-hosts] [localhost,localhost:*,127.0.0.1,127.0.0.1:*," in done.stdout


def test_every_variable_is_explained() -> None:
    text = (ROOT / "compose.yaml").read_text()
    used = dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", text))
    example = (ROOT / ".env.example").read_text()
    explained = dict(re.findall(r"^#([A-Z_]+)=(.*)$", example, re.MULTILINE))
    assert used.keys() <= explained.keys()
    for name in used:
        if name.endswith("_PORT"):
            assert explained[name] == used[name], name


def test_prometheus_reaches_the_host(compose: Json) -> None:
    prometheus = compose["services"]["prometheus"]
    assert "host.docker.internal:host-gateway" in prometheus["extra_hosts"]
    config = yaml.safe_load((ROOT / "infra" / "prometheus" / "prometheus.yml").read_text())
    (hub,) = [one for one in config["scrape_configs"] if one["job_name"] == "mlx-hub"]
    assert hub["static_configs"] == [{"targets": ["host.docker.internal:9464"]}]


def test_configurations_of_the_other_services_hang_together(compose: Json) -> None:
    collector = yaml.safe_load((ROOT / "infra" / "otel" / "collector.yaml").read_text())
    for pipeline in collector["service"]["pipelines"].values():
        for part in ("receivers", "processors", "exporters"):
            assert set(pipeline[part]) <= set(collector[part])
        assert pipeline["processors"][0] == "memory_limiter"
    assert set(collector["service"]["extensions"]) <= set(collector["extensions"])
    for exporter in collector["exporters"].values():
        host = exporter["endpoint"].split("//")[1].split(":")[0]
        assert host in compose["services"]
    tempo = yaml.safe_load((ROOT / "infra" / "tempo" / "tempo.yaml").read_text())
    otlp = tempo["distributor"]["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    assert collector["exporters"]["otlphttp/tempo"]["endpoint"].endswith(otlp.split(":")[1])
    loki = yaml.safe_load((ROOT / "infra" / "loki" / "loki.yaml").read_text())
    assert f":{loki['server']['http_listen_port']}/otlp" in str(collector["exporters"])


BREAKS: list[tuple[tuple[str, Any], str]] = [
    (("image", "grafana/grafana:latest"), "is not pinned"),
    (("ports", ["3000:3000"]), "is not 127.0.0.1"),
    (("healthcheck", {}), "health check"),
    (("depends_on", {"postgres": {}}), "Compose v2 refuses"),
    (("depends_on", {"mysql": {}}), "is not there"),
    (("volumes", ["./infra/graphana:/etc"]), "is not a folder"),
    (("volumes", ["graphs:/etc"]), "volumes"),
    (("ports", ["127.0.0.1:${GRAFANA_PORT:-9090}:3000"]), "the same port"),
    (("colour", "red"), "unknown key colour"),
]


@pytest.mark.parametrize(("change", "says"), BREAKS)
def test_what_is_wrong_is_found(compose: Json, change: tuple[str, Any], says: str) -> None:
    other = copy.deepcopy(compose)
    other["services"]["grafana"][change[0]] = change[1]
    assert any(says in one for one in problems(other)), problems(other)
