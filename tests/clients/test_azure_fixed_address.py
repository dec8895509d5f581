"""Every SDK of Azure, unmodified, where it asks of itself: at 169.254.169.254, in a network of our own which `credenza setup
link-local` prepares, without a variable. Checklist 10, 15, 54 to 57. EC2's metadata service is at the same address.
"""

import http.client
import json
import subprocess
import time

import pytest

from harness import places
from harness.azure_cli import AzureCli
from harness.clients import AZURE_DEFAULT, AZURE_MANAGED, AZURE_OBJECT_STORE, CLIENTS
from harness.cloud import ACCOUNT, Cloud
from harness.entra import GRAPH, TENANT, VAULT, Azure
from harness.home import Home
from harness.listener import section, serve
from harness.namespace import link_local, own_network
from harness.program import Program
from harness.storage import Storage

ADDRESS = "169.254.169.254"
GRAPH_SCOPE = f"{GRAPH}/.default"
NOBODY = 65534
EVERY = [*((client, "default") for client in AZURE_DEFAULT), *((client, "managed") for client in AZURE_MANAGED)]
TOKEN = f"/metadata/identity/oauth2/token?api-version=2018-02-01&resource={GRAPH}"
RUST, GO = AZURE_MANAGED[4], AZURE_MANAGED[3]


@pytest.fixture(scope="module", autouse=True)
def network():
    """A network of this module's own, for all that it starts."""
    with own_network():
        yield


@pytest.fixture(scope="module")
def home(network, tmp_path_factory):
    """A home whose daemon serves a virtual machine of either cloud at the real address."""
    cloud, storage = Cloud(tls=tmp_path_factory.mktemp("cloud")), Storage()
    made = Home(cloud, storage)
    try:
        del made.environment["AWS_EC2_METADATA_DISABLED"]
        assert link_local(made, ADDRESS, "--apply").returncode == 0
        made.role("instance")
        azure = Azure(made)
        made.client_id = azure.robot("machine")
        made.where = azure.container(made.client_id)
        made.second = azure.robot("second")
        azure.person("out")
        served, where = ("instance", "machine", "second", "out"), '[listener.azure.vm]\nlocation = "westeurope"'
        listener = section(f"{ADDRESS}:80", *served, dialects=["ec2", "azure-imds"], more=where)
        serve(made, listener)
        # what the daemon needs of it, the clients do not
        del made.environment["AZURE_AUTHORITY_HOST"]
        yield made
    finally:
        made.close()
        cloud.close()
        storage.close()


@pytest.mark.parametrize("client", [client for client, _ in EVERY], ids=[f"{c.name}-{kind}" for c, kind in EVERY])
def test_c54_c55_a_token_is_found_without_a_variable(home, client):
    program = Program(client.argv, home.environment)
    token = program.ok(GRAPH_SCOPE)["claims"]
    assert (token["aud"], token["appid"], token["tid"]) == (GRAPH, home.client_id, TENANT)
    program.close()


@pytest.mark.parametrize("client", [RUST, GO], ids=["rust", "go"])
def test_c18_those_that_know_no_other_address_are_given_the_identity_that_they_name(home, client):
    program = Program(client.told("client_id", home.second).argv, home.environment)
    assert program.ok(GRAPH_SCOPE)["claims"]["appid"] == home.second
    program.close()


def test_c55_object_store_reads_blobs_without_a_variable(home):
    program = Program(AZURE_OBJECT_STORE.argv, home.environment | home.where)
    assert program.ok("blob") == ["hello.txt"]
    program.close()


def test_an_sdk_of_aws_finds_its_own_at_the_same_address(home):
    program = home.start(next(client for client in CLIENTS if client.name == "boto3"))
    assert program.ok("sts").startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/instance/")
    program.close()


