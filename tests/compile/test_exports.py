#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""libpvb.so exports what the installed headers declare, and nothing else.

usage: test_exports.py INCLUDE-DIR LIBRARY NM"""
import glob
import re
import subprocess
import sys

# A function's name stands before the first bracket of a declaration.
DECLARATION = re.compile(r"^[A-Za-z][^;{}()#]*?\b(pvb_\w+)\s*\(", re.MULTILINE)


def declared(folder):
    names = set()
    for path in glob.glob(f"{folder}/pvb/*.h"):
        with open(path) as f:
            text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.DOTALL)
        # Static inline functions are no business of the linker.
        text = re.sub(r"^static inline[^{]*\{.*?^\}", "", text,
                      flags=re.DOTALL | re.MULTILINE)
        names |= set(DECLARATION.findall(text))
    return names


def exported(library, nm):
    out = subprocess.run([nm, "-D", "--defined-only", library], check=True,
                         capture_output=True, text=True).stdout
    return {line.split()[-1] for line in out.splitlines()}


def main():
    want, have = declared(sys.argv[1]), exported(sys.argv[2], sys.argv[3])
    print("1..3")
    checks = [("the headers declare something", set() if want else {"pvb_*"}),
              ("each declared call is exported", want - have),
              ("nothing else is exported", have - want)]
    for number, (name, wrong) in enumerate(checks, 1):
        print("not ok" if wrong else "ok", number, "-", name)
        for symbol in sorted(wrong):
            print("#", symbol)


main()
