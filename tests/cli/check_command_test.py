#!/usr/bin/env python3
"""check_command_test.py LOCKSTEP: `lockstep check` as a user meets it: verdicts, exit codes, messages."""

import json
import os
import subprocess
import sys
import tempfile


def events(*lines):
    return "".join("{:process %d, :type :%s, :f :%s, :value %s}\n" % line for line in lines)


GOOD = events((0, "invoke", "write", "1"), (1, "invoke", "read", "nil"), (1, "ok", "read", "1"),
              (0, "ok", "write", "1"))
BAD = GOOD + events((1, "invoke", "read", "nil"), (1, "ok", "read", "nil"))


def check(lockstep, directory, text, *flags):
    path = os.path.join(directory, "history.edn")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    done = subprocess.run([lockstep, "check", path] + list(flags), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr.replace(path, "FILE")


def expect(what, condition, shown):
    if not condition:
        sys.exit("%s: %r" % (what, shown))


def main():
    lockstep = sys.argv[1]
    with tempfile.TemporaryDirectory() as directory:
        code, out, _ = check(lockstep, directory, GOOD)
        expect("a good history", code == 0 and "| ok" in out and "register" in out, (code, out))
        code, out, _ = check(lockstep, directory, BAD, "-w", "json")
        report = json.loads(out)
        expect("a bad history", code == 1 and report["verdict"] == "violation", (code, out))
        expect("one violation in words", "before it only 1 was possible" in report["violations"][0]["verdict"], out)
        expect("time and memory", report["milliseconds"] > 0 and report["peak_bytes"] > 1 << 20, out)
        code, _, err = check(lockstep, directory, GOOD + "{:process 1\n")
        expect("malformed input", (code, err) == (
            2, 'lockstep check: FILE: line 6: expected "}", found the end of the text\n'), (code, err))
        code, _, err = check(lockstep, directory, GOOD, "--model", "nothing")
        expect("an unknown model", code == 2 and 'unknown model "nothing"; models: etcd' in err, (code, err))
        done = subprocess.run([lockstep, "check", os.path.join(directory, "absent")], capture_output=True,
                              text=True, check=False)
        expect("a file that is not there", done.returncode == 2 and "cannot be read" in done.stderr, done)
        done = subprocess.run([lockstep, "check", directory], capture_output=True, text=True, check=False)
        expect("a directory", done.returncode == 2, done)


main()
