#!/usr/bin/env python3
"""`lockstep docs` from the outside: documents in, questions, documents out, damage, keys.

  docs_command_test.py LOCKSTEP
"""

import json
import os
import pty
import subprocess
import sys
import tempfile
import time
import unittest

LOCKSTEP = ""

# One of each type that Extended JSON can lose.
CORPUS = [
    '{"_id":{"$oid":"0123456789abcdef01234567"},"int":{"$numberInt":"1"},"long":{"$numberLong":"1"}}',
    '{"_id":"double","a":{"$numberDouble":"1.0"},"b":{"$numberDouble":"-0.0"},"c":{"$numberDouble":"NaN"},'
    '"d":{"$numberDouble":"Infinity"}}',
    '{"_id":"decimal","d":{"$numberDecimal":"1.50"},"e":{"$numberDecimal":"1E+3"}}',
    '{"_id":"date","d":{"$date":{"$numberLong":"-1"}},"t":{"$timestamp":{"t":4,"i":2}}}',
    '{"_id":"bytes","b":{"$binary":{"base64":"AAEC","subType":"80"}},"r":{"$regularExpression":{"pattern":"a/b","options":"i"}}}',
    '{"_id":"ends","a":{"$minKey":1},"b":{"$maxKey":1},"c":null,"d":true,"e":[],"f":{}}',
    '{"_id":"text","t":"tea \\u00e9 \\u65e5\\u672c \\ud83d\\ude00 \\" \\\\ \\n","deep":{"a":[{"b":[{"$numberDouble":"1.5"}]}]}}',
]


def run(*words, stdin=None, env=None):
    return subprocess.run([LOCKSTEP, "docs", *words], input=stdin, capture_output=True, text=True, timeout=60,
                          env=dict(os.environ, **(env or {})))


def files_of(directory):
    found = {}
    for base, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(base, name)
            with open(path, "rb") as file:
                found[path] = (file.read(), os.stat(path).st_mtime_ns)
    return found


