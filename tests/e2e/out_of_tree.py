#!/usr/bin/env python3
"""docs/your-own-service.md, every command of it: install, build elsewhere, simulate, run for real."""

import os
import re
import shutil

from ports import free_ports
from support import SKIPPED, check, main, run

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def steps():
    """Commands and what they print, as the document has them."""
    with open(os.path.join(SOURCE, "docs", "your-own-service.md")) as document:
        lines = [line[4:].rstrip("\n") for line in document if line.startswith("    ")]
    found = []
    for line in lines:
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    check(len(found) >= 12, "the document has lost its commands: %s" % found)
    return found


def every_command_of_the_document_works(tools, directory):
    used = sorted(set(re.findall(r"127\.0\.0\.1:(70\d\d)", "".join(command for command, _ in steps()))))
    ports = dict(zip(used, free_ports(len(used))))
    script = ["set -eu", "trap 'kill $(jobs -p) 2>/dev/null || true; wait || true' EXIT"]
    expected = []
    for i, (command, prints) in enumerate(steps()):
        command = re.sub(r"127\.0\.0\.1:(70\d\d)", lambda port: "127.0.0.1:%d" % ports[port.group(1)], command)
        command = command.replace("cmake --install build ", "cmake --install %s " % tools.build)
        script += ["echo '=== %d'" % i, command]
        expected.append((command, prints))
    done = run(["bash", "-c", "cd %s\n%s" % (SOURCE, "\n".join(script))], timeout=280,
               env={"HOME": directory, "CMAKE_BUILD_PARALLEL_LEVEL": "2"})
    check(done.returncode == 0, "exit code %d:\n%s\n%s" % (done.returncode, done.stdout[-3000:], done.stderr[-3000:]))
    outputs = re.split(r"^=== \d+\n", done.stdout, flags=re.MULTILINE)[1:]
    check(len(outputs) == len(expected), "not all commands were run: %s" % done.stdout)
    for (command, prints), output in zip(expected, outputs):
        if prints:
            check(output.strip().split("\n") == prints, "%s printed %s, not %s" % (command, output, prints))
    check("100% tests passed" in done.stdout, done.stdout)
    check(os.path.exists(os.path.join(directory, "lockstep", "bin", "lockstep")), "the command is not installed")


def with_tools(tools, directory):
    if shutil.which("cmake") is None or shutil.which("ninja") is None:
        print("skipped: no cmake or ninja here")
        raise SystemExit(SKIPPED)
    every_command_of_the_document_works(tools, directory)


with_tools.__name__ = every_command_of_the_document_works.__name__
main([with_tools])
