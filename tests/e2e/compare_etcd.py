#!/usr/bin/env python3
"""One script of etcdctl commands against three nodes of ours and three of etcd: equal answers."""

import base64
import json
import os
import re
import subprocess
import sys

from support import SKIPPED, Cluster, check, main, run, wait_until

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

QUOTA_BYTES = 16 * 1024 * 1024

# One etcdctl command a line; what stands behind "<<" is its standard input.
SCRIPT = r"""
put greeting hello
put greeting again --prev-kv
put empty ''
put other -- "a value with spaces"
get greeting
get greeting -w json
get greeting -w fields
get missing
get missing -w json
get greeting --print-value-only
get greeting --keys-only
get greeting --consistency=s
get greeting --rev=2
get greeting --rev=999
get greeting --rev=-1
put user/1 a
put user/2 b
put user/3 c
put user/10 d
put users e
get user/ --prefix
get user/ --prefix --limit=2 -w json
get user/ --prefix --keys-only
get user/ --prefix --count-only -w fields
get user/ --prefix --order=DESCEND
get user/ --prefix --sort-by=MODIFY --order=DESCEND
get user/ --prefix --sort-by=VALUE --order=ASCEND
get user/ --prefix --sort-by=VERSION --order=ASCEND
get user/ --prefix --sort-by=CREATE --order=ASCEND
get user/2 --from-key
get user/1 user/3
get user/3 user/1
get "" --prefix --keys-only
get "" --from-key --count-only -w fields
put greeting --ignore-value
put nothere --ignore-value
put greeting x --ignore-lease
put nothere x --ignore-lease
put leased x --lease=1234
del user/1
del user/1
del user/2 --prev-kv
del user/2 user/4 -w json
del user --prefix --prev-kv
del "" --prefix -w json
get "" --prefix
put key1 one
put key2 two
txn << value("key1") = "one"\nversion("key2") > "0"\n\nput key1 "changed"\nget key1\nget key --prefix\ndel key2\n\nget key1\n\n
txn << mod("key1") < "2"\n\nput never x\n\nget key1 key3\nput key3 three\n\n
txn << create("absent") = "0"\n\nput absent now\n\nput absent before\n\n
txn << value("absent") != "now"\n\nput a 1\n\nput b 2\ndel absent\n\n
txn << \nput twice 1\nput twice 2\n\n\n
txn -w json << \nput z 1\nget z\ndel z\n\n\n
put deep/1 v1
put deep/1 v2
put deep/1 v3
get deep/1 -w json
compaction 5
compaction 5
compaction 99999
get deep/1 --rev=3
get deep/1 --rev=5
get key1 --rev=40
put deep/1 v4
compaction 40 --physical
get deep/1 -w json
del deep/1
put deep/1 reborn
get deep/1 -w json
put -- -dash value
get -- -dash
endpoint health
endpoint status
endpoint status -w json
endpoint hashkv -w json
member list
member list -w json
member list -w table
alarm list
alarm list -w json
alarm disarm
defrag
""".strip().split("\n")

# With a store that has reached its quota.
FULL_SCRIPT = r"""
put more x
put more x -w json
txn << \nput more x\n\n\n
txn << value("more") = "1"\n\nget more\n\nput more x\n\n
get big --keys-only
alarm list
alarm list -w json
endpoint status -w json
endpoint status
endpoint health
txn << \ndel more\nget more\n\n\n
del more
alarm disarm
alarm list
put more x
alarm list
alarm disarm -w json
del big
del big
""".strip().split("\n")


