"""GET /metrics of a hub that serves, trains and is asked nonsense."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hub_client import HubClient, HubError, HubProcess
from prometheus_client.parser import text_string_to_metric_families
from support.transfers import wait_for
from tiny_models import make_tiny_model, write_rows

ROOT = Path(__file__).resolve().parents[2]
LISTEN = "MLX_HUB_METRICS_LISTEN"
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
def hub(build_dir: Path) -> Iterator[HubProcess]:
    with HubProcess(build_dir, environment={LISTEN: "127.0.0.1:0"}) as process:
        client = HubClient(process.url)
        imports = process.data_dir / "imports"
        make_tiny_model(imports / "tiny")
        client.call("POST", "/models", json={"name": "tiny", "base_model": str(imports / "tiny")})
        write_rows(imports / "rows.jsonl", 8)
        client.upload_dataset("rows", imports / "rows.jsonl")
        yield process


def scrape(hub: HubProcess) -> Series:
    answer = httpx.get(f"{hub.url}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    series: Series = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.documentation, family.name
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in series, f"{sample.name}{sample.labels} comes twice"
            series[key] = sample.value
    return series


def value(series: Series, name: str, **labels: str) -> float:
    return series[(name, frozenset(labels.items()))]


def names(series: Series) -> set[str]:
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name, _ in series}


def train(client: HubClient) -> str:
    job = client.submit(
        {
            "type": "finetune",
            "model": "tiny",
            "dataset": "rows",
            "params": {
                "rank": 4,
                "epochs": 4,
                "batch_size": 2,
                "max_seq_length": 64,
                "report_every": 2,
            },
        }
    )
    client.wait(job["id"])
    return job["id"]


def test_what_a_served_request_and_a_training_leave(hub: HubProcess) -> None:
    client = HubClient(hub.url)
    answers = 3
    for _ in range(answers):
        client.chat("tiny", "Hello", max_tokens=8, temperature=0)
    train(client)
    wait_for(lambda: value(scrape(hub), "mlx_hub_jobs", state="COMPLETED") == 1, 10)
    # Usage follows its answer on another pipe.
    model = {"gen_ai_request_model": "tiny"}
    wait_for(
        lambda: scrape(hub).get(
            ("gen_ai_server_time_to_first_token_seconds_count", frozenset(model.items()))
        )
        == answers,
        10,
    )
    series = scrape(hub)
    assert (
        value(
            series,
            "http_server_request_duration_seconds_count",
            http_request_method="POST",
            http_route="/v1/chat/completions",
            http_response_status_code="200",
        )
        == answers
    )
    assert (
        value(series, "gen_ai_client_token_usage_count", gen_ai_token_type="input", **model)
        == answers
    )
    assert value(series, "mlx_hub_jobs_finished_total", kind="finetune", state="COMPLETED") == 1
    assert value(series, "mlx_hub_training_steps_total") > 0
    assert value(series, "mlx_hub_engines", state="ready") == 1
    assert value(series, "mlx_active_memory_bytes", worker="engine tiny") > 0
    budget = value(series, "mlx_hub_memory_budget_bytes")
    assert 0 < value(series, "mlx_hub_memory_reserved_bytes") <= budget
    assert value(series, "mlx_hub_memory_line_bytes", owner="engine tiny", amount="reserved") > 0
    assert value(series, "mlx_hub_models") >= 1
    assert value(series, "mlx_hub_datasets") == 1
    assert value(series, "process_resident_memory_bytes") > 1 << 20


def test_every_name_is_in_the_documentation(hub: HubProcess) -> None:
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    documented: set[str] = set()
    for cell in re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE):
        listed = re.findall(r"`([^`]+)`", cell)
        stem = listed[0].rsplit("_", 2)[0] if listed else ""
        for name in listed:
            documented.add(name.replace("…", stem) if name.startswith("…") else name)
    assert {name for name in names(scrape(hub)) if name not in documented} == set()


def test_what_clients_choose_makes_no_series(hub: HubProcess) -> None:
    def http_series() -> set[frozenset[tuple[str, str]]]:
        return {
            labels
            for name, labels in scrape(hub)
            if name == "http_server_request_duration_seconds_count"
        }

    httpx.get(f"{hub.url}/nothing/0")
    httpx.request("BREW0", f"{hub.url}/models")
    httpx.get(f"{hub.url}/models/none-0")
    before = http_series()
    for i in range(1, 30):
        httpx.get(f"{hub.url}/nothing/{i}")
        httpx.request(f"BREW{i}", f"{hub.url}/models")
        httpx.get(f"{hub.url}/models/none-{i}")
    assert http_series() == before


def metrics_url(hub: HubProcess) -> str:
    found = re.search(r'metrics_listening url="?([^\s"]+)', hub.log)
    assert found
    return found[1]


def test_the_listener_for_metrics_serves_nothing_else(hub: HubProcess) -> None:
    url = metrics_url(hub)
    # As Prometheus in a container calls.
    answer = httpx.get(url, headers={"Host": "host.docker.internal:9464"})
    assert answer.status_code == 200
    assert "mlx_hub_build_info" in answer.text
    for path in ("/models", "/system", "/keys", "/v1/models", "/ui/"):
        assert httpx.get(url.replace("/metrics", path)).status_code == 404
    assert httpx.post(url).status_code == 405


def test_metrics_need_a_key_where_keys_are_needed(hub: HubProcess) -> None:
    client = HubClient(hub.url)
    admin = client.call("POST", "/keys", json={"name": "admin", "scopes": ["admin"]})["secret"]
    reader = client.call("POST", "/keys", json={"name": "scrape", "scopes": ["read"]})["secret"]
    key = {"Authorization": f"Bearer {admin}"}
    assert (
        httpx.patch(f"{hub.url}/settings", headers=key, json={"require_keys": True}).status_code
        == 200
    )
    try:
        assert httpx.get(f"{hub.url}/metrics").status_code == 401
        answer = httpx.get(f"{hub.url}/metrics", headers={"Authorization": f"Bearer {reader}"})
        assert answer.status_code == 200
    finally:
        httpx.patch(f"{hub.url}/settings", headers=key, json={"require_keys": False})


def hub_that_listens(build_dir: Path, tmp_path: Path, address: str) -> HubProcess:
    return HubProcess(build_dir, data_dir=tmp_path, environment={LISTEN: address})


@pytest.mark.parametrize("value", ["9464", ":9464", "127.0.0.1:", "127.0.0.1:70000", "here:9464"])
def test_an_address_that_is_none_is_refused(build_dir: Path, tmp_path: Path, value: str) -> None:
    process = hub_that_listens(build_dir, tmp_path, value)
    with pytest.raises(HubError, match=r"metrics_listen|'here'|address"):
        process.start()


def test_a_taken_port_is_named(build_dir: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        process = hub_that_listens(build_dir, tmp_path, address)
        with pytest.raises(HubError, match=r"in use"):
            process.start()
