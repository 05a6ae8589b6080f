"""An S3 store of one's own (moto, in MLflow's environment) with one bucket."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from types import TracebackType
from xml.etree import ElementTree

import httpx
import mlflow_server
from training_job import free_port


class S3Store:
    """Listens without checking who asks; what lies in it is gone with it."""

    def __init__(self, log: Path, bucket: str = "mlflow") -> None:
        self.bucket = bucket
        self.host = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self.host}"
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def unfinished_uploads(self) -> int:
        answer = httpx.get(f"{self.url}/{self.bucket}?uploads").raise_for_status()
        root = ElementTree.fromstring(answer.text)  # noqa: S314 - our own store's
        return sum(1 for one in root.iter() if one.tag.endswith("}Upload") or one.tag == "Upload")

    def __enter__(self) -> S3Store:
        program = mlflow_server.python().with_name("moto_server")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-H", "127.0.0.1", "-p", self.host.partition(":")[2]],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + mlflow_server.START_TIMEOUT
        while True:
            try:
                httpx.put(f"{self.url}/{self.bucket}", timeout=30.0).raise_for_status()
            except httpx.HTTPError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self._stop()
                    raise RuntimeError(f"no S3 store:\n{self._log.read_text()[-2000:]}") from error
                time.sleep(0.2)
            else:
                return self

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()
