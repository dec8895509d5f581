"""Checklist 18, 20, 21 and 24: which identity a client of Azure gets that names one, in each style of variables that it knows,
and that what it gets comes with the secret alone. Each runs with two identities, `graph`, which is the default, and `second`."""

import pytest

from harness import places
from harness.clients import AZURE_DEFAULT, AZURE_MANAGED, Client
from harness.cloud import Cloud
from harness.entra import GRAPH, VAULT
from harness.program import Program

GRAPH_SCOPE = f"{GRAPH}/.default"
RUST, AIO, JS, GO = "azure-rust", "azure-python-aio", "azure-javascript", "azure-go"
# Go and Rust take no other address for the metadata service's than 169.254.169.254, and Rust refuses Azure ML.
UNKNOWN_TO = {"app-service": (), "imds": (GO, RUST), "ml": (RUST,)}
OBJECT_ID = "33333333-3333-3333-3333-333333333333"
RESOURCE_ID = "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{}"
NOBODY = {"client_id": "9" * 8, "object_id": "9" * 9, "resource_id": RESOURCE_ID.format("nobody")}


def ways(clients, styles=("app-service", "imds", "ml")):
    """Each of these clients with each style that it knows."""
    pairs = [(client, style) for style in styles for client in clients if client.name not in UNKNOWN_TO[style]]
    return pytest.mark.parametrize(("client", "style"), pairs, ids=[f"{client.name}-{style}" for client, style in pairs])


@pytest.fixture
def cloud(tmp_path):
    """Over TLS: azure-identity for JavaScript takes no other authority, also where it never asks it."""
    running = Cloud(tls=tmp_path)
    yield running
    running.close()


@pytest.fixture
def second(azure):
    """The ids of `second`, beside `graph`, whose client id is there too, as `default`."""
    ids = {"object_id": OBJECT_ID, "resource_id": RESOURCE_ID.format("second")}
    default = azure.robot("graph")
    return ids | {"client_id": azure.robot("second", **ids), "default": default}


def start(home, client, style="app-service", **more):
    """Starts a client with both identities."""
    argv = [places.CREDENZA, "exec", "--azure-style", style, "graph", "second", "--", *client.argv]
    return Program(argv, home.environment | more)


def vaults(cloud):
    """How often Entra ID was asked for the tokens that a test has its client ask for last."""
    return [call["parameters"]["scope"] for call in cloud.calls("EntraToken")].count(f"{VAULT}/.default")


@ways(AZURE_MANAGED)
def test_c18_each_id_selects_its_identity_and_c20_one_that_nobody_has_is_refused(client, style, home, azure, second):
    kinds = ["client_id"] if style == "ml" else ["client_id", "object_id", "resource_id"]  # JavaScript and Go send no other there
    programs = {kind: start(home, client.told(kind, second[kind]), style) for kind in kinds}
    strangers = {kind: start(home, client.told(kind, NOBODY[kind]), style) for kind in kinds}
    for kind, program in programs.items():
        answer = program.call(GRAPH_SCOPE)
        if client.name == RUST and kind == "resource_id":
            assert "resource IDs aren't supported for App Service" in answer["error"], "it asks nobody"
        else:
            assert answer["ok"]["claims"]["appid"] == second["client_id"], kind
        program.close()
    for kind, program in strangers.items():
        error = program.call(f"{VAULT}/.default")["error"]
        # of a 400 Rust says this whatever stands in it
        words = "identity has not been assigned" if client.name == RUST and kind != "resource_id" else "Identity not found"
        assert words in error or (client.name, kind) == (RUST, "resource_id"), (kind, error)
        program.close()
    assert vaults(azure.cloud) == 0, "for nobody nobody is asked"
    assert {line["outcome"] for line in home.audit()} == {"issued", "unknown-identity"}


@ways([client for client in AZURE_DEFAULT if client.name != GO], ("app-service", "imds"))
def test_c18_an_id_in_the_code_of_a_default_credential(client, style, home, second):
    program = start(home, client.told("client_id", second["client_id"]), style)
    # JavaScript forgets what the code says where AZURE_TOKEN_CREDENTIALS names the credential (`defaultAzureCredential.ts`)
    meant = "default" if client.name == JS else "client_id"
    assert program.ok(GRAPH_SCOPE)["claims"]["appid"] == second[meant]
    program.close()


@ways(AZURE_DEFAULT, ("app-service", "imds"))
def test_a_client_id_of_the_environment_is_the_default_unless_it_is_another_s(client, style, home, second):
    cases = [(NOBODY["client_id"], "default"), (second["client_id"], "client_id")]
    if client.name != GO:  # which refuses an empty one by itself
        cases.append(("", "default"))  # 21
    for client_id, meant in cases:
        program = start(home, client, style, AZURE_CLIENT_ID=client_id)
        assert program.ok(GRAPH_SCOPE)["claims"]["appid"] == second[meant], client_id
        program.close()


def test_c24_without_its_secret_no_client_has_a_token(azure_sdk, home, azure, second):
    """The control: what the other tests see comes with what `exec` sets."""
    bare = Client(azure_sdk.name, ("env", "IDENTITY_HEADER=another", *azure_sdk.argv))
    program = start(home, bare)
    assert "the local token is missing or wrong" in program.call(f"{VAULT}/.default")["error"]
    program.close()
    assert vaults(azure.cloud) == 0


@ways([*AZURE_MANAGED])
def test_no_client_looks_whether_anybody_is_here_and_each_keeps_its_token(client, style, home, azure, second):
    program = start(home, client, style)
    first, other = program.ok(GRAPH_SCOPE), program.ok(f"{VAULT}/.default")
    assert program.ok(GRAPH_SCOPE)["token_digest"] == first["token_digest"] != other["token_digest"]
    program.close()
    # a probe, or an attempt in another dialect, would be one line more
    dialect = "azure-imds" if style == "imds" else "app-service"
    seen = sorted((line["dialect"], line["outcome"], line["resource"], line["count"]) for line in home.audit())
    assert seen == [(dialect, "issued", resource, 1) for resource in (GRAPH, VAULT)]
    assert vaults(azure.cloud) == 1