class DocsCommand(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.store = os.path.join(self.scratch.name, "store")
        self.addCleanup(self.scratch.cleanup)

    def path(self, name, text=None):
        path = os.path.join(self.scratch.name, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return path

    def ok(self, *words, **more):
        done = run(*words, **more)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        return done.stdout

    def filled(self, lines, collection="c"):
        if not os.path.exists(self.store):
            self.ok("init", self.store)
        self.ok("import", self.store, collection, "-", stdin="\n".join(lines) + "\n")

    def test_what_is_exported_and_imported_is_the_same_to_the_byte(self):
        self.filled(CORPUS)
        first = self.ok("export", self.store, "c")
        self.assertEqual(len(first.splitlines()), len(CORPUS))
        other = os.path.join(self.scratch.name, "other")
        self.ok("init", other)
        self.ok("import", other, "c", self.path("out.jsonl", first))
        self.assertEqual(self.ok("export", other, "c"), first)
        for document in CORPUS:
            self.assertIn(json.loads(document), [json.loads(line) for line in first.splitlines()])
        with_meta = self.ok("export", self.store, "c", "--meta")
        self.assertIn("_rev", with_meta)
        third = os.path.join(self.scratch.name, "third")
        self.ok("init", third)
        self.ok("import", third, "c", "-", stdin=with_meta)
        self.assertEqual(self.ok("export", third, "c"), first)

    def test_a_bad_line_is_named_and_the_rest_may_go_on(self):
        self.ok("init", self.store)
        lines = self.path("in.jsonl", '{"_id":1}\n{"_id":2,}\n{"_id":1}\n{"$x":1}\n{"_id":3}\n')
        done = run("import", self.store, "c", lines)
        self.assertEqual(done.returncode, 2)
        self.assertIn("in.jsonl:2: E_BSON", done.stderr)
        done = run("import", self.store, "c", lines, "--skip-bad")
        self.assertEqual(done.returncode, 2)
        self.assertIn(":3: E_DUPLICATE_ID", done.stderr)
        self.assertIn(":4: E_FIELD_NAME", done.stderr)
        self.assertIn("3 refused", done.stdout)
        self.assertEqual(len(self.ok("find", self.store, "c").splitlines()), 2)
        self.ok("import", self.store, "c", "-", "--upsert", stdin='{"_id":1,"new":true}\n')
        self.assertIn('"new" : true', self.ok("find", self.store, "c", '{"_id":1}'))

    def test_find_sorts_limits_searches_and_explains(self):
        self.filled(['{"_id":%d,"n":%d,"t":"%s"}' % (i, i % 3, t) for i, t in enumerate(["red fox", "owl", "fox", "red"])])
        ids = [json.loads(line)["_id"] for line in
               self.ok("find", self.store, "c", "--sort", '{"n":-1,"_id":1}', "--limit", "3").splitlines()]
        self.assertEqual(ids, [2, 1, 0])
        self.assertEqual(run("find", self.store, "c", '{"$text":{"$search":"fox"}}').returncode, 1)
        self.ok("index", self.store, "c", '{"t":"text"}')
        found = self.ok("find", self.store, "c", '{"$text":{"$search":"fox"}}', "--meta").splitlines()
        self.assertEqual([json.loads(line)["_id"] for line in found], [2, 0])
        self.assertIn("_score", found[0])
        plan = json.loads(self.ok("find", self.store, "c", '{"$text":{"$search":"fox"}}', "--explain"))
        self.assertEqual(plan["plan"]["stage"], "text")
        self.assertIn("| _id |", self.ok("find", self.store, "c", "-w", "table"))
        self.assertEqual(run("find", self.store, "c", "{bad").returncode, 2)
        self.assertEqual(json.loads(self.ok("inspect", self.store, "-w", "json"))["collections"][0]["documents"], 4)
        self.assertIn("t_text", self.ok("inspect", self.store))

    def test_long_work_shows_its_progress_to_a_terminal_alone(self):
        self.ok("init", self.store)
        lines = "".join('{"_id":%d,"t":"%s"}\n' % (i, "x" * 300) for i in range(40000))
        terminal, stderr = pty.openpty()
        done = subprocess.run([LOCKSTEP, "docs", "import", self.store, "c", self.path("in.jsonl", lines)],
                              stdout=subprocess.DEVNULL, stderr=stderr, timeout=60)
        os.close(stderr)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(os.read(terminal, 65536).decode(), r"imported \d+ documents  \[#*\.*\] \d+ %")
        os.close(terminal)
        self.assertEqual(run("export", self.store, "c", "-o", os.devnull).stderr, "40000 documents\n")

    def test_new_keys_for_a_large_store_show_their_progress(self):
        key = self.path("key", "correct horse\n")
        self.ok("init", self.store, "--passphrase-file", key)
        lines = "".join('{"_id":%d,"t":"%s"}\n' % (i, os.urandom(400).hex()) for i in range(10000))
        self.ok("import", self.store, "c", self.path("in.jsonl", lines), "--passphrase-file", key)
        terminal, stderr = pty.openpty()
        done = subprocess.run([LOCKSTEP, "docs", "rekey", self.store, "--passphrase-file", key],
                              stdout=subprocess.DEVNULL, stderr=stderr, timeout=60)
        os.close(stderr)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(os.read(terminal, 65536).decode(), r"sealed anew \d+ kB  \[#*\.*\] \d+ %")
        os.close(terminal)
        again = run("rekey", self.store, "--passphrase-file", key)
        self.assertEqual((again.returncode, again.stderr), (0, ""))
        self.assertEqual(self.ok("export", self.store, "c", "--passphrase-file", key).count("\n"), 10000)

    def test_find_and_export_show_the_past(self):
        self.filled(['{"_id":1,"n":"old"}'])
        meta = json.loads(self.ok("find", self.store, "c", "--meta", "-w", "canonical"))
        then = int(meta["_updated_at"]["$date"]["$numberLong"])
        sequence = str(json.loads(self.ok("inspect", self.store, "-w", "json"))["sequence"])
        time.sleep(0.01)
        self.ok("import", self.store, "c", "-", "--upsert", stdin='{"_id":1,"n":"new"}\n')
        for past in (["--as-of", sequence], ["--as-of-time", str(then)]):
            self.assertIn('"old"', self.ok("find", self.store, "c", *past))
            self.assertIn('"old"', self.ok("export", self.store, "c", *past))
        self.assertEqual(self.ok("find", self.store, "c", "--as-of-time", str(then - 1000)), "")
        self.assertIn('"new"', self.ok("find", self.store, "c"))
        self.assertEqual(run("find", self.store, "c", "--as-of", "1", "--as-of-time", "1").returncode, 2)

    def test_a_collection_has_a_policy_and_an_index_forms_of_words(self):
        self.filled(['{"_id":1,"t":"She was running in Z\u00fcrich"}'], "log")
        self.assertEqual(json.loads(self.ok("policy", self.store, "log")), {})
        policy = json.loads(self.ok("policy", self.store, "log", "--history", "30d", "--versions", "0", "--append-only", "on"))
        self.assertEqual(policy, {"history_ms": 2592000000, "versions_max": 0, "append_only": True})
        done = run("import", self.store, "log", "-", "--upsert", stdin='{"_id":1,"t":"changed"}\n')
        self.assertIn("E_APPEND_ONLY: field '_id', value 1", done.stderr)
        self.assertEqual(json.loads(self.ok("policy", self.store, "log", "--history", "default", "--append-only", "off")),
                         {"versions_max": 0})
        self.assertIn("versions_max", self.ok("inspect", self.store))
        self.assertEqual(run("policy", self.store, "log", "--history", "5 weeks").returncode, 2)
        self.assertEqual(run("policy", self.store, "log", "--expire-after", "0s").returncode, 2)
        self.ok("index", self.store, "log", '{"t":"text"}', "--language", "english", "--fold-accents")
        self.assertEqual(len(self.ok("find", self.store, "log", '{"$text":{"$search":"zurich runs"}}').splitlines()), 1)
        self.assertEqual(run("index", self.store, "log", '{"u":1}', "--language", "english").returncode, 2)

    def test_doctor_reads_alone_and_finds_damage(self):
        self.filled(['{"_id":%d,"t":"%s"}' % (i, "x" * 200) for i in range(200)])
        before = files_of(self.store)
        report = json.loads(self.ok("doctor", self.store, "-w", "json"))
        self.assertTrue(report["well"])
        self.ok("find", self.store, "c", "--limit", "1")
        self.ok("inspect", self.store)
        self.assertEqual(files_of(self.store), before, "a command that reads changed a file")
        tables = [path for path in before if path.endswith(".sst")]
        largest = max(tables, key=lambda path: len(before[path][0]))
        with open(largest, "r+b") as file:
            file.seek(len(before[largest][0]) // 3)
            file.write(b"\x00\x01\x02\x03")
        done = run("doctor", self.store)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertEqual(run("doctor", self.path("nothing")).returncode, 1)

    def test_a_damaged_current_file_is_named_and_nothing_is_lost(self):
        self.filled(['{"_id":%d}' % i for i in range(200)])
        current = os.path.join(self.store, "rows", "CURRENT")
        with open(current, encoding="ascii") as file:
            whole = file.read()
        for text in ("", "rubbish", whole.replace("0", "8", 1), None):
            os.remove(current)
            if text is not None:
                with open(current, "w", encoding="ascii") as file:
                    file.write(text)
            for words in (("find", self.store, "c"), ("doctor", self.store),
                          ("index", self.store, "c", '{"n":1}')):
                done = run(*words)
                self.assertEqual(done.returncode, 1, words)
                said = " ".join((done.stdout + done.stderr).split())
                self.assertIn(current + " is damaged", said, words)
                self.assertIn("write the line `%s`" % whole.strip(), said, words)
        with open(current, "w", encoding="ascii") as file:
            file.write(whole)
        self.assertEqual(len(self.ok("export", self.store, "c").splitlines()), 200)

    def test_what_was_flushed_can_be_read_although_the_log_is_damaged(self):
        self.filled(['{"_id":%d,"t":"tea"}' % i for i in range(50)])
        logs = [path for path in files_of(self.store) if "/log/0" in path]
        with open(max(logs, key=os.path.getsize), "r+b") as file:
            file.write(os.urandom(4096))
        for words in (["find", self.store, "c"], ["export", self.store, "c"], ["import", self.store, "c", "-"]):
            refused = run(*words, stdin='{"_id":"more"}\n')
            self.assertEqual(refused.returncode, 1, refused.stdout)
            self.assertIn("damaged", refused.stderr)
        self.assertIn("damaged", run("doctor", self.store).stdout)
        self.assertEqual(self.ok("export", self.store, "c", "--ignore-log").count("tea"), 50)

    def test_a_sealed_store_needs_its_passphrase_and_shows_nothing(self):
        key = self.path("key", "correct horse\n")
        wrong = self.path("wrong", "battery staple\n")
        self.ok("init", self.store, "--passphrase-file", key)
        self.ok("import", self.store, "secrets", "-", "--passphrase-file", key, stdin='{"_id":"who","t":"plain words"}\n')
        for words in (["find", self.store, "secrets"], ["doctor", self.store]):
            self.assertIn("E_BAD_PASSPHRASE", run(*words).stderr)
            self.assertIn("E_BAD_PASSPHRASE", run(*words, "--passphrase-file", wrong).stderr)
        self.assertIn("plain words", self.ok("find", self.store, "secrets",
                                             env={"LOCKSTEP_DOCS_PASSPHRASE": "correct horse"}))
        self.ok("rekey", self.store, "--passphrase-file", key)
        self.ok("rekey", self.store, "--passphrase-file", key, "--new-passphrase-file", wrong)
        self.assertIn("plain words", self.ok("export", self.store, "secrets", "--passphrase-file", wrong))
        for words in (["doctor", self.store], ["inspect", self.store], ["audit", self.store, "--verify"]):
            self.ok(*words, "--passphrase-file", wrong)
            self.assertIn("E_BAD_PASSPHRASE", run(*words, "--passphrase-file", key).stderr)
        for path, (content, _) in files_of(self.store).items():
            for secret in (b"plain words", b"secrets"):
                self.assertNotIn(secret, content, path)

    def test_the_audit_trail_tells_who_and_what_was_refused(self):
        self.ok("init", self.store)
        lines = self.path("in.jsonl", '{"_id":1}\n{"_id":1}\n')
        run("import", self.store, "c", lines, "--audit", "--actor", "alice", "--skip-bad", "--batch", "1")
        records = [json.loads(line) for line in self.ok("audit", self.store).splitlines()]
        self.assertEqual([r["decision"] for r in records if r["action"] == "insert"][:1], ["allow"])
        self.assertIn("E_DUPLICATE_ID", [r.get("code") for r in records])
        self.assertEqual({r["actor"] for r in records}, {"alice"})
        self.assertIn("the chain is whole", self.ok("audit", self.store, "--verify"))
        self.assertEqual(self.ok("audit", self.store, "--actor", "bob"), "")
        self.assertIn("| alice |", self.ok("audit", self.store, "-w", "table"))

    def test_bench_leaves_nothing_behind(self):
        out = self.ok("bench", self.store, "-c", "300", "-w", "json")
        self.assertEqual(len(out.splitlines()), 4)
        self.assertTrue(all(json.loads(line)["p50_us"] > 0 for line in out.splitlines()))
        self.assertFalse(os.path.exists(self.store))

    def test_what_makes_no_sense_is_said(self):
        self.assertEqual(run("find", self.store, "c").returncode, 1)
        self.assertFalse(os.path.exists(self.store))
        self.assertEqual(run("import", self.store, "c", "-", stdin="").returncode, 1)
        self.ok("init", self.store)
        self.assertEqual(run("init", self.store).returncode, 1)
        self.assertEqual(run("rekey", self.store).returncode, 1)
        self.assertEqual(run().returncode, 2)


if __name__ == "__main__":
    LOCKSTEP = os.path.abspath(sys.argv.pop(1))
    unittest.main()
