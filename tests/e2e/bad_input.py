#!/usr/bin/env python3
"""What must not hurt: wrong flags, taken ports, foreign directories, hostile bytes, stalled clients."""

import os
import socket
import struct

from ports import free_ports
from support import Cluster, Node, check, main, run, wait_until

# HTTP/2 with one stream, by hand: enough to send a request and then do nothing.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """A header field without indexing, without Huffman coding; both are short."""
    check(len(name) < 127 and len(value) < 127, "too long for this encoder")
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


def request_headers(path):
    return b"".join(literal(name, value) for name, value in (
        (b":method", b"POST"), (b":scheme", b"http"), (b":path", path), (b":authority", b"x"),
        (b"content-type", b"application/grpc"), (b"te", b"trailers")))


def connect(address):
    host, port = address.split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def one_node(tools, directory, extra=()):
    return Cluster(tools.serve, 1, directory, extra=extra)


def serve(tools, *flags):
    return run([tools.lockstep, "serve"] + list(flags))


def still_serves(tools, node, key):
    check(node.alive(), "the node ended: " + node.log()[-500:])
    check(tools.put(node, key, "1").returncode == 0, "no put any more")
    check(tools.get(node, key) == "1", "no get any more")


def unknown_flag_is_a_usage_error(tools, directory):
    done = serve(tools, "--no-such-flag", "1")
    check(done.returncode == 2, "exit code %d" % done.returncode)
    check("no-such-flag" in done.stderr, done.stderr)


def bad_values_name_flag_value_and_remedy(tools, directory):
    for flags, words in (
            (["--election-timeout", "300"], ["--election-timeout[300ms]", "5 times", "100ms"]),
            (["--election-timeout", "60000"], ["60000ms", "50000ms"]),
            (["--heartbeat-interval", "soon"], ["--heartbeat-interval", "soon", "number"]),
            (["--name", "n9", "--initial-cluster", "n1=http://127.0.0.1:1"], ['couldn\'t find local name "n9"']),
            (["--name", "n1", "--initial-cluster", "n1=http://10.0.0.9:2380"],
             ["--initial-cluster has n1=http://10.0.0.9:2380", "--initial-advertise-peer-urls"]),
            (["--listen-client-urls", "https://127.0.0.1:2379", "--advertise-client-urls", "http://127.0.0.1:2379"],
             ["--cert-file is missing", "https"]),
            (["--listen-client-urls", "http://127.0.0.1:2379"], ["--advertise-client-urls is required"]),
            (["--initial-cluster-state", "old"], ["old", "new or existing"]),
            (["--auto-tls"], ["--auto-tls", "not supported"])):
        done = serve(tools, "--data-dir", os.path.join(directory, "never"), *flags)
        check(done.returncode == 2, "%s: exit code %d: %s" % (flags, done.returncode, done.stderr))
        check(done.stderr.count("\n") == 1, "%s: more than a line: %s" % (flags, done.stderr))
        for word in words:
            check(word in done.stderr, "%s: '%s' is not in: %s" % (flags, word, done.stderr))
    check(not os.path.exists(os.path.join(directory, "never")), "a refused start left a directory")


def taken_ports_are_refused(tools, directory):
    with one_node(tools, directory) as cluster:
        node = cluster.nodes[0]
        node.start()
        tools.await_leader(cluster.nodes)
        for taken, other in ((node.client, "peer"), (node.peer, "client")):
            ports = free_ports(2)
            again = Node(tools.serve, "n1", os.path.join(directory, "again-" + other), ports[0], ports[1],
                         "n1=http://127.0.0.1:%d" % ports[1], "e2e")
            old = "http://" + (again.client if taken == node.client else again.peer)
            command = [part.replace(old, "http://" + taken) for part in again.command]
            os.makedirs(os.path.dirname(again.data_dir))
            done = run(command)
            check(done.returncode == 1, "exit code %d: %s" % (done.returncode, done.stderr))
            check(taken in done.stderr.split("\n")[-2], "the address is not in: " + done.stderr)
        still_serves(tools, node, "k")


def foreign_and_locked_directories_are_refused(tools, directory):
    with one_node(tools, directory) as cluster:
        node = cluster.nodes[0]
        node.start()
        tools.await_leader(cluster.nodes)
        check(tools.put(node, "k", "1").returncode == 0, "no put")
        done = run(node.command)
        check(done.returncode == 1 and "in use by another process" in done.stderr, done.stderr)
        node.terminate()
        for flag, value, word in (("--initial-cluster-token", "another", "belongs to cluster"),
                                  ("--shards", "2", "--shards")):
            command = list(node.command)
            if flag in command:
                command[command.index(flag) + 1] = value
            else:
                command += [flag, value]
            done = run(command)
            check(done.returncode in (1, 2) and word in done.stderr, "%s: %s" % (flag, done.stderr))
        node.start()
        tools.await_leader(cluster.nodes)
        check(tools.get(node, "k") == "1", "a refused start harmed the data")
    blocked = os.path.join(directory, "file")
    with open(blocked, "w"):
        pass
    done = serve(tools, "--data-dir", os.path.join(blocked, "below"))
    check(done.returncode == 1 and blocked in done.stderr, done.stderr)


