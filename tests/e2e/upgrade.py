#!/usr/bin/env python3
"""Rolls a real cluster from one version of the protocol to the next and back, node by node, under load.

  upgrade.py BUILD [TEST]...

The older program is this one, told to speak as its predecessor (--max-protocol-version).
"""

from chaos import Load, check_equal
from support import Cluster, check, main, run, wait_until

OLD = ["--max-protocol-version", "2"]


def roll(tools, cluster, is_new):
    """One node after the other, each when the one before is back."""
    for node in cluster.nodes:
        check(node.terminate() == 0, "%s did not end well: %s" % (node.name, node.log()[-1000:]))
        node.command = [word for word in node.command if word not in OLD] + ([] if is_new else OLD)
        node.start()
        tools.await_leader(cluster.nodes)


def finish(tools, cluster):
    """The members agree, but not while one of them is not there; then nobody is taken back."""
    node = cluster.nodes[0]
    check(node.terminate() == 0, "%s did not end well" % node.name)
    tools.await_leader(cluster.nodes[1:])
    command = [tools.lockstep, "upgrade", "finish", "--endpoints", cluster.endpoints()]
    done = run(command)
    check(done.returncode != 0 and "is not connected" in done.stderr, "agreed without a member: %s" % done)
    node.start()
    tools.await_leader(cluster.nodes)
    wait_until("an agreement", lambda: run(command).returncode == 0)
    wait_until("a put afterwards", lambda: tools.put(node, "agreed", "yes").returncode == 0)
    check(tools.get(node, "agreed") == "yes", "the member lags behind")
    check(node.terminate() == 0, "%s did not end well" % node.name)
    node.command = node.command + OLD
    node.start()
    wait_until("the refusal of an older program", lambda: not node.alive())
    check("agreed on protocol version 3" in node.log(), "no reason was given: %s" % node.log()[-1000:])
    node.process = None
    node.command = [word for word in node.command if word not in OLD]
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
        finish(tools, cluster)
        refusals = sum(node.log().count("protocol version 3") for node in cluster.nodes)
        check(refusals > 0, "no two versions ever met")


if __name__ == "__main__":
    main([rolls_there_and_back_under_load])
