"""Where no token can be had, each SDK of Azure fails quickly, and shows what we say (checklist 37, 38, 57)."""

import time

import pytest

from harness.clients import AZURE_DEFAULT, AZURE_MANAGED
from harness.cloud import Cloud
from harness.entra import ADA, GRAPH, VAULT

GRAPH_SCOPE, VAULT_SCOPE = f"{GRAPH}/.default", f"{VAULT}/.default"
QUICK_SECS = 3
EVERY = [*AZURE_DEFAULT, *AZURE_MANAGED]


def failing(program, scope):
    """What a client says, and after how many seconds."""
    before = time.monotonic()
    error = program.call(scope)["error"]
    return error, time.monotonic() - before


@pytest.fixture
def cloud(tmp_path):
    """Over TLS: azure-identity for JavaScript takes no other authority, also where it never asks it."""
    running = Cloud(tls=tmp_path)
    yield running
    running.close()


def test_c57_a_login_that_is_missing_is_said_at_once_and_mended_without_a_restart(home, azure):
    """Every client in one home: a login takes five seconds."""
    azure.person("graph")
    azure.log_in("graph")
    programs = {f"{client.name} {client.argv[-1]}": home.exec("graph", client) for client in EVERY}
    for program in programs.values():
        program.ok(GRAPH_SCOPE)
    run = home.credenza("logout", "graph")
    assert run.returncode == 0, run.stderr
    for name, program in programs.items():
        for most in (QUICK_SECS, 1):
            error, secs = failing(program, VAULT_SCOPE)
            assert "credenza login graph" in error, f"{name}: {error}"
            assert secs < most, f"{name}: {secs} s"
    azure.log_in("graph")
    for name, program in programs.items():
        assert program.ok(VAULT_SCOPE)["claims"]["aud"] == VAULT, name
        program.close()


def test_c57_a_policy_that_wants_another_factor_is_said_and_costs_no_other_resource(home, azure):
    azure.person("graph")
    azure.log_in("graph")
    azure.cloud.post("entra/people/challenge", {"person": ADA, "code": 50076, "resource": VAULT})
    for client in EVERY:
        program = home.exec("graph", client)
        program.ok(GRAPH_SCOPE)
        error, secs = failing(program, VAULT_SCOPE)
        assert f"credenza login graph --resource {VAULT}" in error, f"{client.name}: {error}"
        assert secs < QUICK_SECS, f"{client.name}: {secs} s"
        program.close()


def test_c57_what_nobody_can_mend_by_a_login_is_said_too(home, azure, azure_client):
    """The application lacks a credential that the tenant takes."""
    client_id = azure.robot("graph")
    program = home.exec("graph", azure_client)
    program.ok(GRAPH_SCOPE)
    azure.cloud.post("entra/apps/remove", {"client_id": client_id})
    error, secs = failing(program, VAULT_SCOPE)
    assert "graph" in error and "application" in error, error
    assert secs < QUICK_SECS
    program.close()


# How long a client asks again before it gives up, where it is told that it is for now: Retry-After is obeyed by all.
PATIENT_SECS = 30


@pytest.mark.parametrize("client", [AZURE_DEFAULT[0], AZURE_DEFAULT[2]], ids=lambda client: client.name)
def test_c38_an_outage_of_entra_id_that_passes_costs_a_client_one_retry(home, azure, client):
    azure.robot("graph")
    program = home.exec("graph", client)
    program.ok(GRAPH_SCOPE)
    trouble = {"kind": "page", "status": 503, "headers": [["retry-after", "1"]], "body": ""}
    azure.cloud.post("faults", {"action": "EntraToken", "times": 1, "trouble": trouble})
    before = time.monotonic()
    assert program.ok(VAULT_SCOPE)["claims"]["aud"] == VAULT
    assert time.monotonic() - before < PATIENT_SECS
    program.close()
