#!/usr/bin/env python3
"""Stores of documents and their hub as processes: two laptops, tokens, bad requests."""

import http.client
import json
import os
import pty
import re
import shutil
import ssl
import subprocess
import time

from ports import free_ports
from support import Cluster, check, main, run, wait_until

TENANT = ["--tenant", "acme"]


class Hub(Cluster):
    """Nodes of a hub, and the tokens that open it."""

    def __init__(self, tools, count, directory, certs=None):
        self.certs = certs
        self.admin = os.path.join(directory, "admin.token")
        with open(self.admin, "w") as file:
            file.write("an administrator's token\n")
        super().__init__([tools.lockstep, "docs", "serve"], count, directory,
                         extra=lambda name: ["--admin-token-file", self.admin] + self.tls_flags(tools, name),
                         scheme="https" if certs else "http")
        self.tools = tools

    def tls_flags(self, tools, name):
        if not self.certs:
            return []
        done = run([tools.lockstep, "cert", "issue", name, "--hosts", "127.0.0.1", "--out", self.certs])
        check(done.returncode == 0, done.stderr)
        pair = os.path.join(self.certs, name)
        files = lambda prefix: [prefix + "cert-file", pair + ".pem", prefix + "key-file", pair + "-key.pem",
                                prefix + "trusted-ca-file", os.path.join(self.certs, "ca.pem")]
        return files("--")[:4] + files("--peer-")

    def trust(self):
        return ["--cacert", os.path.join(self.certs, "ca.pem")] if self.certs else []

    def urls(self):
        return ",".join(("https://" if self.certs else "http://") + node.client for node in self.nodes)

    def get(self, node, path, headers=None, method="GET", body=None):
        """Status and body of one request; None if nobody answers."""
        host, port = node.client.split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=5)
        if self.certs:
            context = ssl.create_default_context(cafile=os.path.join(self.certs, "ca.pem"))
            connection = http.client.HTTPSConnection(host, int(port), timeout=5, context=context)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return None
        finally:
            connection.close()

    def leader(self):
        for node in self.nodes:
            answer = self.get(node, "/metrics") if node.alive() else None
            if answer and "docs_hub_is_leader 1" in answer[1]:
                return node
        return None

    def start(self):
        super().start()
        wait_until("a hub that is ready", lambda: all(
            (self.get(node, "/ready") or (0, ""))[0] == 200 for node in self.nodes))

    def back_up(self, node):
        node.terminate()
        backup = node.data_dir + ".backup"
        shutil.copytree(node.data_dir, backup)
        self.start()
        return backup

    def restore(self, node, backup):
        node.terminate()
        shutil.rmtree(node.data_dir)
        shutil.copytree(backup, node.data_dir)
        self.start()

    def token(self, name, *flags):
        path = os.path.join(os.path.dirname(self.admin), name)
        done = run([self.tools.lockstep, "docs", "token", "--hub", self.urls(), "--token-file", self.admin]
                   + self.trust() + TENANT + list(flags))
        check(done.returncode == 0, done.stderr)
        with open(path, "w") as file:
            file.write(done.stdout)
        return path


class Laptop:
    """A store and the program that writes it."""

    def __init__(self, tools, hub, directory, name):
        self.tools, self.hub = tools, hub
        self.path = os.path.join(directory, name)
        self.token = hub.token(name + ".token")

    def agent(self, *arguments):
        done = run([os.path.join(self.tools.build, "bin", "agent-memory"), self.path] + list(arguments))
        check(done.returncode == 0, done.stderr)
        return done.stdout

    def facts(self):
        """Ids and texts."""
        facts = [json.loads(line) for line in self.agent("recall", "ann").splitlines()]
        return {json.dumps(fact["_id"]): fact["text"] for fact in facts}

    def docs(self, *arguments):
        return run([self.tools.lockstep, "docs", arguments[0], self.path] + list(arguments[1:]))

    def sync(self, *flags):
        return self.docs("sync", "--hub", self.hub.urls(), "--token-file", self.token, *self.hub.trust(), *TENANT,
                         *flags)

    def must_sync(self, *flags):
        def synced():
            done = self.sync(*flags)
            # 3: nobody answered; until there is a new leader, that is how it is.
            check(done.returncode in (0, 3), done.stderr)
            return done.returncode == 0
        wait_until("a sync", synced)


