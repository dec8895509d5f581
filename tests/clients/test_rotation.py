"""Checklist 69: the credential is replaced upstream while the clients run, and they go on with the new one.

The role gives credentials that live for 130 s, so the first replacement comes after the minute that Credenza leaves
between two calls to STS. All clients run at once, with each form of the token, supplied by one daemon.
"""

import threading
import time

import pytest
from harness.clients import CLIENTS
from harness.cloud import Cloud
from harness.home import Home

LIFE_SECS = 130
# The SDK for Rust asks for a new credential in the last ten seconds of the old one, the others before.
RUN_SECS = LIFE_SECS + 10
PAUSE_SECS = 12
FORMS = {"token": (), "token-file": ("--token-file",)}


@pytest.fixture(scope="module")
def runs(storage):
    """Every client with every form, side by side, each with a role of its own: what it was answered, and its calls."""
    cloud = Cloud()
    home = Home(cloud, storage)
    try:
        cloud.short_lives(LIFE_SECS)
        made = {(client.name, form): Run(home, client, form) for client in CLIENTS for form in FORMS}
        assert home.credenza("up").returncode == 0
        for one in made.values():
            one.start()
        for one in made.values():
            one.join()
        yield made
    finally:
        home.close()
        cloud.close()


class Run(threading.Thread):
    """One client with one form of the token, for longer than the first credential lives."""

    def __init__(self, home, client, form):
        super().__init__(daemon=True)
        self.home, self.client, self.flags = home, client, FORMS[form]
        self.role = f"rotating-{client.name}-{form}"
        self.answers = []
        home.role(self.role)

    def run(self):
        program = self.home.exec(self.role, self.client, *self.flags)
        try:
            end = time.monotonic() + RUN_SECS
            while time.monotonic() < end:
                self.answers.append(program.call("sts"))
                time.sleep(PAUSE_SECS)
            self.answers.append(program.call("s3"))
        finally:
            program.close()

    def signed_with(self):
        """The keys of its calls, oldest first, each once."""
        calls = self.home.cloud.calls("GetCallerIdentity", self.role)
        return list(dict.fromkeys(call["access_key_id"] for call in calls))


@pytest.mark.parametrize("form", FORMS)
def test_c69_a_credential_replaced_upstream_is_picked_up_without_an_error(client, form, runs):
    one = runs[client.name, form]
    assert len(one.answers) > RUN_SECS / PAUSE_SECS / 2
    assert {number: answer for number, answer in enumerate(one.answers) if "ok" not in answer} == {}
    issued = [keys["access_key_id"] for keys in one.home.cloud.keys_of(one.role)]
    assert len(one.signed_with()) >= 2
    assert one.signed_with() == [key for key in issued if key in one.signed_with()], "in the order of their making"
