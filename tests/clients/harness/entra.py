"""Azure in a test: a tenant of the simulated Entra ID, an application with a certificate, and identities of ours for it."""

import base64
import datetime
import json
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

TENANT = "22222222-2222-2222-2222-222222222222"
DOMAIN = "contoso.example"
GRAPH = "https://graph.microsoft.com"
VAULT = "https://vault.azure.net"
STORAGE = "https://storage.azure.com"
MANAGEMENT = "https://management.azure.com"
ADA = "ada@contoso.example"

# What an application may do, where a test says nothing else.
ROLES = {GRAPH: ["Sites.Read.All"], VAULT: [], MANAGEMENT: [], STORAGE: []}


class Azure:
    """A tenant in a home's cloud, and what is written of it in the home's `config.toml`."""

    def __init__(self, home):
        self.home = home
        self.cloud = home.cloud
        self.cloud.post("entra/tenants", {"id": TENANT, "domain": DOMAIN})
        home.environment["AZURE_AUTHORITY_HOST"] = self.cloud.sts
        self.lines = []

    def robot(self, name, roles=ROLES, **more):
        """An identity whose application shows a certificate: it needs nobody. Returns its client id."""
        client_id = str(uuid.uuid4())
        both, certificate = self_signed(name)
        self.home.write(f"{name}.pem", both)
        self.cloud.post(
            "entra/apps", {"client_id": client_id, "tenant": TENANT, "roles": roles, "certificates": [certificate]}
        )
        self.identity(name, source="entra", tenant=TENANT, client_id=client_id, certificate=f"~/{name}.pem", **more)
        return client_id

    def person(self, name, scopes=None, **more):
        """An identity for which somebody has to log in."""
        client_id = str(uuid.uuid4())
        scopes = {GRAPH: ["Files.Read.All", "User.Read"], VAULT: ["user_impersonation"]} if scopes is None else scopes
        self.cloud.post("entra/people", {"name": ADA, "tenant": TENANT})
        redirects = ["http://localhost"]
        app = {"client_id": client_id, "tenant": TENANT, "public": True, "redirect_uris": redirects, "scopes": scopes}
        self.cloud.post("entra/apps", app)
        self.cloud.post("entra/visitor", {"visitor": {"person": ADA, "elsewhere": True}})
        self.identity(name, source="entra", tenant=TENANT, client_id=client_id, resource=GRAPH, **more)
        return client_id

    def log_in(self, name):
        """`credenza login` with a code that the person confirms elsewhere: that takes the five seconds between two looks."""
        run = self.home.credenza("login", "--device-code", name)
        assert run.returncode == 0, run.stderr

    def container(self, *readers):
        """A container `uploads` with `hello.txt` in it which these client ids may read; how object_store is told where."""
        container = {"account": "company", "name": "uploads", "tenant": TENANT, "blobs": ["hello.txt"]}
        self.cloud.post("blob/containers", container | {"readers": readers})
        return {"BLOB_ENDPOINT": f"{self.cloud.sts}/blob/company"}

    def identity(self, name, **azure):
        """Writes an identity down."""
        self.write(f"[identity.{name}]\nazure = {inline(azure)}\n")

    def write(self, text):
        """Adds to `config.toml`."""
        self.lines.append(text)
        folder = self.home.path / ".config" / "credenza"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "config.toml").write_text("\n".join(self.lines))

    def tokens_asked(self):
        """How often Entra ID was asked for tokens."""
        return self.cloud.counts().get("EntraToken", 0)

    def issued(self, identity, dialect="app-service"):
        """How many requests were answered with a token of this identity."""
        return self.home.answered(identity, dialect)


def inline(value):
    """A value as TOML has it on one line."""
    if not isinstance(value, dict):
        return json.dumps(value)
    return "{ " + ", ".join(f"{key} = {inline(of)}" for key, of in value.items()) + " }"


def self_signed(name):
    """A certificate with its key, and the certificate alone: PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(serialization.Encoding.PEM).decode()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return public + private, public


def claims(token):
    """What a token says."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
