"""Whatever happens on the way to a token of Azure, nothing that is written or said has a signed token or statement in it, at the
level of the log that says most (checklist 46): from IAM Identity Center over a role and Entra ID, and from the Azure CLI."""

import re

import pytest

from harness import places
from harness.azure_cli import AzureCli
from harness.clients import AZURE_DEFAULT
from harness.cloud import ACCOUNT, Cloud, role_arn
from harness.entra import ADA, GRAPH, TENANT, VAULT, Azure
from harness.home import with_sso

APP = "11112222-3333-4444-5555-666677778888"
GRAPH_SCOPE = f"{GRAPH}/.default"
# A header and claims: Entra ID's tokens, AWS's statements and our own assertions are all of this form (RFC 7519).
SIGNED = re.compile(rb"eyJ[\w-]{10,}\.eyJ[\w-]{10,}")


@pytest.fixture
def cloud(tmp_path):
    """Over TLS, as the Azure CLI wants it."""
    running = Cloud(tls=tmp_path)
    yield running
    running.close()


def holding(home, *but):
    """The files of a home that hold a signed token, but for these folders."""
    files = [path for path in home.path.rglob("*") if path.is_file() and not path.is_symlink()]
    theirs = [path for path in files if not any(path.is_relative_to(home.path / folder) for folder in but)]
    assert any("credenza" in str(path) and path.suffix == ".log" for path in theirs), "there is a log to look at"
    return [str(path) for path in theirs if SIGNED.search(path.read_bytes())]


def says_none(run):
    """What a command said, which has no signed token in it."""
    assert not SIGNED.search((run.stdout + run.stderr).encode()), run.args
    return run


def test_c46_from_one_login_at_aws_to_azure(home):
    with_sso(home)
    azure, cloud = Azure(home), home.cloud
    cloud.post("roles", {"arn": role_arn("prod"), "trust": {"principals": [ACCOUNT]}})
    home.profile("prod", role_arn=role_arn("prod"), source_profile="my-dev", region="eu-central-1")
    issuer = cloud.post("outbound/enable", {"account": ACCOUNT})["issuer"]
    trust = {"issuer": issuer, "subject": role_arn("prod")}
    roles = {GRAPH: ["Sites.Read.All"], VAULT: []}
    cloud.post("entra/apps", {"client_id": APP, "tenant": TENANT, "roles": roles, "federated": [trust]})
    azure.identity("sync", source="federated", tenant=TENANT, client_id=APP, **{"from": "prod"}, resource=GRAPH)
    home.environment["CREDENZA_LOG"] = "trace"
    home.sign_in("my-dev")
    assert says_none(home.credenza("up")).returncode == 0
    program = home.exec("sync", AZURE_DEFAULT[0])
    program.ok(GRAPH_SCOPE)
    assert not SIGNED.search(program.close()[1].encode())
    for words in (
        ("exec", "--azure-style", "workload", "sync", "--", "true"),
        ("exec", "--azure-style", "terraform", "sync", "--", "true"),
        ("env", "sync"),
        ("setup", "federation", "sync"),
        ("status", "--json"),
        ("list", "--json"),
        ("logs",),
        ("logs", "--audit"),
    ):
        assert says_none(home.credenza(*words)).returncode == 0, words
    # what is refused has been shown too
    cloud.post("entra/apps", {"client_id": APP, "tenant": TENANT, "roles": roles})
    assert says_none(home.credenza("credential", "sync", "--resource", VAULT)).returncode != 0
    cloud.post("faults", {"action": "EntraToken", "trouble": {"kind": "torn"}})
    assert says_none(home.credenza("credential", "sync", "--resource", VAULT)).returncode != 0
    assert {call["outcome"] == "ok" for call in cloud.calls("EntraToken")} == {True, False}
    assert holding(home) == []
    # this test can fail
    token = home.run("bash", "-c", "printf %s eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJhdWQifQ.c2ln").stdout
    home.write(".local/state/credenza/planted", token)
    assert holding(home) != []


def test_c46_from_the_azure_cli(home, azure):
    made = AzureCli(home)
    origin = home.cloud.sts.replace("127.0.0.1", "localhost")
    made.join(origin, origin, home.cloud.ca)
    del home.environment["AZURE_AUTHORITY_HOST"]
    home.cloud.post("entra/people", {"name": ADA, "tenant": TENANT})
    home.cloud.post("entra/visitor", {"visitor": {"person": ADA, "elsewhere": True}})
    made.sign_in_person(TENANT)
    made.publish()
    home.environment["CREDENZA_LOG"] = "trace"
    assert says_none(home.credenza("up")).returncode == 0
    program = home.exec("az", AZURE_DEFAULT[0])
    program.ok(GRAPH_SCOPE)
    assert not SIGNED.search(program.close()[1].encode())
    for words in (("status", "--json"), ("list", "--json"), ("logs",)):
        assert says_none(home.credenza(*words)).returncode == 0, words
    assert SIGNED.search((made.folder / "msal_token_cache.json").read_bytes()), "the CLI itself keeps them so"
    assert holding(home, ".azure") == []


@pytest.mark.parametrize("style", ["app-service", "imds", "ml", "terraform"])
def test_c46_what_opens_a_grant_is_in_no_file(home, azure, style):
    """The variables of a command have it, and nothing else."""
    azure.robot("graph")
    home.environment["CREDENZA_LOG"] = "trace"
    assert home.credenza("up").returncode == 0
    run = home.run(places.CREDENZA, "exec", "--azure-style", style, "graph", "--", "env")
    assert run.returncode == 0, run.stderr
    variables = dict(line.split("=", 1) for line in run.stdout.splitlines() if "=" in line)
    names = ("IDENTITY_HEADER", "MSI_SECRET", "ARM_MSI_ENDPOINT")
    secrets = [variables[name].rsplit("/", 1)[-1].encode() for name in names if name in variables]
    assert secrets or style == "imds"
    files = [path for path in home.path.rglob("*") if path.is_file() and not path.is_symlink()]
    for secret in secrets:
        assert len(secret) >= 22, "128 bits"
        assert [str(path) for path in files if secret in path.read_bytes()] == []
