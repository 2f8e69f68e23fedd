# SPDX-License-Identifier: MIT
"""What makes two kernels one to a test, and what does not."""

import pytest

from xerig import content

XE = "drivers/gpu/drm/xe/"
SERIES = {f"{XE}xe_bo.c": b"int a; /* one */\n", f"{XE}Makefile": b"xe-y += xe_bo.o\n", "include/drm/gone.h": None}


def of(overlay, config=b"CONFIG_A=y\n", source="source"):
    return content.of(config, source, overlay)


@pytest.mark.parametrize("more", [
    {f"{XE}tests/xe_bo.c": b"int test;\n"}, {f"{XE}display/tests/Makefile": b"#\n"},
    {"drivers/gpu/drm/tests/drm_gpusvm_test.c": None}, {"Documentation/gpu/xe/xe_unplug.rst": b"x\n"},
    {"MAINTAINERS": b"x\n"}, {f"{XE}xe_bo.c": b"// two\n\n  int a;\n"}])
def test_suites_documents_and_comments_are_nothing_a_test_meets(more):
    assert of({**SERIES, **more}) == of(SERIES)


@pytest.mark.parametrize("more", [
    b"int a;\n#if IS_ENABLED(CONFIG_DRM_XE_KUNIT_TEST)\n#include \"tests/xe_bo.c\"\n#endif\n",
    b"int a;\n#if IS_ENABLED(CONFIG_DRM_XE_KUNIT_TEST) /* one */\nextern struct kunit_suite b;\n#endif",
    b"#include <kunit/static_stub.h>\nstruct kunit_suite;\nint a;\nextern struct kunit_suite b, c;\n",
    b"VISIBLE_IF_KUNIT\nint a;\nEXPORT_SYMBOL_IF_KUNIT(a);\n",
    b"\tKUNIT_STATIC_STUB_REDIRECT(a, b,\n\t\t\t\t   c);\nint a;\n"])
def test_where_a_suite_takes_over_is_nothing_a_test_meets(more):
    assert of({**SERIES, f"{XE}xe_bo.c": more}) == of(SERIES)


@pytest.mark.parametrize("more", [
    b"#if IS_ENABLED(CONFIG_DRM_XE_KUNIT_TEST)\n#else\nint b;\n#endif\nint a;\n",
    b"#if IS_ENABLED(CONFIG_DRM_XE_KUNIT_TEST)\n#ifdef C\n#endif\nint b;\n#endif\nint a;\n",
    b"#if IS_ENABLED(CONFIG_DRM_XE_DEBUG)\nint b;\n#endif\nint a;\n",
    b"if (b)\n\tKUNIT_STATIC_STUB_REDIRECT(a); a();\nint a;\n"])
def test_what_a_suite_leaves_to_the_driver_counts(more):
    assert of({**SERIES, f"{XE}xe_bo.c": more}) != of(SERIES)


@pytest.mark.parametrize("more", [
    {f"{XE}xe_bo.c": b"int b;\n"}, {f"{XE}xe_bo.c": None}, {f"{XE}xe_new.h": b""}, {f"{XE}xe_new.h": None},
    {f"{XE}Makefile": b"\txe-y += xe_bo.o\n"}, {content.HOOKS: b"#define XE_TEST_ONLY(x) 0\n"},
    {"include/drm/gone.h": b""}, {"include/uapi/drm/xe_drm.h": b"#define A\n"}])
def test_every_line_of_the_driver_counts(more):
    assert of({**SERIES, **more}) != of(SERIES)


def test_configuration_and_sources_count():
    assert len({of(SERIES), of(SERIES, config=b"CONFIG_A=m\n"), of(SERIES, source="other"), of({})}) == 4


@pytest.mark.parametrize("code, left", [
    (b"/* a */ int x; // b\n\n\tint y;\n", b"int x;\nint y;"),
    (b"int/* a */x;", b"int x;"),
    (b"#define A /* one\n * two */ 1\nint x;", b"#define A   1\nint x;"),
    (b"#define A \\\n\t1 /* one */ \\\n\t+ 2\n", b"#define A \t1   \t+ 2"),
    (b"// one \\\ntwo\nint x;", b"int x;"),
    (b"// one \\ \ntwo\nint x;", b"int x;"),
    (b"/\\\n* one *\\\n/ int x;", b"int x;"),
    (b"/* it's */ int x; /* \" */ int y;", b"int x;   int y;"),
    (b"/* // */ int x;", b"int x;"),
    (b"// /*\nint x; // */", b"int x;"),
    (b"a = b /*/ c /*/ ;", b"a = b   ;")])
def test_comments_go(code, left):
    assert content.bare(code) == left


@pytest.mark.parametrize("code", [
    b's = "/* a */ // b";', b's = "a \\" // b";', b's = "\\\\"; t = "  //  ";', b"c = '\"'; s = \"// a\";",
    b"c = '\\''; s = \"/* a */\";", b"#include <a//b.h>", b'#include "a//b.h"', b"#error don't /* a */",
    b"#error 5\" /* a */", b"a / b / *c", b's = R"(" // a)";\n\n', b's = u8R"x(" // a)x";', b"c = '/*'; d = '*/';"])
def test_what_looks_like_a_comment_stays(code):
    assert content.bare(code) == code


def test_a_spliced_string_stays_one():
    assert content.bare(b's = "a \\\n // b";') == b's = "a  // b";'


def test_a_name_before_a_string_makes_it_no_raw_one():
    assert content.bare(b'seq_printf(p, VAR"x"); // a') == b'seq_printf(p, VAR"x");'
