"""Files that nobody wrote: botocore and `credenza list` find the same profiles in them, with the same regions and sources.

The forms on which the two differ stand in docs/profiles.md, each with its case, and are not made here: comments after a
value, blank lines within one, a section or a key written twice, an empty value. A role of itself with a process is stepped over.
"""

import json
import random
import subprocess

import botocore.credentials
import botocore.exceptions
import botocore.session
import pytest

from harness import places

ROUNDS = 60
NAMES = ["default", "a", "b.c", "two words"]
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAENVIRONMENT", "AWS_SECRET_ACCESS_KEY": "hunter2"}
ROLE = {"role_arn": "arn:aws:iam::123456789012:role/x"}
STATIC = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "hunter2"}
SSO = {
    "sso_account_id": "111122223333",
    "sso_role_name": "Admin",
    "sso_region": "eu-west-1",
    "sso_start_url": "https://corp.awsapps.com/start",
}
PROCESS = {"credential_process": """echo '{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b"}'"""}


def values(chance):
    """What a profile says: some sources, whole or not, and settings."""
    said = {}
    if chance.random() < 0.6:
        said |= ROLE
        if chance.random() < 0.8:
            said["source_profile"] = chance.choice([*NAMES, "gone"])
        if chance.random() < 0.3:
            said["credential_source"] = chance.choice(["Environment", "EcsContainer", "Magic"])
    for source, likely in [(SSO, 0.1), (PROCESS, 0.2), ({"web_identity_token_file": "/run/token"}, 0.15)]:
        if chance.random() < likely:
            said |= source
    if chance.random() < 0.2:
        said |= STATIC if chance.random() < 0.8 else {"aws_access_key_id": "AKIAEXAMPLE"}
    if chance.random() < 0.5:
        said["region"] = chance.choice(["eu-west-1", "us-east-2", "ap-south-1"])
    if chance.random() < 0.3:
        said["s3"] = {"addressing_style": "path", "x": chance.choice(["1", "a b"])}
    return said


def written(chance, prefix, profiles):
    """The profiles as a file, in one of the many forms that both read."""
    lines = ["# a comment"] * chance.randrange(2)
    for name, said in profiles.items():
        quoted = f'"{name}"' if " " in name else name
        lines.append(f"[{name}]" if name == "default" or not prefix else f"[profile {quoted}]")
        indent = chance.choice(["", "", "  "])
        for key, value in chance.sample(sorted(said.items()), len(said)):
            key = chance.choice([key, key.upper()])
            equals = chance.choice(["=", " = ", "\t= ", ": "])
            if isinstance(value, dict):
                lines.append(f"{indent}{key} =")
                lines += [f"{indent}  {inner}{chance.choice(['=', ' = '])}{text}" for inner, text in value.items()]
            else:
                lines.append(f"{indent}{key}{equals}{value}")
            lines += [f"{indent}{chance.choice(['', '    '])}; a comment"] * chance.randrange(2)
        lines += [""] * chance.randrange(2)
    return chance.choice(["\n", "\r\n"]).join([*lines, ""])


def of_itself_without_keys(name, profile):
    """Where botocore sees a circle, and others the process or the session that the profile has as well."""
    more = "credential_process" in profile or "sso_account_id" in profile
    return profile.get("source_profile") == name and more and not STATIC.keys() & profile.keys()


def botocores_source(monkeypatch, name):
    session = botocore.session.Session()
    session.set_config_variable("profile", name)
    try:
        found = session.get_credentials()
        return found and found.method
    except botocore.exceptions.BotoCoreError as error:
        return type(error).__name__


def ours(identity):
    """What botocore must do with a profile, as `credenza list` shows it."""
    if identity["usable"]:
        return {
            "role": {"assume-role"},
            "web-identity": {"assume-role-with-web-identity"},
            "keys": {"shared-credentials-file", "config-file"},
            "process": {"custom-process"},
            "sso": {"sso"},
        }[identity["kind"]]
    # a role and a sign-in in one profile: another difference that docs/profiles.md tells of
    if "give the sso_ keys a profile of their own" in identity["reason"]:
        return {"assume-role"}
    return {None, "InvalidConfigError", "PartialCredentialsError", "InfiniteLoopConfigError"}


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_botocore_and_list_find_the_same(monkeypatch, tmp_path, seed):
    chance = random.Random(seed)
    config = {name: values(chance) for name in chance.sample(NAMES, chance.randrange(5))}
    credentials = {name: STATIC for name in chance.sample(NAMES, chance.randrange(3))}
    # the halves of a key in two files are a difference, too
    for name in credentials.keys() & config.keys():
        config[name] = {key: value for key, value in config[name].items() if key not in STATIC}
    (tmp_path / "config").write_text(written(chance, True, config), newline="")
    (tmp_path / "credentials").write_text(written(chance, False, credentials), newline="")
    environment = KEYS | {
        "HOME": str(tmp_path),
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        # not asked: what `EcsContainer` means is that somebody would be
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/creds",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for name in ["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_DEFAULT_REGION"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(
        botocore.credentials.ContainerMetadataFetcher,
        "retrieve_full_uri",
        lambda self, full_url, headers=None: {
            "AccessKeyId": "ASIACONTAINER",
            "SecretAccessKey": "s",
            "Token": "t",
            "Expiration": "2999-01-01T00:00:00Z",
        },
    )
    listed = subprocess.run([places.CREDENZA, "list", "--json"], env=environment, capture_output=True, text=True)
    assert listed.returncode == 0, listed.stderr
    found = {identity["name"]: identity for identity in json.loads(listed.stdout)["identities"]}

    theirs = botocore.session.Session().full_config["profiles"]
    assert set(found) == set(theirs)
    assert {name: identity["region"] for name, identity in found.items()} == {
        name: profile.get("region") for name, profile in theirs.items()
    }
    if any(of_itself_without_keys(name, profile) for name, profile in theirs.items()):
        return
    for name, identity in found.items():
        source = botocores_source(monkeypatch, name)
        # with nothing of its own a profile falls through to the container endpoint
        source = None if source == "container-role" else source
        assert source in ours(identity), f"{name}: {identity}"
