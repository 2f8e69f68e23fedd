# SPDX-License-Identifier: MIT
"""What the documents name is there, and what is there is named: commands, ways, oracles, steps, rules, tests, files."""

import argparse
import fnmatch
import pkgutil
import re

import pytest

from xerig import check, cli, commands, oracles, paths, states, tree, ways

DOCS = (*sorted((paths.REPO / "Documentation").glob("*.rst")), paths.REPO / "README.md",
        paths.REPO / "tools/scenarios/README.md")
TARGETS = re.findall(r"^([a-z-]+):.*##", (paths.REPO / "Makefile").read_text(), re.M)
RIG = (paths.REPO / "Documentation/rig.rst").read_text()


def rows(heading):
    """First column of the tables of a section of rig.rst, heads included."""
    section = re.split(r"\n=+\n", RIG.split(f"\n{heading}\n", 1)[1].split("\n", 1)[1])[0]
    found = []
    for block in section.split("\n\n"):
        rule = re.match(r"(=+)( =+)+\n", block.lstrip("\n"))
        cells = [s[:len(rule[1])].strip() for s in block.strip("\n").splitlines()] if rule else ()
        found += [c for c in cells if c.strip("=")]
    return found


def test_every_command_is_a_target_and_the_other_way_round():
    names = {m.name.replace("_", "-") for m in pkgutil.iter_modules(commands.__path__)}
    assert names | {"vgpu", "help"} == set(TARGETS)


@pytest.mark.parametrize("path", DOCS, ids=lambda p: p.name)
def test_documents_name_targets_that_exist(path):
    named = re.findall(r"`make ([a-z][a-z-]*)", path.read_text())
    assert not [n for n in named if n not in (*TARGETS, "list")]


def test_rig_rst_names_every_way_oracle_step_and_rule():
    assert rows("Ways") == list(ways.WAYS)
    assert sorted(rows("Oracles")) == sorted(oracles.names())
    rules, steps = {r.stem for r in check.RULES}, rows("Static checks")
    assert {s for row in steps for s in row.split(", ")} == {*check.STEPS, *rules}


def test_rig_rst_names_every_operation_of_the_agent():
    ops = re.findall(r'\{ "(\w+)", op_\w+ \}', (paths.RIG / "agent/ops.c").read_text())
    assert sorted(rows("Guest agent")) == sorted(["op", *ops])


def test_programs_and_states_are_the_same():
    text = (paths.REPO / "tools/scenarios/states.mk").read_text()
    names = re.search(r"^STATES := ((?:.*\\\n)*.*)$", text, re.M)[1].replace("\\\n", " ").split()
    assert sorted(names) == sorted(states.STATES)


def test_maintainers_has_every_new_file_and_no_other():
    patterns = re.findall(r"^F:\t(\S+)$", (paths.REPO / "MAINTAINERS").read_text(), re.M)
    files = [p.relative_to(paths.REPO).as_posix() for top in tree.NEW_FILE_FOLDERS
             for p in (paths.REPO / top).rglob("*") if p.is_file()]
    assert not [f for f in files if not any(fnmatch.fnmatchcase(f, p) for p in patterns)]
    assert not [p for p in patterns if not fnmatch.filter(files, p)]


def test_guarantees_name_tests_and_states_that_exist():
    text = (paths.REPO / "Documentation/guarantees.rst").read_text()
    sources = [*(paths.REPO / "drivers").rglob("tests/*.c"), *(paths.REPO / "patches").glob("*/*.patch")]
    cases = set(re.findall(r"KUNIT_CASE\w*\((\w+)", "\n".join(p.read_text(errors="replace") for p in sources)))
    named = re.findall(r"\b(test_\w+\*?)", text)
    assert named and not [n for n in named if not fnmatch.filter(cases, n)]
    prefixes = {s.split("-")[0] for s in states.STATES}
    words = {w for w in re.findall(r"(?<![\w.-])([a-z]+(?:-[a-z]+)+)(?![\w-])", text) if w.split("-")[0] in prefixes}
    assert words and not words - set(states.STATES)


def test_rig_rst_names_every_variable_with_its_commands_and_every_other_option():
    section = re.split(r"\n=+\n", RIG.split("\nCommands and variables\n", 1)[1].split("\n", 1)[1])[0]
    table = re.search(r"^(=+) (=+) =+\n.*?\n=.*?\n(.*?)^=", section, re.M | re.S)
    at, named, last = len(table[1]) + len(table[2]) + 2, {}, None
    for line in table[3].splitlines():
        last = line.split()[0] if line[0] != " " else last
        named[last] = f"{named.get(last, '')} {line[at:]}".strip()
    sub = next(a for a in cli.build_parser()._actions if isinstance(a, argparse._SubParsersAction)).choices
    for variable in cli.VARIABLES:
        takes = {name for name, p in sub.items() if variable in p.get_default("variables")}
        said = named[variable]
        but = re.fullmatch(r"all but (\w+)", said)
        assert (sub.keys() - {but[1]} if but else set(said.split(", "))) == takes, variable
    exported = re.search(r"^export (.*)", (paths.REPO / "Makefile").read_text(), re.M)[1].split()
    assert sorted(named) == sorted(exported)
    lower = {v.lower() for v in cli.VARIABLES}
    others = {f"{name} {o}" for name, p in sub.items() for a in p._actions for o in a.option_strings
              if o.startswith("--") and o[2:] not in {*lower, "help"}}
    text = " ".join(section.split()).replace("`` and ``--table``", "``, ``igt --table``")
    assert not [o for o in others if f"``{o}" not in text]
