#!/usr/bin/env python3
"""Checks the rules of the code that a compiler does not know.

Folder graph, bans of everything that would make a run unrepeatable, homes of third parties, header
guards, READMEs. Prints one line per finding and exits with 1 if there is any.

  check_rules.py [--root DIR] [--report]

--report prints sizes instead: longest functions, largest files, share of comments.
"""

import argparse
import os
import re
import subprocess
import sys
from collections import namedtuple

Finding = namedtuple("Finding", "path line rule message")

# Where the real world is allowed. Everything else must be replayable.
REAL_WORLD = ("net", "disk", "docs-memory/blocking", "cli", "bench", "tests")

REAL_WORLD_BANS = [
    ("thread", r"\bstd::(jthread|thread|async|this_thread)\b|\bpthread_\w+|#include <(thread|future|pthread\.h)>"),
    ("mutex", r"\bstd::\w*mutex\b|\babsl::Mutex|\bcondition_variable|\bstd::(lock_guard|unique_lock|scoped_lock|call_once)\b"
              r"|#include <(mutex|shared_mutex|condition_variable)>"),
    ("atomic", r"\bstd::atomic|\b__(atomic|sync)_\w+|#include <atomic>"),
    ("clock", r"_clock::now\b|\babsl::Now\b|\bclock_gettime\b|\bgettimeofday\b|\btime\((nullptr|NULL|0)\)|\b__rdtsc\b"),
    ("entropy", r"\brandom_device\b|(?<![\w.>:])s?rand\s*\(|\bstd::rand\b|\bdrand48\b|\bgetrandom\b|\barc4random|\babsl::BitGen\b"
                r"|\bRAND_bytes\b|\bstd::(mt19937|default_random_engine)"),
    ("socket", r"(?<![\w>])::(socket|bind|listen|accept4?|connect|send|sendto|sendmsg|recv|recvfrom|recvmsg|poll|select)\s*\("
               r"|\bepoll_\w+\s*\(|#include <(sys/socket|sys/epoll|netinet/\w+|arpa/inet|netdb|poll)\.h>"),
    ("file", r"\bstd::[iof]?fstream\b|\bstd::filesystem\b|\bfopen\s*\(|(?<![\w>])::(open|openat|read|write|pread|pwrite|fsync|"
             r"fdatasync|rename|unlink)\s*\(|#include <(fstream|filesystem|fcntl\.h|unistd\.h|sys/stat\.h)>"),
    ("stdio", r"\bstd::(cout|cerr|clog|cin)\b|(\bstd::|^\s*)(printf|fprintf|puts|fputs|fwrite)\s*\("),
    ("getenv", r"\b(secure_)?(get|set|put)env\b"),
    ("mutable_static", r"^\s*(inline\s+)?static\s+(?!const\b|constexpr\b|constinit const\b|inline\s+const)[^()]*?\w\s*(=|;|\{)"
                       r"|^\s*extern\s+(?!\"C\"|const\b|template\b)[^()]*;|(?<![\w.>])g_\w+\s*(=|;)"),
    ("thread_local", r"\bthread_local\b|\b__thread\b"),
    ("hash_container", r"\bstd::unordered_\w+|\babsl::(flat|node)_hash_\w+|#include <unordered_\w+>|#include \"absl/container/\w*hash\w*\.h\""),
    ("pointer_order", r"\b(std::(multi)?(map|set)|absl::btree_\w+)<\s*(const\s+)?[\w:]+\s*\*|\bstd::less<[^<>]*\*>"),
    ("float", r"\b(float|double)\b"),
    ("simulated", r"\b(if|\?)\b.*\b(is_?)?[sS]imulated\b"),
]

# Everywhere but in the folders that are named.
OTHER_BANS = [
    ("catch_all", r"\bcatch\s*\(\s*\.\.\.\s*\)", ("tests",)),
    ("throw", r"\bthrow\b", ("tests", "bench")),
    ("sleep", r"\bsleep_for\b|\bsleep_until\b|\bu?sleep\s*\(|\bnanosleep\b", ("net", "disk", "cli", "bench")),
]

