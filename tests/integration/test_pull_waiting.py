"""Jobs on a model whose weights are not here yet."""

from __future__ import annotations

from typing import Any

from support.fake_hub import FakeHub
from support.tiny_llama import repository, with_tokenizer
from support.transfers import (
    REPO,
    default_model,
    register,
    submit,
)


def test_a_job_waits_for_the_weights(start: Any, remote: FakeHub) -> None:
    model = default_model()
    files = with_tokenizer(repository(vocab_size=49152), model)
    remote.add(REPO, files)
    remote.faults.bytes_per_second["model.safetensors"] = 3_000_000
    _, client = start()
    register(client)
    job = submit(client)
    assert (job["state"], job["reason"]) == ("QUEUED", "waiting_for_weights")
    second = submit(client)
    pulls = client.call("GET", "/jobs?type=pull")["data"]
    assert len(pulls) == 1

    # Meanwhile the device's lane works on.
    other = submit(client, "smollm2-135m-instruct")
    done = client.wait(other["id"], timeout=120)
    assert done["state"] == "COMPLETED", done["reason"]
    for waiting in (job, second):
        ended = client.wait(waiting["id"], timeout=120)
        assert ended["state"] == "COMPLETED", ended["reason"]
    pulled = client.job(pulls[0]["id"])
    assert pulled["ended_at"] <= client.job(job["id"])["started_at"]
    assert done["started_at"] < pulled["ended_at"]


def test_a_job_fails_with_the_pull_that_it_waits_for(start: Any, remote: FakeHub) -> None:
    remote.add(REPO, repository())
    remote.faults.flip_byte.add("model.safetensors")
    _, client = start()
    register(client)
    ended = client.wait(submit(client)["id"], timeout=60)
    assert ended["state"] == "FAILED"
    assert "model.safetensors" in ended["reason"]
    assert "did not arrive" in ended["reason"]

    remote.faults.flip_byte.clear()
    remote.faults.bytes_per_second["model.safetensors"] = 10_000
    waiting = submit(client)
    # In one look: it may begin to run between two.
    pulls = client.call("GET", "/jobs?type=pull")["data"]
    pull = next(job for job in pulls if job["state"] in ("QUEUED", "RUNNING"))
    client.call("POST", f"/jobs/{pull['id']}/cancel")
    ended = client.wait(waiting["id"], timeout=20)
    assert (ended["state"], "cancelled" in ended["reason"]) == ("FAILED", True)
