"""The service that people write, unchanged, under `credenza exec`, at 20 requests/s across three rotations.

How fast it is, is shown and not judged: a machine with other work to do answers fewer, and none of them may fail.

`fastapi_service/app.py` makes a new aioboto3 session for every request, with `profile_name`, so every request asks
Credenza anew. The role's credentials live for 150 s and are replaced after the minute that Credenza leaves between two
calls to STS: three rotations take a little over three minutes.

A new session and its client cost aioboto3 70 to 110 ms of a processor, most of it for reading botocore's models of every region
and every operation, and all the authorities of the web: two processors are busy with a dozen requests a second. At 20 this
home has settings under which they are short (`harness/cheap_sessions.py`). The service and the SDK are as they were installed.
"""

import http.client
import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import cheap_sessions, places
from harness.program import Service

LIFE_SECS = 150
ROTATIONS = 3
RUN_SECS = 60 * ROTATIONS + 8
RATE_PER_SEC = 20
WAITING_AT_MOST = 12
# One in two is a health check.
REQUESTS = [("GET", "/health"), ("GET", "/buckets"), ("GET", "/health"), ("PUT", "/objects")]
CALLS = {"s3": ["ListBuckets", "PutObject"], "sts": ["GetCallerIdentity"]}
UVICORN = (places.PYTHON_AIO, "-m", "uvicorn", "--app-dir", places.HERE / "fastapi_service")
QUIET = ("--log-level", "warning", "--port")


def test_the_service_runs_as_it_is_with_one_upstream_call(home):
    home.role("my-dev")
    service = Service(home.exec_argv("my-dev", [*UVICORN, "app:app", *QUIET]), home.environment)
    try:
        load = Load(service.port)
        for method, path in REQUESTS:
            load.ask(method, path)
    finally:
        said = service.close()
    assert load.failed == [], said
    assert home.answered("my-dev") >= len(REQUESTS), "each request has asked the endpoint"
    assert len(home.cloud.calls("AssumeRole", "my-dev")) == 1


@pytest.mark.load
def test_the_service_runs_unchanged_at_20_requests_a_second_across_three_rotations(home, storage, capsys):
    home.role("my-dev")
    cheap_sessions.give(home, CALLS)
    home.cloud.short_lives(LIFE_SECS, "my-dev")
    service = Service(home.exec_argv("my-dev", [*UVICORN, "app:app", "--workers", "2", *QUIET]), home.environment)
    try:
        seen = len(storage.signed_with)
        load = Load(service.port)
        load.run()
    finally:
        said = service.close()

    keys = [keys["access_key_id"] for keys in home.cloud.keys_of("my-dev")]
    with capsys.disabled():
        print(f"\nthe service of FastAPI: {load}, {len(keys) - 1} rotations")
    assert load.failed == [], said
    assert home.answered("my-dev") >= load.answered, "each request has asked the endpoint"
    upstream = len(home.cloud.calls("AssumeRole", "my-dev"))
    assert ROTATIONS < upstream <= load.took_secs / 60 + 2, "STS is asked by the timetable, not by requests"
    assert load.answered > 10 * upstream, "and there were many requests for each of its answers"
    used = list(dict.fromkeys(storage.signed_with[seen:]))
    assert len(used) > ROTATIONS
    assert used == keys[: len(used)]


class Load:
    """Requests at a steady rate: each is sent when it is due, unless so many still wait for their answers."""

    def __init__(self, port):
        self.port = port
        self.took = []  # seconds, from when a request was sent
        self.failed = []
        self.took_secs = None

    def run(self):
        """Sends them as long as the load lasts, and waits for the last answer."""
        begin = time.monotonic()
        numbers = itertools.count()

        def ask_in_turn(_asker):
            while (due := (number := next(numbers)) / RATE_PER_SEC) < RUN_SECS and time.monotonic() < begin + RUN_SECS:
                time.sleep(max(0, begin + due - time.monotonic()))
                self.ask(*REQUESTS[number % len(REQUESTS)])

        with ThreadPoolExecutor(WAITING_AT_MOST) as pool:
            list(pool.map(ask_in_turn, range(WAITING_AT_MOST)))
        self.took_secs = time.monotonic() - begin

    def ask(self, method, path):
        """One request over a connection of its own."""
        sent = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                self.failed.append((path, answer.status, body))
            self.took.append(time.monotonic() - sent)
        except (OSError, http.client.HTTPException) as error:
            self.failed.append((path, error))
        finally:
            connection.close()

    @property
    def answered(self):
        """How many have an answer."""
        return len(self.took)

    def __str__(self):
        took = sorted(self.took)
        median, late = took[len(took) // 2], took[len(took) * 99 // 100]
        rate = self.answered / self.took_secs
        return f"{self.answered} answers, {rate:.1f}/s, median {median * 1000:.0f} ms, 99% {late * 1000:.0f} ms"