def test_c54_by_a_proxy_that_is_we_go_reaches_the_address_and_nothing_else(home):
    """Go sends the request for the address to its proxy in absolute form, as `azcopy` does."""
    proxied = home.environment | {"HTTP_PROXY": f"http://{ADDRESS}:80", "NO_PROXY": ""}
    program = Program(GO.argv, proxied)
    assert program.ok(GRAPH_SCOPE)["claims"]["appid"] == home.client_id
    program.close()
    for target, expected in [
        (f"http://{ADDRESS}{TOKEN}", 200),
        (f"http://{ADDRESS}:80{TOKEN}", 200),
        (f"http://somebody@{ADDRESS}{TOKEN}", 400),
        (f"http://{ADDRESS}:8080{TOKEN}", 400),
        (f"http://example.com{TOKEN}", 400),
        (f"https://{ADDRESS}{TOKEN}", 400),
    ]:
        assert ask("GET", target, Metadata="true")[0] == expected, target


def test_c10_what_was_forwarded_or_comes_from_a_browser_gets_nothing(home):
    for headers, status in [
        ({"Metadata": "true"}, 200),
        ({}, 400),
        ({"Metadata": "True"}, 400),
        ({"Metadata": "true", "X-Forwarded-For": "10.0.0.1"}, 400),
        ({"Metadata": "true", "Origin": "https://evil.example"}, 403),
        ({"Metadata": "true", "Host": "evil.example"}, 400),
    ]:
        answered, body = ask("GET", TOKEN, **headers)
        assert answered == status, (headers, answered, body)
        assert ("access_token" in body) == (status == 200), headers


def test_c49_the_machine_says_what_it_is(home):
    status, body = ask("GET", "/metadata/instance?api-version=2021-02-01", Metadata="true")
    assert status == 200 and json.loads(body)["compute"]["azEnvironment"] == "AzurePublicCloud"
    status, body = ask("GET", "/metadata/instance/compute/vmSize?api-version=2019-03-11&format=text", Metadata="true")
    assert status == 200 and "{" not in body


REGION = """
import requests
from msal.region import _detect_region
print(_detect_region(requests.Session()), end="")
"""


def test_c50_msal_finds_the_region(home):
    run = subprocess.run(
        [places.PYTHON_AZURE, "-c", REGION], env=home.environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.stdout == "westeurope", run.stderr


def test_another_user_gets_nothing(home):
    argv = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "/usr/bin/python3", "-c", STATUS, TOKEN]
    run = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert run.stdout == "403", (run.stdout, run.stderr)


STATUS = f"""
import http.client, sys
connection = http.client.HTTPConnection("{ADDRESS}", timeout=10)
connection.request("GET", sys.argv[1], headers={{"Metadata": "true"}})
print(connection.getresponse().status, end="")
"""


@pytest.mark.parametrize("client", [client for client in AZURE_MANAGED], ids=lambda client: client.name)
def test_c57_a_login_that_is_missing_is_said_at_once(home, client):
    out = next(one for one in json.loads(home.credenza("list", "--json").stdout)["identities"] if one["name"] == "out")
    assert out["usable"]
    # the name of an identity is an id of it
    program = Program(client.told("client_id", "out").argv, home.environment)
    before = time.monotonic()
    error = program.call(GRAPH_SCOPE)["error"]
    assert time.monotonic() - before < 3
    assert "credenza login out" in error, error
    program.close()


def test_c56_the_azure_cli_logs_in_as_the_machine(home):
    subscription = {"id": "55555555-5555-5555-5555-555555555555", "tenant": TENANT, "name": "development"}
    home.cloud.post("arm/subscriptions", subscription | {"resource_groups": ["one"]})
    az = AzureCli(home)
    origin = home.cloud.sts.replace("127.0.0.1", "localhost")
    az.join(origin, origin, home.cloud.ca)
    az.sign_in_managed()
    token = az.token(VAULT)
    assert token["tenant"] == TENANT and token["accessToken"].count(".") == 2
    assert [group["name"] for group in az.ok("group", "list")] == ["one"]


def ask(method, target, **headers):
    """One request at the address: its status and its body."""
    connection = http.client.HTTPConnection(ADDRESS, timeout=10)
    connection.putrequest(method, target, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


