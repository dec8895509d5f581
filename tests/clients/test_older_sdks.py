"""An older SDK, which reads the user's own credentials file unless it is told otherwise: long-term keys of `[default]` must not
come before the endpoint."""

import pytest
from harness import places
from harness.clients import Client
from harness.cloud import ACCOUNT
from harness.home import credentials_file

JAVASCRIPT_2 = Client("javascript-2", ("node", places.HERE / "js" / "client_v2.cjs"))
CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/my-role/"


@pytest.fixture
def home_with_default_keys(home):
    """A home whose `[default]` has long-term keys that work."""
    home.role("my-role")
    keys = home.cloud.base
    home.write(".aws/credentials", credentials_file("base", keys) + credentials_file("default", keys))
    return home


def test_javascript_2_is_served_under_exec_and_in_a_shell(home_with_default_keys):
    home = home_with_default_keys
    for program in (home.exec("my-role", JAVASCRIPT_2), home.shell("my-role", JAVASCRIPT_2)):
        assert program.ok("sts").startswith(CALLER)
        assert program.close()[0] == 0


def test_javascript_2_passes_over_amazons_older_variables(home_with_default_keys):
    home = home_with_default_keys
    names = ("AMAZON_ACCESS_KEY_ID", "AMAZON_SECRET_ACCESS_KEY")
    program = home.exec("my-role", JAVASCRIPT_2, **dict.fromkeys(names, "AKIANOBODYSKEY"))
    assert program.ok("sts").startswith(CALLER)
    assert program.close()[0] == 0
