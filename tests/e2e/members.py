#!/usr/bin/env python3
"""Members that come and go: real processes, etcdctl's and lockstep's commands, load while it happens.

  members.py BUILD [TEST]...
"""

import json
import shutil
import sys
import threading

from ports import free_ports
from support import SKIPPED, Cluster, Node, check, main, run, wait_until


class Load:
    """A client that counts upwards and knows what was acknowledged."""

    def __init__(self, tools, endpoints):
        self.tools, self.endpoints = tools, endpoints
        self.acknowledged, self.going = [], True
        self.thread = threading.Thread(target=self.work)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.going = False
        self.thread.join()

    def work(self):
        number = 0
        while self.going:
            number += 1
            key = "load-%05d" % number
            if run([self.tools.lockstep, "kv", "put", key, str(number), "--endpoints", self.endpoints()]).returncode == 0:
                self.acknowledged.append(key)

    def verify(self, node):
        done = run([self.tools.lockstep, "kv", "get", "load-", "--prefix", "--keys-only", "--endpoints", node.client])
        check(done.returncode == 0, done.stderr)
        there = set(done.stdout.split())
        lost = [key for key in self.acknowledged if key not in there]
        check(not lost, "%d of %d acknowledged writes are lost: %s" % (len(lost), len(self.acknowledged), lost[:5]))
        check(self.acknowledged, "nothing was written meanwhile")


def member(tools, node, *words):
    return run([tools.lockstep, "member", *words, "--endpoints", node.client])


def members(tools, node):
    done = member(tools, node, "list", "-w", "json")
    check(done.returncode == 0, done.stderr)
    return {one["name"]: one for one in json.loads(done.stdout)}


def new_node(tools, cluster, directory, name, extra=()):
    """A node that is there to join; not started, not added."""
    client, peer = free_ports(2)
    initial = "%s,%s=http://127.0.0.1:%d" % (cluster.initial, name, peer)
    node = Node(tools.serve, name, directory, client, peer, initial, "e2e",
                ["--initial-cluster-state", "existing", *extra])
    return node


def add(tools, cluster, at, node, *words):
    done = member(tools, at, "add", "--peer-urls=http://" + node.peer, *words)
    check(done.returncode == 0, done.stderr)
    cluster.nodes.append(node)
    node.start()
    wait_until("%s to be known by its name" % node.name, lambda: node.name in members(tools, at))


def terms(tools, nodes):
    return {tools.status(node).get("raft_term") for node in nodes}


def a_learner_is_added_and_promoted_without_a_change_of_leader(tools, directory):
    with Cluster(tools.serve, 3, directory) as cluster:
        cluster.start()
        tools.await_leader(cluster.nodes)
        first = cluster.nodes[0]
        before = terms(tools, cluster.nodes)
        with Load(tools, cluster.endpoints) as load:
            learner = new_node(tools, cluster, directory, "n4")
            add(tools, cluster, first, learner, "--learner")
            check(members(tools, first)["n4"]["learner"], "n4 is no learner")
            wait_until("a serializable read of the learner", lambda: tools.put(learner, "k", "v").returncode == 0
                       and tools.get(learner, "k", "s") == "v")
            check(tools.get(learner, "k") == "v", "no linearizable read at the learner")
            wait_until("the promotion", lambda: member(
                tools, learner, "promote", members(tools, first)["n4"]["id"]).returncode == 0)
        check(not members(tools, first)["n4"]["learner"], "n4 is a learner still")
        check(terms(tools, cluster.nodes) == before, "the leader changed: %s" % terms(tools, cluster.nodes))
        load.verify(learner)


def a_killed_node_is_replaced_in_one_step(tools, directory):
    with Cluster(tools.serve, 3, directory) as cluster:
        cluster.start()
        tools.await_leader(cluster.nodes)
        with Load(tools, cluster.endpoints) as load:
            dead = next(node for node in cluster.nodes if node is not tools.leader(cluster.nodes))
            at = next(node for node in cluster.nodes if node is not dead)
            id_of_dead = members(tools, at)[dead.name]["id"]
            dead.kill()
            heir = new_node(tools, cluster, directory, "n4")
            add(tools, cluster, at, heir, "--remove", id_of_dead)
            check(dead.name not in members(tools, at), "the dead is a member still")
            wait_until("the configuration of three voters", lambda: '"voters":3,"outgoing":0' in heir.log())
        load.verify(heir)
        dead.start()
        wait_until("the end of the removed", lambda: not dead.alive())
        check("was removed from the cluster" in dead.log(), dead.log()[-500:])


