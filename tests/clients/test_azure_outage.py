"""Checklist 37 to 39 and 57, in each way that a client asks: a login that is over, an Azure CLI that nobody signed in, Entra ID in
trouble, and Entra ID slow. All clients of a test run beside each other, and have a token of another resource when it happens."""

import contextlib
import threading
import time

import pytest

from harness import places
from harness.azure_cli import AzureCli
from harness.clients import AZURE_DEFAULT, AZURE_MANAGED
from harness.cloud import Cloud
from harness.entra import ADA, GRAPH, MANAGEMENT, TENANT, VAULT
from harness.home import eventually
from harness.program import Program

SOON_SECS, AT_ONCE_SECS = 3, 1
# Of what passes a client asks again by rules of its own, each time as long after the answer as its `Retry-After` says, 5 s: three
# times by the variables of App Service, five times at the metadata service (`imds_retry_policy` of azure-identity), JavaScript's
# DefaultAzureCredential five times everywhere, and Rust for a minute (`RetryOptions` of azure_core).
PATIENT_SECS = 40
RUST = "azure-rust-managed-app-service"
POD = ("azure-python", "azure-python-aio", "azure-javascript")
WAYS = {
    f"{client.name}-{client.argv[-1]}-{style}": (client, style)
    for client in (*AZURE_DEFAULT, *AZURE_MANAGED)
    for style in ("app-service", "imds")
    if style == "app-service" or client.name in POD
}


@pytest.fixture
def cloud(tmp_path):
    """Over TLS: azure-identity for JavaScript takes no other authority, also where it never asks it."""
    running = Cloud(tls=tmp_path)
    yield running
    running.close()


@contextlib.contextmanager
def fleet(home, *identities, warm, ways=WAYS):
    """Every client in every way, each with a token of the resource `warm`, if there is one."""
    programs = {}
    try:
        for name, (client, style) in ways.items():
            argv = [places.CREDENZA, "exec", "--azure-style", style, *identities, "--", *client.argv]
            programs[name] = Program(argv, home.environment)
        for program in programs.values() if warm else ():
            program.ok(f"{warm}/.default")
        yield programs
    finally:
        for program in programs.values():
            program.close()


def timed(program, resource):
    """An answer, and after how many seconds it came."""
    begin = time.monotonic()
    answer = program.call(f"{resource}/.default")
    return answer, time.monotonic() - begin


def fail_soon(programs, resource, *words):
    """Each is told these words, soon, and again at once."""
    for name, program in programs.items():
        for most in (SOON_SECS, AT_ONCE_SECS):
            answer, secs = timed(program, resource)
            assert all(word in answer.get("error", "") for word in words), (name, answer)
            assert secs < most, (name, secs)


def at_once(programs, resource):
    """What all answer who ask at the same time, and after how many seconds."""
    answers = {}

    def ask(name, program):
        answers[name] = timed(program, resource)

    threads = [threading.Thread(target=ask, args=one, daemon=True) for one in programs.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) == set(programs), "each has answered"
    return answers


def asked(cloud, resource):
    """How often Entra ID was asked for a token of this resource."""
    return [call["parameters"].get("scope") for call in cloud.calls("EntraToken")].count(f"{resource}/.default")


def test_c57_a_login_that_was_revoked_is_told_to_each_client(home, azure):
    azure.person("graph", scopes={GRAPH: ["Files.Read.All"], MANAGEMENT: ["user_impersonation"]})
    azure.log_in("graph")
    with fleet(home, "graph", warm=GRAPH) as programs:
        azure.cloud.post("entra/people/revoke-sign-ins", {"person": ADA})
        fail_soon(programs, MANAGEMENT, "credenza login graph", "it was revoked")
    refused = [call for call in azure.cloud.calls("EntraToken") if call["outcome"] == "AADSTS50173"]
    assert len(refused) == 1, "what one has learnt the others know"


def test_c57_without_a_login_exec_starts_nothing_and_says_so(home, azure):
    azure.person("graph")
    begin = time.monotonic()
    run = home.run(*home.exec_argv("graph", ["echo", "started"]))
    assert time.monotonic() - begin < SOON_SECS
    assert (run.returncode, run.stdout) == (125, "")
    assert "graph needs a login: run `credenza login graph`" in run.stderr


def test_c57_an_azure_cli_that_nobody_signed_in_is_told_to_each_client(home, azure):
    AzureCli(home).publish()
    azure.robot("robot")
    azure.identity("desk", source="azure-cli", tenant=TENANT)
    for client in AZURE_MANAGED:  # one after the other, as `az` is run
        # its name is taken for a client id, and the one that needs nobody has the command started
        way = {client.name: (client.told("client_id", "desk"), "app-service")}
        with fleet(home, "robot", "desk", warm=None, ways=way) as programs:
            fail_soon(programs, GRAPH, "az login", TENANT)


def test_c38_c39_entra_id_in_trouble_and_entra_id_slow(home, azure):
    azure.robot("graph")
    cloud = azure.cloud
    with fleet(home, "graph", warm=GRAPH) as programs:
        slow = {"kind": "slow", "before_ms": 5000, "after_ms": 0}
        cloud.post("faults", {"action": "EntraToken", "role": VAULT, "trouble": slow})
        for name, (answer, secs) in at_once(programs, VAULT).items():
            assert "ok" in answer, (name, answer)
            assert 4.9 < secs < 12, (name, secs)
        assert asked(cloud, VAULT) == len(programs), "one by each `exec`, however long it takes"

        trouble = {"kind": "error", "code": "temporarily_unavailable", "status": 503}
        cloud.post("faults", {"action": "EntraToken", "role": MANAGEMENT, "trouble": trouble})
        before = asked(cloud, MANAGEMENT)
        impatient = {name: program for name, program in programs.items() if name != RUST}
        for name, (answer, secs) in at_once(impatient, MANAGEMENT).items():
            assert "Entra ID is in trouble (status 503)" in answer.get("error", ""), (name, answer)
            assert secs < PATIENT_SECS, (name, secs)
        assert asked(cloud, MANAGEMENT) - before <= 4 * len(impatient), "Credenza asks at its own pace, not at theirs"

        # and there it is again: who is still trying has it, and so has who asks anew
        of_rust = {}
        patient = threading.Thread(target=lambda: of_rust.update(at_once({RUST: programs[RUST]}, MANAGEMENT)))
        patient.start()
        assert eventually(lambda: any("rust" in (line["exe"] or "") for line in troubled(home)))
        cloud.delete("faults")
        patient.join()
        assert "ok" in of_rust[RUST][0], of_rust
        for name, program in impatient.items():
            assert eventually(lambda asks=program: "ok" in asks.call(f"{MANAGEMENT}/.default"), secs=30), name


def troubled(home):
    """The lines of the audit trail that say that a client got nothing."""
    return [line for line in home.audit() if line["outcome"] != "issued"]


def test_every_way_is_there():
    assert len(WAYS) == 9 + 6 and RUST in WAYS
