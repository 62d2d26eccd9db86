#!/usr/bin/env python3
"""Checks that what the documents name is there.

In every .md file: a `path` of this repository exists; a `path:symbol` names a file that has the symbol
(Class::Method counts as there if the file has both words). docs/architecture.md has an index of at least
25 rows. docs/simulation.md lists exactly the planted bugs of cli/simulate/mutant_table.cc,
and no two of them have one number.
"""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDERS = r"(?:framework|sim|kv|docs-memory|net|disk|checkers|cli|bench|examples|tests|ci|docs|cmake)"
NAMED = re.compile(r"`(" + FOLDERS + r"/[\w./-]*[\w/-])(?::(~?\w+(?:::~?\w+)*))?`")
INDEX_ROWS_MIN = 25


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def problem_with(path, symbol):
    full = os.path.join(ROOT, path)
    if not os.path.exists(full):
        return "there is no " + path
    if symbol:
        words = symbol.split("::")
        text = read(path)
        missing = [word for word in words if not re.search(r"(?<!\w)%s\b" % re.escape(word), text)]
        if missing:
            return "%s has no %s" % (path, symbol)
    return None


def check_names(path):
    findings, rows = [], 0
    for number, line in enumerate(read(path).split("\n"), 1):
        names = NAMED.findall(line)
        rows += line.startswith("|") and any(symbol for _, symbol in names)
        for name, symbol in names:
            problem = problem_with(name, symbol)
            if problem:
                findings.append("%s:%d: %s" % (path, number, problem))
    if path == "docs/architecture.md" and rows < INDEX_ROWS_MIN:
        findings.append("%s: its index has %d rows, fewer than %d" % (path, rows, INDEX_ROWS_MIN))
    return findings


def check_planted_bugs():
    planted = set(re.findall(r'"(M\d+)"', read("cli/simulate/mutant_table.cc")))
    listed = set(re.findall(r"^\| (M\d+) \|", read("docs/simulation.md"), re.M))
    findings = ["docs/simulation.md: %s is %s" % (name, "not planted" if name in listed else "not listed")
                for name in sorted(planted ^ listed)]
    return findings + check_numbers_of_planted_bugs()


def check_numbers_of_planted_bugs():
    findings, seen = [], {}
    headers = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", "*/mutants.h", "*/mutant.h"], cwd=ROOT,
                             check=True, capture_output=True, text=True).stdout.split()
    for path in headers:
        for name, number in re.findall(r"Id (kM\d+)\w*\{(\d+)\}", read(path)):
            if int(name[2:]) != int(number):
                findings.append("%s: %s has the number %s" % (path, name, number))
            if number in seen:
                findings.append("%s: M%s is also in %s" % (path, number, seen[number]))
            seen[number] = path
    return findings


def main():
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", "*.md"], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout.split()
    findings = [finding for path in files if os.path.exists(os.path.join(ROOT, path)) for finding in check_names(path)]
    findings += check_planted_bugs()
    print("\n".join(findings + ["%d findings in %d documents" % (len(findings), len(files))]))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