def a_removed_leader_hands_over_and_stops(tools, directory):
    with Cluster(tools.serve, 3, directory) as cluster:
        cluster.start()
        tools.await_leader(cluster.nodes)
        with Load(tools, cluster.endpoints) as load:
            leader = tools.leader(cluster.nodes)
            done = member(tools, leader, "remove", members(tools, leader)[leader.name]["id"])
            check(done.returncode == 0, done.stderr)
            wait_until("the end of the old leader", lambda: not leader.alive())
            check("was removed from the cluster" in leader.log(), leader.log()[-500:])
            rest = [node for node in cluster.nodes if node is not leader]
            tools.await_leader(rest)
        load.verify(rest[0])
        # Two are left: taking one that is alive away from them is fine, killing one is not undone by that.
        rest[1].kill()
        done = member(tools, rest[0], "remove", "1", "--command-timeout", "1s")
        check(done.returncode == 1, "a change without a quorum: " + done.stdout)


def a_wiped_node_is_refused_under_its_old_name(tools, directory):
    with Cluster(tools.serve, 3, directory) as cluster:
        cluster.start()
        tools.await_leader(cluster.nodes)
        first, wiped = cluster.nodes[0], cluster.nodes[2]
        wait_until("all to be known", lambda: len(members(tools, first)) == 3)
        wiped.kill()
        shutil.rmtree(wiped.data_dir)
        wiped.start()
        wait_until("the end of the wiped", lambda: not wiped.alive())
        check("another data directory" in wiped.log() and "lockstep member remove" in wiped.log(), wiped.log()[-500:])
        done = member(tools, first, "remove", members(tools, first)["n3"]["id"])
        check(done.returncode == 0, done.stderr)
        again = new_node(tools, cluster, directory, "n5")
        add(tools, cluster, first, again)
        check(tools.put(first, "k", "v").returncode == 0, "no put")
        wait_until("the new one to serve", lambda: tools.get(again, "k") == "v")


def who_was_not_added_is_told_so(tools, directory):
    with Cluster(tools.serve, 1, directory) as cluster:
        cluster.start()
        tools.await_leader(cluster.nodes)
        stranger = new_node(tools, cluster, directory, "n2")
        done = run(stranger.command, timeout=60)
        check(done.returncode == 1 and "add it first" in done.stderr, done.stderr)
        done = member(tools, cluster.nodes[0], "remove", members(tools, cluster.nodes[0])["n1"]["id"])
        check(done.returncode == 1 and "not enough started members" in done.stderr, done.stderr)


def members_restart_without_initial_flags(tools, directory):
    with Cluster(tools.serve, 3, directory) as cluster:
        cluster.start()
        tools.await_leader(cluster.nodes)
        check(tools.put(cluster.nodes[0], "k", "v").returncode == 0, "no put")
        for node in cluster.nodes:
            node.terminate()
            command = []
            words = iter(node.command)
            for word in words:
                if word.startswith("--initial-"):
                    next(words)
                else:
                    command.append(word)
            node.command = command
        cluster.start()
        tools.await_leader(cluster.nodes)
        check(tools.get(cluster.nodes[1], "k") == "v", "the data are gone")


def etcdctl_changes_members(tools, directory):
    if tools.etcdctl is None:
        sys.exit(SKIPPED)
    with Cluster(tools.serve, 3, directory) as cluster:
        cluster.start()
        tools.await_leader(cluster.nodes)
        first = cluster.nodes[0]

        def etcdctl(*words):
            return run([tools.etcdctl, "--endpoints", first.client, *words])
        added = new_node(tools, cluster, directory, "n4")
        done = etcdctl("member", "add", "n4", "--learner", "--peer-urls=http://" + added.peer)
        check(done.returncode == 0 and 'ETCD_INITIAL_CLUSTER_STATE="existing"' in done.stdout, done.stderr)
        again = etcdctl("member", "add", "n4", "--peer-urls=http://" + added.peer)
        check("Peer URLs already exists" in again.stderr, again.stderr)
        cluster.nodes.append(added)
        added.start()
        wait_until("n4's name", lambda: "n4" in members(tools, first))
        id_of_added = members(tools, first)["n4"]["id"]
        wait_until("the promotion", lambda: etcdctl("member", "promote", id_of_added).returncode == 0)
        check("can only promote a learner member" in etcdctl("member", "promote", id_of_added).stderr, "promoted twice")
        leader = tools.leader(cluster.nodes)
        target = next(node for node in cluster.nodes if node is not leader)
        moved = run([tools.etcdctl, "--endpoints", leader.client, "move-leader", members(tools, first)[target.name]["id"]])
        check(moved.returncode == 0, moved.stderr)
        done = etcdctl("member", "remove", id_of_added)
        check(done.returncode == 0, done.stderr)
        check("member not found" in etcdctl("member", "remove", id_of_added).stderr, "removed twice")


main([a_learner_is_added_and_promoted_without_a_change_of_leader,
      a_killed_node_is_replaced_in_one_step,
      a_removed_leader_hands_over_and_stops,
      a_wiped_node_is_refused_under_its_old_name,
      who_was_not_added_is_told_so,
      members_restart_without_initial_flags,
      etcdctl_changes_members])
