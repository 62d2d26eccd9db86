#!/usr/bin/env python3
"""check_production_symbols.py LOCKSTEP OBJECT...: LOCKSTEP is free of the simulator, and one file.

It holds no code of lockstep::sim, cannot choose a planted bug, and defines none of the symbols by
which the objects (the interposer's) take the system's place. Of shared libraries it needs libc and
libm alone (docs/decisions/0009), unless it is built with sanitizers.
"""

import re
import subprocess
import sys


def defined(path, *flags):
    """(mangled name, type) of every symbol that a file defines."""
    done = subprocess.run(["nm", "--defined-only", "--format=posix", *flags, path], capture_output=True,
                          text=True, check=True)
    words = [line.split() for line in done.stdout.split("\n")]
    return {(line[0], line[1]) for line in words if len(line) > 2}


def needed(path):
    """The shared libraries that a file names."""
    done = subprocess.run(["readelf", "--dynamic", "--wide", path], capture_output=True, text=True, check=True)
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", done.stdout))


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    binary, objects = sys.argv[1], sys.argv[2:]
    inside = {name for name, _ in defined(binary) | defined(binary, "--dynamic")}
    if not inside:
        sys.exit("%s has no symbols: this check would be blind" % binary)
    problems = [name for name in inside
                if re.match(r"_ZT?[ISV]?N?K?8lockstep(3sim|6mutant(?!7Enabled))", name)]
    for path in objects:
        # Strong definitions of the C library's functions; inline functions are weak. Those of C++
        # libraries are in the executable by right, out of their archives. An object is linked whole,
        # so one name stands for all.
        replaced = {name for name, kind in defined(path) if kind == "T" and not name.startswith("_Z")}
        if not replaced:
            sys.exit("%s replaces nothing: this check would be blind" % path)
        problems += replaced & inside
    libraries = needed(binary)
    if not any(re.match(r"lib(asan|tsan|ubsan)\.so", name) for name in libraries):
        problems += [name for name in libraries if not re.match(r"(libc|libm|ld-linux-x86-64)\.so", name)]
    for problem in sorted(problems):
        print("in %s: %s" % (binary, problem))
    sys.exit(1 if problems else 0)


main()