# Third parties: include pattern, homes, may it stand in a header.
THIRD_PARTIES = [
    (r"nghttp2/", ("framework/edge",), False),
    (r"boost/beast", ("framework/edge",), False),
    (r"openssl/", ("framework/edge", "docs-memory/crypto"), False),
    (r"rocksdb/", ("framework/store", "sim/rocks_env.cc"), False),
    (r"(capnp|kj)/|.*\.capnp\.h", ("framework/wire",), False),
    (r"boost/context/", ("framework/fiber",), True),
    (r"google/protobuf/|.*\.pb\.h", ("kv", "framework/edge", "cli"), False),
    (r"boost/json", ("framework/edge", "checkers", "kv", "docs-memory", "cli", "bench", "sim/cluster"), False),
    (r"bson/|bson\.h", ("docs-memory/bson",), False),
    (r"re2/", ("docs-memory/query",), False),
    (r"CLI/", ("cli", "bench", "sim/cluster"), False),
    (r"benchmark/", ("bench",), True),
    (r"prometheus/", ("framework/edge", "kv", "cli"), False),
    (r"(gtest|gmock|rapidcheck)", ("tests",), True),
]

TEXT_ENDINGS = (".h", ".cc", ".py", ".sh", ".md", ".txt", ".cmake", ".json", ".proto", ".capnp", ".yml", ".tsv")
# Paths of one machine. Written in pieces, so that this file does not contain them.
MACHINE_PATHS = ["/" + name + "/" for name in ("work", "root", "home")]

ALLOW = re.compile(r"//\s*lint:\s*allow\((\w+)\)\s*(.*)")
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')


class Tree:
    """The files of the repository, and what their folders are."""

    def __init__(self, root):
        self.root = root
        self.files = sorted(self._list())
        self.rows, self.only, self.also = read_layers(os.path.join(root, "ci/layers.txt"))
        self.exceptions = read_exceptions(os.path.join(root, "ci/exceptions.txt"))

    def _list(self):
        try:
            out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=self.root, check=True,
                                 capture_output=True, text=True).stdout.split("\n")
            return [path for path in out if path and os.path.exists(os.path.join(self.root, path))]
        except (OSError, subprocess.CalledProcessError):
            return [os.path.relpath(os.path.join(base, name), self.root)
                    for base, _, names in os.walk(self.root) for name in names]

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def excepts(self, rule, path):
        return (rule, path) in self.exceptions or ("*", path) in self.exceptions

    def sources(self):
        return [path for path in self.files if path.endswith((".h", ".cc")) and self.folder(path)]

    def folder(self, path):
        """The folder of the graph that a path belongs to: the longest that fits."""
        fits = [folder for folder in self.rows if path.startswith(folder + "/")]
        return max(fits, key=len) if fits else None


def read_layers(path):
    rows, only, also = {}, {}, {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            line = line.split("#")[0].strip()
            if line.startswith(("only:", "also:")):
                kind, folder, allowed = line.split(":")
                (only if kind == "only" else also).setdefault(folder.strip(), set()).update(allowed.split())
            elif line:
                row, folders = line.split(":")
                rows.update({folder: int(row) for folder in folders.split()})
    return rows, only, also


def top_row(tree):
    """Of those who compose: nobody includes them."""
    return max(tree.rows.values())


def read_exceptions(path):
    exceptions = set()
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for line in file:
                if line.strip() and not line.startswith("#"):
                    rule, name, reason = line.split(None, 2)
                    if not reason.strip():
                        raise SystemExit("%s: an exception needs a reason: %s" % (path, line.strip()))
                    exceptions.add((rule, name))
    return exceptions


def blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


TOKENS = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)


def code_only(text):
    """The text with comments and the insides of literals blanked; lines stay lines."""
    def replace(match):
        token = match.group(0)
        if token.startswith(("//", "/*")):
            return blank(match)
        line_start = text.rfind("\n", 0, match.start()) + 1
        if token.startswith('"') and re.match(r"\s*(#\s*include|extern)\s*$", text[line_start:match.start()]):
            return token
        # A digit separator is no literal.
        if token.startswith("'") and match.start() > 0 and text[match.start() - 1].isalnum():
            return token
        return token[0] + re.sub(r"[^\n]", " ", token[1:-1]) + token[-1]
    return TOKENS.sub(replace, text)


def allowances(text):
    """Line number -> rules that are excused there; and findings about excuses without a reason."""
    allowed, bad = {}, []
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        match = ALLOW.search(line)
        if not match:
            continue
        if not match.group(2).strip():
            bad.append(number)
        alone = line.strip().startswith("//")
        allowed.setdefault(number + 1 if alone else number, set()).add(match.group(1))
    return allowed, bad


def includes(text):
    for number, line in enumerate(text.split("\n"), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1) or match.group(2), match.group(1) is not None


