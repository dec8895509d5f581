"""Checklist 69 and 70: the credential is replaced upstream while the clients run, and they go on with the new one; halfway
the daemon is killed and comes back, and no client needs to be started anew.

The role gives credentials that live for 150 s, so the first replacement comes after the minute that Credenza leaves
between two calls to STS, with half a minute to spare before the last minute of the first one. All clients run at once:
under `exec` with each form of the token, supplied by one daemon, with roles of one sign-in whose access token is replaced as
well, and in a shell that took `credenza env`, which asks that daemon itself.
"""

import threading
import time

import pytest
from harness.clients import CLIENTS
from harness.cloud import Cloud
from harness.home import Home, kill, with_sso

LIFE_SECS = 150
# The SDK for Rust asks for a new credential in the last ten seconds of the old one, the others before.
RUN_SECS = LIFE_SECS + 10
RESTART_SECS = 66
PAUSE_SECS = 12
FORMS = {"token": (), "token-file": ("--token-file",), "sso": (), "env": None}


@pytest.fixture(scope="module")
def runs(storage):
    """Every client with every form, side by side, each with a role of its own: what it was answered, and its calls."""
    cloud = Cloud()
    home = Home(cloud, storage)
    try:
        cloud.short_lives(LIFE_SECS)
        cloud.short_lives(LIFE_SECS, action="GetRoleCredentials")
        with_sso(home, access_token_secs=LIFE_SECS, rotate_refresh_tokens=True).sign_in()
        assert home.credenza("up").returncode == 0
        restart = Restart(home, len(CLIENTS))
        made = {(client.name, form): Run(home, client, form, restart) for client in CLIENTS for form in FORMS}
        for one in made.values():
            one.start()
        for one in made.values():
            one.join()
        restart.asks = {ask["identity"]: ask["uses"] for ask in home.status()["asks"]}
        yield made
    finally:
        home.close()
        cloud.close()


class Restart:
    """Kills the daemon and starts it again, while those who ask it themselves make no call: in between nobody listens."""

    def __init__(self, home, shells):
        self.home = home
        self.begin = time.monotonic()
        self.quiet = threading.Barrier(shells, action=self.kill_and_start)
        self.killed_at = None
        self.asks = None  # by identity, how often the second daemon was asked

    def kill_and_start(self):
        """What the last of the shells does once all are quiet."""
        first = self.home.status()
        kill(first["pid"])
        self.killed_at = time.time()
        up = self.home.credenza("up")
        assert up.returncode == 0, up.stderr
        assert self.home.status()["address"] == first["address"]


class Run(threading.Thread):
    """One client with one form of the token, for longer than the first credential lives."""

    def __init__(self, home, client, form, restart):
        super().__init__(daemon=True)
        self.home, self.client, self.form, self.restart = home, client, form, restart
        self.role = f"rotating-{client.name}-{form}"
        self.answers = []
        if form == "sso":
            home.sso_role(self.role, self.role)
        else:
            home.role(self.role)

    def run(self):
        try:
            program = self.program()
        except BaseException:
            self.restart.quiet.abort()
            raise
        try:
            end = time.monotonic() + RUN_SECS
            restarted = self.form != "env"
            while time.monotonic() < end:
                self.answers.append(program.call("sts"))
                if not restarted and time.monotonic() > self.restart.begin + RESTART_SECS:
                    self.restart.quiet.wait(timeout=60)
                    restarted = True
                time.sleep(PAUSE_SECS)
            self.answers.append(program.call("s3"))
        finally:
            program.close()

    def program(self):
        """The client, started."""
        if self.form == "env":
            # `exec` has its credential before its client starts; here all of them start at once, on whatever machine
            waited = self.home.credenza("wait", self.role)
            assert waited.returncode == 0, waited.stderr
            return self.home.shell(self.role, self.client)
        return self.home.exec(self.role, self.client, *FORMS[self.form])

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


def test_c70_after_the_restart_the_shells_asked_the_new_daemon_and_went_on(client, runs):
    one = runs[client.name, "env"]
    assert one.restart.asks is not None
    assert one.restart.asks[one.role] > 0
    assert "ok" in one.answers[-1]
    # the second daemon held nothing, so what it gave is of its own making
    ends = {keys["access_key_id"]: keys["expires_secs"] for keys in one.home.cloud.keys_of(one.role)}
    assert ends[one.signed_with()[-1]] - LIFE_SECS >= int(one.restart.killed_at)


def test_one_login_was_enough_for_all_that_rest_on_it(runs):
    cloud = next(iter(runs.values())).home.cloud
    assert cloud.logins() == 1
    assert cloud.refreshes() >= 1
