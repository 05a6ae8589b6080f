"""What wrk prints, as scripts/bench_http.py reads it."""

from __future__ import annotations

import pytest
from bench_http import read_wrk

GOOD = """Running 10s test @ http://127.0.0.1:8000/healthz
  2 threads and 200 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    10.62ms   12.11ms 200.15ms   90.99%
    Req/Sec    11.50k     2.10k   20.01k    70.00%
  Latency Distribution
     50%    7.91ms
     75%   12.00ms
     90%   20.43ms
     99%    1.04s
  229113 requests in 10.05s, 50.00MB read
Requests/sec:  22797.31
Transfer/sec:      4.98MB
"""


def test_rates_and_latencies_are_in_seconds() -> None:
    found = read_wrk(GOOD)
    assert found["requests"] == 229113
    assert found["requests_per_second"] == 22797.31
    assert found["p50_seconds"] == pytest.approx(0.00791)
    assert found["p99_seconds"] == 1.04
    assert (found["errors"], found["refused"]) == (0, 0)


def test_what_failed_is_counted() -> None:
    found = read_wrk(
        GOOD
        + "  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 7\n"
    )
    assert (found["errors"], found["refused"]) == (10, 7)


def test_other_output_is_an_error() -> None:
    with pytest.raises(ValueError, match="something else"):
        read_wrk("unable to connect to 127.0.0.1:1 Connection refused")
