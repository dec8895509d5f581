"""Clients with a grant of their own, as a job or a container has it: the variables that `credenza grant new` prints."""

from harness.cloud import ACCOUNT
from harness.home import eventually

CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/my-role/"


def test_a_grant_opens_the_endpoint_until_it_is_revoked(client, form, home):
    home.role("my-role")
    assert home.credenza("up").returncode == 0
    flags = [] if not form else ["--token-file", home.path / "job.token"]
    made = home.credenza("grant", "new", "my-role", "--name", "job", *flags)
    assert made.returncode == 0, made.stderr

    job = home.granted(client, made.stdout)
    assert job.ok("sts").startswith(CALLER)
    assert job.ok("s3") == ["uploads"]
    assert eventually(lambda: {line["grant"] for line in home.audit() if line["outcome"] == "issued"}) == {"job"}

    assert home.credenza("grant", "revoke", "job").returncode == 0
    assert "error" in home.granted(client, made.stdout).call("sts")
