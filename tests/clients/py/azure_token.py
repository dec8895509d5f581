"""What the programs for azure-identity and for the Azure CLI have in common: what they tell of a token, and how a credential
is told of the identity that is meant."""

import base64
import hashlib
import json

CLAIMS = ("aud", "tid", "oid", "appid", "azp", "scp", "roles")


def told(token, expires_on):
    """`{"token_digest": "0123456789abcdef", "expires_on": 1790000000, "claims": {"aud": ...}}`: never the token itself."""
    digest = hashlib.sha256(token.encode()).hexdigest()[:16]
    return {"token_digest": digest, "expires_on": expires_on, "claims": claims(token)}


def claims(token):
    """Those that tests ask for; none, where it is no JWT."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    payload = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    return {name: payload[name] for name in CLAIMS if name in payload}


def options(kind, id_kind=None, value=None):
    """The arguments of a credential: `default` knows client ids alone."""
    if id_kind is None:
        return {}
    if kind == "default":
        return {{"client_id": "managed_identity_client_id"}[id_kind]: value}
    return {"client_id": value} if id_kind == "client_id" else {"identity_config": {id_kind: value}}
