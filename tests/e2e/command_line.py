#!/usr/bin/env python3
"""The `lockstep` command: its output, its exit codes, its configuration in all three forms."""

import json
import os
import signal
import subprocess

from ports import free_base, free_ports
from support import Cluster, check, main, run, wait_until


def lockstep(tools, *words, stdin="", env=None):
    return run([tools.lockstep] + list(words), stdin=stdin, env=env)


def started(tools, directory):
    cluster = Cluster(tools.serve, 1, directory)
    cluster.start()
    tools.await_leader(cluster.nodes)
    return cluster


def keys_are_put_read_and_deleted(tools, directory):
    with started(tools, directory) as cluster:
        at = ("--endpoints", cluster.nodes[0].client)
        for words, stdin, output in (
                (("put", "a", "1"), "", "OK\n"),
                (("put", "b"), "from stdin", "OK\n"),
                (("put", "a", "2", "--prev-kv"), "", "OK\na\n1\n"),
                (("get", "a"), "", "a\n2\n"),
                (("get", "a", "--rev", "2", "--print-value-only"), "", "1\n"),
                (("get", "missing"), "", ""),
                (("range", "a", "c", "--keys-only"), "", "a\nb\n"),
                (("get", "", "--prefix", "--order", "descend", "--limit", "1"), "", "b\nfrom stdin\n"),
                (("get", "a", "--from-key", "--count-only"), "", "2\n"),
                (("get", "a", "--consistency", "s"), "", "a\n2\n"),
                (("txn",), 'ver("a") = "2"\n\nput c 3\nget c\n\nget a\n', "SUCCESS\n\nOK\n\nc\n3\n"),
                (("txn",), 'val("a") != "2"\n\nput c 4\n\nget a\ndel b --prev-kv\n', "FAILURE\n\na\n2\n\n1\nb\nfrom stdin\n"),
                (("del", "a", "z"), "", "2\n")):
            done = lockstep(tools, "kv", *words, *at, stdin=stdin)
            check(done.returncode == 0 and done.stdout == output, "kv %s: %r %s" % (words, done.stdout, done.stderr))
        done = lockstep(tools, "kv", "put", "k", "v", *at)
        answer = json.loads(lockstep(tools, "kv", "get", "k", "-w", "json", *at).stdout)
        check(answer["kvs"][0]["value"] == "dg==" and answer["count"] == 1, str(answer))
        check("| k   | v     |" in lockstep(tools, "kv", "get", "k", "-w", "table", *at).stdout, "no table")


def exit_codes_tell_what_happened(tools, directory):
    nobody = "127.0.0.1:%d" % free_ports(1)[0]
    with started(tools, directory) as cluster:
        here = cluster.nodes[0].client
        for words, code in (
                (("kv", "get", "k", "--endpoints", here), 0),
                (("kv", "get", "k", "--endpoints", nobody + "," + here), 0),
                (("kv", "get", "k", "--rev", "99", "--endpoints", here), 1),
                (("kv", "get", "k", "--order", "sideways", "--endpoints", here), 2),
                (("kv", "get"), 2), (("kv",), 2), ((), 2), (("nonsense",), 2),
                (("kv", "get", "k", "--command-timeout", "soon"), 2),
                (("kv", "put", "k", "v", "--endpoints", nobody), 3),
                (("status", "--endpoints", here), 0),
                (("status", "--endpoints", here + "," + nobody, "--quiet"), 1),
                (("status", "--endpoints", nobody, "--quiet"), 3),
                (("version",), 0), (("--help",), 0), (("serve", "--help"), 0), (("kv", "put", "--help"), 0)):
            done = lockstep(tools, *words)
            check(done.returncode == code, "%s: %d, not %d: %s" % (words, done.returncode, code, done.stderr))
            check(code == 0 or "--quiet" in words or done.stderr, "%s: no word on standard error" % (words,))


def a_stalled_endpoint_costs_the_timeout_only(tools, directory):
    import socket
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        done = lockstep(tools, "kv", "get", "k", "--command-timeout", "300ms",
                        "--endpoints", "127.0.0.1:%d" % silent.getsockname()[1])
        check(done.returncode in (1, 3) and done.stderr, "%d %s" % (done.returncode, done.stderr))


