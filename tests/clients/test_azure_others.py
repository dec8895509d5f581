"""Clients of Azure that are no SDK of Azure's: what Terraform's provider gets its tokens with, and object_store."""

import time

import pytest

from harness.clients import AZURE_DEFAULT, AZURE_OBJECT_STORE, AZURE_TERRAFORM
from harness.cloud import Cloud
from harness.entra import GRAPH, MANAGEMENT, TENANT

MANAGEMENT_SCOPE, GRAPH_SCOPE = f"{MANAGEMENT}/.default", f"{GRAPH}/.default"
QUICK_SECS = 3


@pytest.fixture
def cloud(tmp_path):
    """Over TLS: no SDK of Azure takes another authority, also where it never asks it."""
    running = Cloud(tls=tmp_path)
    yield running
    running.close()


def test_terraform_gets_its_tokens_by_its_own_variables(home, azure):
    """The provider takes one for Resource Manager, and reads who it is from one for Graph."""
    client_id = azure.robot("graph")
    program = home.exec("graph", AZURE_TERRAFORM, "--azure-style", "terraform")
    for scope, audience in [(MANAGEMENT_SCOPE, MANAGEMENT), (GRAPH_SCOPE, GRAPH)]:
        token = program.ok(scope)
        assert (token["claims"]["aud"], token["claims"]["appid"]) == (audience, client_id)
        assert token["claims"]["tid"] == TENANT and token["expires_on"] > time.time() + 1800
    assert program.close()[0] == 0


def test_terraform_and_an_sdk_live_beside_each_other(home, azure):
    client_id = azure.robot("graph")
    flags = ("--azure-style", "app-service", "--azure-style", "terraform")
    for client in (AZURE_TERRAFORM, AZURE_DEFAULT[0]):
        program = home.exec("graph", client, *flags)
        assert program.ok(GRAPH_SCOPE)["claims"]["appid"] == client_id
        program.close()


def test_terraform_says_what_is_missing(home, azure):
    azure.person("graph")
    azure.log_in("graph")
    program = home.exec("graph", AZURE_TERRAFORM, "--azure-style", "terraform")
    program.ok(GRAPH_SCOPE)
    assert home.credenza("logout", "graph").returncode == 0
    before = time.monotonic()
    error = program.call(MANAGEMENT_SCOPE)["error"]
    assert time.monotonic() - before < QUICK_SECS
    assert "credenza login graph" in error, error
    program.close()


def test_c55_object_store_reads_blobs(home, azure):
    where = azure.container(azure.robot("graph"))
    program = home.exec("graph", AZURE_OBJECT_STORE, **where)
    assert program.ok("blob") == ["hello.txt"]
    assert program.ok("blob") == ["hello.txt"]
    assert program.close()[0] == 0
    # it keeps the token itself
    assert azure.issued("graph") == 1


def test_c57_object_store_says_what_is_missing(home, azure):
    where = azure.container()
    azure.person("graph")
    azure.log_in("graph")
    program = home.exec("graph", AZURE_OBJECT_STORE, **where)
    assert program.ok("prefix") == ""  # it has started
    assert home.credenza("logout", "graph").returncode == 0
    before = time.monotonic()
    error = program.call("blob")["error"]
    assert time.monotonic() - before < QUICK_SECS
    assert "credenza login graph" in error, error
    program.close()
