#!/usr/bin/env python3
"""What an operator sees of a disk that does wrong: figures, status, alarms."""

import glob
import os
import urllib.error
import urllib.request

from support import Cluster, check, free_ports, main, run, wait_until


def fetch(port, path):
    """Status and text; (0, "") while nobody answers."""
    try:
        with urllib.request.urlopen("http://127.0.0.1:%d%s" % (port, path), timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()
    except OSError:
        return 0, ""


def figure(port, name):
    """The sum of a metric over its labels; None if it is not there."""
    found = [float(line.split()[-1]) for line in fetch(port, "/metrics")[1].split("\n")
             if line.split("{")[0].split(" ")[0] == "lockstep_" + name]
    return sum(found) if found else None


def rot(node, word):
    """Turns a bit of the first place in the node's log that holds the word."""
    for path in sorted(glob.glob(os.path.join(node.data_dir, "shard-0", "log", "*.log"))):
        with open(path, "r+b") as log:
            place = log.read().find(word)
            if place < 0:
                continue
            log.seek(place)
            log.write(bytes([word[0] ^ 1]))
            return
    check(False, "no log of %s has %s" % (node.name, word))


def three_nodes(tools, directory, ports):
    """A cluster whose nodes tell their figures at these ports."""
    return Cluster(tools.serve, 3, directory,
                   extra=lambda name: ["--listen-metrics-urls", "http://127.0.0.1:%d" % ports[name]])


def a_log_that_rotted_is_mended_counted_and_told(tools, directory):
    ports = dict(zip(("n1", "n2", "n3"), free_ports(3)))
    with three_nodes(tools, directory, ports) as cluster:
        cluster.start()
        tools.await_leader(cluster.nodes)
        for i in range(40):
            check(tools.put(cluster.nodes[i % 3], "k%d" % i, "value-%03d-" % i).returncode == 0, "a put failed")
        for port in ports.values():
            check(fetch(port, "/health")[0] == 200, "a node with a leader is not healthy")
            check(figure(port, "storage_log_mended_total") == 0, "something is counted that did not happen")
        check(fetch(ports["n1"], "/nothing")[0] == 404, "there is more than /metrics and /health")
        victim = cluster.nodes[2]
        check(tools.get(victim, "k39") == "value-039-", "the victim lags behind")
        victim.kill()
        rot(victim, b"value-010-")
        victim.start()
        tools.await_leader(cluster.nodes)
        wait_until("the repair is counted", lambda: figure(ports["n3"], "storage_log_mended_total") == 1)
        check(tools.get(victim, "k10") == "value-010-", "what rotted is not back")
        wait_until("it has its vote again", lambda: figure(ports["n3"], "abstains") == 0)
        told = tools.status(victim)
        check(any("mended" in error for error in told["errors"]), "its status does not tell: %s" % told)
        table = run([tools.lockstep, "status", "--endpoints", victim.client])
        check("1 damaged logs at a start" in table.stdout, table.stdout)
        check(tools.status(cluster.nodes[0])["errors"] == [], "another node has errors")


def a_store_whose_current_file_is_damaged_comes_back_from_the_leader(tools, directory):
    ports = dict(zip(("n1", "n2", "n3"), free_ports(3)))
    with three_nodes(tools, directory, ports) as cluster:
        cluster.start()
        tools.await_leader(cluster.nodes)
        check(tools.put(cluster.nodes[0], "k", "value").returncode == 0, "a put failed")
        victim = cluster.nodes[2]
        victim.kill()
        state = os.path.join(victim.data_dir, "shard-0", "state")
        with open(os.path.join(state, "CURRENT"), "w") as file:
            file.write("MANIF")
        victim.start()
        tools.await_leader(cluster.nodes)
        wait_until("it is counted", lambda: figure(ports["n3"], "storage_state_set_aside_total") == 1)
        check(tools.get(victim, "k") == "value", "the state is not back")
        check(os.path.exists(state + ".damaged"), "people may want to look at it")


def a_single_node_with_a_damaged_current_file_says_what_to_do(tools, directory):
    with Cluster(tools.serve, 1, directory) as cluster:
        cluster.start()
        node = cluster.nodes[0]
        tools.await_leader(cluster.nodes)
        check(tools.put(node, "k", "value").returncode == 0, "a put failed")
        node.kill()
        current = os.path.join(node.data_dir, "shard-0", "state", "CURRENT")
        with open(current) as file:
            whole = file.read()
        with open(current, "w") as file:
            file.write("?")
        node.start()
        wait_until("it ends", lambda: not node.alive())
        text = node.log()
        node.kill()
        check(current + " is damaged" in text, text[-500:])
        check("write the line `%s`" % whole.strip() in text, text[-500:])
        with open(current, "w") as file:
            file.write(whole)
        node.start()
        tools.await_leader(cluster.nodes)
        check(tools.get(node, "k") == "value", "something was lost")


if __name__ == "__main__":
    main([a_log_that_rotted_is_mended_counted_and_told, a_store_whose_current_file_is_damaged_comes_back_from_the_leader,
          a_single_node_with_a_damaged_current_file_says_what_to_do])
