"""The Azure CLI, as it is: a client of our endpoint (checklist 56), and, signed in to a simulated Entra ID, a source of tokens."""

import json

import pytest

from harness import places
from harness.azure_cli import AzureCli
from harness.clients import AZURE_MANAGED
from harness.cloud import Cloud
from harness.entra import ADA, DOMAIN, GRAPH, MANAGEMENT, TENANT, VAULT
from harness.home import eventually

SUBSCRIPTION = "55555555-5555-5555-5555-555555555555"
GRAPH_SCOPE = f"{GRAPH}/.default"


@pytest.fixture
def cloud(tmp_path):
    """Over TLS: the Azure CLI knows nothing else."""
    running = Cloud(tls=tmp_path)
    subscription = {"id": SUBSCRIPTION, "tenant": TENANT, "name": "development", "resource_groups": ["one", "two"]}
    running.post("entra/tenants", {"id": TENANT, "domain": DOMAIN})
    running.post("arm/subscriptions", subscription)
    yield running
    running.close()


@pytest.fixture
def az(home, azure):
    """An Azure CLI that nobody has signed in, which knows the simulated cloud alone."""
    made = AzureCli(home)
    origin = home.cloud.sts.replace("127.0.0.1", "localhost")
    made.join(origin, origin, home.cloud.ca)
    del home.environment["AZURE_AUTHORITY_HOST"]
    return made


@pytest.fixture
def signed_in(home, az):
    """The same, signed in as a person, and found by every program of the home."""
    home.cloud.post("entra/people", {"name": ADA, "tenant": TENANT})
    home.cloud.post("entra/visitor", {"visitor": {"person": ADA, "elsewhere": True}})
    az.sign_in_person(TENANT)
    az.publish()
    return az


AS_A_MACHINE = """
set -e
az login --identity --output none
az account get-access-token --resource "$1" --output json
az group list --output json
"""


def test_c56_it_logs_in_as_a_managed_identity_and_lists_groups(home, azure):
    client_id = azure.robot("machine")
    made = AzureCli(home)
    origin = home.cloud.sts.replace("127.0.0.1", "localhost")
    made.join(origin, origin, home.cloud.ca)
    home.environment |= made.environment | {"PATH": f"{places.AZ.parent}:{home.environment['PATH']}"}
    run = home.run(places.CREDENZA, "exec", "machine", "--", "bash", "-c", AS_A_MACHINE, "bash", VAULT)
    assert run.returncode == 0, run.stderr
    decoder = json.JSONDecoder()
    token, end = decoder.raw_decode(run.stdout)
    groups = json.loads(run.stdout[end:])
    assert token["tenant"] == TENANT and token["accessToken"].count(".") == 2
    assert [group["name"] for group in groups] == ["one", "two"]
    calls = home.cloud.calls("ArmResourceGroups")
    assert calls and all(call["outcome"] == "ok" for call in calls)
    assert client_id in home.credenza("list", "--json").stdout or azure.issued("machine") >= 3


def test_its_login_is_an_identity_without_any_configuration(home, signed_in):
    listed = {one["name"]: one for one in json.loads(home.credenza("list", "--json").stdout)["identities"]}
    assert listed["az"]["usable"] and listed["az"]["kind"] == "azure-cli"
    assert any(name.startswith("az:") for name in listed), list(listed)
    program = home.exec("az", AZURE_MANAGED[0])
    of_the_login = home.cloud.calls("EntraToken")
    # by itself it says that it answers claims challenges, which the clients of its tokens need not know of
    assert any("cp1" in call["parameters"] for call in of_the_login)
    signed_in.forget_tokens()
    for resource in (GRAPH, VAULT, MANAGEMENT):
        assert program.ok(f"{resource}/.default")["claims"]["aud"] == resource
    program.close()
    ours = home.cloud.calls("EntraToken")[len(of_the_login) :]
    assert len(ours) >= 3 and not any("cp1" in call["parameters"] for call in ours)
    token = json.loads(home.credenza("credential", "az", "--resource", GRAPH).stdout)
    assert token["resource"] == GRAPH and token["access_token"].count(".") == 2
    # what it says of a person's login is in the status, the permissions too: none of SharePoint among them
    assert home.credenza("up").returncode == 0
    assert home.credenza("credential", "az", "--resource", GRAPH).returncode == 0
    [ask] = [ask for ask in home.status()["asks"] if ask["resource"] == GRAPH]
    assert ask["account"] == ADA and "Directory.AccessAsUser.All" in ask["scopes"]
    assert not any(scope.startswith(("Sites.", "Files.")) for scope in ask["scopes"])


