"""Every piece of docs/clients.md that says how it runs, run against the hub."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from hub_client import HubProcess
from support.outside_packages import NODE, node_environment, node_folder, uv_run

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "clients.md"
ADDRESS = "http://localhost:8000"
OWN = {"openai", "anthropic"}  # in the project's environment
PIECE = re.compile(
    r"^## (?P<title>[^\n]+)$"
    r"|^<!-- runs: (?P<program>\w+)(?: with (?P<packages>[^;\n]+))?; expects: (?P<expects>[^\n]+?) -->\n"
    r"```\w+\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Piece:
    name: str
    program: str
    packages: tuple[str, ...]
    expects: str
    text: str


def pieces() -> list[Piece]:
    found: list[Piece] = []
    title = ""
    for match in PIECE.finditer(PAGE.read_text()):
        if match["title"]:
            title = match["title"]
            continue
        packages = tuple((match["packages"] or "").split())
        name = f"{title} {sum(piece.name.startswith(title) for piece in found) + 1}"
        found.append(Piece(name, match["program"], packages, match["expects"], match["text"]))
    return found


def command(piece: Piece, file: Path) -> list[str]:
    if piece.program == "bash":
        return ["bash", str(file)]
    if piece.program == "node":
        return [str(NODE / "node"), str(file)]
    if set(piece.packages) <= OWN:
        return [sys.executable, str(file)]
    return [*uv_run(list(piece.packages)), "python", str(file)]


def test_the_page_has_a_piece_for_each_client() -> None:
    names = " ".join(piece.name for piece in pieces())
    for client in (
        "curl",
        "OpenAI, Python",
        "JavaScript",
        "Anthropic",
        "LangChain",
        "LlamaIndex",
        "LiteLLM",
    ):
        assert client in names
    assert len(pieces()) >= 11
    assert all(ADDRESS in piece.text for piece in pieces())


@pytest.mark.parametrize("piece", pieces(), ids=lambda piece: piece.name.replace(" ", "-"))
def test_a_piece_does_what_the_page_says(hub: HubProcess, tmp_path: Path, piece: Piece) -> None:
    suffix = {"bash": ".sh", "node": ".mjs", "python": ".py"}[piece.program]
    folder = node_folder() if piece.program == "node" else tmp_path  # where its packages are found
    file = folder / f"piece{suffix}"
    file.write_text(piece.text.replace(ADDRESS, hub.url))
    environment = {
        **node_environment(),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it asks the network for prices
        "HOME": os.environ.get("HOME", str(tmp_path)),
    }
    ran = subprocess.run(
        command(piece, file),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    assert piece.expects in ran.stdout, ran.stdout[-2000:]