def two_laptops_change_one_fact_while_the_leader_dies(tools, directory):
    with Hub(tools, 3, directory) as hub:
        hub.start()
        one, two = Laptop(tools, hub, directory, "one"), Laptop(tools, hub, directory, "two")
        one.agent("remember", "ann", "tea", "ann drinks green tea")
        one.must_sync()
        two.must_sync("--json")
        check(two.facts() == one.facts() and len(one.facts()) == 1, "%s, %s" % (one.facts(), two.facts()))
        fact = list(one.facts())[0]
        # Both offline.
        one.agent("correct", fact, "ann drinks black tea")
        one.agent("remember", "ann", "cup", "ann has a red cup")
        two.agent("correct", fact, "ann drinks white tea")
        two.agent("remember", "ann", "pot", "ann has a blue pot")
        one.must_sync()
        victim = wait_until("a leader", hub.leader)
        victim.kill()
        two.must_sync()
        one.must_sync()
        check(one.facts() == two.facts(), "%s is not %s" % (one.facts(), two.facts()))
        check(len(one.facts()) == 3, "three facts, not %s" % one.facts())
        check(one.facts()[fact] == "ann drinks white tea", "the later change wins: " + one.facts()[fact])
        # The loser is visible on both, and comes back by one command.
        for laptop in (one, two):
            listed = laptop.docs("conflicts", "-w", "json")
            check(listed.returncode == 0, listed.stderr)
            heads = json.loads(listed.stdout)["heads"]
            check([head["doc"]["text"] for head in heads] == ["ann drinks white tea", "ann drinks black tea"],
                  listed.stdout)
        taken = one.docs("resolve", "facts", fact, "--take", heads[1]["rev"])
        check(taken.returncode == 0, taken.stderr)
        victim.start()
        one.must_sync()
        two.must_sync()
        for laptop in (one, two):
            check(laptop.facts()[fact] == "ann drinks black tea", laptop.facts()[fact])
            check(laptop.docs("conflicts").stdout == "", "the conflict is settled")


def a_hub_of_one_node_keeps_what_it_has_over_sigkill(tools, directory):
    with Hub(tools, 1, directory) as hub:
        hub.start()
        one = Laptop(tools, hub, directory, "one")
        for i in range(20):
            one.agent("remember", "ann", "t%d" % i, "fact %d" % i)
        one.must_sync()
        hub.nodes[0].kill()
        check(one.sync().returncode == 3, "nobody is there")
        hub.start()
        two = Laptop(tools, hub, directory, "two")
        two.must_sync()
        check(len(two.facts()) == 20, "%d facts" % len(two.facts()))
        again = two.sync("-w", "json")
        check(json.loads(again.stdout)["pulled"] == 0, "what is there is not pulled again: " + again.stdout)


def a_hub_that_was_restored_gets_back_what_waits(tools, directory):
    with Hub(tools, 1, directory) as hub:
        hub.start()
        node = hub.nodes[0]
        one, two = Laptop(tools, hub, directory, "one"), Laptop(tools, hub, directory, "two")
        one.agent("remember", "ann", "tea", "before the backup")
        one.must_sync()
        backup = hub.back_up(node)
        one.agent("remember", "ann", "cup", "after the backup")
        one.must_sync()
        two.must_sync()
        check(len(two.facts()) == 2, "two facts, not %s" % two.facts())
        two.agent("remember", "ann", "pot", "queued over the restore")
        hub.restore(node, backup)
        headers = {"X-Docs-Protocol": "1", "Authorization": "Bearer an administrator's token"}
        told = hub.get(node, "/v1/epoch", headers, "POST", "{}")
        check(told and told[0] == 200 and "epoch" in told[1], "a new epoch: %s" % (told,))
        one.agent("remember", "ann", "jar", "queued, too")
        for laptop in (two, one, two):
            laptop.must_sync()
        wanted = {"before the backup", "queued over the restore", "queued, too"}
        for laptop in (one, two):
            check(set(laptop.facts().values()) == wanted, "%s" % laptop.facts())
            check(laptop.docs("rejected").stdout == "", "nothing was refused")


