"""The plan's small checks of the registry: metadata in and out, and the registration calls of curl and HTTPie.

    uv run python scripts/try_registry.py [--url http://localhost:8000] [--count 5]

Without --url it starts a hub of its own on a temporary folder. Prints one line a check; exits with 1 at the first
that fails. What it registers has names of its own and is removed at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Generator
from pathlib import Path

from hub_client import ROOT, HubClient, HubError, HubProcess, Json

MODEL = "mlx-community/Meta-Llama-3-8B-4bit"
Request = Callable[[str, Json], Json]


def mock_models(count: int) -> list[Json]:
    """Metadata as a person would give it."""
    run = uuid.uuid4().hex[:8]
    return [
        {
            "name": f"mock-{run}-{number}",
            "base_model": f"mock-org/model-{number}",
            "description": f'Mock model {number}: ünïcode, "quotes", 日本語',
            "tags": {"task": "chat" if number % 2 else "code", "run": run},
        }
        for number in range(count)
    ]


def insert_and_read_back(client: HubClient, count: int) -> list[str]:
    """Registers mock models and compares what each way of reading them gives. Returns their names."""
    models = mock_models(count)
    for model in models:
        created = client.call("POST", "/models", json=model)
        for read in (f"/models/{created['id']}", f"/models/{model['name']}"):
            found = client.call("GET", read)
            wrong = [key for key in model if found[key] != model[key]]
            if found != created or wrong:
                raise HubError(f"{read} differs from what was registered: {wrong}")
        version = client.call("GET", f"/versions/{created['versions'][0]['id']}")
        if (version["version"], version["state"]) != (1, "pending"):
            raise HubError(f"the first version is {version['version']}, {version['state']}")
    run = models[0]["tags"]["run"]
    listed = client.call("GET", "/models", params={"tag": f"run:{run}", "limit": 200})["data"]
    if [one["name"] for one in listed] != [one["name"] for one in models]:
        raise HubError(f"the list has {len(listed)} of {count}")
    return [model["name"] for model in models]


def run_command(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise HubError(f"{command[0]} ended with {done.returncode}: {done.stderr or done.stdout}")
    return done.stdout


def with_curl(url: str) -> Request:
    def post(path: str, body: Json) -> Json:
        header = ["-H", "Content-Type: application/json"]
        return json.loads(
            run_command(
                ["curl", "-sS", "-X", "POST", f"{url}{path}", *header, "-d", json.dumps(body)]
            )
        )

    return post


def with_httpie(url: str) -> Request:
    def post(path: str, body: Json) -> Json:
        fields = [f"{key}={value}" for key, value in body.items()]
        command = ["http", "--ignore-stdin", "--body", "POST", f"{url}{path}", *fields]
        return json.loads(run_command(command))

    return post


def register_from_outside(client: HubClient, post: Request) -> str:
    """The plan's registration call, then the same name again. Returns the model's name."""
    name = f"Llama-3-8B-MLX-{uuid.uuid4().hex[:8]}"
    created = post("/models", {"name": name, "base_model": MODEL})
    if created.get("state") != "pending" or created.get("name") != name:
        raise HubError(f"the answer is {created}")
    if client.call("GET", f"/models/{created['id']}") != created:
        raise HubError("GET gives another model than POST answered")
    again = post("/models", {"name": name, "base_model": MODEL})
    if again.get("error", {}).get("code") != "model_exists":
        raise HubError(f"the same name again was answered with {again}")
    refused = post("/models", {"name": "no spaces allowed", "base_model": MODEL})
    if refused.get("error", {}).get("param") != "name":
        raise HubError(f"a bad name was answered with {refused}")
    return name


@contextlib.contextmanager
def connected(url: str | None, build_dir: Path) -> Generator[HubClient]:
    with contextlib.ExitStack() as stack:
        if url is None:
            url = stack.enter_context(HubProcess(build_dir.resolve())).url
        client = HubClient(url)
        stack.callback(client.close)
        yield client


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="of a running hub; default: one of its own")
    parser.add_argument("--count", type=int, default=5, help="mock models")
    parser.add_argument("--build-dir", type=Path, default=ROOT / "build" / "release")
    arguments = parser.parse_args()
    try:
        with connected(arguments.url, arguments.build_dir) as client:
            made = insert_and_read_back(client, arguments.count)
            print(f"ok    {arguments.count} mock models inserted and read back")
            for program, post in (("curl", with_curl), ("http", with_httpie)):
                if shutil.which(program) is None:
                    print(f"skip  {program} is not installed")
                    continue
                made.append(register_from_outside(client, post(client.url)))
                print(f"ok    registered by {program}, the same name and a bad one refused")
            for name in made:
                client.call("DELETE", f"/models/{name}")
            print(f"ok    {len(made)} models removed")
    except HubError as error:
        print(f"FAIL  {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
