"""The service that people write, unchanged, under `credenza exec`, across three rotations of its credential.

`fastapi_service/app.py` makes a new aioboto3 session for every request, with `profile_name`, so every request asks
Credenza anew. The role's credentials live for 130 s and are replaced after the minute that Credenza leaves between two
calls to STS: three rotations take a little over three minutes.
"""

import http.client
import itertools
import queue
import threading
import time

from harness import places
from harness.program import Service

LIFE_SECS = 130
ROTATIONS = 3
RUN_SECS = 60 * ROTATIONS + 8
RATE_PER_SEC = 20
REQUESTS = [("GET", "/health"), ("GET", "/buckets"), ("PUT", "/objects"), ("GET", "/health")]
# Requests in flight at most: where the machine cannot make so many sessions a second, the rate falls and none fails.
IN_FLIGHT = 16


def test_the_service_runs_unchanged_across_three_rotations(home, storage, capsys):
    home.role("my-dev")
    home.cloud.short_lives(LIFE_SECS, "my-dev")
    uvicorn = [places.PYTHON_AIO, "-m", "uvicorn", "--app-dir", places.HERE / "fastapi_service", "app:app", "--workers", "2"]
    service = Service(home.exec_argv("my-dev", [*uvicorn, "--log-level", "warning", "--port"]), home.environment)
    try:
        seen = len(storage.signed_with)
        load = Load(service.port)
        load.run()
    finally:
        said = service.close()

    keys = [keys["access_key_id"] for keys in home.cloud.keys_of("my-dev")]
    with capsys.disabled():
        print(f"\nthe service of FastAPI: {load.done} requests, {load.done / RUN_SECS:.1f}/s, {len(keys) - 1} rotations")
    assert load.failed == [], said
    assert load.done > RUN_SECS
    assert len(keys) in (ROTATIONS + 1, ROTATIONS + 2), "STS is asked by the timetable, not by requests"
    used = list(dict.fromkeys(storage.signed_with[seen:]))
    assert len(used) > ROTATIONS
    assert used == keys[: len(used)]


class Load:
    """Requests at a steady rate, for as long as the run takes."""

    def __init__(self, port):
        self.port = port
        self.done = 0
        self.failed = []
        self.waiting = queue.Queue(maxsize=IN_FLIGHT)

    def run(self):
        """Sends them all, and waits for the last answer."""
        askers = [threading.Thread(target=self.ask, daemon=True) for _ in range(IN_FLIGHT)]
        for asker in askers:
            asker.start()
        begin = time.monotonic()
        for number, request in enumerate(itertools.cycle(REQUESTS)):
            due = begin + number / RATE_PER_SEC
            if max(due, time.monotonic()) > begin + RUN_SECS:
                break
            time.sleep(max(0, due - time.monotonic()))
            self.waiting.put(request)
        for _ in askers:
            self.waiting.put(None)
        for asker in askers:
            asker.join()

    def ask(self):
        """Sends what is waiting, one after the other."""
        while request := self.waiting.get():
            method, path = request
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
                connection.request(method, path)
                answer = connection.getresponse()
                body = answer.read()
                connection.close()
                if answer.status != 200:
                    self.failed.append((path, answer.status, body))
            except OSError as error:
                self.failed.append((path, error))
            self.done += 1