def a_hub_without_a_new_epoch_is_found_out(tools, directory):
    with Hub(tools, 1, directory) as hub:
        hub.start()
        node = hub.nodes[0]
        one, two = Laptop(tools, hub, directory, "one"), Laptop(tools, hub, directory, "two")
        one.agent("remember", "ann", "tea", "before the backup")
        one.must_sync()
        backup = hub.back_up(node)
        for i in range(3):
            one.agent("remember", "ann", "t%d" % i, "after the backup")
        one.must_sync()
        two.must_sync()
        hub.restore(node, backup)
        two.must_sync()
        check(set(two.facts().values()) == {"before the backup"}, "what the hub has, has the store: %s" % two.facts())


def stores_and_hubs_encrypt_what_they_say(tools, directory):
    certs = os.path.join(directory, "certs")
    os.mkdir(certs)
    done = run([tools.lockstep, "cert", "ca", "--out", certs])
    check(done.returncode == 0, done.stderr)
    with Hub(tools, 3, directory, certs) as hub:
        hub.start()
        one, two = Laptop(tools, hub, directory, "one"), Laptop(tools, hub, directory, "two")
        one.agent("remember", "ann", "tea", "ann drinks green tea")
        one.must_sync()
        victim = wait_until("a leader", hub.leader)
        victim.kill()
        two.must_sync()
        check(two.facts() == one.facts() and len(one.facts()) == 1, "%s, %s" % (one.facts(), two.facts()))
        # Without the authority, and without TLS, nobody says anything.
        flags = ["--token-file", one.token] + TENANT
        blind = one.docs("sync", "--hub", hub.urls(), *flags)
        check(blind.returncode == 3, blind.stderr)
        plain = one.docs("sync", "--hub", hub.urls().replace("https", "http"), *flags)
        check(plain.returncode == 3, plain.stderr)


def nobody_gets_in_without_the_right_token(tools, directory):
    with Hub(tools, 1, directory) as hub:
        hub.start()
        node = hub.nodes[0]
        one = Laptop(tools, hub, directory, "one")
        one.agent("remember", "ann", "tea", "ann drinks green tea")
        one.must_sync()
        with open(one.token) as file:
            token = file.readline().strip()
        version = {"X-Docs-Protocol": "1"}
        mine = dict(version, Authorization="Bearer " + token)
        pull = "/v1/pull?tenant=acme&ns=default"

        def expect(status, code, path, headers, method="GET", body=None):
            answer = hub.get(node, path, headers, method, body)
            check(answer is not None and answer[0] == status, "%s: %s" % (path, answer))
            check(code in answer[1], answer[1])
            if status != 200:
                check("green" not in answer[1], "a refusal tells nothing")

        expect(200, "green tea", pull, mine)
        expect(400, "E_PROTOCOL", pull, {})
        expect(401, "E_AUTH", pull, version)
        expect(403, "E_TENANT", "/v1/pull?tenant=other&ns=default", mine)
        expect(400, "E_PARSE", pull + "&since=x", mine)
        expect(400, "E_PARSE", "/v1/push", mine, "POST", "{")
        expect(401, "E_AUTH", "/v1/tokens", mine, "POST", "{}")
        expect(404, "E_NOT_FOUND", "/v1/nothing", mine)
        expect(413, "E_TOO_LARGE", "/v1/push", dict(mine, **{"Content-Length": str(1 << 24)}), "POST", "")
        done = run([tools.lockstep, "docs", "token", "--hub", hub.urls(), "--token-file", hub.admin,
                    "--revoke", one.token])
        check(done.returncode == 0, done.stderr)
        expect(401, "E_AUTH", pull, mine)
        refused = one.sync()
        check(refused.returncode == 1 and "E_AUTH" in refused.stderr, refused.stderr)
        # One that has ended is as good as none; one that ends in an hour is good.
        for seconds, status, code in ((-1, 401, "expired"), (3600, 200, "green tea")):
            ends = str(int((time.time() + seconds) * 1000))
            made = run([tools.lockstep, "docs", "token", "--hub", hub.urls(), "--token-file", hub.admin,
                        "--not-after", ends] + TENANT)
            check(made.returncode == 0, made.stderr)
            expect(status, code, pull, dict(version, Authorization="Bearer " + made.stdout.strip()))


