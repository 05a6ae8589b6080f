"""A disk that fills up while models are registered, imported and backed up: typed errors, nothing half-made."""

from __future__ import annotations

from pathlib import Path

from hub_client import HubClient, HubProcess
from support.small_disk import check_data, fill
from support.tiny_llama import repository


def large_model(folder: Path) -> Path:
    """Larger than what is left once the ballast lies on the disk."""
    folder.mkdir()
    for name, content in repository(1, vocab_size=60_000).items():
        if "/" not in name:
            (folder / name).write_bytes(content)
    return folder


def test_a_full_disk_leaves_nothing_half_made(
    build_dir: Path, small_disk: Path, tmp_path: Path
) -> None:
    source = large_model(tmp_path / "source")
    data = small_disk / "data"
    data.mkdir()
    hub = HubProcess(build_dir, data, ("--allow-path", str(tmp_path)))
    hub.start()
    try:
        client = HubClient(hub.url)
        ballast = fill(small_disk, 2_000_000)
        body = {"name": "large", "base_model": str(source)}
        answer = client.request("POST", "/models", json=body)
        assert answer.status_code == 503, answer.text
        assert "No space left on device" in answer.json()["error"]["message"]
        assert answer.headers["Retry-After"]
        assert client.request("GET", "/models/large").status_code == 404
        left = [path for path in (data / "blobs").rglob("*") if path.is_file()]
        left += [path for path in (data / "artifacts").rglob("*") if path.is_file()]
        assert left == []

        ballast.unlink()
        made = client.call("POST", "/models", json=body)
        assert made["state"] == "ready"
        archive = client.request("GET", "/models/large/archive").content
        file = tmp_path / "large.tar"
        file.write_bytes(archive)
        client.call("DELETE", "/models/large")
        fill(small_disk, 2_000_000)
        taken = client.request("POST", "/models/import", json={"path": str(file)})
        assert taken.status_code == 503, taken.text
        assert taken.json()["error"]["code"] == "disk_full"
        assert not [path for path in (data / "blobs").rglob("*") if path.is_file()]
        # Rows, too: what does not fit is refused, and the database stays whole.
        fill(small_disk, 0)
        refused = 0
        for number in range(300):
            tags = {"filling": "x" * 9000}
            body = {"name": f"row-{number}", "base_model": "org/row", "tags": tags}
            answer = client.request("POST", "/models", json=body)
            if answer.status_code != 201:
                refused += 1
                assert answer.status_code == 503, answer.text
                assert answer.json()["error"]["code"] == "database_unavailable"
                if refused > 3:
                    break
        assert refused, "the disk never filled up"
        (small_disk / "ballast").unlink()
        again = client.call("POST", "/models/import", json={"path": str(file)})
        assert again["versions"][0]["digest"] == made["versions"][0]["digest"]
        fill(small_disk, 1_000_000)
        backup = small_disk / "data" / "imports" / "backup"
        stopped = client.request("POST", "/backup", json={"path": str(backup), "artifacts": "copy"})
        assert stopped.status_code == 503, stopped.text
        assert not backup.exists()
        (small_disk / "ballast").unlink()
        client.close()
    finally:
        hub.stop()
    check_data(build_dir, data)
