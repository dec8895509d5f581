"""A simulated S3 that takes nothing unless it is signed with a key that the cloud gave, by its session, before its end."""

import hmac
import re
import threading
import time

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .storage import Storage

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(\w+)/\d{8}/([\w-]+)/s3/aws4_request, ?SignedHeaders=([\w;-]+), ?Signature=([0-9a-f]{64})"
)
# What moto's own client in `Storage` signs with.
OURS = {"access_key_id": "AKIATEST", "secret_access_key": "x", "session_token": None, "expires_secs": None}
HOLD_SECS = 60


class SignedStorage(Storage):
    """A running S3 that judges each request by what the cloud's control API says it gave out."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.known = {OURS["access_key_id"]: OURS}
        self.refused = []  # why, one a request
        self.puts = []  # (key of the object, access key id), oldest first
        self.go_on = threading.Event()
        self.go_on.set()
        super().__init__()

    def hold_puts(self):
        """From now on no object is taken, until `go_on` is set."""
        self.go_on.clear()

    def remember(self, application):
        """The application, behind the judgement."""
        remembering = super().remember(application)

        def judging(environ, start_response):
            why = self.why_not(environ)
            if why:
                self.refused.append(why)
                body = f"<Error><Code>{why}</Code><Message>{why}</Message></Error>".encode()
                start_response("403 Forbidden", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
                return [body]
            if environ["REQUEST_METHOD"] == "PUT" and not environ["HTTP_AUTHORIZATION"].count("AKIATEST"):
                key = AUTHORIZATION.match(environ["HTTP_AUTHORIZATION"]).group(1)
                self.puts.append((environ["PATH_INFO"], key))
                self.go_on.wait(HOLD_SECS)
            return remembering(environ, start_response)

        return judging

    def why_not(self, environ):
        """What S3 would say against a request; nothing where it is signed as it should be."""
        found = AUTHORIZATION.match(environ.get("HTTP_AUTHORIZATION", ""))
        if not found:
            return "AccessDenied"
        key, region, names, signature = found.groups()
        given = self.issued(key)
        if given is None:
            return "InvalidAccessKeyId"
        if given["expires_secs"] is not None and given["expires_secs"] <= time.time():
            return "ExpiredToken"
        if environ.get("HTTP_X_AMZ_SECURITY_TOKEN") != given["session_token"]:
            return "InvalidToken"
        if not hmac.compare_digest(signature, signed(environ, given["secret_access_key"], region, names.split(";"))):
            return "SignatureDoesNotMatch"
        return None

    def issued(self, key):
        """What the cloud gave under this access key id."""
        if key not in self.known:
            self.known |= {one["access_key_id"]: one for one in self.cloud.get("keys")}
        return self.known.get(key)


def signed(environ, secret, region, names):
    """The signature that botocore makes of the headers with these names."""
    wire = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
    headers = {name: environ.get(wire.get(name, "HTTP_" + name.upper().replace("-", "_")), "") for name in names}
    url = f"http://{environ['HTTP_HOST']}{environ['REQUEST_URI']}"
    request = AWSRequest(method=environ["REQUEST_METHOD"], url=url, headers=headers)
    request.context["timestamp"] = environ["HTTP_X_AMZ_DATE"]
    signer = Signer(Credentials("unused", secret), "s3", region)
    return signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)


class Signer(S3SigV4Auth):
    """botocore's own, told what was signed: it would leave some headers out."""

    def headers_to_sign(self, request):
        return request.headers

    def payload(self, request):
        return request.headers["x-amz-content-sha256"]
