#!/usr/bin/env python3
"""What README.md tells a newcomer to do, done: `./dev up`, its examples, a death, Ctrl-C, refusals."""

import os
import re
import signal
import subprocess

from ports import free_base
from support import SKIPPED, check, main, run, wait_until

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEV = os.path.join(SOURCE, "dev")


class Up:
    """A running `./dev up`, in a process group of its own, as a terminal would start it."""

    def __init__(self, tools, data, base, nodes=3):
        self.tools, self.data, self.base, self.nodes = tools, data, base, nodes
        self.clients = ["127.0.0.1:%d" % (base + 10 * i) for i in range(nodes)]
        self.log_path = data + ".log"

    def __enter__(self):
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [DEV, "up", "--nodes", str(self.nodes), "--data", self.data, "--base-port", str(self.base)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env=dict(os.environ, LOCKSTEP_BUILD_DIR=self.tools.build))
        wait_until("the cluster", lambda: "Ctrl-C stops it" in self.log() or self.process.poll() is not None, 120)
        check(self.process.poll() is None, "it ended: " + self.log())
        return self

    def __exit__(self, kind, error, trace):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def node_process(self, number):
        """The process that serves nN; there is one, known by its data directory."""
        wanted = os.path.join(self.data, "n%d" % number)
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as line:
                    words = line.read().decode(errors="replace").split("\0")
            except OSError:
                continue
            if "serve" in words and wanted in words:
                return int(pid)
        return None

    def ctrl_c(self):
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(30)


def refused(tools, *words):
    done = run([DEV, "up"] + list(words), env={"LOCKSTEP_BUILD_DIR": tools.build}, timeout=120)
    check(done.returncode == 1, "exit code %d: %s" % (done.returncode, done.stderr))
    return done.stderr


def readme_commands():
    """The commands of README.md's first section that need a cluster or the simulator."""
    with open(os.path.join(SOURCE, "README.md")) as readme:
        start = readme.read().split("## Start")[1].split("\n## ")[0].replace("\\\n", " ")
    commands = [line.strip().split("  #")[0].strip() for line in start.split("\n") if line.startswith("    ")]
    check(len(commands) >= 9, "README.md has lost its examples: %s" % commands)
    return [command for command in commands if not command.startswith("./dev")]


def adapted(command, up):
    """The command for this cluster: its ports, its binaries; few seeds, as others simulate many."""
    for i in range(3):
        for peer in (0, 1):
            command = command.replace("127.0.0.1:%d" % (2379 + 10 * i + peer),
                                      "127.0.0.1:%d" % (up.base + 10 * i + peer))
    command = re.sub(r"^(\S*/)?lockstep ", os.path.join(up.tools.build, "bin", "lockstep") + " ", command)
    command = command.replace("--seeds 200", "--seeds 2").replace("--seed 4711", "--seed 4711 --short")
    if " kv " in command and "--endpoints" not in command:
        command += " --endpoints " + up.clients[0]
    if " serve " in command:
        command = command.replace("/var/lib/lockstep", up.data + "-of-its-own") + " --check-config"
    return command


def outputs_of(commands, up):
    outputs = []
    for command in commands:
        done = run(["sh", "-c", adapted(command, up)], timeout=120)
        check(done.returncode == 0, "%s: exit code %d: %s%s" % (command, done.returncode, done.stdout, done.stderr))
        outputs.append(done.stdout)
    return outputs


def put(tools, endpoints, value):
    return run([tools.lockstep, "kv", "put", "k", value, "--endpoints", endpoints])


def every_example_works_through_a_death_until_ctrl_c(tools, directory):
    with Up(tools, os.path.join(directory, "data"), free_base(3)) as up:
        for client in up.clients:
            check(client in up.log(), "%s is not printed: %s" % (client, up.log()))
        readme = readme_commands()
        if tools.etcdctl is None:
            readme = [command for command in readme if "etcdctl" not in command]
        outputs = outputs_of(readme, up)
        if tools.etcdctl is not None:
            check("OK\n" in outputs, "etcdctl put: %s" % outputs)
            check("greeting\nhello\n" in outputs, "kv get: %s" % outputs)
        printed = re.findall(r"^  (\S.*(?:etcdctl|lockstep) .*)$", up.log(), re.MULTILINE)
        check(len(printed) == 4, "not the four examples: %s" % printed)
        outputs_of([command for command in printed if tools.etcdctl or "etcdctl" not in command], up)

        check(put(tools, up.clients[0], "before").returncode == 0, "no put")
        os.kill(up.node_process(1), signal.SIGKILL)
        others = ",".join(up.clients[1:])
        done = put(tools, others, "after")
        check(done.returncode == 0, "two of three do not go on: " + done.stderr)
        done = run([tools.lockstep, "kv", "get", "k", "--print-value-only", "--endpoints", others])
        check(done.stdout == "after\n", done.stdout + done.stderr)

        check(up.ctrl_c() == 0, "exit code %s: %s" % (up.process.returncode, up.log()))
        for number in (1, 2, 3):
            check(up.node_process(number) is None, "n%d still runs" % number)
        for number in (2, 3):
            with open(os.path.join(up.data, "n%d.log" % number)) as log:
                last = log.read().strip().split("\n")[-1]
            check('"status":"OK"' in last, "n%d did not stop cleanly: %s" % (number, last))
    with Up(tools, up.data, up.base) as again:
        done = run([tools.lockstep, "kv", "get", "k", "--print-value-only", "--endpoints", ",".join(again.clients)])
        check(done.stdout == "after\n", "after the restart: " + done.stdout + done.stderr)
        check(again.ctrl_c() == 0, "exit code %s" % again.process.returncode)


def a_second_cluster_is_refused_where_there_is_one(tools, directory):
    data = os.path.join(directory, "data")
    with Up(tools, data, free_base(1), nodes=1) as up:
        said = refused(tools, "--nodes", "1", "--data", os.path.join(directory, "other"), "--base-port", str(up.base))
        check("port %d is taken" % up.base in said, said)
        said = refused(tools, "--nodes", "1", "--data", data, "--base-port", str(free_base(1)))
        check("in use by another process" in said and data in said, said)
        check(put(tools, up.clients[0], "1").returncode == 0, "the first is harmed")
        check(up.ctrl_c() == 0, "exit code %s" % up.process.returncode)
    # The same directory for a cluster of other members.
    said = refused(tools, "--nodes", "3", "--data", data, "--base-port", str(free_base(3)))
    check("cluster" in said and data in said and "n1" in said, said)
    for words, reason in ((["--nodes", "none"], "needs a number"), (["--data"], "needs a value"),
                          (["--color", "red"], "unknown option"), (["--base-port", "70000"], "no room")):
        check(reason in refused(tools, *words), "%s" % words)


def with_tools(test):
    def run_test(tools, directory):
        missing = [name for name in ("lockstep", "lockstep-sim") if not os.path.exists(os.path.join(tools.build, "bin", name))]
        if missing:
            print("skipped: not built: %s" % ", ".join(missing))
            raise SystemExit(SKIPPED)
        test(tools, directory)
    run_test.__name__ = test.__name__
    return run_test


main([with_tools(test) for test in (every_example_works_through_a_death_until_ctrl_c,
                                    a_second_cluster_is_refused_where_there_is_one)])