def flags_variables_and_files_configure_alike(tools, directory):
    flags = ["--name", "n1", "--initial-cluster", "n1=http://localhost:2380", "--check-config"]
    done = lockstep(tools, "serve", *flags)
    check(done.returncode == 0 and "member n1 of 1" in done.stdout, done.stdout + done.stderr)
    env = {"ETCD_NAME": "n2", "ETCD_INITIAL_CLUSTER": "n2=http://localhost:2380,n3=http://localhost:2390"}
    done = lockstep(tools, "serve", "--check-config", env=env)
    check("member n2 of 2" in done.stdout, done.stdout + done.stderr)
    done = lockstep(tools, "serve", "-name", "n3", "--check-config", "--initial-advertise-peer-urls",
                    "http://localhost:2390", env=env)
    check("member n3 of 2" in done.stdout, "a flag does not beat its variable: " + done.stdout + done.stderr)
    path = os.path.join(directory, "node.yml")

    def with_file(text):
        with open(path, "w") as file:
            file.write(text)
        return lockstep(tools, "serve", "--config-file", path, "--check-config")
    done = with_file("name: n4\nheartbeat-interval: 50\nlisten-client-urls: http://0.0.0.0:1\n"
                     "advertise-client-urls: http://h:1\nlog-outputs: [stderr]\n"
                     "client-transport-security:\n  cert-file: ''\n")
    check(done.returncode == 0 and "member n4 of 1" in done.stdout, done.stdout + done.stderr)
    for text, word in (("name: a\nnmae: b\n", "line 2"), ("name: [a\n", "line "), ("- a\n", "line 1"),
                       ("name: a\nname: b\n", "twice"), ("election-timeout: long\n", "election-timeout"),
                       ("peer-transport-security:\n  auto-tls: true\n", "--peer-auto-tls")):
        done = with_file(text)
        check(done.returncode == 2 and word in done.stderr, "%r: %s" % (text, done.stderr))


def ignored_flags_are_named_in_one_line(tools, directory):
    extra = ["--snapshot-count", "5000", "--logger=zap", "--pre-vote=true", "--max-wals=5"]
    with Cluster(tools.serve, 1, directory, extra=extra) as cluster:
        cluster.start()
        tools.await_leader(cluster.nodes)
        lines = [json.loads(line) for line in cluster.nodes[0].log().split("\n") if line]
        ignored = [line for line in lines if line["event"] == "serve.flags_ignored"]
        check(len(ignored) == 1, "%d lines" % len(ignored))
        for flag in ("--snapshot-count", "--logger", "--pre-vote", "--max-wals"):
            check(flag in ignored[0]["flags"], flag + " is not named")


def ctrl_c_stops_a_development_cluster(tools, directory):
    source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    base = free_base(3)
    log = os.path.join(directory, "out")
    with open(log, "w") as out:
        script = subprocess.Popen([os.path.join(source, "ci", "cluster.sh"), tools.build, "--data",
                                   os.path.join(directory, "data"), "--base-port", str(base)],
                                  stdout=out, stderr=out, start_new_session=True)
    try:
        wait_until("the cluster", lambda: "Ctrl-C stops it" in open(log).read() or script.poll() is not None, 30)
        check(script.poll() is None, open(log).read())
        again = run([os.path.join(source, "ci", "cluster.sh"), tools.build, "--base-port", str(base)])
        check(again.returncode == 1 and "is taken" in again.stderr, again.stderr)
        os.killpg(script.pid, signal.SIGINT)
        check(script.wait(20) == 0, "exit code %s: %s" % (script.returncode, open(log).read()))
    finally:
        if script.poll() is None:
            script.terminate()
            script.wait()
    for number in (1, 2, 3):
        last = open(os.path.join(directory, "data", "n%d.log" % number)).read().strip().split("\n")[-1]
        check('"status":"OK"' in last, last)


main([keys_are_put_read_and_deleted,
      exit_codes_tell_what_happened,
      a_stalled_endpoint_costs_the_timeout_only,
      flags_variables_and_files_configure_alike,
      ignored_flags_are_named_in_one_line,
      ctrl_c_stops_a_development_cluster])
