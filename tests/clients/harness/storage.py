"""A simulated S3 (moto) in this process, which remembers with which key each request was signed."""

import logging
import re
import threading

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

CREDENTIAL = re.compile(r"Credential=([A-Z0-9]+)/\d+/([a-z0-9-]+)/")


class Storage:
    """A running S3 on a free port. It checks no signature: the simulated STS is the one that does."""

    def __init__(self):
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.signed_with = []  # the access key id of each request, oldest first; None for an unsigned one
        self.signed_for = []  # and for which region
        self.server = make_server("127.0.0.1", 0, self.remember(DomainDispatcherApplication(create_backend_app)), threaded=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

        self.client = boto3.client(
            "s3", endpoint_url=self.url, aws_access_key_id="AKIATEST", aws_secret_access_key="x", region_name="us-east-1"
        )
        self.client.create_bucket(Bucket="uploads")

    def close(self):
        """Stops listening."""
        self.server.shutdown()

    def remember(self, application):
        """The application, with a look at each request's Authorization header."""

        def remembering(environ, start_response):
            found = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
            self.signed_with.append(found and found.group(1))
            self.signed_for.append(found and found.group(2))
            return application(environ, start_response)

        return remembering