def check_graph(tree):
    findings = []
    used, legal = {}, {}
    for path in tree.sources():
        folder = tree.folder(path)
        for number, name, quoted in includes(code_only(tree.read(path))):
            target = tree.folder(name) if quoted else None
            if target is None or target == folder:
                continue
            used.setdefault(folder, {}).setdefault(target, (path, number))
            if target in tree.also.get(folder, ()):
                legal.setdefault(folder, set()).add(target)
            elif tree.rows[target] >= tree.rows[folder]:
                findings.append(Finding(path, number, "layers", "%s (row %d) includes %s (row %d): arrows go down"
                                        % (folder, tree.rows[folder], target, tree.rows[target])))
            elif folder in tree.only and target not in tree.only[folder]:
                findings.append(Finding(path, number, "layers", "%s may not include %s" % (folder, target)))
            else:
                legal.setdefault(folder, set()).add(target)
    return findings + check_cycles(legal) + check_cmake(tree, used)


def check_cycles(legal):
    """Rows exclude cycles; `also` lines could bring them back."""
    left = dict(legal)
    while True:
        done = [folder for folder, targets in left.items() if not targets & set(left)]
        if not done:
            break
        for folder in done:
            del left[folder]
    return [Finding(folder, 0, "layers", "is part of a cycle") for folder in sorted(left)]


def parse_cmake(tree):
    """Target -> folder, and folder -> (targets it links, line, path)."""
    home, links = {}, {}
    for path in tree.files:
        folder = tree.folder(path)
        if not path.endswith(("CMakeLists.txt", ".cmake")) or folder is None or tree.rows[folder] == top_row(tree):
            continue
        text = re.sub(r"#[^\n]*", blank, tree.read(path))
        for match in re.finditer(r"lockstep_library\(\s*(\w+)(.*?)\)", text, re.S):
            home["lockstep_" + match.group(1)] = folder
            line = text.count("\n", 0, match.start()) + 1
            deps = re.search(r"\bDEPS\b(.*?)(\b[A-Z]{4,}\b|$)", match.group(2), re.S)
            for dep in (deps.group(1).split() if deps else []):
                links.setdefault(folder, {})[dep] = (path, line)
    return home, links


def check_cmake(tree, used):
    findings = []
    home, links = parse_cmake(tree)
    for folder, row in sorted(tree.rows.items()):
        if row == top_row(tree) or folder not in home.values():
            continue
        linked = {home[dep]: place for dep, place in links.get(folder, {}).items() if dep in home}
        for target, (path, number) in sorted(used.get(folder, {}).items()):
            if target not in linked and target in home.values():
                findings.append(Finding(path, number, "cmake", "%s includes %s, which is not in its DEPS" % (folder, target)))
        for target, (path, number) in sorted(linked.items()):
            if target != folder and target not in used.get(folder, {}):
                findings.append(Finding(path, number, "cmake", "%s has %s in its DEPS and includes nothing of it" % (folder, target)))
    return findings


def in_folders(path, folders):
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


