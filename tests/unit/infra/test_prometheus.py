"""Prometheus takes the configurations and rules, and each alert has a case that fires it and one that does not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from hub_client import ROOT
from prometheus_server import configuration

FOLDER = ROOT / "infra" / "prometheus"


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("promtool")
    assert program, "promtool is missing (Debian: prometheus): scripts/setup --tests installs it"
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def alerts() -> dict[str, dict[str, object]]:
    groups = yaml.safe_load((FOLDER / "rules" / "alerts.yml").read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


@pytest.mark.parametrize("name", ["prometheus.yml", "prometheus.native.yml"])
def test_a_configuration_is_accepted_with_its_rules(name: str) -> None:
    done = promtool("check", "config", FOLDER / name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("rules found") == 2  # relative to the file, so they lie beside it


def test_the_stacks_configuration_is_accepted(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("secret")
    file = tmp_path / "prometheus.yml"
    file.write_text(configuration(9191, ["localhost:8123"], key_file=key))
    done = promtool("check", "config", file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("rules found") == 2
    written = yaml.safe_load(file.read_text())
    hub, own = written["scrape_configs"]
    assert hub["static_configs"] == [{"targets": ["localhost:8123"]}]
    assert hub["authorization"] == {"credentials_file": str(key)}
    assert own["static_configs"] == [{"targets": ["localhost:9191"]}]


def test_rules_do_what_their_cases_say() -> None:
    done = promtool("test", "rules", FOLDER / "alerts_test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_case_can_fail(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "prometheus")
    file = tmp_path / "prometheus" / "rules" / "alerts.yml"
    file.write_text(file.read_text().replace("ratio > 0.95", "ratio > 0.98"))
    done = promtool("test", "rules", tmp_path / "prometheus" / "alerts_test.yml")
    assert done.returncode != 0
    assert "MemoryLedgerNearlyFull" in done.stdout + done.stderr


def test_every_alert_has_a_case_that_fires_it_and_one_that_does_not() -> None:
    cases = yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]
    fires = set[str]()
    quiet = set[str]()
    for case in cases:
        name = case["name"].split(" ")[0]
        for asked in case["promql_expr_test"]:
            assert asked["expr"] == f'ALERTS{{alertname="{name}", alertstate="firing"}}'
            (fires if asked["exp_samples"] else quiet).add(name)
        assert case["name"] in (f"{name} fires", f"{name} is quiet")
        assert bool(case["promql_expr_test"][0]["exp_samples"]) == case["name"].endswith("fires")
    assert fires == quiet == set(alerts())


def test_alerts_say_what_to_do() -> None:
    for name, rule in alerts().items():
        assert rule["labels"] in [{"severity": one} for one in ("info", "warning", "critical")]
        annotations = rule["annotations"]
        assert isinstance(annotations, dict)
        assert annotations["summary"], name
        assert annotations["description"], name
