# SPDX-License-Identifier: MIT
"""Files of a run: results.json, junit.xml, the page; the initramfs archive; QEMU's command line."""

import json
import subprocess
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from xerig import boot, errors, expect, html, initramfs, junit, paths, results, table
from xerig.matrix import Cell
from xerig.oracles import Finding, Sample
from xerig.run import Result


def make(state="userptr", verdict="dirty", side="base", **kw):
    cell = Cell(state, "remove", "close-after")
    facts = {"base": "6.12", "side": side, "kernel": "plain", "iommu": "on", "gpu": "lnl",
             "state": state, "way": "remove", "order": "close-after"}
    findings = [Finding("klog", "oops: </script><b>", "trace")] if verdict == "dirty" else []
    event = {"kind": "dma_after_unmap", "time_us": 5, "guest_us": 1000005}
    res = Result(cell, facts, verdict, findings, leaked=15 if verdict == "dirty" else 0, remove_ns=5_200_000,
                 seconds=1.5, log=["<4>[    1.0] a </script> line"], witness=[event],
                 samples={"before": Sample(1, 2, 3)}, replies=[("gone", "ok {}", 0.01)], **kw)
    return res


META = {"run": "r", "what": "hotunplug", "base": "6.12", "seconds": 3.0, "when": "now", "command": "make hotunplug",
        "versions": {"linux-source": "6.12.1"}, "notes": [],
        "boots": {"base": [{"name": "boot-1", "seconds": 2.0, "probe_seconds": 0.5}]}}


@pytest.fixture
def written(tmp_path):
    res = [make(), make("idle-fd", "clean", "patched"), make("bo-mmap", "hang"), make("bo-bound", "skip")]
    lines = expect.parse("fail userptr/*/* klog known", "x")
    for r in res:
        expect.apply(lines, r)
        results.save_cell(tmp_path, r)
    return tmp_path, results.write(tmp_path, META, res), res


def test_results_json_has_what_repeats_and_explains(written):
    run, _, _ = written
    data = json.loads((run / "results.json").read_text())
    first = data["results"][0]
    assert first["expected"] == "expected" and first["reason"] == "known"
    assert first["oracles"]["klog"][0]["detail"] == "trace" and first["remove_ms"] == 5.2
    assert first["repeat"].startswith("make matrix BASE=6.12 SIDE=base STATE=userptr WAY=remove")
    assert (run / first["files"] / "klog.txt").read_text().startswith("<4>")
    assert (run / "command").read_text() == "make hotunplug\n"


def test_junit_counts(written):
    root = ET.parse(written[0] / "junit.xml").getroot()
    suites = {s.get("name"): s for s in root}
    base = suites["6.12-base-plain-iommu-on"]
    assert (base.get("tests"), base.get("failures"), base.get("errors"), base.get("skipped")) == ("3", "0", "1", "1")
    assert results.counts(written[2]) == (2, 1, 1)


def test_must_leave_fails_in_junit():
    res = make(verdict="clean")
    expect.apply(expect.parse("fail userptr/*/* klog known", "x"), res)
    assert junit.status_of(res) == "failed"


def test_control_characters_do_not_break_the_xml(tmp_path):
    root = ET.Element("testsuites")
    junit.add_case(junit.new_suite(root, "s"), "c", "n", 1, "failed", "a\x00b\x1b[1m", "d\x07")
    ET.ElementTree(root).write(tmp_path / "x.xml")
    ET.parse(tmp_path / "x.xml")


