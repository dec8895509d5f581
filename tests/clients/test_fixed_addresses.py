"""Every client, unmodified, where it asks of itself: on the fixed addresses of the instance metadata service, of ECS and of
EKS Pod Identity, in a network of our own which `credenza setup link-local` prepares. Checklist 36, 39, 40, 65 and 68.

One daemon serves all of them, and each scenario has a role of its own: who a client turns out to be tells where it has
asked. The clients of a scenario run side by side.
"""

import http.client
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import places
from harness.clients import CLIENTS, OBJECT_STORE
from harness.cloud import ACCOUNT, REGION, Cloud
from harness.home import REGIONS, Home, eventually
from harness.listener import free_port, section, serve
from harness.namespace import Wire, link_local, own_network
from harness.program import Program
from harness.storage import Storage
from test_matrix import dead_proxy

INSTANCE, INSTANCE_6 = "169.254.169.254", "fd00:ec2::254"
TASK = "169.254.170.2"
POD, POD_6 = "169.254.170.23", "fd00:ec2::23"
FIXED = [INSTANCE, INSTANCE_6, TASK, POD, POD_6]

BY_NAME = {client.name: client for client in CLIENTS}
# Those that ask the instance metadata service for their region, where nothing else says it.
LOOK_UP = [BY_NAME["aws-cli-2"], BY_NAME["rust"]]
BY_IPV6 = {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}
NOBODY = 65534
# Prints the status of one request.
STATUS = """
import sys, urllib.error, urllib.request
headers = {"x-aws-ec2-metadata-token-ttl-seconds": "60"} if sys.argv[1] == "PUT" else {}
try:
    answer = urllib.request.urlopen(urllib.request.Request(sys.argv[2], method=sys.argv[1], headers=headers), timeout=10)
except urllib.error.HTTPError as error:
    answer = error
print(answer.status, end="")
"""
# How many clients run at a time: they wait as much as they compute.
AT_ONCE = 4


@pytest.fixture(scope="module", autouse=True)
def network():
    """A network of this module's own, for all that it starts."""
    with own_network():
        yield


@pytest.fixture(scope="module")
def cloud(network):
    """A simulated cloud in there."""
    running = Cloud()
    yield running
    running.close()


@pytest.fixture(scope="module")
def storage(network):
    """A simulated S3 in there, with one object."""
    running = Storage()
    running.client.put_object(Bucket="uploads", Key="report.txt", Body=b"x")
    yield running
    running.close()


@pytest.fixture(scope="module")
def home(cloud, storage):
    """A home whose daemon serves all the fixed addresses, and a port of loopback as the instance metadata service."""
    made = Home(cloud, storage)
    try:
        del made.environment["AWS_EC2_METADATA_DISABLED"]
        made.applied = link_local(made, *FIXED, "--apply")
        assert made.applied.returncode == 0, made.applied.stderr
        for role in ("instance", "instance-6", "instance-loopback", "task-id", "task-name", "pod", "pod-6", "child"):
            made.role(role)
        made.loopback = free_port()
        serve(
            made,
            section(f"{INSTANCE}:80", "instance", dialects=["ec2"]),
            section(f"[{INSTANCE_6}]:80", "instance-6", dialects=["ec2"]),
            section(f"127.0.0.1:{made.loopback}", "instance-loopback", dialects=["ec2"]),
            section(f"{TASK}:80", "task-id", "task-name", dialects=["ecs"]),
            section(f"{POD}:80", "pod", dialects=["pod-identity"]),
            section(f"[{POD_6}]:80", "pod-6", dialects=["pod-identity"]),
        )
        yield made
    finally:
        made.close()


def test_setup_says_what_it_did_and_once_is_enough(home):
    done = [line for line in home.applied.stdout.splitlines() if " dev lo" in line]
    assert len(done) == len(FIXED) == len(home.applied.stdout.splitlines()), home.applied.stdout
    assert "undone by" in home.applied.stderr
    again = link_local(home, *FIXED, "--apply")
    assert (again.returncode, again.stdout) == (0, ""), again.stderr
    assert "nothing is left to do" in again.stderr


