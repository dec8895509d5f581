"""Every SDK of Azure, unmodified, finds tokens of an identity under `credenza exec`: issue numbers are those of the checklist of
metadata emulators for Azure. Entra ID is simulated, and verifies what it is shown."""

import json
import subprocess

import pytest

from harness import places
from harness.clients import AZURE_DEFAULT, AZURE_MANAGED, Client
from harness.cloud import Cloud
from harness.entra import GRAPH, TENANT, VAULT
from harness.home import eventually
from harness.program import Program

GRAPH_SCOPE, VAULT_SCOPE = f"{GRAPH}/.default", f"{VAULT}/.default"
RUST, AIO, JS, GO = "azure-rust", "azure-python-aio", "azure-javascript", "azure-go"
# Those that take another host for the address of the metadata service.
ELSEWHERE = [client for client in AZURE_MANAGED if client.name not in (RUST, GO)]
# Those that know the endpoint of 2017.
OLD = [client for client in AZURE_MANAGED if client.name != RUST]


@pytest.fixture
def cloud(tmp_path):
    """Over TLS: azure-identity for JavaScript takes no other authority, also where it never asks it."""
    running = Cloud(tls=tmp_path)
    yield running
    running.close()


def test_c53_c55_each_client_gets_the_token_that_it_asks_for(home, azure, azure_client):
    client_id = azure.robot("graph")
    program = home.exec("graph", azure_client)
    first, other = program.ok(GRAPH_SCOPE), program.ok(VAULT_SCOPE)
    assert (first["claims"]["aud"], other["claims"]["aud"]) == (GRAPH, VAULT)
    for token in (first, other):
        assert (token["claims"]["tid"], token["claims"]["appid"]) == (TENANT, client_id)
    assert first["claims"]["roles"] == ["Sites.Read.All"]
    assert program.close()[0] == 0
    # the probe of `exec`, for the identity's own resource, and one for each that was asked for
    assert azure.tokens_asked() == 3
    assert azure.issued("graph") == 2


@pytest.mark.parametrize("client", ELSEWHERE, ids=lambda client: client.name)
def test_c53_each_client_that_takes_another_host_finds_a_virtual_machine(home, azure, client):
    client_id = azure.robot("graph")
    program = home.exec("graph", client, "--azure-style", "imds")
    token = program.ok(GRAPH_SCOPE)
    assert (token["claims"]["aud"], token["claims"]["appid"]) == (GRAPH, client_id)
    assert program.close()[0] == 0
    assert azure.issued("graph", "azure-imds") == 1 and azure.issued("graph") == 0


@pytest.mark.parametrize("client", OLD, ids=lambda client: client.name)
def test_c26_each_client_that_knows_the_endpoint_of_2017_finds_it(home, azure, client):
    client_id = azure.robot("graph")
    program = home.exec("graph", client, "--azure-style", "ml")
    assert program.ok(GRAPH_SCOPE)["claims"]["appid"] == client_id
    assert program.close()[0] == 0


@pytest.mark.parametrize("style", ["app-service", "imds"])
@pytest.mark.parametrize("kind", ["client_id", "object_id", "resource_id"])
def test_c18_an_id_selects_the_identity_as_each_client_spells_it(home, azure, azure_sdk, kind, style):
    if style == "imds" and azure_sdk not in ELSEWHERE:
        pytest.skip(f"{azure_sdk.name} asks the literal address alone")
    if azure_sdk.name == RUST and kind == "resource_id":
        pytest.skip("azure_identity for Rust refuses resource ids by itself (Azure/azure-sdk-for-rust issue 2407)")
    resource_id = "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/second"
    object_id = "33333333-3333-3333-3333-333333333333"
    azure.robot("graph")
    second = azure.robot("second", object_id=object_id, resource_id=resource_id)
    id = {"client_id": second, "object_id": object_id, "resource_id": resource_id}[kind]
    # its asynchronous half names the parameter itself, and knows none by the name of its own option
    said = kind
    if azure_sdk.name == AIO and kind == "resource_id":
        said = "mi_res_id" if style == "app-service" else "msi_res_id"
    argv = [places.CREDENZA, "exec", "--azure-style", style, "graph", "second", "--", *azure_sdk.told(said, id).argv]
    program = Program(argv, home.environment)
    assert program.ok(GRAPH_SCOPE)["claims"]["appid"] == second
    assert program.close()[0] == 0


def test_c20_an_id_that_nobody_has_is_refused_in_words(home, azure, azure_sdk):
    azure.robot("graph")
    unknown = "99999999-9999-9999-9999-999999999999"
    program = home.exec("graph", azure_sdk.told("client_id", unknown))
    error = program.call(GRAPH_SCOPE)["error"]
    assert "Identity not found" in error or azure_sdk.name == RUST and "identity" in error.lower(), error
    program.close()


