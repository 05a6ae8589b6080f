"""Many requests at one engine: fair by API key, by priority, with a queue that says no, and watched."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from hub_client import HubClient, HubProcess, Json
from support.tiny_hub import hub_with
from support.transfers import wait_for
from tiny_models import make_tiny_model

FLOOD = 40


@dataclass
class Served:
    """A hub with the model "tiny", whose engine runs two requests at once, and a key for each name."""

    hub: HubProcess
    client: HubClient
    keys: dict[str, str]

    def ask(self, key: str, max_tokens: int, **more: object) -> httpx.Response:
        body = {
            "model": "tiny",
            "prompt": "Once upon a time",
            "max_tokens": max_tokens,
            "ignore_eos": True,
            **more,
        }
        headers = {"Authorization": f"Bearer {self.keys[key]}"}
        url = f"{self.hub.url}/v1/completions"
        return httpx.post(url, json=body, headers=headers, timeout=300)

    def engine(self) -> Json:
        engines = self.client.call("GET", "/system")["engines"]
        return engines[0] if engines else {"waiting": 0, "running": 0}

    def metric(self, name: str, **labels: str) -> float:
        for line in httpx.get(f"{self.hub.url}/metrics").text.splitlines():
            wanted = all(f'{label}="{value}"' in line for label, value in labels.items())
            if line.startswith(name + "{") and wanted:
                return float(line.rsplit(" ", 1)[1])
        return 0.0


@contextlib.contextmanager
def served(build_dir: Path, folder: Path, **settings: str) -> Generator[Served]:
    folder.mkdir(exist_ok=True)
    with hub_with(build_dir, folder, max_running="2", **settings) as hub:
        client = HubClient(hub.url)
        model = make_tiny_model(folder / "tiny")
        client.call("POST", "/models", json={"name": "tiny", "base_model": str(model)})
        keys = {
            name: str(
                client.call("POST", "/keys", json={"name": name, "scopes": [scope]})["secret"]
            )
            for name, scope in (("flood", "infer"), ("single", "infer"), ("chief", "admin"))
        }
        client.call("POST", "/engines/tiny/load")
        yield Served(hub, client, keys)
        client.close()


@pytest.fixture
def hub(build_dir: Path, tmp_path: Path) -> Iterator[Served]:
    with served(build_dir, tmp_path / "hub") as running:
        yield running


@pytest.fixture
def small_queue(build_dir: Path, tmp_path: Path) -> Iterator[Served]:
    with served(build_dir, tmp_path / "hub", speculative_tokens="0", max_waiting="4") as running:
        yield running


class Flood:
    """Requests of one key at once, which come again while they are refused."""

    def __init__(self, hub: Served, count: int, max_tokens: int, **more: object) -> None:
        self._done = 0
        self._refusals: list[httpx.Response] = []
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(count)
        self._answers: list[Future[None]] = [
            self._pool.submit(self._ask, hub, max_tokens, more) for _ in range(count)
        ]

    def _ask(self, hub: Served, max_tokens: int, more: dict[str, object]) -> None:
        while (answer := hub.ask("flood", max_tokens, **more)).status_code in (429, 503):
            with self._lock:
                self._refusals.append(answer)
            time.sleep(0.05)
        assert answer.status_code == 200, answer.text
        with self._lock:
            self._done += 1

    @property
    def done(self) -> int:
        with self._lock:
            return self._done

    def wait(self) -> list[httpx.Response]:
        """What was refused, once all were answered."""
        for answer in self._answers:
            answer.result()
        return self._refusals


def test_a_keys_one_request_does_not_wait_for_anothers_forty(hub: Served) -> None:
    flood = Flood(hub, FLOOD, 150)
    wait_for(lambda: flood.done > 0 or hub.engine()["waiting"] > FLOOD // 2, 60)
    before = flood.done
    answer = hub.ask("single", 1)
    after = flood.done
    assert answer.status_code == 200
    # Two run at once: those that ran when it came, and what ended while its answer travelled.
    assert after - before <= 5, f"{after - before} of the other key's were answered first"
    assert after < FLOOD // 2
    assert flood.wait() == []


def test_a_request_with_a_lower_priority_goes_first(hub: Served) -> None:
    flood = Flood(hub, 12, 300, priority=5)
    wait_for(lambda: hub.engine()["waiting"] > 4, 60)
    before = flood.done
    assert hub.ask("flood", 1).status_code == 200
    assert flood.done - before <= 3
    first = hub.ask("chief", 1, priority=-1000)
    assert first.status_code == 200
    refused = hub.ask("single", 1, priority=-1)
    assert refused.status_code == 403
    assert refused.json()["error"]["param"] == "priority"
    assert refused.json()["error"]["code"] == "insufficient_scope"
    assert hub.ask("single", 1, priority=5000).status_code == 400
    flood.wait()


def test_a_full_queue_says_no_and_when_to_come_again(small_queue: Served) -> None:
    hub = small_queue
    flood = Flood(hub, 10, 1500)
    # Two run, three of four places are the key's; the fourth is for others.
    wait_for(lambda: hub.engine()["waiting"] == 3, 60)
    # Two others come while there is one place: whoever is second hears so.
    turned_away: list[httpx.Response] = []
    with ThreadPoolExecutor(1) as pool:
        for _ in range(200):
            other = pool.submit(hub.ask, "single", 1500)
            answers = [hub.ask("chief", 1), other.result()]
            turned_away = [one for one in answers if one.status_code == 503]
            if turned_away:
                break
    (busy,) = turned_away
    refused = [*flood.wait(), busy]
    limited = [one for one in refused if one.status_code == 429]
    assert limited
    for answer, code, kind in (
        (limited[0], "key_queue_full", "rate_limit_error"),
        (busy, "engine_busy", "unavailable_error"),
    ):
        assert answer.json()["error"]["code"] == code
        assert answer.json()["error"]["type"] == kind
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert busy.status_code == 503
    wait_for(lambda: hub.engine()["refused"] == len(refused), 10)
    name = "mlx_hub_engine_refused_total"
    assert hub.metric(name, reason="key_queue_full") == len(limited)
    assert hub.metric(name, reason="engine_busy") == len(refused) - len(limited)


def test_a_slow_step_is_logged_counted_and_told(build_dir: Path, tmp_path: Path) -> None:
    with served(build_dir, tmp_path / "hub", engine_slow_step_seconds="0.00001") as hub:
        answer = hub.ask("single", 4)
        assert answer.status_code == 200
        wait_for(lambda: hub.engine().get("slow_steps", 0) >= 4, 10)
        assert hub.metric("mlx_hub_engine_slow_steps_total", gen_ai_request_model="tiny") >= 4
        logged = hub.client.call("GET", "/logs", params={"event": "step_slow"})["data"]
        assert logged[0]["sequences"] == 1
        assert logged[0]["rows"] >= 1
        assert logged[0]["requests"] == answer.headers["X-Request-Id"]
        time.sleep(1.2)  # a report of the idle engine
        assert hub.engine()["step_seconds"] == 0
        assert hub.engine()["slow"] is False