def test_one_daemon_serves_them_all(home):
    fixed = {f"{INSTANCE}:80", f"[{INSTANCE_6}]:80", f"{TASK}:80", f"{POD}:80", f"[{POD_6}]:80"}
    addresses = {one["address"] for one in home.status()["listeners"] if one["state"] == "serving"}
    assert addresses == fixed | {f"127.0.0.1:{home.loopback}"}


def test_c65_the_instance_metadata_is_found_without_a_variable(home, storage):
    answers = ask(CLIENTS, home, looking_up=LOOK_UP)
    all_are("instance", "ec2", answers, home, storage)
    assert set(storage.signed_for[-len(answers) :]) == {REGION}


def test_c65_the_instance_metadata_is_found_by_ipv6(home, storage):
    answers = ask(CLIENTS, home, looking_up=LOOK_UP, **BY_IPV6)
    all_are("instance-6", "ec2", answers, home, storage)
    assert set(storage.signed_for[-len(answers) :]) == {REGION}


@pytest.mark.parametrize(("region", "timeout"), [(REGION, "1.1"), ("us-east-1", "3.1")], ids=["there", "elsewhere"])
def test_boto3_with_automatic_defaults_finds_out_where_it_runs(region, timeout, home):
    """It is told a region, and whether it runs there decides how long it waits for a connection (`botocore/configprovider.py`,
    `resolve_auto_mode`, and `botocore/data/sdk-default-configuration.json`)."""
    program = 'import boto3; print(boto3.client("s3").meta.config.connect_timeout)'
    run = home.run(places.PYTHON, "-c", program, AWS_DEFAULTS_MODE="auto", AWS_DEFAULT_REGION=region)
    assert run.stdout.strip() == timeout, run.stderr


def test_clients_that_know_no_version_1_have_what_they_need(home, storage):
    """The SDK for Rust and object_store ask by version 2 alone; version 1 is refused where nobody has allowed it."""
    for host in (INSTANCE, f"[{INSTANCE_6}]", f"127.0.0.1:{home.loopback}"):
        assert get(host, "/latest/meta-data/instance-id").status == 401
    rust = ask([BY_NAME["rust"]], home, looking_up=LOOK_UP, AWS_EC2_METADATA_SERVICE_ENDPOINT=at_loopback(home))
    all_are("instance-loopback", "ec2", rust, home, storage)
    for role, more in [("instance", {}), ("instance-loopback", {"AWS_METADATA_ENDPOINT": at_loopback(home)})]:
        program = Program(OBJECT_STORE.argv, home.environment | REGIONS | more)
        # what other tests have put there lies beside it: moto keeps one S3 for the process
        assert "report.txt" in program.ok("s3")
        assert program.close()[0] == 0
        assert storage.signed_with[-1] in keys_of(role, home)


def test_c68_a_dead_proxy_and_the_no_proxy_that_exec_injects(home, storage):
    with dead_proxy() as proxy:
        proxy |= {"HTTPS_PROXY": proxy["HTTP_PROXY"], "https_proxy": proxy["http_proxy"]}
        print_all = home.exec_argv("child", ["env"])
        injected = dict(line.split("=", 1) for line in home.run(*print_all, **proxy).stdout.splitlines())
        bypass = {name: injected[name] for name in ("NO_PROXY", "no_proxy")}
        answers = ask(CLIENTS, home, **proxy, **bypass)
        all_are("instance", "ec2", answers, home, storage)
        # The control: but for the fixed address in it, it asks the proxy.
        answers = ask([BY_NAME["boto3"]], home, **proxy, NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
        assert "error" in answers["boto3"]["sts"], answers


@pytest.mark.parametrize(("role", "path"), [("task-id", "/v2/credentials/task-id"), ("task-name", "/creds/task-name")])
def test_c40_a_relative_address_of_ecs_needs_no_token(role, path, home, storage):
    answers = ask(CLIENTS, home, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=path)
    all_are(role, "ecs", answers, home, storage)


@pytest.mark.parametrize(("role", "host"), [("pod", POD), ("pod-6", f"[{POD_6}]")])
def test_c36_pod_identity_with_the_token_in_a_file(role, host, home, storage):
    variables = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{host}/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token_file(role, home)),
    }
    answers = ask(CLIENTS, home, **variables)
    all_are(role, "pod-identity", answers, home, storage)


