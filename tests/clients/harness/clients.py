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
