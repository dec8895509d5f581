"""Who is whose neighbour: at `compose.yaml`, with strangers in its network, in the place of one that has gone, and outside."""

import contextlib
import subprocess

import pytest
from harness.home import eventually

from stage.containers import get, invitation, project, start
from stage import unable

RELAY, INSTANCE = "http://169.254.170.2", "http://169.254.169.254"
KEYS, NAMES = f"{RELAY}/creds/my-dev", f"{INSTANCE}/latest/meta-data/iam/security-credentials/"



@pytest.fixture(scope="module")
def running(engine, image, clients, home, tmp_path_factory):
    """It, with all its services."""
    folder = tmp_path_factory.mktemp("project")
    invitation(home, folder, "my-dev", "my-role", "az")
    with project(engine, image, clients, home, folder) as it:
        it.up()
        yield it


@pytest.mark.parametrize("url", [KEYS, NAMES, f"{INSTANCE}/latest/meta-data/", f"{INSTANCE}/metadata/instance"])
def test_who_is_no_neighbour_gets_nothing(url, running):
    status, body = get(running, "stranger", url)
    assert status == 403, body


@pytest.mark.parametrize(
    "header", [{"X-Forwarded-For": "{app}"}, {"X-Real-IP": "{app}"}, {"Forwarded": "for={app}"}, {"Host": "app"}]
)
def test_no_header_makes_a_neighbour_of_a_stranger(header, running):
    forged = {name: value.replace("{app}", address(running, "app")) for name, value in header.items()}
    status, body = get(running, "stranger", KEYS, forged)
    assert status == 403, body


def test_a_neighbour_gets_no_more_than_its_own(running):
    status, body = get(running, "app", f"{RELAY}/creds/my-role")
    assert status in (400, 403) and "SecretAccessKey" not in body, body


def test_a_token_of_its_own_opens_what_its_grant_covers_whoever_shows_it(running, home):
    made = home.credenza("grant", "new", "--name", "agent", "--token-file", home.path / "agent.token", "my-role")
    assert made.returncode == 0, made.stderr
    token = (home.path / "agent.token").read_text()
    # as a compose secret or a file on a volume would bring it
    running.exec("stranger", "python3", "-c", f"open('/agent.token', 'w').write({token!r})")
    variables = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{RELAY}/creds/my-role",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/agent.token",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    program = start(running, "stranger", "boto3", **variables)
    assert ":assumed-role/my-role/" in program.ok("sts")
    program.close()
    status, body = get(running, "stranger", KEYS, {"Authorization": token})
    assert status in (400, 403) and "SecretAccessKey" not in body, body
    line = [line for line in home.audit() if line["grant"] == "agent" and line["outcome"] == "issued"][-1]
    assert line["container"] == address(running, "stranger")
    assert home.credenza("grant", "revoke", "agent").returncode == 0
    assert get(running, "stranger", f"{RELAY}/creds/my-role", {"Authorization": token})[0] == 403


def test_no_container_can_speak_from_the_address_of_another(running):
    """Docker gives none the right (NET_ADMIN) to have an address that is not its own."""
    bound = f"""
import socket
there = socket.socket()
there.setsockopt(socket.IPPROTO_IP, 15, 1)  # IP_FREEBIND
there.bind(("{address(running, "app")}", 0))
there.settimeout(5)
there.connect(("169.254.170.2", 80))
"""
    run = running.exec("stranger", "python3", "-c", bound, check=False)
    assert run.returncode != 0 and "OSError" in run.stderr, run.stderr


def test_who_takes_over_the_address_of_one_that_has_gone_is_not_called_so(running, engine, clients):
    there = address(running, "app")
    assert get(running, "app", KEYS)[0] == 200
    running.run("rm", "--stop", "--force", "app")
    words = ("--detach", "--init", "--network", running.network("metadata"), "--ip", there, clients, "sleep", "infinity")
    heir = engine.out("run", *words)
    try:
        assert eventually(lambda: get(running, heir, KEYS)[0] == 403), get(running, heir, KEYS)
    finally:
        engine.run("rm", "--force", heir)
    running.up("app")
    assert eventually(lambda: get(running, "app", KEYS)[0] == 200)


def test_this_machine_and_its_lan_do_not_reach_the_relay(running, engine, clients):
    if not engine.own:
        unable("the machine's own network is not the tests' to change")
    with lan(engine, clients) as outside:
        # the way there and back is open, as far as this machine
        assert get(running, outside, "http://10.99.0.1:9/")[0] == "refused"
        for url in (KEYS, NAMES):
            assert get(running, outside, url)[0] in ("unreachable", "timeout"), url
    probe = subprocess.run(["ip", "route", "get", "169.254.170.2"], capture_output=True, text=True, check=False)
    assert probe.returncode != 0, probe.stdout


@contextlib.contextmanager
def lan(engine, clients):
    """Another machine on this one's network, for which this one is the router to the relay."""
    outside = engine.out("run", "--detach", "--init", "--network", "none", clients, "sleep", "infinity")
    pid = str(engine.inspect(outside)["State"]["Pid"])
    inside = ("nsenter", "--target", pid, "--net", "ip")
    try:
        for words in (
            ("ip", "link", "add", "lan0", "type", "veth", "peer", "name", "lan1", "netns", pid),
            ("ip", "address", "add", "10.99.0.1/24", "dev", "lan0"),
            ("ip", "link", "set", "lan0", "up"),
            (*inside, "address", "add", "10.99.0.2/24", "dev", "lan1"),
            (*inside, "link", "set", "lan1", "up"),
            (*inside, "route", "add", "169.254.168.0/22", "via", "10.99.0.1"),
        ):
            subprocess.run(words, check=True)
        yield outside
    finally:
        engine.run("rm", "--force", outside)  # and with it the cable


def address(running, service):
    """Where a service is in the network of the relay."""
    networks = running.engine.inspect(running.container(service))["NetworkSettings"]["Networks"]
    return networks[running.network("metadata")]["IPAddress"]
