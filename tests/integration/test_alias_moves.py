"""An alias that moves while it is served: every answer is of one version or the other, and a move counts at once."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hub_client import HubClient, HubProcess, Json
from tiny_models import make_tiny_model, write_rows

REQUESTS = 1000
MOVES = 20
PROMPT = "Count from 3."


def answer(client: HubClient, model: str) -> str:
    return client.chat(model, PROMPT, temperature=0, max_tokens=8)


def train(client: HubClient, seed: int) -> Json:
    params: Json = {
        "rank": 4,
        "epochs": 1000,
        "max_steps": 60,
        "batch_size": 4,
        "learning_rate": 1e-2,
        "max_seq_length": 64,
        "eval_every": 0,
        "seed": seed,
    }
    job = {"type": "finetune", "model": "tiny", "dataset": "rows", "params": params}
    done = client.wait(str(client.submit({**job, "output": {"name": "counter"}})["id"]), 120)
    assert done["state"] == "COMPLETED", done["reason"]
    result: Json = done["result"]
    return result


def test_a_thousand_requests_while_an_alias_moves_twenty_times(
    build_dir: Path, tmp_path: Path
) -> None:
    with HubProcess(build_dir, arguments=("--allow-path", str(tmp_path))) as hub:
        client = HubClient(hub.url)
        model = make_tiny_model(tmp_path / "tiny")
        client.call("POST", "/models", json={"name": "tiny", "base_model": str(model)})
        client.upload_dataset("rows", write_rows(tmp_path / "rows.jsonl"))
        versions = [int(train(client, seed)["version"]) for seed in (1, 2)]
        expected = {v: answer(client, f"counter:{v}") for v in versions}
        assert len(set(expected.values())) == 2, "the versions must be told apart"
        client.call("PUT", "/models/counter/aliases/live", json={"version": versions[0]})

        counted: Counter[str] = Counter()
        lock = threading.Lock()
        progress = threading.Semaphore(0)

        def ask(_: int) -> None:
            mine = HubClient(hub.url)
            text = answer(mine, "counter@live")
            mine.close()
            with lock:
                counted[text] += 1
            progress.release()

        with ThreadPoolExecutor(16) as threads:
            asked = [threads.submit(ask, i) for i in range(REQUESTS)]
            for move in range(MOVES):
                for _ in range(REQUESTS // (MOVES + 2)):
                    progress.acquire()
                version = versions[(move + 1) % 2]
                client.call("PUT", "/models/counter/aliases/live", json={"version": version})
                assert answer(client, "counter@live") == expected[version], "a stale answer"
            for one in asked:
                one.result()
        assert sum(counted.values()) == REQUESTS
        assert set(counted) == set(expected.values()), "an answer of neither version"
        client.close()
