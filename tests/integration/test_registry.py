"""The registry as a person meets it: the plan's calls, filters, lineage, archives."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
import try_registry
from hub_client import HubClient, HubProcess
from support.registry_models import flip_last_byte, register, stored_file, write_model

# The plan's small scripts.


def test_mock_metadata_goes_in_and_comes_back(api: HubClient) -> None:
    names = try_registry.insert_and_read_back(api, 5)
    assert len(names) == 5


def test_the_plans_registration_by_curl(api: HubClient) -> None:
    try_registry.register_from_outside(api, try_registry.with_curl(api.url))


@pytest.mark.skipif(shutil.which("http") is None, reason="HTTPie is not installed")
def test_the_plans_registration_by_httpie(api: HubClient) -> None:
    try_registry.register_from_outside(api, try_registry.with_httpie(api.url))


# Lists and lineage.


def test_filters_search_and_sorting(api: HubClient) -> None:
    for name, tags in (("zeta", {"set": "f", "task": "chat"}), ("alpha", {"set": "f"})):
        body = {"name": name, "base_model": "org/filter", "tags": tags, "description": "for f"}
        api.call("POST", "/models", json=body)

    def names(**query: str) -> list[str]:
        found = api.call("GET", "/models", params={"tag": "set:f", **query})
        return [model["name"] for model in found["data"]]

    assert names() == ["zeta", "alpha"]
    assert names(sort="name") == ["alpha", "zeta"]
    assert names(sort="-created") == ["alpha", "zeta"]
    assert names(tag="set:f,task") == ["zeta"]
    assert names(q="FOR F", state="pending") == ["zeta", "alpha"]
    assert names(state="ready") == []
    assert names(base="org/filter", name="ALPH") == ["alpha"]
    for query in ({"sort": "size"}, {"tag": ":x"}, {"state": "gone"}, {"cursor": "x"}):
        assert api.request("GET", "/models", params=query).status_code == 400, query


def test_lineage_and_removal_of_versions(api: HubClient, folder: Path) -> None:
    model = register(api, "origin", folder)
    copy = api.call("POST", "/models", json={"name": "descendant", "base_model": "origin"})
    graph = api.call("GET", "/models/origin/lineage")
    first, second = model["versions"][0]["id"], copy["versions"][0]["id"]
    assert [node["id"] for node in graph["nodes"]] == [first, second]
    assert graph["edges"] == [{"from": first, "to": second, "relation": "parent"}]
    assert api.call("GET", f"/versions/{second}/lineage")["nodes"][0]["model"] == "descendant"
    refused = api.request("DELETE", f"/versions/{first}")
    assert refused.json()["error"]["code"] == "version_in_use"
    assert api.request("DELETE", f"/versions/{second}").status_code == 204
    assert api.request("DELETE", f"/versions/{first}").status_code == 204
    assert api.call("GET", "/models/origin")["versions"] == []


# Archives and commands.


def command(
    build_dir: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [build_dir / "mlx-hub", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **environment},
    )


def as_json(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_archive_makes_the_same_model_elsewhere(
    api: HubClient,
    registry: HubProcess,
    own_hub: HubProcess,
    build_dir: Path,
    folder: Path,
    tmp_path: Path,
) -> None:
    model = register(api, "travels", folder)
    api.call("PUT", "/models/travels/aliases/production", json={"version": 1})
    file = tmp_path / "travels.tar"
    data = ["--data-dir", str(registry.data_dir)]
    assert as_json(command(build_dir, "export", "travels", "-o", str(file), *data, "--json"))
    assert not list(tmp_path.glob("*.part-*"))
    again = command(build_dir, "export", "travels", "-o", str(file), *data)
    assert again.returncode == 1
    assert "exists already" in again.stderr
    with tarfile.open(file) as archive:
        names = archive.getnames()
        assert names[0] == "manifest.json"
        assert all(name.startswith("files/") for name in names[1:])

    there = ["--data-dir", str(own_hub.data_dir), "--json"]
    made = as_json(command(build_dir, "import-archive", str(file), *there))
    assert made["versions"][0]["digest"] == model["versions"][0]["digest"]
    assert made["aliases"] == {"production": 1}
    taken = command(build_dir, "import-archive", str(file), *there)
    assert taken.returncode == 1
    assert "registered already" in taken.stderr
    renamed = as_json(command(build_dir, "import", str(file), "--name", "other", *there))
    assert renamed["name"] == "other"
    # Same bytes stored once.
    blobs = [path for path in (own_hub.data_dir / "blobs").rglob("*") if path.is_file()]
    stored = [path for path in (own_hub.data_dir / "artifacts").rglob("*") if path.is_file()]
    assert len(stored) == 2 * len(blobs)


def test_an_archive_with_a_link_is_refused(api: HubClient, folder: Path) -> None:
    register(api, "linked", folder)
    archive = api.request("GET", "/models/linked/archive").content
    with tarfile.open(fileobj=io.BytesIO(archive)) as good:
        manifest = good.extractfile("manifest.json")
        assert manifest is not None
        content = manifest.read()
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE):
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w") as bad:
            head = tarfile.TarInfo("manifest.json")
            head.size = len(content)
            bad.addfile(head, io.BytesIO(content))
            evil = tarfile.TarInfo("files/evil")
            evil.type = kind
            evil.linkname = "/etc/passwd"
            bad.addfile(evil)
        answer = api.request(
            "POST",
            "/models/import?name=evil",
            content=made.getvalue(),
            headers={"Content-Type": "application/x-tar"},
        )
        assert answer.status_code == 422, answer.text
        assert "only files may be in it" in answer.json()["error"]["message"]
    assert api.request("GET", "/models/evil").status_code == 404


def test_commands_with_and_without_a_server(build_dir: Path, tmp_path: Path) -> None:
    data, backup, restored = tmp_path / "data", tmp_path / "backup", tmp_path / "restored"
    data.mkdir()
    hub = HubProcess(build_dir, data, ("--allow-path", str(tmp_path)))
    here = ["--data-dir", str(data), "--json"]
    hub.start()
    try:
        client = HubClient(hub.url)
        model = register(client, "kept", write_model(data / "imports" / "kept"))
        register(client, "lost", write_model(data / "imports" / "lost", seed=1))
        weights = stored_file(client, model, "model-00001-of-00003.safetensors")
        checked = as_json(command(build_dir, "verify", *here))
        assert checked["damaged"] == 0
        assert {one["model"] for one in checked["data"]} >= {"kept", "lost"}
        orphan = data / "jobs" / "01900000-0000-7000-8000-000000000001"
        orphan.mkdir()
        (orphan / "log.txt").write_text("old")
        os.utime(orphan, (0, 0))
        listed = as_json(command(build_dir, "gc", *here))
        assert [item["kind"] for item in listed["data"]] == ["job_folder"]
        assert orphan.exists()
        online = as_json(command(build_dir, "backup", str(backup / "online"), *here))
        assert (online["missing"], online["linked"] > 0) == ([], True)
        blocked = command(build_dir, "restore", str(backup / "online"), *here, "--force")
        assert blocked.returncode == 1
        assert "another mlx-hub server uses the data folder" in blocked.stderr
        client.close()
    finally:
        hub.stop()

    # The same commands on the folder itself.
    removed = as_json(command(build_dir, "gc", "--apply", *here))
    assert not orphan.exists()
    assert not removed["dry_run"]
    copied = as_json(command(build_dir, "backup", str(backup / "copy"), "--copy-artifacts", *here))
    assert copied["copied"] == copied["files"] > 0
    flip_last_byte(weights)
    checked = command(build_dir, "verify", "kept", *here)
    assert checked.returncode == 1
    report = json.loads(checked.stdout)
    assert report["data"][0]["state"] == "corrupt"
    assert "SHA-256" in report["data"][0]["problems"][0]

    there = ["--data-dir", str(restored), "--json"]
    done = as_json(command(build_dir, "restore", str(backup / "copy"), *there))
    assert done["missing"] == []
    full = command(build_dir, "restore", str(backup / "copy"), *there)
    assert full.returncode == 1
    assert "is not empty" in full.stderr
    assert as_json(command(build_dir, "verify", *there))["damaged"] == 0
    nothing = command(build_dir, "verify", "--data-dir", str(tmp_path / "none"))
    assert "there is no hub" in nothing.stderr

    # Shared by hard links, the other backup has the flipped byte: it says so.
    hurt = command(
        build_dir, "restore", str(backup / "online"), "--data-dir", str(tmp_path / "hurt"), "--json"
    )
    assert hurt.returncode == 1
    assert "is damaged" in json.loads(hurt.stdout)["missing"][0]
    with HubProcess(build_dir, restored) as again:
        client = HubClient(again.url)
        found = client.call("GET", "/models/kept")
        assert found["versions"][0]["digest"] == model["versions"][0]["digest"]
        client.close()


def test_a_database_of_a_newer_hub_is_refused(build_dir: Path, tmp_path: Path) -> None:
    hub = HubProcess(build_dir, tmp_path)
    hub.start()
    hub.stop()
    with sqlite3.connect(tmp_path / "hub.db") as database:
        database.execute("INSERT INTO schema_migrations VALUES (999, 'future', 'x', 0)")
    database.close()
    done = command(build_dir, "serve", "--port", "0", "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert "was written by a newer MLX Model Hub" in done.stderr