@pytest.mark.parametrize("client", AZURE_DEFAULT, ids=lambda client: client.name)
def test_the_commands_own_client_id_is_a_name_for_the_identity(home, azure, client):
    """DefaultAzureCredential sends it unasked, and applications read it for purposes of their own."""
    client_id = azure.robot("graph")
    program = home.exec("graph", client, AZURE_CLIENT_ID="44444444-4444-4444-4444-444444444444")
    assert program.ok(GRAPH_SCOPE)["claims"]["appid"] == client_id
    program.close()


@pytest.mark.parametrize("client", [AZURE_DEFAULT[0], AZURE_DEFAULT[2]], ids=lambda client: client.name)
def test_a_shell_of_env_has_it_too(home, azure, client):
    client_id = azure.robot("graph")
    program = home.shell("graph", client)
    assert program.ok(GRAPH_SCOPE)["claims"]["appid"] == client_id
    program.close()


def test_c36_two_identities_share_no_token(home, azure):
    one, other = azure.robot("graph"), azure.robot("other")
    ids = {}
    for name in ("graph", "other"):
        program = home.shell(name, AZURE_MANAGED[0])
        ids[name] = program.ok(GRAPH_SCOPE)["claims"]["appid"]
        program.close()
    assert ids == {"graph": one, "other": other}


BOTH = """
import sys, boto3
from azure.identity import DefaultAzureCredential
sys.path.insert(0, sys.argv[1])
from azure_token import claims
arn = boto3.client("sts").get_caller_identity()["Arn"]
token = DefaultAzureCredential().get_token("https://graph.microsoft.com/.default").token
print(arn, claims(token)["appid"])
"""


def test_one_command_has_both_clouds(home, azure):
    client_id = azure.robot("graph")
    home.role("my-role")
    words = [places.CREDENZA, "exec", "my-role", "graph", "--", places.PYTHON_AZURE, "-c", BOTH, places.HERE / "py"]
    run = home.run(*words)
    assert run.returncode == 0, run.stderr
    arn, app = run.stdout.split()
    assert ":assumed-role/my-role/" in arn and app == client_id


BURST = """
import asyncio, sys
from azure.identity.aio import ManagedIdentityCredential
sys.path.insert(0, sys.argv[1])
from azure_token import told

async def one(scope):
    # a credential each: azure-identity itself would make one request of many
    async with ManagedIdentityCredential() as credential:
        return told((await credential.get_token(scope)).token, 0)["token_digest"]

async def main():
    digests = await asyncio.gather(*(one("https://vault.azure.net/.default") for _ in range(100)))
    print(len(digests), len(set(digests)))

asyncio.run(main())
"""


def test_c35_a_hundred_at_once_on_a_cold_resource_are_one_call(home, azure):
    azure.robot("graph")
    azure.cloud.post("faults", {"action": "EntraToken", "trouble": {"kind": "slow", "before_ms": 300, "after_ms": 0}})
    words = [places.CREDENZA, "exec", "graph", "--", places.PYTHON_AZURE, "-c", BURST, places.HERE / "py"]
    run = home.run(*words)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["100", "1"]
    of_vault = [call for call in azure.cloud.calls("EntraToken") if "vault" in call["parameters"]["scope"]]
    assert len(of_vault) == 1
    assert azure.issued("graph") == 100


def test_what_is_denied_is_never_asked_for(home, azure, azure_sdk):
    azure.robot("graph", resources={"allow": [GRAPH]})
    program = home.exec("graph", azure_sdk)
    program.ok(GRAPH_SCOPE)
    error = program.call(VAULT_SCOPE)["error"]
    assert "graph gives no tokens for https://vault.azure.net" in error, error
    program.close()
    scopes = {call["parameters"]["scope"] for call in azure.cloud.calls("EntraToken")}
    assert all("vault" not in scope for scope in scopes), scopes


def test_nothing_that_is_written_holds_a_token(home, azure):
    """The audit trail says for what a token was, and whose; no file and no output of ours has the token."""
    azure.robot("graph")
    run = home.credenza("up")
    assert run.returncode == 0, run.stderr
    token = json.loads(home.credenza("credential", "graph", "--resource", GRAPH).stdout)["access_token"]
    assert token.count(".") == 2
    program = home.shell("graph", Client("same", AZURE_MANAGED[0].argv))
    program.ok(GRAPH_SCOPE)
    program.close()
    line = eventually(lambda: [line for line in home.audit() if line["dialect"] == "app-service"])[0]
    assert (line["identity"], line["resource"], line["outcome"]) == ("graph", GRAPH, "issued")
    status = home.status()
    [held] = [ask for ask in status["asks"] if ask["resource"] == GRAPH]
    assert (held["roles"], held["tenant"]) == (["Sites.Read.All"], TENANT)
    found = subprocess.run(["grep", "-rlF", token, home.path], capture_output=True, text=True, check=False)
    assert found.stdout == "" and token not in json.dumps(status)