def normalise(text):
    """Hides what may differ: ids, terms, log positions, sizes, versions, ports, times."""
    # Members are listed in order of their ids, with columns as wide as ids and URLs.
    if text.startswith('{"header"') and '"members":[' in text:
        listed = json.loads(text)
        listed["members"].sort(key=lambda member: member["name"])
        text = json.dumps(listed, separators=(",", ":")) + "\n"
    text = re.sub(r'"(cluster_id|member_id|ID|leader|raft_term|raftTerm|raftIndex|raftAppliedIndex|dbSize|dbSizeInUse|hash)":\d+',
                  r'"\1":N', text)
    text = re.sub(r'"(version|storageVersion)":"[\d.]+"', r'"\1":"V"', text)
    text = re.sub(r',"(storageVersion|downgradeInfo)":("V"|{})', "", text)
    text = re.sub(r'"(ClusterID|MemberID|RaftTerm)" : \d+', r'"\1" : N', text)
    text = re.sub(r'memberID:\d+', "memberID:N", text)
    text = re.sub(r'"memberID":\d+', '"memberID":N', text)
    text = re.sub(r'"dbSizeQuota":\d+,?', "", text)
    text = re.sub(r"[ ]*\|[ ]*", "|", text)
    text = re.sub(r"-{3,}", "---", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "HOST", text)
    # etcdctl logs refusals with the time and a random name of the client.
    text = re.sub(r'"ts":"[^"]*"', '"ts":T', text)
    text = re.sub(r"endpoint://client-[0-9a-f-]+", "endpoint://client", text)
    text = re.sub(r"took = [\d.µmn]+s", "took = T", text)
    text = re.sub(r"\b[0-9a-f]{14,16}\b", "ID", text)
    text = re.sub(r"ID, \d+\.\d+\.\d+, [\d.]+ [kMG]?B, (true|false), false, \d+, \d+, \d+,",
                  r"ID, VERSION, SIZE, \1, false, TERM, INDEX, APPLIED,", text)
    return text


def replies(tools, cluster, script):
    """What etcdctl says to every line of the script."""
    answers = []
    for i, line in enumerate(script):
        command, _, stdin = line.partition(" << ")
        node = cluster.nodes[i % len(cluster.nodes)]
        is_about_all = command.startswith("endpoint")
        # sh, because the script quotes as people do.
        done = run(["sh", "-c", 'exec "$0" --endpoints "$1" ' + command.replace("$", r"\$"),
                    tools.etcdctl, cluster.endpoints() if is_about_all else node.client],
                   stdin=stdin.replace(r"\n", "\n"))
        answer = normalise(done.stdout + done.stderr) + "exit %d" % done.returncode
        if is_about_all or command.startswith("member list"):
            answer = "\n".join(sorted(re.sub(r"\b(true|false)\b", "BOOL", one) for one in answer.split("\n")))
        answers.append(answer)
    return answers


def await_etcd(tools, cluster):
    wait_until("etcd's health", lambda: run([tools.etcdctl, "--endpoints", cluster.endpoints(), "endpoint", "health"]).returncode == 0, 30)


def every_answer_is_etcds(tools, directory):
    with Cluster([tools.etcd], 3, os.path.join(directory), token="theirs") as theirs:
        theirs.start()
        await_etcd(tools, theirs)
        expected = replies(tools, theirs, SCRIPT)
    ours_directory = os.path.join(directory, "ours")
    os.mkdir(ours_directory)
    with Cluster(tools.serve, 3, ours_directory, token="ours") as ours:
        ours.start()
        tools.await_leader(ours.nodes)
        wait_until("all members' client URLs", lambda: run([tools.etcdctl, "--endpoints", ours.nodes[0].client, "member", "list"]).stdout.count("http://") == 6)
        answers = replies(tools, ours, SCRIPT)
    compare(SCRIPT, expected, answers)


def compare(script, expected, answers):
    differing = []
    for line, want, have in zip(script, expected, answers):
        if want != have:
            differing.append("etcdctl %s\n--- etcd\n%s\n--- lockstep\n%s" % (line, want, have))
    check(not differing, "%d of %d answers differ:\n%s" % (len(differing), len(script), "\n".join(differing)))
    print("      %d commands" % len(script))


def store_size(tools, cluster):
    done = run([tools.etcdctl, "--endpoints", cluster.nodes[0].client, "endpoint", "status", "-w", "json"])
    return json.loads(done.stdout)[0]["Status"]["dbSize"]


def settled_size(tools, cluster):
    """A store that is just writing a file may be larger for a moment."""
    seen = []

    def is_settled():
        seen.append(store_size(tools, cluster))
        return len(seen) >= 5 and len(set(seen[-5:])) == 1
    wait_until("a store that rests", is_settled, 30)
    return seen[-1]


