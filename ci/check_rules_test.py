#!/usr/bin/env python3
"""Each rule of check_rules.py finds a planted violation, and leaves good code alone."""

import os
import tempfile
import unittest

import check_rules

HERE = os.path.dirname(os.path.abspath(__file__))


class Planted(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.root = self.directory.name
        for name in ("layers.txt", "exceptions.txt"):
            with open(os.path.join(HERE, name), encoding="utf-8") as file:
                self.write("ci/" + name, file.read())

    def tearDown(self):
        self.directory.cleanup()

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def findings(self, check):
        return [(finding.path, finding.rule) for finding in check(check_rules.Tree(self.root))]

    def assert_ban(self, rule, line, path="kv/a.cc"):
        self.write(path, "// Text.\n%s\n" % line)
        self.assertEqual(self.findings(check_rules.check_bans), [(path, rule)], line)
        os.remove(os.path.join(self.root, path))

    def assert_fine(self, line, path="kv/a.cc"):
        self.write(path, "// Text.\n%s\n" % line)
        self.assertEqual(self.findings(check_rules.check_bans), [], line)
        os.remove(os.path.join(self.root, path))

    def test_includes_go_down(self):
        self.write("framework/raft/a.cc", '#include "framework/replica/b.h"\n')
        self.write("sim/a.cc", '#include "net/b.h"\n')
        self.write("kv/a.cc", '#include "framework/base/b.h"\n#include "kv/b.h"\n')
        self.write("framework/machine/a.h", '#include "framework/fiber/b.h"\n')
        self.assertEqual(self.findings(check_rules.check_graph),
                         [("framework/raft/a.cc", "layers"), ("sim/a.cc", "layers")])

    def test_nested_folders_are_folders_of_their_own(self):
        self.write("sim/a.cc", '#include "sim/cluster/b.h"\n')
        self.write("sim/cluster/a.cc", '#include "sim/b.h"\n')
        self.assertEqual(self.findings(check_rules.check_graph), [("sim/a.cc", "layers")])

    def test_several_also_lines_add_up(self):
        with open(os.path.join(self.root, "ci/layers.txt"), "a", encoding="utf-8") as file:
            file.write("also: sim: net\nalso: sim: disk\n")
        self.write("sim/a.cc", '#include "net/b.h"\n#include "disk/b.h"\n')
        self.assertEqual(self.findings(check_rules.check_graph), [])

    def test_a_cycle_through_an_exception_is_found(self):
        with open(os.path.join(self.root, "ci/layers.txt"), "a", encoding="utf-8") as file:
            file.write("also: framework/fiber: framework/machine\n")
        self.write("framework/machine/a.h", '#include "framework/fiber/b.h"\n')
        self.write("framework/fiber/a.h", '#include "framework/machine/b.h"\n')
        found = self.findings(check_rules.check_graph)
        self.assertIn(("framework/machine", "layers"), found)
        self.assertIn(("framework/fiber", "layers"), found)

    def test_cmake_repeats_the_includes(self):
        self.write("framework/base/CMakeLists.txt", "lockstep_library(base HEADERS a.h LIBS x)\n")
        self.write("framework/raft/CMakeLists.txt", "lockstep_library(raft SOURCES a.cc)\n")
        self.write("framework/raft/a.cc", '#include "framework/base/a.h"\n')
        self.write("checkers/CMakeLists.txt", "lockstep_library(checkers\n  SOURCES a.cc DEPS lockstep_raft lockstep_base\n  LIBS y)\n")
        self.write("checkers/a.cc", '#include "framework/base/a.h"\n')
        self.assertEqual(self.findings(check_rules.check_graph),
                         [("checkers/CMakeLists.txt", "cmake"), ("framework/raft/a.cc", "cmake")])

    def test_bans(self):
        for rule, line in [
                ("thread", "std::thread t;"), ("thread", "#include <thread>"), ("mutex", "std::mutex m;"),
                ("mutex", "absl::Mutex m;"), ("atomic", "std::atomic<int> a;"),
                ("clock", "auto t = std::chrono::steady_clock::now();"), ("clock", "absl::Now();"),
                ("entropy", "std::random_device d;"), ("entropy", "int r = rand();"), ("socket", "::socket(1, 2, 3);"),
                ("socket", "#include <sys/epoll.h>"), ("file", "std::ifstream in;"), ("file", "#include <fcntl.h>"),
                ("stdio", "std::cerr << 1;"), ("stdio", "  printf(x);"), ("getenv", "getenv(x);"),
                ("mutable_static", "  static int count = 0;"), ("mutable_static", "static std::string name;"),
                ("mutable_static", "  static Options options{1};"), ("mutable_static", "extern int total;"),
                ("thread_local", "thread_local int x;"), ("hash_container", "std::unordered_map<int, int> m;"),
                ("hash_container", "absl::flat_hash_set<int> s;"), ("pointer_order", "std::map<Node*, int> m;"),
                ("float", "double share = 0.5;"), ("simulated", "if (environment.is_simulated()) return;"),
                ("catch_all", "} catch (...) {"), ("throw", "throw 1;"), ("sleep", "usleep(3);"),
                ("todo", "int x;  // TO" + "DO: more")]:
            self.assert_ban(rule, line)

    def test_what_looks_like_a_ban(self):
        for line in ["// std::mutex is banned", "/* rand() */", "const char* s = \"std::thread\";",
                     "static constexpr int kMax = 3;", "static const char* const kNames[] = {};", "static int Count(int x);",
                     "static_assert(sizeof(int) == 4);", "connection.send(x);", "log.read(y);", "operand(x);", "Strand(x);",
                     "set.puts()", "int64_t time = 1'000'000;", "std::map<int, Node*> m;", "extern \"C\" int f();"]:
            self.assert_fine(line)

    def test_the_real_world_lives_in_its_folders(self):
        for path in ("net/a.cc", "disk/a.cc", "cli/a.cc", "bench/a.cc", "tests/kv/a.cc"):
            self.assert_fine("std::mutex m;", path)
        self.assert_fine("thread_local int x;", "sim/interpose.cc")
        self.assert_fine("usleep(3);", "sim/interpose.cc")
        self.assert_fine("throw 1;", "framework/fiber/scheduler.cc")
        self.assert_ban("clock", "absl::Now();", "framework/fiber/scheduler.cc")
        self.assert_ban("sleep", "usleep(3);", "tests/kv/a.cc")

    def test_excuses_name_the_rule_and_the_reason(self):
        self.assert_fine("double x;  // lint: allow(float) for display only")
        self.assert_fine("// lint: allow(float) for display only\ndouble x;")
        self.assert_ban("float", "double x;  // lint: allow(thread) wrong rule")
        self.assert_ban("allow", "double x;  // lint: allow(float)")

    def test_third_parties_stay_at_home(self):
        self.write("kv/a.cc", "#include <nghttp2/nghttp2.h>\n#include <google/protobuf/message.h>\n")
        self.write("sim/rocks_env.cc", "#include <rocksdb/env.h>\n")
        self.write("sim/other.cc", "#include <rocksdb/env.h>\n")
        self.write("framework/wire/a.h", "#include <capnp/message.h>\n")
        self.write("framework/fiber/a.h", "#include <boost/context/fiber.hpp>\n")
        self.assertEqual(self.findings(check_rules.check_third_parties),
                         [("framework/wire/a.h", "heavy"), ("kv/a.cc", "home"), ("sim/other.cc", "home")])

    def test_guards_have_the_form_of_the_path(self):
        good = "#ifndef LOCKSTEP_KV_A_H_\n#define LOCKSTEP_KV_A_H_\n#endif  // LOCKSTEP_KV_A_H_\n"
        self.write("kv/a.h", good)
        self.write("kv/b.h", good)
        self.write("kv/c.h", "#pragma once\n")
        self.write("docs-memory/a.h", good.replace("KV", "DOCS_MEMORY"))
        self.assertEqual(self.findings(check_rules.check_guards), [("kv/b.h", "guard"), ("kv/c.h", "guard")])

    def test_folders_have_a_readme(self):
        self.write("kv/a.h", "")
        self.write("sim/a.h", "")
        for folder in ("kv", "ci"):
            self.write(folder + "/README.md", "x")
        self.assertEqual(self.findings(check_rules.check_readmes), [("sim", "readme")])

    def test_paths_of_one_machine_do_not_appear(self):
        self.write("kv/a.cc", "// see /wo" + "rk/data\n")
        self.write("kv/b.cc", "// see ../shared/data and https://example.org/home/page\n")
        self.assertEqual(self.findings(check_rules.check_words), [("kv/a.cc", "words")])

    def test_the_report_finds_functions(self):
        text = "namespace a {\nint F(int x) {\n  if (x) {\n    return 1;\n  }\n  return 2;\n}\nclass C {\n  int G() { return 1; }\n};\n}\n"
        self.assertEqual(check_rules.functions(text), [("F", 2, 6), ("G", 9, 1)])


if __name__ == "__main__":
    unittest.main()
