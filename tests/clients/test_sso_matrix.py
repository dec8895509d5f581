"""Every client, unmodified, under `credenza exec` with profiles of IAM Identity Center: by what the environment says, and by a
profile that the program names.

One sign-in serves all of them. The simulated STS judges the keys, so a `GetCallerIdentity` that succeeds is the proof that what
was handed out works.
"""

import pytest
from harness import places
from harness.clients import CLIENTS
from harness.cloud import Cloud, sso_caller
from harness.home import Home, with_sso
from harness.program import Program

CALLERS = {"my-dev": sso_caller("Developer"), "my-other": sso_caller("ReadOnly")}


@pytest.fixture(scope="module")
def signed_in(storage):
    """A home whose person has signed in, once for all tests here."""
    cloud = Cloud()
    home = Home(cloud, storage)
    try:
        with_sso(home).sign_in()
        yield home
        assert cloud.logins() == 1
    finally:
        home.close()
        cloud.close()


def test_a_client_has_the_role_of_the_profile(client, signed_in, storage):
    """Environment variables are all that it is given, as a program of Pulumi's is."""
    program = signed_in.exec("my-dev", client)
    assert program.ok("sts").startswith(CALLERS["my-dev"])
    assert program.ok("s3") == ["uploads"]
    assert storage.signed_with[-1] in [keys["access_key_id"] for keys in signed_in.cloud.keys_of("Developer")]
    assert program.close()[0] == 0


@pytest.mark.parametrize("profile", CALLERS)
def test_a_program_that_names_a_profile_has_its_role(client, profile, signed_in):
    """`profile_name=` of boto3 and aioboto3, `--profile` of the AWS CLIs, and `WithSharedConfigProfile` of Go, to which
    Pulumi's AWS provider passes the stack's `aws:profile`."""
    program = Program(granted([*client.argv, profile]), signed_in.environment)
    assert program.ok("sts").startswith(CALLERS[profile])
    assert program.close()[0] == 0


@pytest.mark.parametrize("client", [c for c in CLIENTS if c.name in ("boto3", "go")], ids=lambda client: client.name)
def test_aws_profile_of_the_environment_chooses_as_well(client, signed_in):
    """`AWS_PROFILE=my-other pulumi up` within `exec`."""
    program = Program(granted(["env", "AWS_PROFILE=my-other", *client.argv]), signed_in.environment)
    assert program.ok("sts").startswith(CALLERS["my-other"])
    assert program.close()[0] == 0


def granted(argv):
    """`credenza exec my-dev my-other -- ARGV`: the first is the default."""
    return [places.CREDENZA, "exec", *CALLERS, "--", *argv]
