"""Whom outgoing TLS trusts: the system's certificates, or those of SSL_CERT_FILE."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.certificates import write_certificate
from support.fake_hub import FakeHub
from support.tiny_llama import repository
from support.transfers import REPO, pull, refusal, register


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for 127.0.0.1 that nobody else trusts; its key lies beside it."""
    return write_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(certificate: Path) -> Iterator[FakeHub]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with FakeHub(context) as fake:
        fake.add(REPO, repository())
        yield fake


def test_a_certificate_of_ones_own_is_trusted_where_it_is_named(
    start: Any, secure: FakeHub, certificate: Path
) -> None:
    _, client = start(HF_ENDPOINT=secure.url, SSL_CERT_FILE=str(certificate))
    register(client)
    job = pull(client)
    assert job["state"] == "COMPLETED", job["reason"]


def test_a_certificate_that_nobody_vouches_for_is_refused(start: Any, secure: FakeHub) -> None:
    _, client = start(HF_ENDPOINT=secure.url, SSL_CERT_FILE="")
    register(client)
    status, code, message = refusal(client)
    assert (status, code) == (503, "untrusted")
    assert "certificate" in message
    assert not secure.requests
