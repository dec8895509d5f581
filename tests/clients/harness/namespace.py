"""A network of the tests' own, with nothing in it but `lo`: this machine's addresses stay as they are. And what passes there."""

import contextlib
import ctypes
import ipaddress
import os
import socket
import subprocess

import pytest

from . import places

# CLONE_NEWNET of sched.h; `os.unshare` and `os.setns` are there since Python 3.12 alone.
NETWORK = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)

# The firmware is hidden: on a machine of a cloud `setup link-local` refuses what would cost it its own metadata, and here
# it would cost nothing.
NOWHERE = 'mount -t tmpfs none /sys/class && exec "$@"'


@contextlib.contextmanager
def own_network():
    """Puts this thread into one, and with it every thread and process that is started meanwhile."""
    if os.geteuid() != 0:
        pytest.skip("needs root, who alone can have a network of their own")
    with open("/proc/thread-self/ns/net") as before:
        if LIBC.unshare(NETWORK) != 0:
            pytest.skip(f"no network of its own can be had here: {os.strerror(ctypes.get_errno())}")
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield
        finally:
            assert LIBC.setns(before.fileno(), NETWORK) == 0, os.strerror(ctypes.get_errno())


def link_local(home, *words):
    """Runs `credenza setup link-local` in this network."""
    command = [places.CREDENZA, "setup", "link-local", *words]
    return home.run("unshare", "--mount", "sh", "-c", NOWHERE, "sh", *command)


class Wire:
    """Hears every packet on `lo` from now on."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)  # nothing is lost until it is read
        self.socket.bind(("lo", ETH_P_ALL))
        self.socket.setblocking(False)

    def hops(self, address, port):
        """How many machines may pass on each TCP packet that left there: its TTL or hop limit."""
        source = (ipaddress.ip_address(address), port)
        return [hops for *sender, hops in self._heard() if tuple(sender) == source]

    def close(self):
        """Hears no more."""
        self.socket.close()

    def _heard(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                data, (_, kind, *_) = self.socket.recvfrom(65536)
                if kind == IPV4 and data[9] == TCP:
                    header = data[(data[0] & 15) * 4 :]
                    yield ipaddress.ip_address(data[12:16]), int.from_bytes(header[:2], "big"), data[8]
                elif kind == IPV6 and data[6] == TCP:
                    yield ipaddress.ip_address(data[8:24]), int.from_bytes(data[40:42], "big"), data[7]


# if_ether.h, in.h and socket.h
ETH_P_ALL, IPV4, IPV6, TCP, SO_RCVBUFFORCE = 3, 0x0800, 0x86DD, 6, 33
