"""What the end-to-end tests share: nodes as processes, etcdctl, waiting.

Every process is ended by its own id; everything lives below one temporary directory.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from ports import free_ports

SKIPPED = 77


class Failure(AssertionError):
    """A promise that was not kept."""


def check(condition, message):
    if not condition:
        raise Failure(message)


def wait_until(what, probe, timeout=20.0):
    """Returns the first true value of probe(); there is no other kind of waiting in these tests."""
    deadline = time.monotonic() + timeout
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure("timed out after %.0f s: %s" % (timeout, what))
        time.sleep(0.02)


def run(command, stdin="", timeout=60, env=None):
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout,
                          env=dict(os.environ, ETCDCTL_API="3", **(env or {})))


class Node:
    """One `serve` process, of lockstep or of etcd: they take the same flags."""

    def __init__(self, command, name, directory, client_port, peer_port, cluster, token, extra=(), scheme="http",
                 proxy_port=None):
        self.name = name
        self.data_dir = os.path.join(directory, name)
        self.log_path = os.path.join(directory, name + ".log")
        self.client = "127.0.0.1:%d" % client_port
        self.peer = "127.0.0.1:%d" % peer_port
        self.command = list(command) + [
            "--name", name, "--data-dir", self.data_dir,
            "--listen-client-urls", scheme + "://" + self.client,
            "--advertise-client-urls", scheme + "://" + self.client,
            "--listen-peer-urls", scheme + "://" + self.peer,
            "--initial-advertise-peer-urls", "%s://127.0.0.1:%d" % (scheme, proxy_port or peer_port),
            "--initial-cluster", cluster, "--initial-cluster-token", token] + list(extra)
        self.process = None

    def start(self):
        check(self.process is None, self.name + " runs already")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def end(self, number, timeout=20):
        """Sends the signal and waits; returns the exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure("%s did not end within %d s of signal %d" % (self.name, timeout, number))
        self.process = None
        return code

    def kill(self):
        return self.end(signal.SIGKILL)

    def terminate(self):
        return self.end(signal.SIGTERM)

    def resident_bytes(self, which="VmRSS"):
        """Now; "VmHWM": the most so far."""
        with open("/proc/%d/status" % self.process.pid) as status:
            for line in status:
                if line.startswith(which + ":"):
                    return int(line.split()[1]) * 1024
        raise Failure("no %s of %s" % (which, self.name))

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()


class Cluster:
    """Nodes that know each other. A context manager: nothing is left running."""

    def __init__(self, command, count, directory, token="e2e", extra=(), scheme="http", is_proxied=False):
        ports = free_ports(3 * count)
        names = ["n%d" % (i + 1) for i in range(count)]
        peers = ports[count:2 * count]
        # Where the others dial: a proxy, if there is one.
        self.advertised = ports[2 * count:] if is_proxied else peers
        self.initial = ",".join("%s=%s://127.0.0.1:%d" % (name, scheme, port)
                                for name, port in zip(names, self.advertised))
        self.nodes = [Node(command, name, directory, client, peer, self.initial, token,
                           extra(name) if callable(extra) else extra, scheme, advertised)
                      for name, client, peer, advertised in zip(names, ports, peers, self.advertised)]

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        for node in self.nodes:
            node.kill()
        if kind is not None:
            for node in self.nodes:
                if os.path.exists(node.log_path):
                    sys.stderr.write("--- the end of %s\n%s\n" % (node.log_path, node.log()[-2000:]))

    def endpoints(self):
        return ",".join(node.client for node in self.nodes)

    def start(self):
        for node in self.nodes:
            node.start()


class Tools:
    """The executables under test and what the machine has."""

    def __init__(self, build):
        self.build = build
        self.lockstep = os.path.join(build, "bin", "lockstep")
        check(os.access(self.lockstep, os.X_OK), self.lockstep + " is not built")
        self.etcdctl = shutil.which("etcdctl")
        self.serve = [self.lockstep, "serve"]
        self.client_flags = []  # of every command that talks to nodes

    def await_leader(self, nodes, timeout=20.0):
        endpoints = ",".join(node.client for node in nodes)

        def led():
            for node in nodes:
                check(node.alive(), "%s ended: %s" % (node.name, node.log()[-1000:] if not node.alive() else ""))
            return run([self.lockstep, "status", "--quiet", "--endpoints", endpoints] + self.client_flags).returncode == 0
        wait_until("a leader that all know", led, timeout)

    def status(self, node):
        done = run([self.lockstep, "status", "-w", "json", "--endpoints", node.client] + self.client_flags)
        return json.loads(done.stdout)[0] if done.stdout else {"error": done.stderr}

    def leader(self, nodes):
        """The node that leads; None if nobody does."""
        for node in nodes:
            status = self.status(node)
            if "error" not in status and status["leader"] == status["member_id"]:
                return node
        return None

    def put(self, node, key, value, timeout="5s"):
        return run([self.lockstep, "kv", "put", key, value, "--endpoints", node.client,
                    "--command-timeout", timeout] + self.client_flags)

    def get(self, node, key, consistency="l"):
        done = run([self.lockstep, "kv", "get", key, "--print-value-only", "--consistency", consistency,
                    "--endpoints", node.client] + self.client_flags)
        check(done.returncode == 0, "get of %s at %s: %s" % (key, node.name, done.stderr))
        return done.stdout.rstrip("\n")


def main(tests):
    """Runs every test in a fresh directory; argv[1] is the build directory, the rest choose."""
    if len(sys.argv) < 2:
        sys.exit("usage: %s BUILD [TEST]..." % sys.argv[0])
    tools = Tools(os.path.abspath(sys.argv[1]))
    chosen = [test for test in tests if not sys.argv[2:] or test.__name__ in sys.argv[2:]]
    failed = 0
    for test in chosen:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="lockstep-e2e-") as directory:
            try:
                test(tools, directory)
                print("ok    %-58s %5.1f s" % (test.__name__, time.monotonic() - began), flush=True)
            except Failure as failure:
                failed += 1
                print("FAIL  %s: %s" % (test.__name__, failure), flush=True)
    sys.exit(1 if failed or not chosen else 0)
