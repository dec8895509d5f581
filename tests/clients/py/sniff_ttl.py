"""How far packets may travel: prints the TTL or hop limit of each TCP packet that leaves a port, as it is on the wire.

    sniff_ttl.py INTERFACE PORT

Needs root. Prints `ready` once it listens, then lines such as `169.254.169.254 1`; ends with the connection (a FIN or a
reset from that port), or after ten seconds.
"""

import ipaddress
import socket
import sys
import time

ETH_P_ALL, IPV4, IPV6, TCP, FIN_OR_RST = 3, 0x0800, 0x86DD, 6, 0b101


def packet(kind, data):
    """The source, the TTL and the TCP header of a packet; nothing where it is of another kind."""
    if kind == IPV4 and data[9] == TCP:
        return ipaddress.ip_address(data[12:16]), data[8], data[(data[0] & 15) * 4 :]
    if kind == IPV6 and data[6] == TCP:
        return ipaddress.ip_address(data[8:24]), data[7], data[40:]
    return None


def main(interface, port):
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    sniffer.bind((interface, ETH_P_ALL))
    print("ready", flush=True)
    end = time.monotonic() + 10
    while (left := end - time.monotonic()) > 0:
        sniffer.settimeout(left)
        try:
            data, (_, kind, *_) = sniffer.recvfrom(65536)
        except TimeoutError:
            return
        source, ttl, header = packet(kind, data) or (None, None, b"")
        if header and int.from_bytes(header[:2]) == port:
            print(source, ttl, flush=True)
            if header[13] & FIN_OR_RST:
                return


main(sys.argv[1], int(sys.argv[2]))
