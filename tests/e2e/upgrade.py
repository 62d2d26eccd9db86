#!/usr/bin/env python3
"""Rolls a real cluster from one version of the protocol to the next and back, node by node, under load.

  upgrade.py BUILD [TEST]...

The older program is this one, told to speak as its predecessor (--max-protocol-version).
"""

from chaos import Load, check_equal
from support import Cluster, check, main

OLD = ["--max-protocol-version", "2"]


def roll(tools, cluster, is_new):
    """One node after the other, each when the one before is back."""
    for node in cluster.nodes:
        check(node.terminate() == 0, "%s did not end well: %s" % (node.name, node.log()[-1000:]))
        node.command = [word for word in node.command if word not in OLD] + ([] if is_new else OLD)
        node.start()
        tools.await_leader(cluster.nodes)


def rolls_there_and_back_under_load(tools, directory):
    """All answers are true, no request fails that etcd's client would not send again by itself, and
    both versions are seen to talk."""
    with Cluster(tools.serve, 3, directory, extra=OLD) as cluster:
        cluster.start()
        tools.await_leader(cluster.nodes)
        load = Load(tools, cluster, directory, 1)
        try:
            roll(tools, cluster, True)
            roll(tools, cluster, False)
            roll(tools, cluster, True)
            counts = load.finish()
        finally:
            load.kill()
        print("load: %(answered)d answered, %(refused)d surely without effect, %(unknown)d unknown" % counts)
        check(counts["answered"] > 200, "hardly anything was answered: %s" % counts)
        check(not counts["failures"], "requests failed: %s" % counts["failures"])
        print(load.judge())
        check_equal(tools, cluster)
        refusals = sum(node.log().count("protocol version 3") for node in cluster.nodes)
        check(refusals > 0, "no two versions ever met")


if __name__ == "__main__":
    main([rolls_there_and_back_under_load])
