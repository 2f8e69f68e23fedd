# SPDX-License-Identifier: MIT
"""Mutants behind switches: with one on the text does what the mutant's would do, with none what the series does."""

import subprocess
from types import SimpleNamespace

import pytest

from xerig import errors, paths, switched, switches
from xerig.switches import File

PATH = "drivers/gpu/drm/xe/xe_a.c"
SERIES = r"""#include <stdio.h>

static int calls;

static int twice(int a)
{
	calls++;
	return a * 2;
}

static int sum(const int *v, int n)
{
	int s = 0;

	for (int i = 0; i < n; i++)
		if (v[i] > 0)
			s += twice(v[i]);
		else
			s--;
	return s;
}

static int way_out(int a)
{
	int err = 0;

	/* no label: here; */
	if (a < 0) {
		err = -1;
		goto out;
	}
	switch (a) {
	case 1:
		err = 10;
		break;
	case 2:
		err = 20;
		break;
	default:
		err = 30;
	}
	calls += 5;
	if (a > 5 &&
	    a < 9)
		err += 100;
out:
	calls += err;
	return err;
}

int main(void)
{
	int v[] = { 3, -1, 4 };

	printf("%d %d", sum(v, 3), calls);
	for (int a = -1; a < 12; a++)
		printf(" %d", way_out(a));
	printf(" %d\n", calls);
	return 0;
}
"""
# What each takes out or changes: (was, is).
EDITS = {
    "a call": ("\tcalls++;\n", "\t;\n"),
    "the branch of an if without braces": ("\t\t\ts += twice(v[i]);\n", "\t\t\ts += v[i];\n"),
    "a condition of two lines": ("\tif (a > 5 &&\n\t    a < 9)\n", "\tif (a > 5)\n"),
    "an if with its block": ("\tif (a < 0) {\n\t\terr = -1;\n\t\tgoto out;\n\t}\n", ""),
    "a case": ("\tcase 2:\n\t\terr = 20;\n\t\tbreak;\n", ""),
    "a declaration and its use": ("\tint s = 0;\n", "\tint s = 7;\n"),
    "a label and what follows": ("out:\n\tcalls += err;\n", "out:\n\tcalls -= err;\n"),
    "lines that the series has taken out": ("\tcalls += 5;\n", "\tcalls += 5;\n\tcalls += 1000;\n"),
    "two places of a function": ("\t\terr = 10;\n\t\tbreak;\n\tcase 2:\n\t\terr = 20;\n",
                                 "\t\terr = 11;\n\t\tbreak;\n\tcase 2:\n\t\terr = 21;\n"),
    "the end of a loop": ("\treturn s;\n", "\treturn s + 1;\n"),
}
STUB = '#include <stdbool.h>\nextern int on;\nstatic inline bool xe_mutant(int n) { return n == on; }\n'


def run(tmp_path, text, number=0):
    (tmp_path / "xe_mutant.h").write_text(STUB)
    (tmp_path / "a.c").write_text(text + f"\nint on = {number};\n" if "xe_mutant" in text else text)
    subprocess.run(["gcc", "-w", "-o", "a", "a.c"], cwd=tmp_path, check=True)
    return subprocess.run(["./a"], cwd=tmp_path, capture_output=True, check=True).stdout


LIVES_ON = "a declaration and its use"  # the compiler says so, see switched.make()


def placed(names, levels=()):
    every = {n: {PATH: SERIES.replace(*EDITS[n]).encode()} for n in names}
    assert all(o[PATH] != SERIES.encode() for o in every.values())
    return switched.place({PATH: SERIES.encode()}, every, dict(levels))


def test_all_of_them_in_one_text_do_what_they_do_alone(tmp_path):
    regions = placed(EDITS, {LIVES_ON: 2})
    assert set(regions) == set(EDITS)
    numbers = {name: n for n, name in enumerate(EDITS, 1)}
    by_number = {numbers[n]: r for n, r in regions.items()}
    assert not switches.clashes(by_number)
    overlay, owners = switches.overlay_of({PATH: SERIES.encode()}, by_number)
    text = overlay[PATH].decode()
    assert len(owners[PATH]) == text.count("\n") + 1
    assert run(tmp_path, text) == run(tmp_path, SERIES)
    for name, n in numbers.items():
        assert run(tmp_path, text, n) == run(tmp_path, SERIES.replace(*EDITS[name])) != run(tmp_path, SERIES), name


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("name", EDITS)
def test_at_any_level(tmp_path, name, level):
    found = switches.regions(PATH, File(SERIES.encode()), File(SERIES.replace(*EDITS[name]).encode()), level)
    if found is None or (name, level) == (LIVES_ON, 1):
        assert level == 1
        return
    text = switches.overlay_of({PATH: SERIES.encode()}, {1: found})[0][PATH].decode()
    assert run(tmp_path, text) == run(tmp_path, SERIES)
    assert run(tmp_path, text, 1) == run(tmp_path, SERIES.replace(*EDITS[name]))


def regions(was, now, level=0):
    return switches.regions(PATH, File(was.encode()), File(now.encode()), level)


