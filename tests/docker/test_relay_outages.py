"""Under running clients of `compose.yaml` credentials are replaced, sidecar and daemon restart, the network is cut for a minute:
all go on by themselves, and none ever shows the cloud a credential that is over.

What the cloud gives lives for 150 s, so that each client sees at least one replaced. Of the metadata service botocore believes
no end that is less than 15 minutes away (`botocore/utils.py`, `_evaluate_expiration`), so what asks there is a process a call.
"""

import threading
import time

import pytest
from harness.entra import GRAPH
from harness.home import eventually, kill

from stage.containers import invitation, project, start

LIFE_SECS = 150
PAUSE_SECS = 5
CUT_SECS = 60
# Each client gives up and asks again at a time of its own.
RECOVERY_SECS = 90
SCOPE = f"{GRAPH}/.default"
# service, client, call, role
CLIENTS = [
    ("app", "boto3", "sts", "my-dev"),
    ("worker", "aws-cli-2", "sts", "my-role"),
    ("worker", "azure-python", SCOPE, "az"),
]


class Run(threading.Thread):
    """One client that goes on until it is told to stop: each answer, and when it came."""

    def __init__(self, running, service, client, call, stop):
        super().__init__(daemon=True)
        self.program, self.call, self.stop = start(running, service, client), call, stop
        self.answers = []

    def run(self):
        while not self.stop.wait(PAUSE_SECS):
            answer = self.program.call(self.call)
            self.answers.append((answer, time.time()))
        self.program.close()

    def well_since(self, moment):
        """Whether the last answer is a good one, and came after this moment."""
        return bool(self.answers) and self.answers[-1][1] > moment + PAUSE_SECS and "ok" in self.answers[-1][0]


@pytest.fixture(scope="module")
def told(engine, image, clients, home, tmp_path_factory):
    """What became of all of them, by what happened meanwhile."""
    home.cloud.short_lives(LIFE_SECS)
    home.cloud.post("entra/tokens/life", {"secs": LIFE_SECS})
    folder = tmp_path_factory.mktemp("project")
    invitation(home, folder, "my-dev", "my-role", "az")
    stop = threading.Event()
    with project(engine, image, clients, home, folder) as running:
        running.up()
        runs = {words[:2]: Run(running, *words[:3], stop) for words in CLIENTS}
        for one in runs.values():
            one.start()
        try:
            outages = {}
            for name, outage in OUTAGES.items():
                before = time.time()
                outage(engine, running, home)
                after = time.time()
                well = eventually(lambda: all(one.well_since(after) for one in runs.values()), RECOVERY_SECS)
                outages[name] = (before, time.time(), well)
            replaced = eventually(lambda: time.time() > began(runs) + LIFE_SECS + 2 * PAUSE_SECS, 2 * LIFE_SECS)
            assert replaced
        finally:
            stop.set()
            for one in runs.values():
                one.join(timeout=60)
        yield runs, outages


def began(runs):
    """When the last of them had its first answer."""
    return max(one.answers[0][1] for one in runs.values())


def nothing(engine, running, home):
    """Before all."""


def sidecar(engine, running, home):
    """The relay starts anew."""
    engine.run("restart", "--time", "1", running.container("credenza"))
    running.wait("credenza")


def daemon(engine, running, home):
    """The daemon is killed, and another one takes its place."""
    kill(home.status()["pid"])
    up = home.credenza("up")
    assert up.returncode == 0, up.stderr


def network(engine, running, home):
    """The relay is taken out of its network for a minute."""
    name, relay = running.network("metadata"), running.container("credenza")
    engine.run("network", "disconnect", name, relay)
    threading.Event().wait(CUT_SECS)
    engine.run("network", "connect", "--ip", "169.254.170.2", "--link-local-ip", "169.254.169.254", name, relay)


OUTAGES = {"nothing": nothing, "sidecar": sidecar, "daemon": daemon, "network": network}


@pytest.mark.parametrize("outage", OUTAGES)
def test_every_client_goes_on_afterwards_without_being_started_anew(outage, told):
    runs, outages = told
    assert outages[outage][2], {name: one.answers[-3:] for name, one in runs.items()}


def test_without_an_outage_no_call_fails(told):
    runs, outages = told
    for name, one in runs.items():
        failed = [(answer, at) for answer, at in one.answers if "ok" not in answer and not during(at, outages)]
        assert failed == [], name


def test_no_client_ever_shows_a_credential_that_is_over(told, home):
    calls = home.cloud.calls("GetCallerIdentity")
    assert len(calls) > 30
    assert {call["outcome"] for call in calls} == {"ok"}
    runs, _ = told
    tokens = [(answer["ok"], at) for answer, at in runs["worker", "azure-python"].answers if "ok" in answer]
    assert all(token["expires_on"] > at for token, at in tokens)


def test_every_client_goes_on_with_the_credential_that_took_the_place(told, home):
    for role in ("my-dev", "my-role"):
        used = {call["access_key_id"] for call in home.cloud.calls("GetCallerIdentity", role)}
        assert len(used) >= 2
    tokens = {answer["ok"]["token_digest"] for answer, _ in told[0]["worker", "azure-python"].answers if "ok" in answer}
    assert len(tokens) >= 2


def during(at, outages):
    """Whether an answer may be one of an outage: it was asked for while there was one, or just before its end was seen."""
    return any(before <= at <= after for name, (before, after, _) in outages.items() if name != "nothing")
