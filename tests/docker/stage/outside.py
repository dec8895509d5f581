"""The simulated cloud and the simulated S3 where this machine and its containers reach them alike: at the bridge."""

import json
import logging
import subprocess
import threading

import boto3
from harness import places
from harness.cloud import ACCOUNT, Cloud
from harness.storage import Storage
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server


class BridgeCloud(Cloud):
    """A cloud that serves TLS at this address."""

    def __init__(self, address, tls):
        words = ["--until-stdin-closes", "--address", address, "--tls", tls, "--name", address, "--name", "localhost"]
        self.process = subprocess.Popen([places.SIMCLOUD, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.process.stdout.readline())
        self.ca, self.sts, self.control = ready["ca"], ready["sts"], ready["control"]
        self.base = self.post("users", {"name": "base", "account": ACCOUNT})


class BridgeStorage(Storage):
    """An S3 at this address."""

    def __init__(self, address):
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.signed_with, self.signed_for = [], []
        self.server = make_server(address, 0, self.remember(DomainDispatcherApplication(create_backend_app)), threaded=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://{address}:{self.server.server_port}"
        keys = {"aws_access_key_id": "AKIATEST", "aws_secret_access_key": "x", "region_name": "us-east-1"}
        self.client = boto3.client("s3", endpoint_url=self.url, **keys)
        self.client.create_bucket(Bucket="uploads")
