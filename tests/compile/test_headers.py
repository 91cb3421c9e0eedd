#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Each header compiles alone: all of them as C11, those that are installed
also as C++17 and with nothing but include/ to look in.

usage: test_headers.py TOP C-COMPILER...   (the C++ one is $CXX, or c++)"""
import concurrent.futures
import glob
import os
import shutil
import subprocess
import sys

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]


def compile_alone(command, top, header, path):
    """Twice included, and nothing else: it has a guard, too."""
    name = os.path.relpath(header, os.path.join(top, path))
    text = f'#include "{name}"\n' * 2 + "extern int nothing;\n"
    return subprocess.run(command + WARNINGS + ["-"], input=text, text=True,
                          capture_output=True, check=False)


def jobs(top, cc, cxx):
    """(name, command, header, the path it is named from)"""
    inc, src = os.path.join(top, "include"), os.path.join(top, "src")
    for header in sorted(glob.glob(f"{inc}/pvb/*.h")):
        name = os.path.relpath(header, top)
        yield (f"{name} as C11", cc + ["-std=c11", "-x", "c", f"-I{inc}"],
               header, "include")
        if cxx:
            yield (f"{name} as C++17",
                   cxx + ["-std=c++17", "-x", "c++", f"-I{inc}"],
                   header, "include")
    for header in sorted(glob.glob(f"{src}/*/*.h")):
        name = os.path.relpath(header, top)
        # proto and what it stands on are C11 with nothing added.
        more = [] if "/proto/" in header else ["-D_GNU_SOURCE"]
        yield (f"{name} as C11",
               cc + ["-std=c11", "-x", "c", f"-I{inc}", f"-I{src}"] + more,
               header, "src")


def main():
    top, cc = sys.argv[1], sys.argv[2:]
    cxx = os.environ.get("CXX", "c++").split()
    if not shutil.which(cxx[0]):
        cxx = None
    work = list(jobs(top, cc, cxx))
    print(f"1..{len(work) + (cxx is None)}")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = pool.map(lambda j: compile_alone(j[1], top, j[2], j[3]), work)
        for number, (job, run) in enumerate(zip(work, runs), 1):
            print("ok" if run.returncode == 0 else "not ok", number, "-",
                  job[0])
            for line in run.stderr.splitlines():
                print("#", line)
    if cxx is None:
        print(f"ok {len(work) + 1} - C++17 # SKIP no C++ compiler")


main()
