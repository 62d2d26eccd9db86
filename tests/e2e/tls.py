#!/usr/bin/env python3
"""TLS on both ports: who gets in, who does not, and certificates that are replaced while it runs."""

import os
import shutil
import socket

from support import Cluster, check, main, run, wait_until


def authority(tools, directory, name="certs"):
    """A directory with an authority of its own."""
    certs = os.path.join(directory, name)
    os.mkdir(certs)
    made(run([tools.lockstep, "cert", "ca", "--out", certs]))
    return certs


def made(done):
    check(done.returncode == 0, done.stderr)


def issue(tools, certs, name, *extra):
    made(run([tools.lockstep, "cert", "issue", name, "--hosts", "127.0.0.1,localhost", "--out", certs, *extra]))
    return os.path.join(certs, name)


def secured(tools, certs, more=()):
    """The flags of a node, by its name; its certificate is issued on the way."""
    def flags(name):
        pair = issue(tools, certs, name)
        files = lambda prefix: [prefix + "cert-file", pair + ".pem", prefix + "key-file", pair + "-key.pem",
                                prefix + "trusted-ca-file", os.path.join(certs, "ca.pem"), prefix + "client-cert-auth"]
        return files("--") + files("--peer-") + list(more)
    return flags


def use_certificate(tools, certs, name="client"):
    pair = issue(tools, certs, name)
    tools.client_flags = ["--cacert", os.path.join(certs, "ca.pem"), "--cert", pair + ".pem",
                          "--key", pair + "-key.pem"]


def clients_and_members_with_certificates_work_together(tools, directory):
    certs = authority(tools, directory)
    use_certificate(tools, certs)
    with Cluster(tools.serve, 3, directory, scheme="https", extra=secured(tools, certs)) as cluster:
        cluster.start()
        tools.await_leader(cluster.nodes)
        for i, node in enumerate(cluster.nodes):
            check(tools.put(node, "k%d" % i, "v").returncode == 0, "put at " + node.name)
        if tools.etcdctl:
            done = run([tools.etcdctl, "--endpoints", ",".join("https://" + node.client for node in cluster.nodes)]
                       + tools.client_flags + ["get", "k", "--prefix", "--keys-only"])
            check(done.stdout.split() == ["k0", "k1", "k2"], done.stdout + done.stderr)
        leader = tools.leader(cluster.nodes)
        leader.kill()
        others = [node for node in cluster.nodes if node is not leader]
        wait_until("a write without the old leader",
                   lambda: tools.put(others[0], "after", "x", "1s").returncode == 0)


def strangers_are_refused_with_the_reason(tools, directory):
    certs = authority(tools, directory)
    with Cluster(tools.serve, 1, directory, scheme="https", extra=secured(tools, certs)) as cluster:
        node = cluster.nodes[0]
        use_certificate(tools, certs)
        node.start()
        tools.await_leader(cluster.nodes)

        def refused(flags, words, endpoint="https://" + node.client):
            done = run([tools.lockstep, "kv", "put", "k", "v", "--endpoints", endpoint, "--command-timeout", "2s"]
                       + flags)
            check(done.returncode != 0, "%s was let in" % flags)
            check(words in done.stderr, "'%s' is not in: %s" % (words, done.stderr))
        refused(["--cacert", os.path.join(certs, "ca.pem")], "")
        wait_until("a line about it", lambda: "did not return a certificate" in node.log())
        other = authority(tools, directory, "others")
        pair = issue(tools, other, "stranger")
        refused(["--cacert", os.path.join(other, "ca.pem")], "the certificate of the other side is refused")
        refused(["--cacert", os.path.join(certs, "ca.pem"), "--cert", pair + ".pem", "--key", pair + "-key.pem"], "")
        refused(tools.client_flags, "", "http://" + node.client)
        with socket.create_connection(node.client.split(":")) as silent:
            silent.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a handshake, and no more
            check(tools.put(node, "k", "v").returncode == 0, "one client that stalls holds up the others")
        check(node.alive(), node.log()[-500:])


def members_have_to_be_on_the_list(tools, directory):
    certs = authority(tools, directory)
    use_certificate(tools, certs)
    more = ["--peer-cert-allowed-cn", "n1,n2"]
    with Cluster(tools.serve, 3, directory, scheme="https", extra=secured(tools, certs, more)) as cluster:
        cluster.start()
        tools.await_leader(cluster.nodes[:2])
        wait_until("n3 is refused", lambda: any(
            "the certificate of n3 has none of the allowed names" in node.log() for node in cluster.nodes[:2]))
        check(tools.put(cluster.nodes[0], "k", "v").returncode == 0, "two of three go on")


def certificates_are_replaced_without_a_restart(tools, directory):
    certs = authority(tools, directory)
    use_certificate(tools, certs)
    with Cluster(tools.serve, 1, directory, scheme="https", extra=secured(tools, certs)) as cluster:
        node = cluster.nodes[0]
        node.start()
        tools.await_leader(cluster.nodes)
        # A new authority signs everything anew; the old one counts no longer.
        fresh = authority(tools, directory, "fresh")
        pair = issue(tools, fresh, "n1")
        use_certificate(tools, fresh)
        check(tools.put(node, "k", "v", "1s").returncode != 0, "the old certificate has the new authority's trust")
        for name in ("n1.pem", "n1-key.pem", "ca.pem"):
            shutil.copyfile(os.path.join(fresh, name), os.path.join(certs, name))
        del pair
        wait_until("the new certificate", lambda: tools.put(node, "k", "v", "1s").returncode == 0, 30)
        check("tls.reloaded" in node.log(), "nothing about it in the log")
        with open(os.path.join(certs, "n1.pem"), "w") as file:
            file.write("nonsense")
        wait_until("a complaint", lambda: "tls.reload_failed" in node.log(), 30)
        check(tools.put(node, "k", "w").returncode == 0, "bad files ended what worked")


def bad_files_are_named_at_the_start(tools, directory):
    certs = authority(tools, directory)
    flags = secured(tools, certs)("n1")
    key = flags[flags.index("--key-file") + 1]
    os.remove(key)
    with Cluster(tools.serve, 1, directory, scheme="https", extra=flags) as cluster:
        node = cluster.nodes[0]
        node.start()
        code = node.process.wait(10)
        check(code == 1 and key in node.log(), "exit code %d: %s" % (code, node.log()[-300:]))
    done = run([tools.lockstep, "cert", "ca", "--out", certs])
    check(done.returncode == 1 and "ca-key.pem" in done.stderr, "an authority's key was overwritten: " + done.stderr)


if __name__ == "__main__":
    main([clients_and_members_with_certificates_work_together, strangers_are_refused_with_the_reason,
          members_have_to_be_on_the_list, certificates_are_replaced_without_a_restart,
          bad_files_are_named_at_the_start])
