"""A client program that runs, and is told what to call one line at a time."""

import json
import os
import queue
import signal
import subprocess
import threading

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
