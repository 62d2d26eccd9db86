#!/usr/bin/env python3
"""Kills and restarts nodes of a real cluster under load, then judges every answer.

  chaos.py BUILD [--rounds N] [--nodes N] [--seed N] [--keep FILE]

Each round lets the load run, kills some nodes by SIGKILL (one, a majority, or all), starts them
again and waits until writes go through. The recorded history must be linearizable, and at the end
every node must tell the same, complete state.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

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


def await_write(tools, cluster, what):
    """How long until some node has executed a command: a deletion of nothing, which goes through
    the log and leaves no trace in the history's revisions."""
    began = time.monotonic()

    def written():
        return any(run_command([tools.lockstep, "kv", "del", "nothing", "--command-timeout", "1s",
                                "--endpoints", node.client]).returncode == 0
                   for node in cluster.nodes if node.alive())
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


def run_round(rng, tools, cluster, number):
    time.sleep(rng.uniform(0.2, 0.8))  # load
    chosen, what = victims(rng, tools, cluster)
    for node in chosen:
        node.kill()
    down = None
    if len(chosen) * 2 < len(cluster.nodes):
        down = await_write(tools, cluster, "round-%d-down" % number)  # the others go on
    time.sleep(rng.uniform(0.0, 0.3))
    for node in chosen:
        node.start()
    up = await_write(tools, cluster, "round-%d-up" % number)
    for node in cluster.nodes:
        check(node.alive(), "%s ended by itself: %s" % (node.name, node.log()[-1000:] if not node.alive() else ""))
    print("round %2d: killed %-10s %-12s%s writes again %.2f s after the start" % (
        number, what, ",".join(node.name for node in chosen),
        "" if down is None else " others wrote after %.2f s," % down, up), flush=True)
    return down


def report_failover(times):
    if times:
        times.sort()
        print("failover (kill to the next write elsewhere): median %.2f s, longest %.2f s, %d times"
              % (times[len(times) // 2], times[-1], len(times)))


def run(tools, arguments, directory):
    rng = random.Random(arguments.seed)
    with Cluster(tools.serve, arguments.nodes, directory) as cluster:
        cluster.start()
        tools.await_leader(cluster.nodes)
        load = Load(tools, cluster, directory, arguments.seed)
        try:
            failovers = [run_round(rng, tools, cluster, i + 1) for i in range(arguments.rounds)]
            tools.await_leader(cluster.nodes)
            counts = load.finish()
        finally:
            load.kill()
            if arguments.keep and os.path.exists(load.history):
                shutil.copy(load.history, arguments.keep)
        check(counts["answered"] > 20 * arguments.rounds, "hardly anything was answered: %s" % counts)
        report_failover([seconds for seconds in failovers if seconds is not None])
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
    print("ok    %d rounds" % arguments.rounds)


if __name__ == "__main__":
    main()
