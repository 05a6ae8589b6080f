"""scripts/verify_plan: what the plan says of dashboard and monitoring (tasks 7 and 8, sections 3, 6, 7)."""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import time
from pathlib import Path

import httpx
from hub_client import ROOT, Json
from plan_report import Row
from plan_setting import (
    PROMETHEUS_PORT,
    CannotCheckError,
    CheckFailedError,
    Setting,
    expect,
    wait_until,
)

HUB = frozenset({"hub"})
STACK = frozenset({"stack"})
BOTH = HUB | STACK
HEALTH = "curl http://localhost:9090/-/healthy"
SERVICES = {"mlflow", "prometheus", "grafana"}
SENSORS = "*/*/temp*"  # of thermal zones and hwmon
PROMETHEUS = f"http://localhost:{PROMETHEUS_PORT}"


def lighthouse(setting: Setting) -> str:
    """Of every page, as on a desktop: the least of the ratings, from 0 to 100."""
    rated = browser_tests(setting, "lighthouse")
    found = [int(one) for one in re.findall(r"performance (\d+)", rated)]
    expect(bool(found), f"Lighthouse rated no page: {rated[-300:]}")
    expect(min(found) > 90, f"a page's performance is rated {min(found)}, wanted above 90")
    return f"{len(found)} pages, performance at least {min(found)}"


def training_in_browser(setting: Setting) -> str:
    browser_tests(setting, "loop -g 'upload, train'")
    return "by clicks: data uploaded, training started, its loss seen moving without a reload"


def browser_tests(setting: Setting, which: str) -> str:
    """Tests of web/e2e, which start a hub of their own; what they print."""
    sourced = "source scripts/steps.sh && source scripts/dashboard.sh"
    return setting.shell(
        f"{sourced} && CHROMIUM=$(find_chromium) in_web npx playwright test {which}"
    )


def prometheus_health(setting: Setting) -> str:
    setting.stack()
    answer = setting.shell(HEALTH)
    expect("Healthy" in answer, f"the answer is {answer!r}")
    return answer.strip()


def series(query: str) -> list[Json]:
    answer = httpx.get(f"{PROMETHEUS}/api/v1/query", params={"query": query}).json()
    found: list[Json] = answer["data"]["result"]
    return found


def scrapes_hub(setting: Setting) -> str:
    """The targets' own names are the stack's; what counts is that the hub's series arrive."""
    setting.start_hub()
    setting.stack()
    seconds = wait_until(
        lambda: bool(series("mlx_hub_build_info")), 90, "Prometheus has the hub's series"
    )
    return f"Prometheus has scraped the hub (after {seconds:.0f} s)"


def visible_memory(setting: Setting) -> str:
    scrapes_hub(setting)
    seen: list[str] = []
    for query in ("mlx_hub_host_memory_bytes", "mlx_hub_host_cpu_seconds_total"):
        found = series(query)
        expect(bool(found), f"{query} is empty")
        seen.append(f"{query}: {len(found)} series")
    return "; ".join(seen)


def pressure_and_heat(setting: Setting) -> str:
    text = setting.client.request("GET", "/metrics")
    expect(text.is_success, f"missing: GET /metrics answers {text.status_code}")
    names = {line.split("{")[0].split(" ")[0] for line in text.text.splitlines()}
    expect("mlx_hub_host_memory_bytes" in names, "mlx_hub_host_memory_bytes is not in /metrics")
    if "mlx_hub_host_temperature_celsius" not in names:
        if platform.system() == "Linux" and not list(Path("/sys/class").glob(SENSORS)):
            raise CannotCheckError("memory is in /metrics; this machine has no temperature sensor")
        raise CheckFailedError("mlx_hub_host_temperature_celsius is not in /metrics")
    return "memory and temperature are in /metrics"


def in_grafana(_: Setting) -> str:
    if shutil.which("grafana-server") is None and not has_docker():
        raise CannotCheckError("needs Grafana: neither it nor a Docker engine is on this machine")
    raise CheckFailedError("there is a Grafana here, and this row does not ask it yet")


def web_logs(setting: Setting) -> str:
    for path in ("/metrics", "/logs"):
        answer = setting.client.request("GET", path)
        expect(answer.is_success, f"missing: GET {path} answers {answer.status_code}")
    return "GET /metrics and GET /logs"


