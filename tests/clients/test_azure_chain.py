"""From a person's sign-in at AWS to a token of Azure in an unmodified SDK, and the way back from Azure to AWS: no secret anywhere."""

import json

import pytest

from harness import places
from harness.clients import AZURE_DEFAULT, CLIENTS
from harness.cloud import ACCOUNT, Cloud, role_arn
from harness.entra import GRAPH, TENANT, VAULT, Azure
from harness.home import Home, eventually, with_sso

APP = "11112222-3333-4444-5555-666677778888"
GRAPH_SCOPE, VAULT_SCOPE = f"{GRAPH}/.default", f"{VAULT}/.default"


@pytest.fixture
def cloud(tmp_path):
    """Over TLS: the SDKs that ask Entra ID themselves take nothing else."""
    running = Cloud(tls=tmp_path)
    yield running
    running.close()


@pytest.fixture
def chain(cloud, storage):
    """A sign-in (`my-dev`), a role of it (`prod`), and the application `sync` that trusts what AWS signs for that."""
    home = with_sso(Home(cloud, storage))
    cloud.post("roles", {"arn": role_arn("prod"), "trust": {"principals": [ACCOUNT]}})
    home.profile("prod", role_arn=role_arn("prod"), source_profile="my-dev", region="eu-central-1")
    azure = Azure(home)
    issuer = cloud.post("outbound/enable", {"account": ACCOUNT})["issuer"]
    trust = {"issuer": issuer, "subject": role_arn("prod")}
    roles = {GRAPH: ["Sites.Read.All"], VAULT: []}
    cloud.post("entra/apps", {"client_id": APP, "tenant": TENANT, "roles": roles, "federated": [trust]})
    azure.identity("sync", source="federated", tenant=TENANT, client_id=APP, **{"from": "prod"}, resource=GRAPH)
    yield home
    home.close()


@pytest.mark.parametrize("client", AZURE_DEFAULT, ids=lambda client: client.name)
def test_one_login_at_aws_reaches_an_sdk_of_azure(chain, client):
    chain.sign_in("my-dev")
    assert chain.credenza("up").returncode == 0
    program = chain.exec("sync", client)
    token = program.ok(GRAPH_SCOPE)["claims"]
    assert (token["aud"], token["appid"], token["roles"]) == (GRAPH, APP, ["Sites.Read.All"])
    program.ok(VAULT_SCOPE)
    program.close()
    asks = {(ask["identity"], ask["resource"]): ask for ask in chain.status()["asks"]}
    assert asks["sync", GRAPH]["chain"] == ["sync", "prod", "my-dev", "the sign-in corp"]
    assert asks["sync", GRAPH]["roles"] == ["Sites.Read.All"]
    assert "prod" in chain.credenza("status").stdout
    # each exchange with a statement of its own, for one audience, and for five minutes
    signed = chain.cloud.get("outbound/tokens")
    signed = signed.get("tokens", signed) if isinstance(signed, dict) else signed
    shown = [one["digest"] for one in chain.cloud.get("entra/presented") if one["kind"] == "assertion"]
    assert len(shown) == len(set(shown)) == 2
    assert {(one["subject"], tuple(one["audiences"]), one["life_secs"]) for one in signed} == {
        (role_arn("prod"), ("api://AzureADTokenExchange",), 300)
    }


def test_without_the_login_the_sdk_is_told_which_one(chain):
    run = chain.credenza("exec", "--no-login", "sync", "--", "true")
    assert run.returncode == 125 and "run `credenza login my-dev`" in run.stderr, run.stderr


WORKLOAD = """
import os, sys
from azure.identity import WorkloadIdentityCredential
sys.path.insert(0, sys.argv[1])
from azure_token import claims
credential = WorkloadIdentityCredential(disable_instance_discovery=True)  # the simulated Entra ID is nobody Microsoft knows
token = credential.get_token("https://graph.microsoft.com/.default").token
print(claims(token)["appid"], os.environ["AZURE_TOKEN_CREDENTIALS"], os.stat(os.environ["AZURE_FEDERATED_TOKEN_FILE"]).st_mode & 0o777)
"""


def test_c33_an_sdk_shows_the_file_to_entra_id_itself(chain):
    chain.sign_in("my-dev")
    words = ["exec", "--azure-style", "workload", "sync", "--", places.PYTHON_AZURE, "-c", WORKLOAD, places.HERE / "py"]
    run = chain.run(places.CREDENZA, *words)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == [APP, "WorkloadIdentityCredential", str(0o600)]
    lives = {one["life_secs"] for one in chain.cloud.get("outbound/tokens")}
    assert max(lives) > 10 * 60, "the file has more than ten minutes of life"


def test_what_setup_federation_prints_is_what_aws_signs(chain):
    chain.sign_in("my-dev")
    run = chain.credenza("setup", "federation", "sync", "--format", "json")
    assert run.returncode == 0, run.stderr
    printed = json.loads(run.stdout)
    [issuer] = chain.cloud.get("outbound").values()
    assert (printed["issuer"], printed["subject"]) == (issuer, role_arn("prod"))
    text = chain.credenza("setup", "federation", "sync").stdout
    for part in (issuer, role_arn("prod"), "az ad app federated-credential create", "azuread_application_federated"):
        assert part in text, text


def test_each_thing_that_the_chain_lacks_has_a_message_of_its_own(chain):
    chain.sign_in("my-dev")
    cloud = chain.cloud

    def failing():
        run = chain.credenza("credential", "sync", "--resource", GRAPH)
        assert run.returncode != 0
        return run.stderr

    cloud.post("outbound/disable", {"account": ACCOUNT})
    assert "enable-outbound-web-identity-federation" in failing()
    cloud.post("outbound/enable", {"account": ACCOUNT})
    cloud.post("outbound/deny", {"arn": role_arn("prod")})
    assert '"Action":"sts:GetWebIdentityToken"' in failing()
    cloud.post("outbound/deny", {"arn": role_arn("prod"), "denied": False})
    cloud.post("entra/apps", {"client_id": APP, "tenant": TENANT, "roles": {GRAPH: []}})
    said = failing()
    assert role_arn("prod") in said and "az ad app federated-credential create" in said, said


@pytest.fixture
def back(home, azure):
    """The role `back`, which is assumed with a token of the Azure identity `graph` for the API `api://aws`."""
    cloud = home.cloud
    cloud.post("entra/apis", {"app_id": "cccccccc-0000-1111-2222-ffffffffffff", "identifiers": ["api://aws"]})
    azure.robot("graph", roles={"api://aws": ["Assume"], GRAPH: []})
    cloud.post("entra/tenants/trust", {"tenant": TENANT, "audience": "api://aws"})
    issuer = f"https://sts.windows.net/{TENANT}/"
    cloud.post("roles", {"arn": role_arn("back"), "trust": {"federated": [{"issuer": issuer}]}})
    token = '{ from = "graph", resource = "api://aws" }'
    azure.write(f'[identity.back]\nrole_arn = "{role_arn("back")}"\nregion = "eu-central-1"\nweb_identity = {token}\n')
    return home


@pytest.mark.parametrize("client", CLIENTS[:2] + CLIENTS[4:], ids=lambda client: client.name)
def test_a_token_of_azure_opens_a_role_of_aws_for_every_sdk(back, client):
    program = back.exec("back", client)
    assert program.ok("sts").startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/back/")
    program.close()
    assert eventually(lambda: back.answered("back")) >= 1
