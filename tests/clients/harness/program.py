"""A client program that runs, and is told what to call one line at a time."""

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import tempfile
import threading
import time

TIMEOUT_SECS = 60


class Program:
    """A running program of `harness.clients`, perhaps under `credenza exec` or in a shell that took `credenza env`."""

    def __init__(self, argv, environment):
        self.argv = argv
        self.process = subprocess.Popen(
            argv,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.said = []
        self.answers = queue.Queue()
        self.readers = [threading.Thread(target=reader, daemon=True) for reader in (self._listen, self._overhear)]
        for reader in self.readers:
            reader.start()

    def call(self, name):
        """Has one call made: `{"ok": ...}` or `{"error": TEXT}`."""
        self.process.stdin.write(f"{name}\n")
        self.process.stdin.flush()
        answer = self.answers.get(timeout=TIMEOUT_SECS)
        if answer is None:
            raise AssertionError(f"{self.argv} ended with {self.process.wait()}: {''.join(self.said)}")
        return answer

    def ok(self, name):
        """Has one call made that must succeed; what it returned."""
        answer = self.call(name)
        assert "ok" in answer, f"{name}: {answer}\n{''.join(self.said)}"
        return answer["ok"]

    def close(self):
        """Ends it as its stdin ends; its exit code, and what it wrote to stderr."""
        self.process.stdin.close()
        try:
            code = self.process.wait(timeout=TIMEOUT_SECS)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
        for reader in self.readers:
            reader.join(timeout=5)
        return code, "".join(self.said)

    def _listen(self):
        for line in self.process.stdout:
            self.answers.put(json.loads(line))
        self.answers.put(None)

    def _overhear(self):
        for line in self.process.stderr:
            self.said.append(line)


class Service:
    """A web service that runs until it is told to stop; a free port is the last word of its command."""

    def __init__(self, argv, environment):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [*argv, str(self.port)], env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
        )
        self._wait()

    def close(self):
        """Stops it as an init system would; what it printed."""
        self.process.terminate()
        self.process.wait(timeout=TIMEOUT_SECS)
        self.log.seek(0)
        return self.log.read()

    def _wait(self):
        end = time.monotonic() + TIMEOUT_SECS
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.1)
        raise AssertionError(f"the service never listened: {self.close()}")