def test_labels_and_what_lives_to_the_end_of_a_block_need_the_whole_body():
    was = "int f(int a)\n{\n\tguard(mutex)(&m);\n\ta++;\n\treturn a;\n}\n"
    assert regions(was, was.replace("\tguard(mutex)(&m);\n", "")) is None
    assert regions(was, was.replace("\tguard(mutex)(&m);\n", ""), 2)[0].whole
    assert regions("int f(void)\n{\n\ta();\nout:\n\tb();\n}\n", "int f(void)\n{\n\ta();\n}\n") is None


def test_what_is_outside_of_functions_makes_no_difference_but_in_tables():
    was = "#include <a.h>\nint f(void);\n\nint f(void)\n{\n\ta();\n\treturn 0;\n}\n\n" \
        "static const struct ops o = {\n\t.f = f,\n\t.g = g,\n};\n"
    assert regions(was, was.replace("#include <a.h>\nint f(void);\n", "")) == []
    assert regions(was, was.replace("\t.g = g,\n", "")) is None
    assert regions(was, was.replace("int f(void);", "int f(int);")) is None
    assert regions(was, was.replace("#include <a.h>\n", "").replace("\ta();\n", ""))[0].new == ()
    assert regions(was, was.replace("int f(void)\n{\n\ta();\n\treturn 0;\n}\n", "")) is None


def test_comments_are_no_difference():
    was = "int f(void)\n{\n\t/* why */\n\ta();\n}\n"
    assert regions(was, was.replace("\t/* why */\n", "")) == []


def test_preprocessor_lines_are_left_alone():
    was = "int f(void)\n{\n\ta();\n#ifdef X\n\tb();\n#endif\n\tc();\n}\n"
    assert regions(was, was.replace("#ifdef X\n\tb();\n#endif\n", "")) is None


def test_what_is_in_no_file_of_the_driver_has_no_switch():
    for path in ("drivers/gpu/drm/drm_gpusvm.c", "drivers/gpu/drm/xe/tests/xe_bo.c", "include/drm/x.h"):
        levels = {}
        without = SERIES.replace(*EDITS["a call"]).encode()
        assert switched.place({path: SERIES.encode()}, {"m": {path: without}}, levels) == {}
        assert levels == {"m": len(switches.LEVELS)}


def test_errors_are_blamed_on_the_switch_they_stand_in():
    names = ["a call", "the end of a loop", "a declaration and its use"]
    found = placed(names)
    numbers = {n: i for i, n in enumerate(names, 1)}
    text, owners = switches.overlay_of({PATH: SERIES.encode()}, {numbers[n]: r for n, r in found.items()})
    lines = text[PATH].decode().split("\n")
    at = lines.index("\treturn s + 1;") + 1
    assert switched.blame([f"../{PATH}:{at}:2: error: no"], owners, numbers, found, text) == {"the end of a loop"}
    at = lines.index("\t\tif (v[i] > 0)") + 1
    said = [f"{PATH}:{at}:2: error: ‘s’ undeclared"]
    assert switched.blame(said, owners, numbers, found, text) >= {"a declaration and its use"}
    assert switched.blame(["x.c:1:1: error: no"], owners, numbers, found, text) == set()


def test_numbers_that_were_passed_are_read_back():
    guest = SimpleNamespace(read=lambda _p: "1-3,7,300-301\n")
    assert switched.bits(guest) == {1, 2, 3, 7, 300, 301}
    assert switched.bits(SimpleNamespace(read=lambda _p: "\n")) == set()


def test_only_who_comes_by_is_asked(tmp_path):
    session = SimpleNamespace(cache=paths.Cache(tmp_path))
    made = SimpleNamespace(kernel=SimpleNamespace(key="k"), numbers={})
    reach = switched.Reach(session, made, "m")
    reach.learn("userptr/unbind/close-after", {1, 2}, 1.5)
    reach.learn("KUnit xe_dma", {2}, 3)
    again = switched.Reach(session, made, "m")
    both = ["KUnit xe_dma", "userptr/unbind/close-after"]
    assert again.who(2, [*both, "else"]) == both and again.who(1, both[:1]) == []
    assert again.suites() == both[:1] and again.seconds(both[0]) == 3
    assert switched.Reach(session, made, "another").known == {}


def test_a_driver_that_says_nothing_is_trouble_of_the_rig():
    from xerig import agent

    def read(_path):
        raise agent.AgentError("read", {"error": "no such file"})
    with pytest.raises(errors.InfraError, match="what was reached"):
        switched.bits(SimpleNamespace(read=read))


def test_a_part_of_the_suites_is_judged_by_its_own():
    def outcome(**more):
        usual = {"failed": [], "splats": [], "suites": {"xe_dma": 1}, "idle": ["a line of another suite's"]}
        return SimpleNamespace(**{**usual, **more})
    assert switched.trouble(outcome()) is None
    assert switched.trouble(outcome(failed=["xe_dma.x"])) == "failed xe_dma.x"
    assert switched.trouble(outcome(splats=["WARNING"])) == "kernel log: WARNING"
    assert switched.trouble(outcome(suites={})) == "nothing ran"
