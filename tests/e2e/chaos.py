#!/usr/bin/env python3
"""Disasters in a real cluster under load, then every answer is judged.

  chaos.py BUILD [--rounds N | --minutes N] [--nodes N] [--seed N] [--keep FILE] [--disasters LIST]

Each round lets the load run, strikes, undoes that and waits until writes go through. The disasters:
  kill   SIGKILL of one node, a majority, or all
  stop   one node is frozen by SIGSTOP for a while, and goes on
  full   one node's disk, a small tmpfs, has no room for a while (needs the right to mount)
  deaf   one node hears nobody and is heard by all: a one-way partition, by a proxy in user space
  loss   a tenth of what the nodes send each other is late by a retransmission, connections break
The recorded history must be linearizable, and at the end every node must tell the same, complete
state.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from peer_proxy import Proxy
from support import Cluster, Failure, Tools, check, wait_until
from support import run as run_command


class Load:
    """The load generator as a process."""

    def __init__(self, tools, cluster, directory, seed):
        self.client = os.path.join(tools.build, "tests", "lockstep-chaos-client")
        self.history = os.path.join(directory, "history.jsonl")
        self.process = subprocess.Popen(
            [self.client, "load", "--endpoints", cluster.endpoints(), "--seed", str(seed),
             "--history", self.history], stdout=subprocess.PIPE, text=True)

    def finish(self):
        self.process.terminate()
        out, _ = self.process.communicate(timeout=120)
        check(self.process.returncode == 0, "the load ended with %d" % self.process.returncode)
        return json.loads(out)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def judge(self):
        done = subprocess.run([self.client, "check", self.history], capture_output=True, text=True,
                              timeout=500)
        check(done.returncode == 0, "the history breaks a promise: " + done.stdout + done.stderr)
        return done.stdout.strip()


DISASTERS = ("kill", "stop", "full", "deaf", "loss")
DISK_BYTES = 256 * 1024 * 1024


class Disks:
    """A small file system of its own for each node's data, if they may be mounted."""

    def __init__(self, cluster):
        self.mounted = []
        for node in cluster.nodes:
            os.makedirs(node.data_dir, mode=0o700)
            done = subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0700,size=%d" % DISK_BYTES, "none", node.data_dir],
                                  capture_output=True)
            if done.returncode == 0:
                self.mounted.append(node.data_dir)

    def are_there(self, cluster):
        return len(self.mounted) == len(cluster.nodes)

    def remove(self):
        for path in self.mounted:
            subprocess.run(["umount", "-l", path], capture_output=True)


def fill(node):
    """Leaves no room; returns the file that takes it."""
    path = os.path.join(node.data_dir, "ballast")
    ballast = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    for piece in (1 << 20, 4096, 1):
        try:
            while os.write(ballast, b"\0" * piece) == piece:
                pass
        except OSError:
            pass
    os.close(ballast)
    return path


def await_write(tools, cluster, what, but=()):
    """How long until some node has executed a command: a deletion of nothing, which goes through
    the log and leaves no trace in the history's revisions."""
    began = time.monotonic()

    def written():
        return any(run_command([tools.lockstep, "kv", "del", "nothing", "--command-timeout", "1s",
                                "--endpoints", node.client]).returncode == 0
                   for node in cluster.nodes if node.alive() and node not in but)
    wait_until("a write after " + what, written, 30)
    return time.monotonic() - began


