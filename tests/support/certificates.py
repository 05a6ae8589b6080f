"""Certificates that only a test trusts."""

from __future__ import annotations

import subprocess
from pathlib import Path


def write_certificate(folder: Path, name: str = "test", days: int = 2) -> Path:
    """certificate.pem for 127.0.0.1 and localhost, with key.pem beside it; `name` is its subject."""
    made, key = folder / "certificate.pem", folder / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    options = ["-days", str(days), "-subj", f"/CN={name}", "-keyout", key, "-out", made]
    names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    subprocess.run([*command.split(), *options, *names], check=True, capture_output=True)
    return made
