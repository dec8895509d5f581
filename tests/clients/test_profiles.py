"""botocore reads the shared AWS files: the corpus of tests/profiles as `expected.json` says, and a child's files as meant.

That we and aws-runtime read them so is shown by `cargo test --test profiles`.
"""

import json
import pathlib
import shlex

import botocore.configloader
import botocore.credentials
import botocore.exceptions
import botocore.session
import pytest

PROFILES = pathlib.Path(__file__).parents[1] / "profiles"
EXPECTED = json.loads((PROFILES / "expected.json").read_text(encoding="utf-8"))
CHILD = PROFILES / "child_files"
PROGRAM = "/opt/our tools/it's #1; \"really\"/credenza"


def session(monkeypatch, config, credentials):
    """A session that sees these files and nothing else."""
    for name in ["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    return botocore.session.Session()


@pytest.mark.parametrize("name", EXPECTED)
def test_botocore_reads_the_corpus_as_expected(monkeypatch, name):
    corpus = PROFILES / "corpus"
    reader = session(monkeypatch, corpus / f"{name}.config", corpus / f"{name}.credentials")
    expected = EXPECTED[name].get("botocore", EXPECTED[name]["profiles"])
    if expected == "refuses":
        with pytest.raises(botocore.exceptions.ConfigParseError):
            reader.full_config
    else:
        assert reader.full_config["profiles"] == expected


def test_a_child_finds_every_profile_with_its_settings(monkeypatch):
    child = session(monkeypatch, CHILD / "config", CHILD / "credentials").full_config
    given = session(monkeypatch, CHILD / "given.config", CHILD / "given.credentials").full_config
    # a name that other SDKs refuse the whole file for
    assert set(child["profiles"]) == set(given["profiles"]) - {"bad#name"}
    for name, profile in child["profiles"].items():
        process = profile.pop("credential_process", None)
        settings = {
            key: value
            for key, value in given["profiles"][name].items()
            if not key.startswith(("aws_", "sso_", "role_", "mfa_", "credential_", "source_"))
        }
        assert profile == settings
        if name == "default":
            assert process is None
        else:
            assert shlex.split(process) == [PROGRAM, "credential", name, "--from-endpoint"]
    assert child["services"] == given["services"]
    assert child["sso_sessions"] == {}


def test_default_does_not_shadow_the_endpoint(monkeypatch):
    """botocore's own chain: with these files the container endpoint is asked, by every name for the default profile."""
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/creds/x")
    asked = []

    def fetch(self, full_url, headers=None):
        asked.append(full_url)
        return {
            "AccessKeyId": "ASIAENDPOINT",
            "SecretAccessKey": "s",
            "Token": "t",
            "Expiration": "2999-01-01T00:00:00Z",
        }

    monkeypatch.setattr(botocore.credentials.ContainerMetadataFetcher, "retrieve_full_uri", fetch)
    for profile in [None, "default"]:
        child = session(monkeypatch, CHILD / "config", CHILD / "credentials")
        if profile:
            child.set_config_variable("profile", profile)
        assert child.get_credentials().access_key == "ASIAENDPOINT"
    assert asked == ["http://127.0.0.1:1/creds/x"] * 2


SOURCES = json.loads((PROFILES / "sources.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SOURCES)
def test_botocore_takes_the_source_that_is_expected(monkeypatch, name):
    """The profile `x` of each case: by which provider botocore takes credentials, or with which error it refuses."""
    files = PROFILES / "sources"
    made = session(monkeypatch, files / f"{name}.config", files / f"{name}.credentials")
    made.set_config_variable("profile", "x")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", raising=False)
    try:
        found = made.get_credentials()
        outcome = found and found.method
    except botocore.exceptions.BotoCoreError as error:
        outcome = type(error).__name__
    assert outcome == SOURCES[name]["botocore"]


def test_botocore_reads_what_import_writes(monkeypatch, tmp_path):
    profiles = session(monkeypatch, PROFILES / "import/config", tmp_path / "none").full_config["profiles"]
    found = {name: (said.get("sso_account_id"), said.get("sso_role_name")) for name, said in profiles.items()}
    assert found == {
        "mine": (None, None),
        "renamed": ("777788889999", "Admin"),
        "D-sseldorf-x-1-it-s-ours": ("111122223333", "Power+User@x"),
        "default-444455556666-Admin": ("444455556666", "Admin"),
    }
    del profiles["mine"]
    assert all((said["sso_session"], said["region"]) == ("corp", "eu-west-1") for said in profiles.values())