def victims(rng, tools, cluster):
    """Who dies in this round, and how to call it."""
    dice = rng.random()
    if dice < 0.35:
        leader = tools.leader(cluster.nodes)
        if leader is not None:
            return [leader], "the leader"
    if dice < 0.70:
        return [rng.choice(cluster.nodes)], "one node"
    if dice < 0.85:
        return rng.sample(cluster.nodes, len(cluster.nodes) // 2 + 1), "a majority"
    return list(cluster.nodes), "all nodes"


def kill_some(rng, tools, cluster, number):
    chosen, what = victims(rng, tools, cluster)
    for node in chosen:
        node.kill()
    down = None
    if len(chosen) * 2 < len(cluster.nodes):
        down = await_write(tools, cluster, "round-%d-down" % number)  # the others go on
    time.sleep(rng.uniform(0.0, 0.3))
    for node in chosen:
        node.start()
    return "killed %s (%s)" % (what, ",".join(node.name for node in chosen)), down


def one_of(rng, tools, cluster):
    leader = tools.leader(cluster.nodes) if rng.random() < 0.5 else None
    return leader or rng.choice(cluster.nodes)


def stop_one(rng, tools, cluster, number):
    node = one_of(rng, tools, cluster)
    node.process.send_signal(signal.SIGSTOP)
    try:
        down = await_write(tools, cluster, "round-%d-stopped" % number, but=[node])
        time.sleep(rng.uniform(0.0, 2.0))
    finally:
        node.process.send_signal(signal.SIGCONT)
    return "froze %s" % node.name, down


def fill_one(rng, tools, cluster, number):
    node = one_of(rng, tools, cluster)
    ballast = fill(node)
    try:
        down = await_write(tools, cluster, "round-%d-full" % number, but=[node])
        time.sleep(rng.uniform(0.5, 2.0))
        check(node.alive(), "%s ended because its disk was full: %s" % (node.name, node.log()[-1000:]))
    finally:
        os.remove(ballast)
    return "filled the disk of %s" % node.name, down


def deafen_one(rng, tools, cluster, number):
    node = one_of(rng, tools, cluster)
    proxy = cluster.proxies[cluster.nodes.index(node)]
    proxy.is_cut = True
    try:
        down = await_write(tools, cluster, "round-%d-deaf" % number, but=[node])
        time.sleep(rng.uniform(0.5, 2.0))
    finally:
        proxy.heal()
    return "made %s deaf" % node.name, down


def lose_some(rng, tools, cluster, number):
    for proxy in cluster.proxies:
        proxy.lost_share, proxy.broken_share = 0.1, 0.005
    time.sleep(rng.uniform(1.0, 3.0))
    for proxy in cluster.proxies:
        proxy.heal()
    return "lost a tenth between all", None


STRIKES = {"kill": kill_some, "stop": stop_one, "full": fill_one, "deaf": deafen_one, "loss": lose_some}


def run_round(rng, tools, cluster, number, disasters):
    time.sleep(rng.uniform(0.2, 0.8))  # load
    # The first rounds have one each.
    name = disasters[number % len(disasters)] if number <= len(disasters) else rng.choice(disasters)
    what, down = STRIKES[name](rng, tools, cluster, number)
    up = await_write(tools, cluster, "round-%d-up" % number)
    for node in cluster.nodes:
        check(node.alive(), "%s ended by itself: %s" % (node.name, node.log()[-1000:] if not node.alive() else ""))
    print("round %3d: %-40s%s writes again after %.2f s" % (
        number, what, "" if down is None else " others wrote after %.2f s," % down, up), flush=True)
    return name, down


def report_failover(times):
    if times:
        times.sort()
        print("failover (kill to the next write elsewhere): median %.2f s, longest %.2f s, %d times"
              % (times[len(times) // 2], times[-1], len(times)))


def run(tools, arguments, directory):
    rng = random.Random(arguments.seed)
    disasters = [name for name in DISASTERS if name in arguments.disasters.split(",")]
    with Cluster(tools.serve, arguments.nodes, directory, is_proxied=True) as cluster:
        cluster.proxies = [Proxy(port, ("127.0.0.1", int(node.peer.rsplit(":", 1)[1])), arguments.seed + port)
                           for node, port in zip(cluster.nodes, cluster.advertised)]
        for proxy in cluster.proxies:
            proxy.start()
        disks = Disks(cluster) if "full" in disasters else None
        try:
            if disks is not None and not disks.are_there(cluster):
                disasters.remove("full")
                print("full: not run, mount is not allowed here")
            run_load(rng, tools, arguments, cluster, directory, disasters)
        finally:
            for node in cluster.nodes:
                node.kill()
            for proxy in cluster.proxies:
                proxy.over.set()
            if disks is not None:
                disks.remove()


def run_load(rng, tools, arguments, cluster, directory, disasters):
    cluster.start()
    tools.await_leader(cluster.nodes)
    load = Load(tools, cluster, directory, arguments.seed)
    strikes = []
    try:
        deadline = time.monotonic() + 60 * (arguments.minutes or 0)
        while len(strikes) < arguments.rounds if not arguments.minutes else time.monotonic() < deadline:
            strikes.append(run_round(rng, tools, cluster, len(strikes) + 1, disasters))
        tools.await_leader(cluster.nodes)
        counts = load.finish()
    finally:
        load.kill()
        if arguments.keep and os.path.exists(load.history):
            shutil.copy(load.history, arguments.keep)
    check(counts["answered"] > 20 * len(strikes), "hardly anything was answered: %s" % counts)
    report_failover([seconds for name, seconds in strikes if name == "kill" and seconds is not None])
    for name in disasters:
        print("%s: %d times" % (name, sum(1 for one, _ in strikes if one == name)))
    print("proxies: %d pieces, %d late, %d connections broken" % tuple(
        sum(getattr(proxy, field) for proxy in cluster.proxies) for field in ("pieces", "delays", "breaks")))
    print("load: %(answered)d answered, %(refused)d surely without effect, %(unknown)d unknown" % counts)
    print(load.judge())
    check_equal(tools, cluster)


def check_equal(tools, cluster):
    """Everything that each node has, by its own state; the final reads have made them equal."""
    states = set()
    for node in cluster.nodes:
        done = run_command([tools.lockstep, "kv", "get", "", "--prefix", "--consistency", "s", "-w", "json",
                            "--endpoints", node.client])
        check(done.returncode == 0, done.stderr)
        states.add(json.dumps(json.loads(done.stdout)["kvs"]))
    check(len(states) == 1, "nodes differ: %s" % states)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--minutes", type=float, help="instead of rounds")
    parser.add_argument("--disasters", default=",".join(DISASTERS), help="of %s" % ", ".join(DISASTERS))
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", help="copy the history there")
    arguments = parser.parse_args()
    print("seed %d" % arguments.seed, flush=True)
    with tempfile.TemporaryDirectory(prefix="lockstep-chaos-") as directory:
        try:
            run(Tools(os.path.abspath(arguments.build)), arguments, directory)
        except (Failure, subprocess.TimeoutExpired) as failure:
            sys.exit("FAIL  %s" % failure)
    print("ok")


if __name__ == "__main__":
    main()