def test_an_aws_profile_of_its_name_goes_before_it(home, signed_in):
    home.role("az")
    assert json.loads(home.credenza("credential", "az").stdout)["AccessKeyId"].startswith("ASIA")
    assert json.loads(home.credenza("credential", "aws:az").stdout)["AccessKeyId"].startswith("ASIA")
    assert json.loads(home.credenza("credential", "azure:az").stdout)["token_type"] == "Bearer"


def test_nobody_signed_in_is_said_with_the_command_and_noticed_when_it_is_mended(home, az):
    az.publish()
    run = home.credenza("exec", "az", "--", "true")
    assert run.returncode == 125 and "az login" in run.stderr, run.stderr
    assert home.credenza("credential", "az", "--resource", GRAPH).returncode in (3, 4)
    home.cloud.post("entra/people", {"name": ADA, "tenant": TENANT})
    home.cloud.post("entra/visitor", {"visitor": {"person": ADA, "elsewhere": True}})
    az.sign_in_person(TENANT)
    assert home.credenza("credential", "az", "--resource", GRAPH).returncode == 0


@pytest.mark.parametrize(
    ("code", "exit", "parts"),
    [
        (50076, 4, ["az login --scope https://vault.azure.net/.default"]),
        (65001, 4, ["az login --scope https://vault.azure.net/.default"]),
        (53003, 4, ["Conditional Access"]),
    ],
)
def test_what_entra_id_wants_is_told_with_the_command_that_mends_it(home, signed_in, code, exit, parts):
    home.cloud.post("entra/people/challenge", {"person": ADA, "code": code, "resource": VAULT})
    run = home.credenza("credential", "az", "--resource", VAULT)
    assert run.returncode == exit, run.stderr
    for part in parts:
        assert part.lower() in run.stderr.lower(), run.stderr
    program = home.exec("az", AZURE_MANAGED[0])
    assert "az" in program.call(f"{VAULT}/.default")["error"]
    program.ok(GRAPH_SCOPE)
    program.close()


def test_an_unknown_resource_is_no_matter_of_a_login(home, signed_in):
    run = home.credenza("credential", "az", "--resource", "https://nobody.example")
    assert run.returncode == 1 and "https://nobody.example" in run.stderr, run.stderr
    assert "az login" not in run.stderr, run.stderr


def test_a_login_that_was_revoked_is_told_and_works_again_after_another(home, signed_in):
    assert home.credenza("up").returncode == 0
    program = home.exec("az", AZURE_MANAGED[2])
    program.ok(GRAPH_SCOPE)
    home.cloud.post("entra/people/revoke-sign-ins", {"person": ADA})
    error = program.call(f"{VAULT}/.default")["error"]
    assert "az login" in error, error
    signed_in.forget_refusals()
    signed_in.sign_in_person(TENANT)
    assert eventually(lambda: "ok" in program.call(f"{VAULT}/.default"), 20)
    program.close()


# Notes when it begins and when it ends, and passes on to the real one: of two at a time the second finds the first.
ONE_AT_A_TIME = """#!/bin/sh
if ! mkdir "$HOME/running" 2>/dev/null; then echo overlap >> "$HOME/overlaps"; fi
echo run >> "$HOME/runs"
echo "$IDENTITY_ENDPOINT$MSI_ENDPOINT$IDENTITY_HEADER$AZURE_POD_IDENTITY_AUTHORITY_HOST" >> "$HOME/endpoints"
{az} "$@"
code=$?
rmdir "$HOME/running"
exit $code
"""


def test_c40_it_is_run_one_at_a_time_and_never_asks_us(home, signed_in):
    script = home.path / "bin" / "az"
    script.unlink()
    script.write_text(ONE_AT_A_TIME.format(az=places.AZ))
    script.chmod(0o700)
    assert home.credenza("up").returncode == 0
    program = home.exec("az", AZURE_MANAGED[3])
    # four commands at once, and one that is wired
    resources = [GRAPH, VAULT, MANAGEMENT, "https://storage.azure.com"]
    each = 'for r in "$@"; do credenza credential az --resource "$r" >/dev/null & done; wait'
    run = home.run("bash", "-c", each, "bash", *resources)
    assert run.returncode == 0, run.stderr
    program.ok(GRAPH_SCOPE)
    program.close()
    assert len((home.path / "runs").read_text().split()) >= 3
    assert not (home.path / "overlaps").exists()
    # from inside of a command that is wired
    home.credenza("down")
    words = ["exec", "az", "--", "credenza", "credential", "az", "--resource", VAULT]
    run = home.run(places.CREDENZA, *words)
    assert run.returncode == 0, run.stderr
    assert (home.path / "endpoints").read_text().strip() == "", "nothing of ours reaches it"
