# SPDX-License-Identifier: MIT
"""JUnit XML of a run: a suite a side; infra and hang are errors, unexpected verdicts failures."""

import re
import xml.etree.ElementTree as ET

_BAD = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd]")


def _text(s):
    return _BAD.sub("?", s)


def add_case(suite, classname, name, seconds, status, message="", detail=""):
    """One case; status: passed, failed, error or skipped. Keeps the suite's counters."""
    case = ET.SubElement(suite, "testcase", classname=classname, name=name, time=f"{seconds:.3f}")
    tag = {"failed": "failure", "error": "error", "skipped": "skipped"}.get(status)
    if tag:
        node = ET.SubElement(case, tag, message=_text(message))
        node.text = _text(detail)
    key = {"failed": "failures", "error": "errors", "skipped": "skipped"}.get(status)
    for k in ("tests", *([key] if key else [])):
        suite.set(k, str(int(suite.get(k, "0")) + 1))


def new_suite(root, name):
    """An empty suite under root."""
    return ET.SubElement(root, "testsuite", name=name, tests="0", failures="0", errors="0", skipped="0")


def status_of(res):
    """JUnit status of a result after expect.apply()."""
    if res.verdict == "skip":
        return "skipped"
    if res.verdict in ("infra", "hang") and res.expected == "unexpected":
        return "error"
    return "failed" if res.odd else "passed"


def write(path, name, results):
    """Writes the file for results of any sides."""
    root = ET.Element("testsuites", name=name)
    suites = {}
    for res in results:
        f = res.facts
        label = f"{f['base']}-{f['side']}-{f['kernel']}-iommu-{f['iommu']}"
        suite = suites.setdefault(label, None) or new_suite(root, label)
        suites[label] = suite
        lines = [f"{x.oracle}: {x.summary}" for x in res.findings]
        message = "listed as failing, but clean: must leave the list" if res.expected == "must-leave" else \
            (res.skip or (lines[0] if lines else res.verdict))
        add_case(suite, label, res.cell.name, res.seconds, status_of(res), message, "\n".join(lines))
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
