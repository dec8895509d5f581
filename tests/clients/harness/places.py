"""Where things lie. `tests/clients/setup` puts the clients there, cargo the binaries."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BINARIES = TARGET / "debug"
CLIENTS = ROOT / "target" / "clients"
HERE = ROOT / "tests" / "clients"

CREDENZA = BINARIES / "credenza"
SIMCLOUD = BINARIES / "simcloud"
PYTHON = CLIENTS / "venv" / "bin" / "python"
PYTHON_AIO = CLIENTS / "venv-aio" / "bin" / "python"
AWS_1 = CLIENTS / "venv" / "bin" / "aws"
AWS_2 = CLIENTS / "aws-cli-2" / "dist" / "aws"
PYTHON_AZURE = CLIENTS / "venv-azure" / "bin" / "python"
AZ = CLIENTS / "venv-azure-cli" / "bin" / "az"
GO_AZURE = CLIENTS / "go-azure"
GO_TERRAFORM = CLIENTS / "go-terraform"
RUST_AZURE = CLIENTS / "rust-azure" / "debug" / "credenza-client-rust-azure"
