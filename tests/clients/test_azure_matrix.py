"""Every SDK of Azure, unmodified, finds tokens of an identity under `credenza exec`: numbers are those of the checklist for
Azure. Entra ID is simulated, and verifies what it is shown."""

import hashlib
import json
import subprocess
import time

import pytest

from harness import places
from harness.clients import AZURE_DEFAULT, AZURE_MANAGED
from harness.cloud import Cloud
from harness.entra import GRAPH, TENANT, VAULT
from harness.home import eventually, kill
from harness.program import Program

GRAPH_SCOPE, VAULT_SCOPE = f"{GRAPH}/.default", f"{VAULT}/.default"
RUST, GO = "azure-rust", "azure-go"
EVERY = [*AZURE_DEFAULT, *AZURE_MANAGED]
# Those that take another host for the address of the metadata service.
ELSEWHERE = [client for client in EVERY if client.name not in (RUST, GO)]
# What a request may take whose token has to be fetched.
QUICK_SECS = 1.5
# It asks for a newer token once in 30 s at most (`DEFAULT_TOKEN_REFRESH_RETRY_DELAY` of azure-identity).
LATER = "azure-python-aio"
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
    first = program.ok(GRAPH_SCOPE)  # it has started by now
    begin = time.monotonic()
    other = program.ok(VAULT_SCOPE)
    assert time.monotonic() - begin < QUICK_SECS
    assert (first["claims"]["aud"], other["claims"]["aud"]) == (GRAPH, VAULT)
    for token in (first, other):
        assert (token["claims"]["tid"], token["claims"]["appid"]) == (TENANT, client_id)
    assert first["claims"]["roles"] == ["Sites.Read.All"]
    assert program.close()[0] == 0
    # the probe of `exec`, for the identity's own resource, and one for each that was asked for
    assert azure.tokens_asked() == 3
    assert azure.issued("graph") == 2


@pytest.mark.parametrize("client", ELSEWHERE, ids=lambda client: f"{client.name}-{client.argv[-1]}")
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


def test_a_token_that_took_anothers_place_reaches_every_client_that_runs(home, azure):
    """A daemon that was killed comes back with nothing in memory, so the next request has Entra ID asked. With less than five
    minutes left each client asks at every call, but for the one that is `LATER` (`test_azure_rotation.py` waits for it)."""
    azure.cloud.post("entra/tokens/life", {"secs": 150})
    azure.robot("graph")
    assert home.credenza("up").returncode == 0
    programs = {f"{client.name}-{client.argv[-1]}": home.shell("graph", client) for client in EVERY}
    held = []
    for _ in range(2):
        held.append(token_of(home, GRAPH))
        for name, program in programs.items():
            digest = program.ok(GRAPH_SCOPE)["token_digest"]
            meant = held[0] if name.startswith(LATER) else held[-1]
            assert digest == hashlib.sha256(meant.encode()).hexdigest()[:16], name
        kill(home.status()["pid"])
        assert home.credenza("up").returncode == 0
    for program in programs.values():
        program.close()
    assert held[0] != held[1]
    for token in held:
        judged = azure.cloud.post("entra/tokens/judge", {"token": token, "audience": GRAPH})
        assert judged["valid"], judged
    # once for each daemon, and not for each client
    assert azure.tokens_asked() == 2


def token_of(home, resource):
    """The token that the daemon has for a resource, or fetches now."""
    run = home.credenza("credential", "graph", "--resource", resource)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)["access_token"]


def test_c46_nothing_that_is_written_holds_a_token(home, azure):
    """The audit trail says for what a token was, and whose; no file and no output of ours has the token or a part of it, not
    even at the level of the log that says most."""
    azure.robot("graph")
    home.environment["CREDENZA_LOG"] = "trace"
    run = home.credenza("up")
    assert run.returncode == 0, run.stderr
    token = token_of(home, GRAPH)
    assert token.count(".") == 2
    said = []
    for program in (home.shell("graph", AZURE_MANAGED[0]), home.exec("graph", AZURE_MANAGED[1])):
        program.ok(GRAPH_SCOPE)
        said.append(program.close()[1])
    line = eventually(lambda: [line for line in home.audit() if line["dialect"] == "app-service"])[0]
    assert (line["identity"], line["resource"], line["outcome"]) == ("graph", GRAPH, "issued")
    status = home.status()
    [held] = [ask for ask in status["asks"] if ask["resource"] == GRAPH]
    assert (held["roles"], held["tenant"]) == (["Sites.Read.All"], TENANT)
    log = home.path / ".local" / "state" / "credenza" / "daemon.log"
    assert "TRACE" in log.read_text() or "DEBUG" in log.read_text(), "it was asked to say all"
    _, claims, signature = token.split(".")
    # every token of a tenant begins with the same header
    for part in (claims[:40], signature[:40]):
        found = subprocess.run(["grep", "-rlF", "-e", part, home.path], capture_output=True, text=True, check=False)
        assert found.stdout == "", part
        assert part not in json.dumps(status) + "".join(said)
