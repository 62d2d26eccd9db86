#!/usr/bin/env python3
"""Overloads the nodes of a real cluster for a while: their memory stays bounded, and what is too much is refused in words.

  soak.py BUILD [--seconds N] [--bound-mb N]

Three loads at once, each more than the machine can do: thousands of small puts under way, large values, and reads of large answers.
The resident memory of every node is looked at all the time; its maximum is printed and must stay below the bound. Refusals must be
etcd's RESOURCE_EXHAUSTED or a timeout, and afterwards the cluster works as before.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

from support import Cluster, Failure, Tools, check, wait_until

# More under way than a node admits (framework/base/limits.h: 64 MiB of requests held, 64 MiB of proposals pending).
LOADS = {
    "many small puts": ["put", "--clients", "4000", "--connections", "16", "--value-size", "256", "--keys", "20000"],
    "large values": ["put", "--clients", "200", "--connections", "8", "--value-size", "500000", "--keys", "60"],
    "large reads": ["range", "--clients", "200", "--connections", "8", "--value-size", "500000", "--keys", "60",
                    "--consistency", "serializable"],
}
ALLOWED = ("ResourceExhausted", "DeadlineExceeded", "Unavailable")
SAMPLE_PAUSE = 0.1


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


def watch(cluster, loads, bound):
    """Until all loads have ended; the most that a node held."""
    most = {}
    while any(load.poll() is None for load in loads.values()):
        for node in cluster.nodes:
            check(node.alive(), "%s ended: %s" % (node.name, node.log()[-1000:] if not node.alive() else ""))
            most[node.name] = max(most.get(node.name, 0), node.resident_bytes())
            check(most[node.name] <= bound, "%s holds %d MB" % (node.name, most[node.name] >> 20))
        time.sleep(SAMPLE_PAUSE)
    return most


def report(name, load):
    out, err = load.communicate()
    check(load.returncode in (0, 4), "%s: %d %s" % (name, load.returncode, err[-500:]))
    result = json.loads(out)
    print("%-16s %9d answered, failures %s" % (name, result["operations"] - result["failed"], result["failures"] or "none"))
    for failure in result["failures"]:
        check(any(failure.startswith(code) for code in ALLOWED), "%s: an answer of another kind: %s" % (name, failure))


def run(tools, arguments, directory):
    bound = arguments.bound_mb << 20
    with Cluster(tools.serve, 3, directory) as cluster:
        cluster.start()
        tools.await_leader(cluster.nodes)
        loads = start_loads(tools, cluster, arguments.seconds)
        try:
            most = watch(cluster, loads, bound)
            for name, held in sorted(most.items()):
                print("%s held at most %d MB, bound %d MB" % (name, held >> 20, arguments.bound_mb))
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
    parser.add_argument("--bound-mb", type=int, default=1024)
    arguments = parser.parse_args()
    tools = Tools(os.path.abspath(arguments.build))
    if not os.access(bench(tools.build), os.X_OK):
        print("skipped: lockstep-bench is not built")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="lockstep-soak-") as directory:
        try:
            run(tools, arguments, directory)
        except (Failure, subprocess.TimeoutExpired) as failure:
            sys.exit("FAIL  %s" % failure)
    print("ok    %d s" % arguments.seconds)


if __name__ == "__main__":
    main()