def test_c39_ipv6_hosts_come_with_brackets_and_without(home):
    token = token_file("pod-6", home).read_text()
    for host in (POD_6, f"[{POD_6}]", f"[{POD_6}]:80"):
        answer = get(f"[{POD_6}]", "/v1/credentials", {"Host": host, "Authorization": token})
        assert answer.status == 200 and json.loads(answer.text)["AccessKeyId"] in keys_of("pod-6", home), (host, answer.text)
    assert get(f"[{POD_6}]", "/v1/credentials", {"Host": "evil.example", "Authorization": token}).status == 403


@pytest.mark.parametrize(
    "url",
    [
        f"http://{INSTANCE}/latest/api/token",
        f"http://[{INSTANCE_6}]/latest/api/token",
        f"http://{TASK}/v2/credentials/task-id",
        f"http://{TASK}/creds/task-name",
        f"http://{POD}/v1/credentials",
        f"http://[{POD_6}]/v1/credentials",
    ],
)
def test_another_user_is_refused_at_each_address(url, home):
    """At the last two even we are without a token, which is a proof of its own; what another user has is none."""
    method = "PUT" if url.endswith("/token") else "GET"
    command = ["python3", "-I", "-c", STATUS, method, url]
    nobody = dict(user=NOBODY, group=NOBODY, extra_groups=[], cwd="/")
    statuses = [subprocess.check_output(command, text=True, timeout=30, **who) for who in (nobody, {})]
    assert statuses == ["403", "403" if "/v1/" in url else "200"]


@pytest.mark.parametrize(
    ("address", "variables"), [(INSTANCE, {}), (INSTANCE_6, BY_IPV6), ("127.0.0.1", None)], ids=["ipv4", "ipv6", "loopback"]
)
def test_answers_of_a_fixed_address_pass_one_machine_at_most(address, variables, home):
    """So none leaves this one. Nobody routes loopback, where answers are as others."""
    fixed = variables is not None
    variables = variables if fixed else {"AWS_EC2_METADATA_SERVICE_ENDPOINT": at_loopback(home)}
    wire = Wire()
    answers = ask([BY_NAME["go"]], home, **variables)
    hops = wire.hops(address, 80 if fixed else home.loopback)
    wire.close()
    assert "ok" in answers["go"]["sts"], answers
    # to open, to answer, to close
    assert len(hops) >= 3
    assert set(hops) == {1} if fixed else 1 not in hops, hops


def ask(clients, home, looking_up=(), **more):
    """What each of these clients answers to both calls, by its name; those that are looking up their region are told none."""

    def answers(client):
        regions = {} if client in looking_up else REGIONS
        program = Program(client.argv, home.environment | regions | more)
        try:
            return {name: program.call(name) for name in ("sts", "s3")}
        finally:
            program.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip([client.name for client in clients], pool.map(answers, clients)))


def all_are(role, dialect, answers, home, storage):
    """Each of them was this role at the cloud, by a credential that was issued in this dialect."""
    caller = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/"
    for name, answer in answers.items():
        assert answer["sts"].get("ok", "").startswith(caller), (name, answer)
        assert answer["s3"] == {"ok": ["uploads"]}, (name, answer)
    assert set(storage.signed_with[-len(answers) :]) <= keys_of(role, home)
    assert eventually(lambda: home.answered(role, dialect) >= len(answers))
    assert {line["dialect"] for line in home.audit() if line["identity"] == role and line["outcome"] == "issued"} == {dialect}


def at_loopback(home):
    """Where the instance metadata service is besides."""
    return f"http://127.0.0.1:{home.loopback}"


def keys_of(role, home):
    """The AccessKeyIds that this role gave."""
    return {keys["access_key_id"] for keys in home.cloud.keys_of(role)}


def token_file(role, home):
    """The file with the token of a grant for this role, made when it is first wanted."""
    path = home.path / f"{role}.token"
    if not path.exists():
        made = home.credenza("grant", "new", role, "--token-file", path)
        assert made.returncode == 0, made.stderr
    return path


def get(host, path, headers=None):
    """One request of our own, which sends this `Host` where one is among the headers."""
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("GET", path, headers=headers or {})
    answer = connection.getresponse()
    answer.text = answer.read().decode()
    connection.close()
    return answer