def test_page_says_first_what_is_not_as_expected_and_who_spoke(written):
    run, data, _ = written
    page = html.write_run(run, data).read_text()
    assert ">1 not as expected<" in page and '<a href="#2">unpatched bo-mmap/remove/close-after</a>: hang' in page
    assert html.who_spoke(data["results"], ["base", "patched"]) == {
        "klog": {"count": {"base": 1, "patched": 0}, "said": "oops: </script><b>"}}
    assert 'value="hang" checked' in page and 'value="infra"' not in page
    assert 'data-text="userptr close-after on"' in page
    good = {**data, "results": [r for r in data["results"] if r["cell"].startswith("userptr")]}
    assert ">as expected<" in html.write_run(run, good).read_text()
    none = {**data, "results": [r for r in data["results"] if r["verdict"] == "skip"]}
    assert ">nothing was tested<" in html.write_run(run, none).read_text()


def test_page_is_one_file_and_safe_against_its_content(written):
    run, data, _ = written
    page = html.write_run(run, data).read_text()
    assert "http" not in page.replace("http://www.w3.org", "") and "<link" not in page and "src=" not in page
    body = page.split('<script id="data" type="application/json">')[1].split("</script>")[0]
    assert json.loads(body)[0]["log"].startswith("<4>") and "</script>" in json.loads(body)[0]["log"]
    assert json.loads(body)[0]["witness"] == "[    1.000005] dma_after_unmap"
    assert page.count('data-id="') == 4 and "v-dirty" in page
    # What begins a comment and a script in a log would swallow the end of the element that holds it.
    assert "<" not in body and "\\u003c/script>" in body


def test_page_explains_its_words(written):
    run, data, _ = written
    page = html.write_run(run, data).read_text()
    for word, text in (("userptr", "user memory bound in a VM"), ("remove", "remove of the PCI device in sysfs"),
                       ("close-after", "Looks at what is left, closes, ends; then the driver comes back."),
                       ("klog", "Kernel log: every warning, trace or report that the allow-list does not expect."),
                       ("hang", "something did not come back in time")):
        assert f"<b>{word}</b></td><td class=\"soft\">{text}</td>" in page
    assert "bo-mmap" in page and "queue-endless" not in page and "close-after-reprobe" not in page
    both = {**data, "results": [{**r, "state": "userptr+queue-endless"} for r in data["results"]]}
    page = html.write_run(run, both).read_text()
    assert "<b>userptr + queue-endless</b>" in page and "<b>queue-endless</b></td>" in page
    named = {**data, "kind": "mutants", "results": [{**r, "test": "0001@all@1"} for r in data["results"]]}
    page = html.write_run(run, named).read_text()
    assert "killed: a test noticed" in page and "user memory bound" not in page


def test_index(written, tmp_path):
    run, data, _ = written
    page = html.write_index(tmp_path, [("r", data)]).read_text()
    assert 'href="r/report.html"' in page


def test_a_checkout_that_cannot_be_written_is_said_before_anything_is_built(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "OUT", tmp_path / "out")
    results.require_out()
    monkeypatch.setattr(results.os, "access", lambda *_a: False)
    with pytest.raises(errors.UsageError, match="cannot write to .*/out"):
        results.require_out()
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(paths, "OUT", tmp_path / "file" / "out")
    with pytest.raises(errors.UsageError, match="cannot make .*/file/out: Not a directory"):
        results.require_out()


def test_report_takes_runs_only(written, monkeypatch, tmp_path):
    from xerig import cli
    monkeypatch.setattr(paths, "OUT", tmp_path / "out")
    good = json.dumps(written[1])
    for name, text in (("a-run", good), ("check", '{"6.12": []}'), ("broken", good[:100])):
        (paths.OUT / name).mkdir(parents=True)
        (paths.OUT / name / "results.json").write_text(text)
    assert cli.main(["report"]) == 0
    page = (paths.OUT / "report.html").read_text()
    assert "a-run/report.html" in page and "check/" not in page and "broken/" not in page


def test_table_shows_both_sides():
    con = table.console()
    with con.capture() as out:
        con.print(table.matrix([make(), make(verdict="clean", side="patched")], "t"))
    assert "dirty" in out.get() and "clean" in out.get() and "15" in out.get()