def fill(tools, cluster):
    """Puts until not even the smallest value fits, twice in a row; returns what etcdctl says then."""
    size, refusals = 600 * 1024, 0
    for _ in range(400):
        value = base64.b64encode(os.urandom(size)).decode()  # nothing to compress
        done = run([tools.etcdctl, "--endpoints", cluster.nodes[0].client, "put", "big"], stdin=value)
        refusals = 0 if done.returncode == 0 else refusals + 1
        if refusals == 0:
            continue
        if refusals == 2:
            if size < 8:
                return normalise(done.stdout + done.stderr)
            size, refusals = size // 16, 0
        settled_size(tools, cluster)
        run([tools.etcdctl, "--endpoints", cluster.nodes[0].client, "alarm", "disarm"])
    check(False, "the store never fills")


def make_room(tools, cluster):
    """What an operator does after the alarm is gone: compact, defragment until it shows, put again."""
    def etcdctl(*words):
        return run([tools.etcdctl, "--endpoints", cluster.nodes[0].client] + list(words))
    status = json.loads(etcdctl("endpoint", "status", "-w", "json").stdout)[0]["Status"]
    done = etcdctl("compaction", str(status["header"]["revision"]), "--physical")
    check(done.returncode == 0, done.stderr)

    def has_room():
        check("Finished defragmenting" in etcdctl("defrag").stdout, "defrag")
        return store_size(tools, cluster) < QUOTA_BYTES // 2
    wait_until("room in the store", has_room, 30)
    done = etcdctl("put", "more", "x")
    check(done.returncode == 0, done.stderr)


def a_full_store_answers_as_etcds(tools, directory):
    answers = []
    for command, token in (([tools.etcd], "theirs"), (tools.serve, "ours")):
        below = os.path.join(directory, token)
        os.mkdir(below)
        with Cluster(command, 1, below, token=token, extra=["--quota-backend-bytes", str(QUOTA_BYTES)]) as cluster:
            cluster.start()
            await_etcd(tools, cluster)
            answers.append([fill(tools, cluster)] + replies(tools, cluster, FULL_SCRIPT))
            make_room(tools, cluster)
    # How often something was put until the store was full is not etcd's.
    compare(["put big"] + FULL_SCRIPT,
            *[[re.sub(r'"revision":\d+', '"revision":N', answer) for answer in some] for some in answers])


def one_members_quota_stops_all(tools, directory):
    with Cluster(tools.serve, 3, directory) as cluster:
        cluster.nodes[1].command += ["--quota-backend-bytes", "1"]
        cluster.start()
        tools.await_leader(cluster.nodes)
        check(tools.put(cluster.nodes[0], "k", "1").returncode == 0, "no put before")
        for node in (cluster.nodes[1], cluster.nodes[0], cluster.nodes[2]):
            done = tools.put(node, "k", "2")
            check(done.returncode == 1 and "etcdserver: mvcc: database space exceeded" in done.stderr, done.stderr)
        for node in cluster.nodes:
            node.kill()
        cluster.start()
        tools.await_leader(cluster.nodes)
        done = tools.put(cluster.nodes[2], "k", "2")
        check("database space exceeded" in done.stderr, "forgotten by a restart: %s" % done.stderr)
        check(tools.get(cluster.nodes[2], "k") == "1", "a refused put was made")


if __name__ == "__main__":
    fetched = subprocess.run([os.path.join(SOURCE, "ci", "fetch_etcd.sh"), sys.argv[1]], capture_output=True, text=True)
    if fetched.returncode != 0:
        print("skipped: " + fetched.stderr.strip())
        sys.exit(SKIPPED)

    def with_etcd(test):
        def run_test(tools, directory):
            tools.etcd = os.path.abspath(fetched.stdout.strip())
            if tools.etcdctl is None:
                print("skipped: no etcdctl here")
                sys.exit(SKIPPED)
            test(tools, directory)
        run_test.__name__ = test.__name__
        return run_test
    main([with_etcd(every_answer_is_etcds), with_etcd(a_full_store_answers_as_etcds), one_members_quota_stops_all])
