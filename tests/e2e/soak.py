#!/usr/bin/env python3
"""Overloads the nodes of a real cluster for a while: their memory stays bounded, and what is too much is refused in words.

  soak.py BUILD [--seconds N] [--bound-mb N]

Three loads at once, each more than the machine can do: thousands of small puts under way, large values, and reads of large answers.
The resident memory of every node is looked at all the time; its maximum is printed and must stay below the bound. Refusals must be
etcd's RESOURCE_EXHAUSTED or a timeout, and as soon as the loads end, every node answers reads that are not old. Of the small puts, most that
are not answered are to be refused at once: apart from a first wave, when nobody knows yet how much is too much, few may wait until
their deadline. (What was overwritten is compacted away meanwhile, with etcdctl, so that a long run does not end at the quota; without it, it does.)
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

from support import Cluster, Failure, Tools, check, run, wait_until

# More under way than a node admits (framework/base/limits.h: 64 MiB of requests held, 64 MiB of proposals pending).
LOADS = {
    "many small puts": ["put", "--clients", "4000", "--connections", "16", "--value-size", "256", "--keys", "20000"],
    "large values": ["put", "--clients", "200", "--connections", "8", "--value-size", "500000", "--keys", "60"],
    "large reads": ["range", "--clients", "200", "--connections", "8", "--value-size", "500000", "--keys", "60",
                    "--consistency", "serializable"],
}
ALLOWED = ("ResourceExhausted", "DeadlineExceeded", "Unavailable")
# Who waited in vain, instead of being told.
LATE = ("DeadlineExceeded", "Unavailable: etcdserver: request timed out")
# Of all that was asked, besides one request of every client.
LATE_SHARE = 0.1
SAMPLE_PAUSE = 0.1
COMPACTION_PAUSE = 5.0
BOUND_MB = 500
RECOVERY = 5.0


def bench(build):
    return os.path.join(build, "bin", "lockstep-bench")


def start_loads(tools, cluster, seconds):
    loads = {}
    for name, flags in LOADS.items():
        loads[name] = subprocess.Popen(
            [bench(tools.build)] + flags + ["--endpoints", cluster.endpoints(), "--duration", str(seconds), "--warm-up", "0",
                                            "--timeout", "5", "-w", "json", "--quiet"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return loads


def compact(tools, cluster):
    """What was overwritten goes; nothing is waited for."""
    revision = next((status["revision"] for status in map(tools.status, cluster.nodes) if "revision" in status), 0)
    if tools.etcdctl and revision > 1:
        subprocess.Popen([tools.etcdctl, "compaction", str(revision), "--endpoints", cluster.endpoints()],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ, ETCDCTL_API="3")).wait()


def watch(tools, cluster, loads, bound):
    """Until all loads have ended; the most that each node held."""
    most = {}
    running = True
    compactor = threading.Thread(target=keep_compacting, args=(tools, cluster, lambda: running))
    compactor.start()
    try:
        while any(load.poll() is None for load in loads.values()):
            for node in cluster.nodes:
                check(node.alive(), "%s ended: %s" % (node.name, node.log()[-1000:] if not node.alive() else ""))
                most[node.name] = max(most.get(node.name, 0), node.resident_bytes())
                check(most[node.name] <= bound, "%s holds %d MB" % (node.name, most[node.name] >> 20))
            time.sleep(SAMPLE_PAUSE)
    finally:
        running = False
        compactor.join()
    return most


def keep_compacting(tools, cluster, goes_on):
    while goes_on():
        compact(tools, cluster)
        until = time.monotonic() + COMPACTION_PAUSE
        while goes_on() and time.monotonic() < until:
            time.sleep(SAMPLE_PAUSE)


def report(name, load):
    out, err = load.communicate()
    check(load.returncode in (0, 4), "%s: %d %s" % (name, load.returncode, err[-500:]))
    result = json.loads(out)
    print("%-16s %9d answered, failures %s" % (name, result["operations"], result["failures"] or "none"))
    late = sum(count for failure, count in result["failures"].items() if failure.startswith(LATE))
    refused = sum(count for failure, count in result["failures"].items() if failure.startswith("ResourceExhausted"))
    asked = result["operations"] + result["failed"]
    print("%-16s %9d refused, %d waited in vain: %.1f%% of all" % ("", refused, late, 100.0 * late / max(asked, 1)))
    if name == "many small puts":
        most = result["clients"] + LATE_SHARE * asked
        check(late <= most, "%s: %d waited until their deadline, at most %d may" % (name, late, most))
    for failure in result["failures"]:
        check(any(failure.startswith(code) for code in ALLOWED), "%s: an answer of another kind: %s" % (name, failure))


def recover(tools, cluster):
    """Every node answers a read that is not old, in time."""
    began = time.monotonic()
    for node in cluster.nodes:
        def answers():
            done = run([tools.lockstep, "kv", "get", "nobody", "--endpoints", node.client, "--command-timeout", "1s"])
            return done.returncode == 0
        wait_until("a read at %s after the overload" % node.name, answers, RECOVERY - (time.monotonic() - began))
        print("%s answers reads %.1f s after the load" % (node.name, time.monotonic() - began))


def soak(tools, arguments, directory):
    bound = arguments.bound_mb << 20
    with Cluster(tools.serve, 3, directory) as cluster:
        cluster.start()
        tools.await_leader(cluster.nodes)
        loads = start_loads(tools, cluster, arguments.seconds)
        try:
            most = watch(tools, cluster, loads, bound)
            for name, held in sorted(most.items()):
                print("%s held at most %d MB, bound %d MB" % (name, held >> 20, arguments.bound_mb))
            recover(tools, cluster)
            for name, load in loads.items():
                report(name, load)
        finally:
            for load in loads.values():
                if load.poll() is None:
                    load.kill()
        tools.await_leader(cluster.nodes)
        wait_until("a put after the overload",
                   lambda: tools.put(cluster.nodes[0], "after", "overload").returncode == 0, 30)
        check(tools.get(cluster.nodes[1], "after") == "overload", "the put is not there")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--bound-mb", type=int, default=BOUND_MB)
    arguments = parser.parse_args()
    tools = Tools(os.path.abspath(arguments.build))
    if not os.access(bench(tools.build), os.X_OK):
        print("skipped: lockstep-bench is not built")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="lockstep-soak-") as directory:
        try:
            soak(tools, arguments, directory)
        except (Failure, subprocess.TimeoutExpired) as failure:
            sys.exit("FAIL  %s" % failure)
    print("ok    %d s" % arguments.seconds)


if __name__ == "__main__":
    main()
