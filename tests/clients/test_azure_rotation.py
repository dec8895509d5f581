"""Tokens of Azure are replaced upstream while the clients run, and they go on with the new ones: every SDK with tokens that live
for 150 s, and beside them the job that runs for nights, whose keys of AWS live no longer either.

A token is renewed at half of its life, so each client sees at least one replaced in the time of the test. With less than five
minutes left they ask at every call; the asynchronous half of azure-identity does so once in 30 s.
"""

import threading
import time

import pytest

from harness.clients import AZURE_DEFAULT, AZURE_MANAGED
from harness.cloud import Cloud
from harness.entra import GRAPH, Azure
from harness.home import Home
from harness.sync_job import set_up

LIFE_SECS = 150
RUN_SECS = 165
PAUSE_SECS = 11
CLIENTS = {f"{client.name}-{client.argv[-1]}": client for client in [*AZURE_DEFAULT, *AZURE_MANAGED]}


class Run(threading.Thread):
    """One client for longer than its first token lives: each answer, and when it came."""

    def __init__(self, home, client):
        super().__init__(daemon=True)
        self.home, self.client = home, client
        self.answers = []

    def run(self):
        program = self.home.exec("robot", self.client)
        end = time.monotonic() + RUN_SECS
        while time.monotonic() < end:
            self.answers.append((program.call(f"{GRAPH}/.default"), time.time()))
            time.sleep(PAUSE_SECS)
        program.close()


@pytest.fixture(scope="module")
def runs(storage, tmp_path_factory):
    """Every client side by side, and the job: what each was answered, and what is to be known of the job."""
    cloud = Cloud(tls=tmp_path_factory.mktemp("cloud"))
    home = Home(cloud, storage)
    try:
        azure = Azure(home)
        azure.robot("robot")
        cloud.short_lives(LIFE_SECS)
        cloud.post("entra/tokens/life", {"secs": LIFE_SECS})
        job = set_up(home, azure, storage)
        # each of its twelve files takes so long that the whole of it outlives keys and token
        cloud.post("faults", {"action": "GraphContent", "trouble": {"kind": "slow", "before_ms": 13000, "after_ms": 0}})
        made = {name: Run(home, client) for name, client in CLIENTS.items()}
        for one in made.values():
            one.start()
        already = len(storage.signed_with)
        night = job.run()
        for one in made.values():
            one.join()
        yield made, job, night, storage.signed_with[already:]
        job.forget()
    finally:
        home.close()
        cloud.close()


@pytest.mark.parametrize("name", CLIENTS)
def test_every_client_goes_on_with_the_token_that_took_its_place(runs, name):
    answers = runs[0][name].answers
    assert len(answers) >= 10
    assert all("ok" in answer for answer, _ in answers), answers
    # none was over when it came
    assert all(answer["ok"]["expires_on"] > at for answer, at in answers), answers
    assert len({answer["ok"]["token_digest"] for answer, _ in answers}) >= 2, "it was replaced"


def test_the_job_outlives_its_keys_and_its_token(runs):
    _, job, night, signed_with = runs
    assert night.returncode == 0, night.stderr
    job.is_whole()
    issued = {keys["access_key_id"] for keys in job.cloud.keys_of("prod")}
    used = issued & set(signed_with)
    assert len(used) >= 2, "its keys were replaced while it ran"
    assert all(call["outcome"] == "ok" for call in job.cloud.calls("GraphDelta") + job.cloud.calls("GraphContent"))
    assertions = [one["digest"] for one in job.cloud.get("entra/presented") if one["client_id"] == job.client_id]
    assert len(assertions) == len(set(assertions)) >= 2
