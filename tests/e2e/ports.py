"""Ports that stay free until the test listens on them.

A port of the kernel's choice does not: between the moment it is found and the moment a node listens on it, any outgoing connection of
a test that runs beside may be given it. So ports come from outside of that range, in blocks that one process owns for its life.
"""

import socket

BLOCK = 50
FIRST = 10000


def _range():
    """The widest span of ports that the kernel gives to no outgoing connection."""
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
            low, high = map(int, file.read().split())
    except OSError:
        low, high = 32768, 60999
    return (FIRST, low) if low - FIRST > 65535 - high else (high + 1, 65536)


class _Block:
    """Ports that are this process's: a socket with the block's name in Linux's abstract space, gone with the process, says so."""

    def __init__(self):
        self.ports = iter(())
        self.owned = []

    def _own_another(self):
        first, last = _range()
        for base in range(first, last - BLOCK + 1, BLOCK):
            name = socket.socket(socket.AF_UNIX)
            try:
                name.bind("\0lockstep-e2e-ports-%d" % base)
            except OSError:
                name.close()
                continue
            self.owned.append(name)
            self.ports = iter(range(base, base + BLOCK))
            return
        raise RuntimeError("all ports from %d to %d are owned by tests that run" % (first, last))

    def next(self):
        while True:
            for port in self.ports:
                if is_free(port):
                    return port
            self._own_another()


_block = _Block()


def is_free(port):
    with socket.socket() as probe:
        try:
            # As a server does: what only lingers of an earlier connection is no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def free_ports(count):
    return [_block.next() for _ in range(count)]


def free_base(nodes):
    """A port such that those of `./dev up --nodes NODES --base-port` are free: each node's are ten above the last's."""
    need = 10 * (nodes - 1) + 2
    assert need <= BLOCK, nodes
    run = free_ports(1)
    while len(run) < need:
        port = free_ports(1)[0]
        run = run + [port] if port == run[-1] + 1 else [port]
    return run[0]