def a_long_sync_shows_its_progress_to_a_terminal_alone(tools, directory):
    with Hub(tools, 1, directory) as hub:
        hub.start()
        one, two = Laptop(tools, hub, directory, "one"), Laptop(tools, hub, directory, "two")
        check(one.docs("init").returncode == 0, "a new store")
        lines = "".join('{"_id":%d,"t":"%s"}\n' % (i, "x" * 400) for i in range(30000))
        done = run([tools.lockstep, "docs", "import", one.path, "c", "-"], stdin=lines)
        check(done.returncode == 0, done.stderr)
        for laptop, verb in ((one, "pushed"), (two, "pulled")):
            terminal, stderr = pty.openpty()
            command = [tools.lockstep, "docs", "sync", laptop.path, "--hub", hub.urls(), "--token-file", laptop.token]
            synced = subprocess.run(command + TENANT, stdout=subprocess.DEVNULL, stderr=stderr, timeout=60)
            os.close(stderr)
            check(synced.returncode == 0, "it is synced")
            shown = os.read(terminal, 65536).decode()
            os.close(terminal)
            check(re.search(verb + r" [1-9]\d* ", shown), repr(shown))
        check(one.sync().stderr == "", "nobody looks")


def a_damaged_store_is_told_from_a_hub_that_is_away(tools, directory):
    with Hub(tools, 1, directory) as hub:
        hub.start()
        laptop = Laptop(tools, hub, directory, "one")
        check(laptop.docs("init").returncode == 0, "a new store")
        lines = "".join('{"_id":%d,"t":"%s"}\n' % (i, os.urandom(200).hex()) for i in range(3000))
        done = run([tools.lockstep, "docs", "import", laptop.path, "c", "-"], stdin=lines)
        check(done.returncode == 0, done.stderr)
        rows = os.path.join(laptop.path, "rows")
        tables = [os.path.join(rows, name) for name in os.listdir(rows) if name.endswith(".sst")]
        largest = max(tables, key=os.path.getsize)
        whole = open(largest, "rb").read()

        def expect_advice(what):
            for command in ([laptop.sync()] + [laptop.docs(name) for name in ("conflicts", "rejected")])[:what]:
                check(command.returncode == 1, "%d: %s" % (command.returncode, command.stderr))
                check("cannot be read" in command.stderr and "lockstep docs doctor" in command.stderr, command.stderr)

        # Every block says something else than was written.
        with open(largest, "r+b") as file:
            for at in range(0, len(whole) - 20000, 2000):
                file.seek(at)
                file.write(bytes([whole[at] ^ 1]))
        expect_advice(1)
        # A device that gives nothing back.
        os.remove(largest)
        os.symlink(largest, largest)
        expect_advice(3)
        os.remove(largest)
        with open(largest, "wb") as file:
            file.write(whole)
        check(laptop.sync().returncode == 0, "it is whole again")


def bad_flags_are_refused(tools, directory):
    port = free_ports(1)[0]
    for flags, text in (
            (["serve", "--listen-client-urls", "http://0.0.0.0:%d" % port,
              "--advertise-client-urls", "http://127.0.0.1:%d" % port], "--insecure"),
            (["serve", "--admin-token-file", os.path.join(directory, "none")], "cannot be read"),
            (["sync", directory, "--token-file", "/dev/null"] + TENANT, "first line is empty"),
            (["sync", directory, "--token-file", "x"], "--tenant")):
        done = run([tools.lockstep, "docs"] + flags)
        check(done.returncode == 2 and text in done.stderr, "%s: %s" % (flags, done.stderr))


if __name__ == "__main__":
    main([two_laptops_change_one_fact_while_the_leader_dies, a_hub_of_one_node_keeps_what_it_has_over_sigkill,
          a_hub_that_was_restored_gets_back_what_waits, a_hub_without_a_new_epoch_is_found_out,
          stores_and_hubs_encrypt_what_they_say, nobody_gets_in_without_the_right_token,
          a_long_sync_shows_its_progress_to_a_terminal_alone,
          a_damaged_store_is_told_from_a_hub_that_is_away, bad_flags_are_refused])
