#!/usr/bin/env python3
"""check_command_test.py LOCKSTEP: `lockstep check` as a user meets it: verdicts, exit codes, messages."""

import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree


def events(*lines):
    return "".join("{:process %d, :type :%s, :f :%s, :value %s}\n" % line for line in lines)


GOOD = events((0, "invoke", "write", "1"), (1, "invoke", "read", "nil"), (1, "ok", "read", "1"),
              (0, "ok", "write", "1"))
BAD = GOOD + events((1, "invoke", "read", "nil"), (1, "ok", "read", "nil"))


TXN = events((0, "invoke", "txn", "[[:append x 1]]"), (0, "ok", "txn", "[[:append x 1]]"),
             (1, "invoke", "txn", "[[:r x nil]]"), (1, "ok", "txn", "[[:r x []]]"))


def marked(path, tag, *classes):
    """The elements of a page with a tag and these classes. The page is XML behind its first line."""
    with open(path, encoding="utf-8") as file:
        page = xml.etree.ElementTree.fromstring(file.read().split("\n", 1)[1])
    return [element for element in page.iter(tag)
            if set(classes) <= set(element.get("class", "").split())]


def look_at(path):
    expect("one culprit", len(marked(path, "g", "bar", "culprit")) == 1, path)
    expect("a bar for each operation", len(marked(path, "g", "bar")) == 3, path)
    expect("a row for each operation and the head", len(marked(path, "tr")) == 4, path)
    numbers = [element.text for element in marked(path, "text", "order")]
    expect("an order of the others", sorted(numbers) == ["1", "2"], numbers)
    right = max(float(rect.get("x")) + float(rect.get("width")) for rect in marked(path, "rect"))
    width = float(marked(path, "svg")[0].get("width"))
    expect("bars within the picture", right <= width, (right, width))


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
        page = os.path.join(directory, "page.html")
        code, _, _ = check(lockstep, directory, BAD, "--html", page)
        expect("the page", code == 1, code)
        look_at(page)
        code, _, err = check(lockstep, directory, BAD, "--html", os.path.join(directory, "no", "page"))
        expect("a page that cannot be written", code == 2 and "cannot be written" in err, (code, err))
        code, out, _ = check(lockstep, directory, TXN, "--html", page)
        expect("transactions", code == 1 and "G-single-realtime: T1 read x = [] and did not see 1" in out, (code, out))
        expect("the arrows of a cycle", len(marked(page, "path", "arrow")) == 4, open(page, encoding="utf-8").read())
        code, out, _ = check(lockstep, directory, TXN, "--isolation", "serializable")
        expect("a weaker promise", code == 0, (code, out))
        done = subprocess.run([lockstep, "check", os.path.join(directory, "absent")], capture_output=True,
                              text=True, check=False)
        expect("a file that is not there", done.returncode == 2 and "cannot be read" in done.stderr, done)
        done = subprocess.run([lockstep, "check", directory], capture_output=True, text=True, check=False)
        expect("a directory", done.returncode == 2, done)


main()