def check_bans(tree):
    findings = []
    for path in tree.sources():
        text = tree.read(path)
        allowed, bad = allowances(text)
        findings += [Finding(path, number, "allow", "an excuse needs a reason") for number in bad]
        rules = [(rule, pattern) for rule, pattern, free in OTHER_BANS if not in_folders(path, free)]
        if not in_folders(path, REAL_WORLD):
            rules += REAL_WORLD_BANS
        for number, line in enumerate(code_only(text).split("\n"), 1):
            for rule, pattern in rules:
                match = re.search(pattern, line)
                if match and rule not in allowed.get(number, ()) and not tree.excepts(rule, path):
                    findings.append(Finding(path, number, rule, "banned here: " + match.group(0).strip()))
        for number, line in enumerate(text.split("\n"), 1):
            match = re.search(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b", line)
            if match:
                findings.append(Finding(path, number, "todo", "unfinished: " + match.group(0)))
    return findings


def check_third_parties(tree):
    findings = []
    for path in tree.sources():
        text = tree.read(path)
        allowed, _ = allowances(text)
        for number, name, _ in includes(code_only(text)):
            for pattern, homes, in_headers in THIRD_PARTIES:
                if not re.match(pattern, name) or tree.folder(name):
                    continue
                at_home = in_folders(path, homes + ("tests",)) or tree.excepts("home", path)
                if not at_home and "home" not in allowed.get(number, ()):
                    findings.append(Finding(path, number, "home", "%s belongs to %s" % (name, " or ".join(homes))))
                elif path.endswith(".h") and not in_headers and "heavy" not in allowed.get(number, ()):
                    findings.append(Finding(path, number, "heavy", name + " in a header; include it in .cc files only"))
    return findings


def check_guards(tree):
    findings = []
    for path in tree.sources():
        if not path.endswith(".h"):
            continue
        guard = "LOCKSTEP_" + re.sub(r"[^A-Z0-9]", "_", path.upper()) + "_"
        text = tree.read(path)
        if not re.search(r"^#ifndef %s\n#define %s$" % (guard, guard), text, re.M):
            findings.append(Finding(path, 1, "guard", "needs the guard " + guard))
        elif not text.rstrip().endswith("#endif  // " + guard):
            findings.append(Finding(path, text.count("\n"), "guard", "ends without #endif  // " + guard))
    return findings


def check_readmes(tree):
    folders = {tree.folder(path) for path in tree.sources()} - {None}
    if any(path.startswith("ci/") for path in tree.files):
        folders.add("ci")
    return [Finding(folder, 0, "readme", "has no README.md") for folder in sorted(folders)
            if folder + "/README.md" not in tree.files]


def check_words(tree):
    findings = []
    for path in tree.files:
        if not path.endswith(TEXT_ENDINGS):
            continue
        for number, line in enumerate(tree.read(path).split("\n"), 1):
            for word in MACHINE_PATHS:
                if re.search(r"(?<![\w.:/)}*-])" + re.escape(word), line):
                    findings.append(Finding(path, number, "words", "a path of one machine: " + word))
    return findings


CHECKS = [check_graph, check_bans, check_third_parties, check_guards, check_readmes, check_words]


def functions(text):
    """(name, first line, lines) of each function, by counting braces; good enough for a report."""
    code = re.sub(r"^\s*#[^\n]*(\\\n[^\n]*)*", blank, code_only(text), flags=re.M)
    found, stack, start = [], [], 0
    for match in re.finditer(r"[{};]", code):
        token, at = match.group(0), match.start()
        if token == "{":
            head = re.sub(r"\s+", " ", code[start:at]).strip()
            outer = all(kind != "function" for kind, _, _ in stack)
            scope = re.match(r"(inline )?namespace|(template ?<.*> )?(class|struct|enum|union)\b|extern", head)
            is_function = outer and not scope and "(" in head and not head.endswith(("=", ","))
            kind = "function" if is_function else "scope" if scope and outer else "block"
            name = re.match(r".*?([\w:~]+|operator\W+)\s*\(", head)
            stack.append((kind, name.group(1) if name else "?", code.count("\n", 0, start + len(code[start:at]) - len(code[start:at].lstrip())) + 1))
        elif token == "}" and stack:
            kind, name, first = stack.pop()
            if kind == "function":
                found.append((name, first, code.count("\n", 0, at) + 2 - first))
        start = at + 1
    return found


def report(tree):
    lengths, sizes = [], []
    comments = {".h": [0, 0], ".cc": [0, 0]}
    for path in tree.sources():
        text = tree.read(path)
        lines = text.count("\n")
        sizes.append((lines, path))
        lengths += [(length, "%s:%d %s" % (path, first, name)) for name, first, length in functions(text)
                    if not path.startswith("tests/")]
        share = comments[os.path.splitext(path)[1]]
        share[0] += sum(1 for line in text.split("\n") if line.strip().startswith("//"))
        share[1] += sum(1 for line in text.split("\n") if line.strip())
    lengths.sort(reverse=True)
    sizes.sort(reverse=True)
    print("functions: %d, median %d, over 40 lines: %d, over 70 lines: %d" %
          (len(lengths), lengths[len(lengths) // 2][0] if lengths else 0, sum(1 for n, _ in lengths if n > 40),
           sum(1 for n, _ in lengths if n > 70)))
    for length, where in lengths[:10]:
        print("  %4d lines  %s" % (length, where))
    limits = [(300, ".h"), (600, ".cc")]
    print("files: %d, lines: %d" % (len(sizes), sum(lines for lines, _ in sizes)))
    for lines, path in sizes[:10]:
        over = any(path.endswith(end) and lines > limit and not path.startswith("tests/") for limit, end in limits)
        print("  %4d lines  %s%s" % (lines, path, "  (over the limit)" if over else ""))
    for end, (count, total) in sorted(comments.items()):
        print("comments in %s: %d %%" % (end, 100 * count // max(total, 1)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    parser.add_argument("--report", action="store_true", help="print sizes")
    options = parser.parse_args()
    tree = Tree(options.root)
    if options.report:
        report(tree)
        return 0
    findings = [finding for check in CHECKS for finding in check(tree)]
    for finding in sorted(findings):
        print("%s:%d: [%s] %s" % finding)
    print("%d findings in %d files" % (len(findings), len(tree.files)))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
