"""The service as its operator starts it where processors are few: the application as it is, and each of botocore's models
parsed once in a process.

A new session parses some ten megabytes of JSON, most of what a request costs: 70 to 110 ms of a processor, so that two
are busy with a dozen requests a second. Nothing that has to do with credentials is touched.
"""

import functools

from botocore.loaders import JSONFileLoader

from app import app  # noqa: F401

parse = JSONFileLoader.load_file


@functools.cache
def parsed(path):
    return parse(JSONFileLoader(), path)


JSONFileLoader.load_file = lambda self, path: parsed(path)