def garbage_on_both_ports_is_survived(tools, directory):
    with one_node(tools, directory) as cluster:
        node = cluster.nodes[0]
        node.start()
        tools.await_leader(cluster.nodes)
        for address in (node.client, node.peer):
            for garbage in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00" * 4096, os.urandom(65536),
                            PREFACE + b"\xff" * 100, PREFACE + frame(4, 0, 0, b"") + os.urandom(3000),
                            b"\xff\xff\xff\xff" * 64, b""):
                with connect(address) as connection:
                    try:
                        connection.sendall(garbage)
                        connection.shutdown(socket.SHUT_WR)
                        while connection.recv(65536):
                            pass
                    except OSError:
                        pass  # it hung up, which is its right
        still_serves(tools, node, "k")


def too_large_a_request_gets_etcds_text(tools, directory):
    with one_node(tools, directory) as cluster:
        node = cluster.nodes[0]
        node.start()
        tools.await_leader(cluster.nodes)
        for size, text in ((1600 * 1024, "etcdserver: request is too large"),
                           (3 * 1024 * 1024, "received message larger than max")):
            done = run([tools.lockstep, "kv", "put", "big", "--endpoints", node.client], stdin="x" * size)
            check(done.returncode == 1 and text in done.stderr, "%d bytes: %s" % (size, done.stderr))
        done = run([tools.lockstep, "kv", "put", "fits", "--endpoints", node.client], stdin="x" * 1500 * 1024)
        check(done.returncode == 0, done.stderr)
        still_serves(tools, node, "k")


def unknown_methods_are_unimplemented(tools, directory):
    with one_node(tools, directory) as cluster:
        node = cluster.nodes[0]
        node.start()
        tools.await_leader(cluster.nodes)
        with connect(node.client) as connection:
            connection.sendall(PREFACE + frame(4, 0, 0, b"") + frame(1, 4, 1, request_headers(b"/no.Such/Method"))
                               + frame(0, 1, 1, b"\x00" * 5))
            answer = b""
            while b"12" not in answer and b"grpc-status" not in answer:
                more = connection.recv(65536)
                check(more, "hung up instead of answering: %r" % answer)
                answer += more
        still_serves(tools, node, "k")


def put_big(tools, node):
    done = run([tools.lockstep, "kv", "put", "big", "--endpoints", node.client], stdin="x" * 1024 * 1024)
    check(done.returncode == 0, done.stderr)


def range_of_big(stream):
    request = b"\x0a\x03big"  # RangeRequest{key: "big"}
    message = b"\x00" + struct.pack(">I", len(request)) + request
    return (frame(1, 4, stream, request_headers(b"/etcdserverpb.KV/Range")) + frame(0, 1, stream, message))


def connect_with_large_windows(node):
    """So that nothing but the node's own limits holds the answers back."""
    connection = connect(node.client)
    connection.sendall(PREFACE + frame(4, 0, 0, struct.pack(">HI", 4, 2**31 - 1))
                       + frame(8, 0, 0, struct.pack(">I", 2**31 - 1 - 65535)))
    return connection


def stalled_clients_cost_bounded_memory(tools, directory):
    """Clients that go on asking for much and read nothing."""
    with one_node(tools, directory) as cluster:
        node = cluster.nodes[0]
        node.start()
        tools.await_leader(cluster.nodes)
        put_big(tools, node)
        before = node.resident_bytes()
        stalled = [connect_with_large_windows(node) for _ in range(4)]
        for i in range(50):
            for connection in stalled:
                try:
                    connection.sendall(range_of_big(4 * i + 1) + range_of_big(4 * i + 3))
                except OSError:
                    pass  # it was cut off
            if i % 5 == 0:
                still_serves(tools, node, "k%d" % i)
        grown = node.resident_bytes() - before
        for connection in stalled:
            connection.close()
        check(grown < 64 * 1024 * 1024, "the node grew by %d MiB" % (grown // 1048576))


def a_burst_of_large_reads_costs_bounded_memory(tools, directory):
    """All are under way before the first answer is queued, and nobody takes the answers."""
    with one_node(tools, directory) as cluster:
        node = cluster.nodes[0]
        node.start()
        tools.await_leader(cluster.nodes)
        put_big(tools, node)
        still_serves(tools, node, "k")
        before = node.resident_bytes()
        stalled = [connect_with_large_windows(node) for _ in range(4)]
        for connection in stalled:
            connection.sendall(b"".join(range_of_big(2 * i + 1) for i in range(100)))
        # Others are served, and go on to be when the burst is refused or cut off.
        for i in range(20):
            still_serves(tools, node, "k%d" % i)
        grown = node.resident_bytes("VmHWM") - before
        check(grown < 64 * 1024 * 1024, "the node grew by %d MiB" % (grown // 1048576))
        print("      grew by %d MiB at most" % (grown // 1048576))
        wait_until("the end of those who do not read", lambda: all([is_closed(one) for one in stalled]), 60)
        still_serves(tools, node, "k")


def is_closed(connection):
    """Whether the peer has ended it; what it sent is left unread as long as it has not."""
    try:
        connection.sendall(frame(6, 1, 0, b"12345678"))  # an acknowledgement that nobody asked for
        return False
    except OSError:
        return True


main([unknown_flag_is_a_usage_error,
      bad_values_name_flag_value_and_remedy,
      taken_ports_are_refused,
      foreign_and_locked_directories_are_refused,
      garbage_on_both_ports_is_survived,
      too_large_a_request_gets_etcds_text,
      unknown_methods_are_unimplemented,
      stalled_clients_cost_bounded_memory,
      a_burst_of_large_reads_costs_bounded_memory])
