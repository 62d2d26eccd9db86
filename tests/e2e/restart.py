#!/usr/bin/env python3
"""What survives: everything acknowledged, whatever dies."""

from ports import free_ports
from support import Cluster, Node, check, main, run, wait_until


def put_many(tools, cluster, prefix, count):
    """Puts through every node in turn; returns what was acknowledged."""
    acknowledged = {}
    for i in range(count):
        node = cluster.nodes[i % len(cluster.nodes)]
        key = "%s%03d" % (prefix, i)
        if node.alive() and tools.put(node, key, "value-" + key).returncode == 0:
            acknowledged[key] = "value-" + key
    return acknowledged


def check_all(tools, cluster, acknowledged):
    for node in cluster.nodes:
        done = run([tools.lockstep, "kv", "get", "", "--prefix", "--endpoints", node.client])
        check(done.returncode == 0, done.stderr)
        lines = done.stdout.split("\n")
        found = dict(zip(lines[0::2], lines[1::2]))
        for key, value in acknowledged.items():
            check(found.get(key) == value, "%s: %s is %s, not %s" % (node.name, key, found.get(key), value))


def everything_survives_when_all_nodes_are_killed_at_once(tools, directory):
    with Cluster(tools.serve, 3, directory) as cluster:
        cluster.start()
        tools.await_leader(cluster.nodes)
        acknowledged = put_many(tools, cluster, "k", 60)
        check(len(acknowledged) == 60, "only %d of 60 puts were acknowledged" % len(acknowledged))
        for node in cluster.nodes:
            node.kill()
        cluster.start()
        tools.await_leader(cluster.nodes)
        check_all(tools, cluster, acknowledged)


def two_of_three_go_on_and_the_third_catches_up(tools, directory):
    with Cluster(tools.serve, 3, directory) as cluster:
        cluster.start()
        tools.await_leader(cluster.nodes)
        acknowledged = put_many(tools, cluster, "before", 9)
        victim = tools.leader(cluster.nodes)
        check(victim is not None, "nobody leads")
        victim.kill()
        others = [node for node in cluster.nodes if node is not victim]
        wait_until("a write without the old leader",
                   lambda: tools.put(others[0], "canary", "x", "1s").returncode == 0)
        acknowledged.update(put_many(tools, cluster, "without", 30))
        check(len(acknowledged) == 29, "%d of 29 puts were acknowledged" % len(acknowledged))
        victim.start()
        tools.await_leader(cluster.nodes)
        check_all(tools, cluster, acknowledged)


def sigterm_hands_leadership_over_and_exits_with_0(tools, directory):
    with Cluster(tools.serve, 3, directory) as cluster:
        cluster.start()
        tools.await_leader(cluster.nodes)
        leader = tools.leader(cluster.nodes)
        code = leader.terminate()
        check(code == 0, "the exit code is %s" % code)
        others = [node for node in cluster.nodes if node is not leader]
        check(tools.put(others[0], "after", "1", "3s").returncode == 0, "no write after a handover")
        check(others[0].terminate() == 0 and others[1].terminate() == 0, "not every stop was clean")


def two_shards_keep_their_data_too(tools, directory):
    # One peer URL per shard is needed, so the flags are spelled out.
    ports = free_ports(3)
    peers = ["http://127.0.0.1:%d" % port for port in ports[1:]]
    node = Node(tools.serve, "n1", directory, ports[0], ports[1],
                ",".join("n1=" + url for url in peers), "e2e", ["--shards", "2"])
    for flag in ("--listen-peer-urls", "--initial-advertise-peer-urls"):
        node.command[node.command.index(flag) + 1] = ",".join(peers)
    try:
        node.start()
        tools.await_leader([node])
        check(tools.put(node, "a", "1").returncode == 0, "no put on two shards")
        node.kill()
        node.start()
        tools.await_leader([node])
        check(tools.get(node, "a") == "1", "the value is gone")
        check(node.terminate() == 0, "no clean stop")
    finally:
        node.kill()


main([everything_survives_when_all_nodes_are_killed_at_once,
      two_of_three_go_on_and_the_third_catches_up,
      sigterm_hands_leadership_over_and_exits_with_0,
      two_shards_keep_their_data_too])
