"""A Kubernetes cluster as far as its tokens go: keys that sign for service accounts, and the set of the public ones."""

import base64
import contextlib
import http.server
import json
import os
import threading
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from .listener import listener

ISSUER = "https://kubernetes.default.svc.cluster.local"
AUDIENCE = "pods.eks.amazonaws.com"
KEYS = "keys.json"


class Key:
    """A fresh key pair: RS256, as clusters have it unless they are told otherwise, or ES256."""

    def __init__(self, algorithm="RS256"):
        self.algorithm = algorithm
        self.kid = base64url(os.urandom(32))
        if algorithm == "RS256":
            self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        else:
            self.private = ec.generate_private_key(ec.SECP256R1())

    def public(self):
        """It as a member of a JSON Web Key Set: RFC 7518 section 6, written as a cluster writes it."""
        numbers = self.private.public_key().public_numbers()
        about = {"use": "sig", "kid": self.kid, "alg": self.algorithm}
        if self.algorithm == "RS256":
            return about | {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
        return about | {"kty": "EC", "crv": "P-256", "x": number(numbers.x, 32), "y": number(numbers.y, 32)}

    def token(self, account="jobs/nightly-sync", audience=AUDIENCE, begins=-10, lasts=3600):
        """A token of a service account, as a projected volume holds it: RFC 7515 section 7.1."""
        namespace, name = account.split("/")
        begin = int(time.time()) + begins
        claims = {
            "aud": [audience],
            "exp": begin + lasts,
            "iat": begin,
            "iss": ISSUER,
            "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": "6a8f8f5c"}},
            "nbf": begin,
            "sub": f"system:serviceaccount:{namespace}:{name}",
        }
        header = {"alg": self.algorithm, "kid": self.kid}
        message = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
        return f"{message}.{base64url(self._sign(message.encode()))}"

    def _sign(self, message):
        if self.algorithm == "RS256":
            return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        pair = utils.decode_dss_signature(self.private.sign(message, ec.ECDSA(hashes.SHA256())))
        return b"".join(part.to_bytes(32, "big") for part in pair)


def key_set(*keys):
    """What `kubectl get --raw /openid/v1/jwks` prints."""
    return json.dumps({"keys": [key.public() for key in keys]})


def replace(path, text):
    """Another file in the place of the one before, whole, as the kubelet and an editor write it."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text)
    fresh.chmod(0o600)
    fresh.replace(path)


class Cluster:
    """A listener for one service account, its token in a file, and what tells a client so."""

    def __init__(self, home, address):
        self.keys = home.path / KEYS
        self.token_file = home.path / "eks-pod-identity-token"
        self.environment = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{address}/v1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(self.token_file),
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def publish(self, *keys):
        """These are the cluster's keys now."""
        replace(self.keys, key_set(*keys))

    def project(self, token):
        """The pod's volume holds this token now."""
        replace(self.token_file, token)


@contextlib.contextmanager
def cluster(home, *keys, identity="my-role", jwks=f"~/{KEYS}"):
    """A daemon that takes the tokens of `jobs/nightly-sync` which these keys sign, and a pod that has one."""
    replace(home.path / KEYS, key_set(*keys))
    more = f"""
[listener.kubernetes]
issuer = "{ISSUER}"
jwks = "{jwks}"

[listener.kubernetes.identities]
"jobs/nightly-sync" = "{identity}"
"""
    with listener(home, identity, dialects=("pod-identity",), more=more) as at:
        made = Cluster(home, at.address)
        made.project(keys[0].token())
        yield made


class KeyServer:
    """The cluster's keys at a URL of this machine, as `kubectl proxy` gives them."""

    def __init__(self, *keys):
        self.keys = keys
        self.asked = []  # the headers of each request
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.asked.append(dict(self.headers))
                body = key_set(*server.keys).encode()
                self.send_response(200 if self.path == "/openid/v1/jwks" else 404)
                self.send_header("Content-Type", "application/jwk-set+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/openid/v1/jwks"

    def close(self):
        """Stops listening."""
        self.server.shutdown()
        self.server.server_close()


def number(value, size=None):
    """RFC 7518 section 2, Base64urlUInt; a coordinate has its full length."""
    return base64url(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def base64url(content):
    """Without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
