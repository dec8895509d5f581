"""A terminal that a person sits at: what needs a person runs at one, and nowhere else."""

import os
import subprocess
import threading

from .home import eventually
from .program import TIMEOUT_SECS, Program

# The first terminal that the leader of a session opens is the session's own.
SEAT = 'exec 2<>"$0"; exec "$@"'


class Terminal:
    """A terminal for one command, which must lead a session: its stderr is there, its stdout is not, as in `$(...)`."""

    def __init__(self):
        self.keyboard, self.end = os.openpty()
        self.shown = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def seat(self, argv):
        """The command at this terminal."""
        return ["sh", "-c", SEAT, os.ttyname(self.end), *argv]

    def type(self, keys):
        """What a person types."""
        os.write(self.keyboard, keys.encode())

    def expect(self, text):
        """Waits until this is shown."""
        assert eventually(lambda: text in "".join(self.shown), secs=TIMEOUT_SECS), "".join(self.shown)

    def close(self):
        """Has no command any more; what was shown."""
        os.close(self.end)
        self.reader.join(timeout=5)
        os.close(self.keyboard)
        return "".join(self.shown)

    def _read(self):
        # ends when nobody has the other end any more
        try:
            while piece := os.read(self.keyboard, 4096):
                self.shown.append(piece.decode(errors="replace"))
        except OSError:
            pass


class Seated(Program):
    """A program whose stderr is a terminal of its own."""

    def __init__(self, argv, environment):
        self.terminal = Terminal()
        super().__init__(self.terminal.seat(argv), environment)
        self.said = self.terminal.shown

    def close(self):
        """Ends it as its stdin ends; its exit code, and what its terminal showed."""
        code, _ = super().close()
        return code, self.terminal.close()


def run_seated(argv, environment, meanwhile=lambda terminal: None):
    """Runs a command at a terminal to its end, and what the person does `meanwhile`: its exit code, what it printed, what was
    shown."""
    terminal = Terminal()
    process = subprocess.Popen(
        terminal.seat(argv),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        meanwhile(terminal)
        printed, _ = process.communicate(timeout=2 * TIMEOUT_SECS)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return process.returncode, printed, terminal.close()