def compose() -> str:
    """The program that reads a compose file."""
    if shutil.which("docker-compose"):
        return "docker-compose"
    if (
        shutil.which("docker")
        and subprocess.run(
            ["docker", "compose", "version"], capture_output=True, check=False
        ).returncode
        == 0
    ):
        return "docker compose"
    raise CannotCheckError("there is no docker-compose on this machine")


def has_docker() -> bool:
    if shutil.which("docker") is None:
        return False
    done = subprocess.run(["docker", "info"], capture_output=True, check=False)
    return done.returncode == 0


def compose_file(setting: Setting) -> str:
    expect((ROOT / "compose.yaml").exists(), "missing: compose.yaml")
    services = set(setting.shell(f"{compose()} -f compose.yaml config --services").split())
    expect(services >= SERVICES, f"its services are {sorted(services)}")
    return f"services {', '.join(sorted(services))}"


def compose_up(setting: Setting) -> str:
    expect((ROOT / "compose.yaml").exists(), "missing: compose.yaml")
    program = compose()
    if not has_docker():
        raise CannotCheckError("there is no Docker engine on this machine")
    started = time.monotonic()
    try:
        setting.shell(f"{program} up -d")
        for url in (f"{PROMETHEUS}/-/healthy", "http://localhost:3000/api/health"):
            setting.shell(f"curl -fsS --retry 60 --retry-all-errors --retry-delay 2 {url}")
    finally:
        setting.shell(f"{program} down")
    return f"all services answered after {time.monotonic() - started:.0f} s"


def grafana_files(_: Setting) -> str:
    boards = sorted((ROOT / "infra" / "grafana").rglob("*.json"))
    expect(bool(boards), "missing: no dashboard in infra/grafana")
    panels = 0
    for file in boards:
        panels += len(json.loads(file.read_text())["panels"])
    return f"{len(boards)} dashboards with {panels} panels"


def readme(_: Setting) -> str:
    text = (ROOT / "README.md").read_text()
    for script in ("scripts/up", "scripts/setup"):
        expect((ROOT / script).exists() and script in text, f"the README does not name {script}")
    return "README, scripts/setup, scripts/up"


ROWS = (
    Row(
        "T7.V",
        "Validation: Lighthouse audit (Performance > 90)",
        "Lighthouse rates every page (web/e2e/lighthouse.spec.ts)",
        lighthouse,
    ),
    Row(
        "T7.A",
        "Acceptance: user can trigger training and see loss curves without refresh",
        "the loop by clicks in a browser (web/e2e/loop.spec.ts)",
        training_in_browser,
    ),
    Row(
        "T8.S.1",
        "Docker Compose for MLflow, Prometheus, and Grafana",
        "docker-compose config",
        compose_file,
    ),
    Row(
        "T8.V",
        "Validation: 'docker-compose up' starts all services; Grafana shows live data",
        "docker-compose up",
        compose_up,
    ),
    Row(
        "T8.S.2",
        "Prometheus scrapes the hub's metrics and system stats",
        "a query of Prometheus",
        scrapes_hub,
        BOTH,
    ),
    Row(
        "T8.S.3",
        "Grafana dashboards for GPU/CPU/memory usage",
        "the files in infra/grafana",
        grafana_files,
    ),
    Row(
        "T8.S.4",
        "Finalize README and setup scripts",
        "README.md, scripts/",
        readme,
    ),
    Row(
        "T8.A",
        "Acceptance: centralized logging and metrics accessible via web",
        "GET /metrics, GET /logs",
        web_logs,
        HUB,
    ),
    Row(
        "S6.4",
        "Check Prometheus health",
        HEALTH,
        prometheus_health,
        STACK,
    ),
    Row(
        "S3.O",
        "Observability: monitor thermals and memory pressure",
        "GET /metrics",
        pressure_and_heat,
        HUB,
    ),
    Row(
        "S7.4.1",
        "Visibility: RAM and CPU usage are measured",
        "series of the real Prometheus",
        visible_memory,
        BOTH,
    ),
    Row(
        "S7.4.2",
        "Visibility: GPU and RAM usage visible in Grafana during all operations",
        "Grafana",
        in_grafana,
    ),
)