def test_run_directories_are_unique_and_latest_points_at_the_last(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "OUT", tmp_path / "out")
    a, b = results.new_run_dir("x"), results.new_run_dir("x")
    assert a != b and (tmp_path / "out" / "latest").resolve() == b


def test_archive_is_what_cpio_reads_and_its_key_follows_content(tmp_path):
    ar = initramfs.Archive()
    (tmp_path / "f").write_bytes(b"hello")
    ar.add_file("a/b/f", tmp_path / "f", 0o755)
    ar.add_file("c", b"1")
    ar.add_link("l", "a/b/f")
    ar.write(tmp_path / "x.cpio")
    with open(tmp_path / "x.cpio", "rb") as f:
        names = subprocess.run(["cpio", "-it", "--quiet"], stdin=f, capture_output=True, text=True).stdout
    assert names.split() == ["a", "a/b", "a/b/f", "c", "l"]
    key = ar.key()
    ar.add_file("c", b"2")
    assert ar.key() != key


def test_command_line_of_qemu():
    m = boot.Machine(["qemu"], Path("bz"), Path("ird"), Path("vgpu"))
    argv = boot.qemu_argv(m, ["/run/x/gpu"], "file:log", 3, 4)
    line = " ".join(argv)
    port = argv.index("pcie-root-port,id=rp0,bus=pcie.0,chassis=1,slot=1")
    assert argv.index("intel-iommu,caching-mode=on,intremap=on") < port
    assert '"path":"/run/x/gpu"' in line and "acpi-pci-hotplug-with-bridge-support=off" in line and "-no-reboot" in line
    m.iommu = False
    assert "intel-iommu" not in " ".join(boot.qemu_argv(m, ["/run/x/gpu"], "file:log"))
    assert "vfio-user-pci" not in " ".join(boot.qemu_argv(m, [], "file:log"))


def test_only_an_emulated_processor_is_without_fast_strings():
    m = boot.Machine(["qemu"], Path("bz"), Path("ird"), Path("vgpu"))
    argv = boot.qemu_argv(m, [], "file:log")
    assert "erms=off" in argv[argv.index("-cpu") + 1].split(",")
    m.accel = "kvm,kernel-irqchip=split"
    argv = boot.qemu_argv(m, [], "file:log")
    assert argv[argv.index("-cpu") + 1] == "max"


def test_each_gpu_has_a_slot_of_its_own():
    m = boot.Machine(["qemu"], Path("bz"), Path("ird"), Path("vgpu"))
    argv = boot.qemu_argv(m, ["/run/a", "/run/b"], "file:log")
    line = " ".join(argv)
    assert line.count("acpi-pci-hotplug-with-bridge-support") == 1
    for n, path in enumerate("ab"):
        assert f"pcie-root-port,id=rp{n},bus=pcie.0,chassis={n + 1},slot={n + 1}" in argv
        assert f'"id":"gpu{n}","bus":"rp{n}","socket":{{"path":"/run/{path}"' in line
    assert boot.bdf(0) == boot.BDF and boot.bdf(1) == "0000:02:00.0"
    assert "pci=no_e820" in line and "pci=no_e820" not in " ".join(boot.qemu_argv(m, ["/run/a"], "file:log"))


def test_runtime_dir_leaves_room_for_socket_names(monkeypatch, tmp_path):
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    folder = boot.runtime_dir()
    assert len(str(folder / "gpu")) < 100 and folder.stat().st_mode & 0o077 == 0
    folder.rmdir()


def test_runtime_dirs_of_dead_rigs_go_and_those_of_living_ones_stay(monkeypatch):
    with tempfile.TemporaryDirectory(dir="/tmp") as top:  # short, unlike pytest's
        monkeypatch.setenv("XDG_RUNTIME_DIR", top)
        dead, alive = Path(top) / "xeu-4194999-x", Path(top) / "xeu-1-y"
        dead.mkdir()
        alive.mkdir()
        folder = boot.runtime_dir()
        assert not dead.exists() and alive.exists() and folder.exists()
