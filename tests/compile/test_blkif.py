#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""pvb/blkif.h as its includers meet it: both meanings of one macro, alone, in
every native layout, and beside Xen's own header.

usage: test_blkif.py INCLUDE-DIR C-COMPILER...   (the C++ one is $CXX, or c++)"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

FLAGS = ["-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
OURS = "#include <pvb/blkif.h>\n"
ASK = "#define PVB_BLKIF_SEGMENT_BLOCKS\n"
XEN = ("#include <stddef.h>\n#include <stdint.h>\n"
       "#define __XEN_INTERFACE_VERSION__ 0x00040d00\n"
       "#include <xen/xen.h>\n#include <xen/io/blkif.h>\n")
# All that a machine without a C library has.
STDINT = "".join(f"typedef __{n.upper()}_TYPE__ {n}_t;\n"
                 for n in ("uint8", "uint16", "uint32", "uint64", "int16"))


def check(condition):
    return (f"#ifdef __cplusplus\nstatic_assert({condition}, \"\");\n#else\n"
            f"_Static_assert({condition}, \"\");\n#endif\n")


def native(slot, id_at, response, per_block, abi):
    """What the structs are where the compiler compiles for."""
    return OURS + "".join(map(check, [
        f"sizeof(struct blkif_request) == {slot}",
        f"__builtin_offsetof(struct blkif_request, id) == {id_at}",
        f"__builtin_offsetof(struct blkif_request_discard, id) == {id_at}",
        "__builtin_offsetof(struct blkif_request_indirect, indirect_grefs) == "
        f"{id_at} + 20",
        "sizeof(struct blkif_request_indirect) == 64",
        f"sizeof(struct blkif_response) == {response}",
        f"BLKIF_MAX_SEGMENTS_PER_SEGMENT_BLOCK == {per_block}",
        "sizeof(struct blkif_segment_block) <= sizeof(struct blkif_request)",
        "BLKIF_SEGS_TO_BLOCKS(0) == 1 && BLKIF_SEGS_TO_BLOCKS(11) == 1",
        f"BLKIF_SEGS_TO_BLOCKS(11 + {per_block}) == 2",
        f"BLKIF_SEGS_TO_BLOCKS(12 + {per_block}) == 3",
        f"__builtin_strcmp(XEN_IO_PROTO_ABI_NATIVE, \"{abi}\") == 0",
        # Those of others are what they are everywhere.
        "sizeof(struct blkif_x86_32_request) == 108",
        "__builtin_offsetof(struct blkif_x86_32_request, id) == 4",
        "sizeof(struct blkif_x86_32_request_discard) == 28",
        "sizeof(struct blkif_x86_32_request_indirect) == 64",
        "sizeof(struct blkif_x86_32_response) == 12",
        "sizeof(struct blkif_x86_64_request) == 112",
        "__builtin_offsetof(struct blkif_x86_64_request, id) == 8",
        "sizeof(struct blkif_x86_64_request_discard) == 32",
        "sizeof(struct blkif_x86_64_request_indirect) == 64",
        "sizeof(struct blkif_x86_64_response) == 16",
    ]))


# A request's struct holds what its slot does, whatever the macro counts.
NAMES = check("BLKIF_MAX_SEGMENTS_PER_HEADER_BLOCK == 11 && "
              "BLKIF_MAX_SEGS_PER_REQUEST == 255 && "
              "sizeof(((struct blkif_request *)0)->seg) == 11 * 8")
MEANS = "BLKIF_MAX_SEGMENTS_PER_REQUEST == {}"
# name, source, what a refusal says (None: it compiles), needs Xen's headers
CASES = [
    ("a slot's segments by default",
     OURS + check(MEANS.format(11)), None, False),
    ("a request's where that is asked for",
     ASK + OURS + check(MEANS.format(255)), None, False),
    ("asked for, and included twice",
     ASK + OURS + OURS + check(MEANS.format(255)), None, False),
    ("the new names where it is not", OURS + NAMES, None, False),
    ("the new names where it is", ASK + OURS + NAMES, None, False),
    ("asked for too late", OURS + ASK + OURS,
     r"is 11 by an earlier <pvb/blkif\.h>", False),
    ("after a header of Xen's that is too old",
     "#define __XEN_PUBLIC_IO_BLKIF_H__\n" + OURS,
     r"<xen/io/blkif\.h> is too old", False),
    ("after Xen's", XEN + OURS + check(MEANS.format(11)), None, True),
    ("after Xen's and its protocols.h",
     XEN + "#include <xen/io/protocols.h>\n" + OURS, None, True),
    ("before Xen's protocols.h",
     OURS + "#include <xen/io/protocols.h>\n", None, True),
    ("asked for after Xen's", XEN + ASK + OURS,
     r"is 11 by an earlier", True),
    ("before Xen's", OURS + XEN, r"redefinition of .?(struct )?blkif_request",
     True),
]


def compile_text(command, text):
    return subprocess.run(command + FLAGS + ["-"], input=text, text=True,
                          capture_output=True, check=False)


class Report:
    def __init__(self):
        self.number = 0

    def line(self, good, name, skip=None, more=""):
        self.number += 1
        print("ok" if good else "not ok", self.number, "-", name,
              f"# SKIP {skip}" if skip else "")
        for text in more.splitlines():
            print("#", text)

    def case(self, command, name, text, refusal, skip):
        if skip:
            self.line(True, name, skip)
            return
        run = compile_text(command, text)
        good = run.returncode == 0 if refusal is None else \
            run.returncode != 0 and re.search(refusal, run.stderr)
        self.line(good, name, more="" if good else run.stderr)


def languages(inc, cc):
    cxx = os.environ.get("CXX", "c++").split()
    yield "C11", cc + ["-std=c11", "-x", "c", f"-I{inc}"], None
    yield ("C++17", cxx + ["-std=c++17", "-x", "c++", f"-I{inc}"],
           None if shutil.which(cxx[0]) else "no C++ compiler")


def machines(cc):
    """name, command, what defines it, its native layout"""
    clang = ["clang", "--target=aarch64-linux-gnu"]
    x86_64 = (112, 8, 16, 14, "x86_64-abi")
    x86_32 = (108, 4, 12, 13, "x86_32-abi")
    arm = (112, 8, 16, 14, "arm-abi")
    yield "x86_64", cc + ["-m64"], "__x86_64__", x86_64
    yield "i386", cc + ["-m32"], "__i386__", x86_32
    yield "arm64, this compiler", cc, "__aarch64__", arm
    yield "arm64, clang", clang, "__aarch64__", arm
    yield "arm, clang", ["clang", "--target=arm-linux-gnueabihf"], \
        "__arm__", arm


def main():
    inc, cc = sys.argv[1], sys.argv[2:]
    report = Report()
    with tempfile.TemporaryDirectory() as bare:
        with open(os.path.join(bare, "stdint.h"), "w") as f:
            f.write(STDINT)
        for language, command, missing in languages(inc, cc):
            xen = missing or compile_text(command, XEN).returncode != 0 and \
                "Xen's headers are not here"
            for name, text, refusal, needs_xen in CASES:
                report.case(command, f"{language}: {name}", text, refusal,
                            xen if needs_xen else missing)
        for name, command, macro, layout in machines(cc):
            command = command + ["-std=c11", "-x", "c", "-ffreestanding",
                                 "-nostdinc", f"-I{inc}", f"-I{bare}"]
            here = shutil.which(command[0]) and compile_text(
                command, f"#ifndef {macro}\n#error\n#endif\n"
                         "extern int nothing;\n").returncode == 0
            report.case(command, f"native on {name}, with stdint.h alone",
                        native(*layout), None,
                        None if here else f"no compiler for {macro}")
    print(f"1..{report.number}")


main()
