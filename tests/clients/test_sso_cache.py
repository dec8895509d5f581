"""botocore reads the sign-ins that we write, and writes those that we are tested with: tests/sso_cache.

That we write and read them so is shown by `cargo test --test sso_cache`.
"""

import datetime
import json
import pathlib

import botocore.session
import botocore.tokens
import botocore.utils
import pytest

FILES = pathlib.Path(__file__).parents[1] / "sso_cache"
TOKEN = "0ad374308c5a4e22f723adf10145eafad7c4031c"
OLDER_TOKEN = "0c54b6c27e90660baa89eaad85ac1d5dae26cb7d"
REGISTRATION = "c9be9519610ac1a9a78410eac5329f5fea2871b3"
START = datetime.datetime(2027, 1, 15, 8, tzinfo=datetime.timezone.utc)
CONFIG = """
[profile corp]
sso_session = my-sso
[sso-session my-sso]
sso_start_url = https://d-1.awsapps.com/start
sso_region = eu-west-1
"""
SIGN_IN = {
    "startUrl": "https://d-1.awsapps.com/start",
    "region": "eu-west-1",
    "accessToken": "access-é",
    "expiresAt": START + datetime.timedelta(hours=1),
    "clientId": "client-é",
    "clientSecret": 'client "secret"',
    "registrationExpiresAt": "2027-04-15T08:00:00Z",
    "refreshToken": "refresh",
}
REGISTERED = {
    "clientId": "client-é",
    "clientSecret": 'client "secret"',
    "expiresAt": START + datetime.timedelta(days=90),
    "scopes": ["sso:account:access"],
    "grantTypes": ["authorization_code", "refresh_token"],
}


@pytest.fixture
def session(monkeypatch, tmp_path):
    for name in ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config").write_text(CONFIG)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return botocore.session.Session(profile="corp")


def provider(session, folder):
    cache = botocore.utils.JSONFileCache(str(folder), dumps_func=botocore.tokens._sso_json_dumps)
    return botocore.tokens.SSOTokenProvider(session, cache=cache, time_fetcher=lambda: START)


def test_botocore_takes_our_sign_in(session):
    token = provider(session, FILES / "ours").load_token().get_frozen_token()
    assert token.token == "access-é"
    assert token.expiration == START + datetime.timedelta(hours=1)


def test_botocore_finds_in_our_sign_in_what_a_refresh_needs(session, tmp_path):
    """Near its end botocore refreshes it, with our registration, and what it writes then is as long as ours."""
    for file in (FILES / "ours").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    ours = provider(session, tmp_path)
    ours._now = lambda: START + datetime.timedelta(minutes=50)
    asked = []

    class Oidc:
        def create_token(self, **parameters):
            asked.append(parameters)
            return {"accessToken": "next", "expiresIn": 3600, "refreshToken": "next refresh"}

    ours.__dict__["_client"] = Oidc()
    assert ours.load_token().get_frozen_token().token == "next"
    assert asked == [
        {
            "grantType": "refresh_token",
            "clientId": "client-é",
            "clientSecret": 'client "secret"',
            "refreshToken": "refresh",
        }
    ]
    written = json.loads((tmp_path / f"{TOKEN}.json").read_text(encoding="utf-8"))
    assert written.keys() == SIGN_IN.keys()


def test_botocore_reads_our_registration():
    registered = botocore.utils.JSONFileCache(str(FILES / "ours"))[REGISTRATION]
    assert registered == REGISTERED | {"expiresAt": "2027-04-15T08:00:00Z"}


def test_what_we_are_tested_with_is_what_botocore_writes(tmp_path):
    """The older form is that of AWS CLIs before 2.0.5x: times end with the name of their zone."""
    cache = botocore.utils.JSONFileCache(str(tmp_path), dumps_func=botocore.tokens._sso_json_dumps)
    cache[TOKEN] = SIGN_IN
    cache[REGISTRATION] = REGISTERED
    botocore.utils.JSONFileCache(str(tmp_path))[OLDER_TOKEN] = {
        name: SIGN_IN[name] for name in ["startUrl", "region", "accessToken", "expiresAt"]
    }
    written = {file.name: file.read_text(encoding="utf-8") for file in tmp_path.iterdir()}
    assert written == {file.name: file.read_text(encoding="utf-8").rstrip("\n") for file in (FILES / "theirs").iterdir()}
