"""The clients of the matrix. Each is an unmodified release; only the few lines that call it are ours."""

import dataclasses

from . import places

PY = places.HERE / "py"


@dataclasses.dataclass(frozen=True)
class Client:
    """A client: its name in the matrix, and the program that stands for it."""

    name: str
    argv: tuple
    # A process a call, as shells run it: each asks the endpoint for itself.
    process_a_call: bool = False

    def told(self, *words):
        """This client with further arguments, such as `client_id` and an id."""
        return dataclasses.replace(self, argv=(*self.argv, *words))


CLIENTS = [
    Client("boto3", (places.PYTHON, PY / "boto3_client.py")),
    Client("aioboto3", (places.PYTHON_AIO, PY / "aioboto3_client.py")),
    Client("aws-cli-1", (places.PYTHON, PY / "aws_cli_client.py", places.AWS_1), process_a_call=True),
    Client("aws-cli-2", (places.PYTHON, PY / "aws_cli_client.py", places.AWS_2), process_a_call=True),
    Client("javascript", ("node", places.HERE / "js" / "client.cjs")),
    Client("rust", (places.BINARIES / "credenza-client-rust",)),
    Client("go", (places.CLIENTS / "go-client",)),
]

# No SDK of AWS: it reads S3 alone, and has variables of its own.
OBJECT_STORE = Client("object_store", (places.PYTHON, PY / "object_store_client.py"))

# The clients of Azure: each is asked for the token of a scope (`py/azure_token.py` says what it tells of it). The SDK for Rust
# has no DefaultAzureCredential.
AZURE_DEFAULT = [
    Client("azure-python", (places.PYTHON_AZURE, PY / "azure_identity_client.py", "default")),
    Client("azure-python-aio", (places.PYTHON_AZURE, PY / "azure_identity_aio_client.py", "default")),
    Client("azure-javascript", ("node", places.HERE / "js" / "azure_client.cjs", "default")),
    Client("azure-go", (places.GO_AZURE, "default")),
]
AZURE_MANAGED = [
    *(dataclasses.replace(client, argv=(*client.argv[:-1], "managed")) for client in AZURE_DEFAULT),
    Client("azure-rust", (places.RUST_AZURE, "managed")),
]
# What Terraform's provider for Azure gets its tokens with: it knows the variables of `--azure-style terraform` alone.
AZURE_TERRAFORM = Client("azure-terraform", (places.GO_TERRAFORM,))
# No SDK of Azure: it reads blobs alone, as `harness.entra.Azure.container` has them.
AZURE_OBJECT_STORE = Client("azure-object_store", (places.PYTHON, PY / "object_store_azure_client.py"))
# Signed in by `harness.azure_cli`, which says where its folder is.
AZURE_CLI = Client("azure-cli", (places.PYTHON, PY / "azure_cli_client.py", places.AZ), process_a_call=True)
