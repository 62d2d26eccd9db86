"""A proxy between nodes: loses, delays and cuts what they send each other, without any privilege.

One Proxy stands before each node's peer port; the others dial it because the node advertises it. What is lost on the way looks to TCP
like what it looks like with a real network: a delay until it is sent again, or a connection that breaks. To cut a Proxy makes its node
deaf: it is still heard, so the partition is one-way.
"""

import random
import selectors
import socket
import threading
import time

PIECE = 64 * 1024
RESEND = 0.2  # what a lost segment costs, at least


class Proxy(threading.Thread):
    """Listens at `port` of this machine and hands everything on to `target`."""

    def __init__(self, port, target, seed):
        super().__init__(daemon=True)
        self.target = target
        self.rng = random.Random(seed)
        self.lost_share = 0.0  # of the pieces that are handed on
        self.broken_share = 0.0  # of the pieces: their connection breaks instead
        self.is_cut = False
        self.pieces = 0
        self.delays = 0
        self.breaks = 0
        self.over = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", port))
        self.listener.settimeout(0.2)

    def run(self):
        while not self.over.is_set():
            try:
                near, _ = self.listener.accept()
            except (TimeoutError, OSError):
                continue
            threading.Thread(target=self.serve, args=(near,), daemon=True).start()
        self.listener.close()

    def serve(self, near):
        far = None
        try:
            while self.is_cut and not self.over.is_set():
                time.sleep(0.02)
            far = socket.create_connection(self.target, timeout=1)
            self.carry(near, far)
        except OSError:
            pass
        finally:
            for one in (near, far):
                if one is not None:
                    one.close()

    def carry(self, near, far):
        with selectors.DefaultSelector() as ready:
            ready.register(near, selectors.EVENT_READ, far)
            ready.register(far, selectors.EVENT_READ, near)
            while not self.over.is_set():
                if self.is_cut:
                    time.sleep(0.02)
                    continue
                for key, _ in ready.select(0.2):
                    piece = key.fileobj.recv(PIECE)
                    if not piece:
                        return
                    self.pieces += 1
                    if self.rng.random() < self.broken_share:
                        self.breaks += 1
                        return
                    if self.rng.random() < self.lost_share:
                        self.delays += 1
                        time.sleep(RESEND * (1 + self.rng.random()))
                    key.data.settimeout(10)
                    key.data.sendall(piece)

    def heal(self):
        self.lost_share = self.broken_share = 0.0
        self.is_cut = False
