# SPDX-License-Identifier: MIT
"""What tests can meet of a kernel, as a digest: results of one content stand for every kernel that has it.

It is made of what goes in and not of what comes out. Suites and the places where they take over are compiled into the
driver's own module, and WARN() keeps its line: neither changes what the driver does, and both change its bytes.
"""

import hashlib
import json
import re

CODE = (".c", ".h")
OUTSIDE = ("Documentation/", "MAINTAINERS")
SUITES = "/tests/"
# The one file of such a folder that is part of the driver: its code includes it whether KUnit is there or not.
HOOKS = "drivers/gpu/drm/xe/tests/xe_test.h"

SPLICE = re.compile(rb"\\[ \t\f\v\r]*\n")
# A comment, or what may look as if it had one inside. A quote without an end takes its line, as gcc has it.
PIECE = re.compile(rb"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?"""
                   rb"""|#[ \t]*include[ \t]*<[^>\n]*>""", re.S)
# What is there for suites alone: without one that asks for it a redirection is a test of a pointer.
FOR_SUITES = re.compile(rb"""^(?:\#include <kunit/.*>|(?:extern )?struct kunit_suite\b[^{}]*?;"""
                        rb"""|\#if IS_ENABLED\(CONFIG_DRM_XE_KUNIT_TEST\)\n(?:(?!\#[ \t]*(?:if|el|endif)).*\n)*\#endif"""
                        rb"""|KUNIT_STATIC_STUB_REDIRECT\([^;{}]*\);"""
                        rb"""|EXPORT_SYMBOL_IF_KUNIT\(\w+\);|VISIBLE_IF_KUNIT)$\n?""", re.M)
RAW = re.compile(rb'R"[^()\\\s]{0,16}\(')


def of(config, source_key, overlay):
    """Content of a kernel, in hex. config: its .config (bytes), which names the compiler too; source_key: of
    sources.Source; overlay: path -> bytes, or None for a file that is deleted."""
    files = {p: d if d is None else hashlib.sha256(_driven(d) if p.endswith(CODE) else d).hexdigest()
             for p, d in overlay.items() if runs(p)}
    inputs = json.dumps([source_key, hashlib.sha256(config).hexdigest(), files], sort_keys=True)
    return hashlib.sha256(inputs.encode()).hexdigest()[:16]


def runs(path):
    """Whether what a file of a series says can make a difference to a test of the driver."""
    return path == HOOKS or not path.startswith(OUTSIDE) and SUITES not in path


def _driven(data):
    return FOR_SUITES.sub(b"", bare(data)).strip()


def bare(data):
    """C code (bytes) without comments, blank lines and indentation.

    Not by gcc -fpreprocessed, which knows no spliced lines, swallows pragmas and fails at some of the kernel's headers.
    """
    if RAW.search(data):
        return data  # in a raw string a spliced line is none
    code = PIECE.sub(lambda m: b" " if m[0].startswith(b"/") else m[0], SPLICE.sub(b"", data))
    return b"\n".join(s for line in code.split(b"\n") if (s := line.strip()))
