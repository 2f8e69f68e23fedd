# SPDX-License-Identifier: MIT
"""Every oracle speaks when it should, and is silent when it should."""

import pytest
from test_klog import DMA, OOPS, PM, records

from xerig import klog, oracles
from xerig.oracles import Evidence, Sample, memory, witness

FACTS = {"base": "6.12", "side": "base", "kernel": "plain", "iommu": "on", "gpu": "lnl",
         "state": "bo-bound", "way": "remove", "order": "close-after"}


def clean(**facts):
    """Evidence nobody can object to."""
    ev = Evidence({**FACTS, **facts})
    ev.own_mappings = 3
    ev.samples = {k: Sample(900000, 800000, m) for k, m in
                  (("before", 16), ("held", 30), ("removed", 3), ("closed", 3), ("after", 16))}
    ev.replies = [("hold", "held {}", 0.1), ("gone", "ok {}", 0.1), ("close", "ok {}", 0.1)]
    ev.ends = [("the program", 0, None)]
    ev.gone = {"live_dma_pages": 0, "contexts": 0, "jobs_running": 0, "bus_master": False}
    return ev


def log(ev, text):
    ev.entries = klog.entries(records(text))
    ev.bad_entries = klog.judge(ev.entries, [], ev.facts)
    return ev


def spoke(ev):
    return [f.oracle for f in oracles.judge(ev)]


def test_clean_evidence_is_silent():
    assert spoke(clean()) == []


def test_names_are_those_of_the_contract():
    assert set(oracles.names()) == {"klog", "dma-debug", "iommu", "witness", "memory", "program", "rig", "summary"}


def test_klog_speaks_for_a_warning_and_leaves_dma_api_to_its_own():
    assert spoke(log(clean(), PM)) == ["klog"]
    assert "klog" not in spoke(log(clean(), DMA))


def test_dma_debug_counts_this_cell_only():
    ev = log(clean(), DMA)
    ev.own_mappings = 17
    ev.samples["removed"] = ev.samples["closed"] = Sample(900000, 800000, 17)
    assert spoke(ev) == []  # 17 in the log are an earlier cell's: the live counter says none
    ev.samples["removed"] = Sample(900000, 800000, 34)
    (f,) = oracles.judge(ev)
    assert f.summary.startswith("17 DMA mappings left") and "xe_tt_map_sg" in f.detail


def test_witness_knows_that_a_vm_may_be_closed_under_its_job_while_the_device_is_there():
    ev = clean()
    ev.witness = [{"kind": "ppgtt_fault", "iova": 4096, "detail": "not present, level 4"}]
    assert spoke(ev) == ["witness"]
    ev.facts = {**ev.facts, "order": "during"}
    assert spoke(ev) == []
    ev.witness[0]["detail"], ev.facts["order"] = "not present, level 0", "munmap-during"
    assert spoke(ev) == []
    ev.witness[0]["detail"] = "not present, level 1"
    assert spoke(ev) == ["witness"]
    ev.witness[0]["detail"] = "not present, level 4"
    for test, silent in (("queue-idle@close@call@xe_bo_lock", True), ("queue-idle@remove@call@xe_bo_lock", True),
                         ("queue-idle@remove@lost@xe_bo_lock", True),
                         ("queue-idle@remove@mmio_write@3", False), ("queue-idle@work@call@xe_bo_lock", False)):
        ev.facts = {**ev.facts, "order": "kill", "kind": "sweep", "test": test, "phase": test.split("@")[1]}
        assert spoke(ev) == ([] if silent else ["witness"]), test


def test_witness_knows_that_engines_which_cannot_be_stopped_are_kept_from_memory():
    for kind, detail in (("dma_no_bus_master", ""), ("ppgtt_fault", "page table not readable")):
        ev = clean()
        ev.witness = [{"kind": kind, "iova": 4096, "detail": detail, "seq": 7}]
        ev.gone.update(contexts=1, jobs_running=1)
        assert set(spoke(ev)) == {"witness"}
        ev.facts = {**ev.facts, "way": "reset-fails"}
        assert spoke(ev) == [], kind
        ev.gone["bus_master"] = True
        assert spoke(ev) == ["witness"]
        ev.gone["bus_master"], ev.returns = False, 8
        assert spoke(ev) == []
        ev.returns = 7
        assert spoke(ev) == ["witness"], "the next binding is met by an engine of the last one"
        ev.returns, ev.witness[0]["kind"] = None, "dma_after_unmap"
        assert spoke(ev) == ["witness"]


def test_witness_knows_that_a_reset_gt_waits_for_no_answer_to_a_page_fault():
    ev = clean()
    ev.witness = [{"kind": "guc_protocol", "detail": "page fault response nobody waits for: context 7, asid 3"}]
    assert spoke(ev) == ["witness"]
    plain = ev.facts
    for more in ({"phase": "reset", "test": "userptr@reset@call@x"}, {"phase": "work", "test": "userptr@work@reset@x"}):
        ev.facts = {**plain, "kind": "sweep", **more}
        assert spoke(ev) == [], more
    ev.facts = {**ev.facts, "test": "userptr@work@call@x"}
    assert spoke(ev) == ["witness"]
    ev.facts = {**plain, "way": "reset-remove"}
    assert spoke(ev) == []
    ev.witness[0]["detail"] = "unknown action"
    assert spoke(ev) == ["witness"]


def test_witness_lets_a_job_fault_whose_program_was_killed_before_anything_left():
    ev = clean()
    ev.witness = [{"kind": "ppgtt_fault", "iova": 4096, "detail": "not present, level 0"}]
    assert spoke(ev) == ["witness"]
    ev.skip = "why"
    assert spoke(ev) == []
    ev.witness[0]["kind"] = "dma_after_unmap"
    assert spoke(ev) == ["witness"]


def test_witness_lets_a_recoverable_fault_be_refused_where_there_are_such():
    ev = clean()
    ev.witness = [{"kind": "ppgtt_fault", "iova": 4096}]
    assert spoke(ev) == ["witness"]
    ev.held = {"faults": 6}
    assert spoke(ev) == []
    ev.witness.append({"kind": "dma_after_unmap", "iova": 4096})
    assert spoke(ev) == ["witness"]


def test_dma_debug_leaves_out_what_other_devices_have_mapped():
    ev = clean()
    ev.held = {"foreign_mappings": 2}
    ev.samples["removed"] = Sample(900000, 800000, 5)
    assert spoke(ev) == []
    ev.samples["removed"] = Sample(900000, 800000, 6)
    assert spoke(ev) == ["dma-debug"]


def test_dma_debug_sees_mappings_undone_between_unbind_and_the_count():
    (f,) = oracles.judge(log(clean(), DMA))  # only 3 stood before, so the 17 were this driver's
    assert f.oracle == "dma-debug" and "17" in f.summary


def test_dma_debug_believes_the_log_when_there_is_no_counter():
    ev = log(clean(), DMA)
    del ev.samples["removed"]
    ev.own_mappings = None
    assert spoke(ev) == ["dma-debug"]


def test_mappings_never_undone_speak():
    ev = clean()
    ev.samples["closed"] = Sample(900000, 800000, 5)
    assert spoke(ev) == ["dma-debug"]
    ev.facts["order"] = "close-after-reprobe"  # the new instance has mappings of its own then
    assert spoke(ev) == []


def test_iommu_fault_speaks():
    assert spoke(log(clean(), "<3>DMAR: [DMA Write] Request device [01:00.0] fault addr 0x1000")) == ["iommu"]


@pytest.mark.parametrize("kind", ["dma_after_unmap", "mmio_after_remove", "dma_after_remove", "ctb_protocol"])
def test_witness_events_speak(kind):
    ev = clean()
    ev.witness = [{"kind": kind, "iova": 4096, "detail": "x"}]
    assert spoke(ev) == ["witness"]


def test_events_are_told_with_what_went_before_in_the_guests_time():
    event = {"kind": "dma_after_unmap", "time_us": 2000, "guest_us": 5002000, "iova": 4096, "len": 8, "engine": "bcs0",
             "guc_id": 3, "detail": "write of an address unmapped 7 us ago",
             "before": [{"time_us": 1500, "kind": "mmio_write", "what": "GFX_MSTR_IRQ", "addr": 0x190010, "len": 4,
                         "val": 1}]}
    assert witness.story(event).splitlines() == [
        "[    5.001500]     mmio_write 0x190010 GFX_MSTR_IRQ = 0x1",
        "[    5.002000] dma_after_unmap by bcs0, context 3 at 0x1000, 8 bytes: write of an address unmapped 7 us ago"]
    del event["guest_us"], event["before"]
    assert witness.story(event).startswith("[    0.002000] dma_after_unmap by bcs0")
    assert witness.story({"kind": "ctb_protocol"}) == "ctb_protocol"


@pytest.mark.parametrize("key, value", [
    ("live_dma_pages", 7), ("contexts", 1), ("jobs_running", 1), ("bus_master", True)])
def test_what_the_device_was_left_with_speaks(key, value):
    ev = clean()
    ev.gone[key] = value
    assert spoke(ev) == ["witness"]


def test_leaked_contexts_tell_who_they_are_and_what_the_driver_did_last():
    ev = clean()
    last = {"time_us": 2_000_005, "kind": "h2g", "addr": 0x4503, "what": "DEREGISTER_CONTEXT", "val": 3}
    ev.gone.update(contexts=1, context_list=[{"guc_id": 7, "engine": "bcs0", "state": "idle"}],
                   guest_shift_us=40_000_000, before=[last])
    found = witness.check(ev)
    assert found[0].detail.splitlines() == ["context 7 of bcs0: idle",
                                            "[   42.000005]     h2g 0x4503 DEREGISTER_CONTEXT = 0x3"]


def test_pages_count_only_with_a_vIOMMU_and_without_what_stood_before():
    ev = clean(iommu="off")
    ev.gone["live_dma_pages"] = 262144
    assert spoke(ev) == []
    ev = clean()
    ev.gone["live_dma_pages"], ev.own_pages = 39, 39
    assert spoke(ev) == []


def test_a_dead_device_is_not_blamed_on_the_driver():
    ev = clean(way="surprise")
    ev.gone.update(contexts=3, jobs_running=1)
    assert spoke(ev) == []


def test_memory_lost_for_good_speaks_and_noise_does_not():
    ev = clean()
    ev.samples["after"] = Sample(900000 - 3000, 0, 16)
    assert spoke(ev) == []
    ev.samples["after"] = Sample(900000 - 9000, 0, 16)
    assert spoke(ev) == ["memory"]
    ev.facts["kernel"] = "debug"  # KASAN has it for a while
    assert spoke(ev) == []
    ev.samples["after"] = Sample(900000 - 80000, 0, 16)
    assert spoke(ev) == ["memory"]


def test_slabs_of_thousands_of_buffers_are_noise():
    ev = clean(state="many-bos")
    ev.samples["after"] = Sample(900000 - 5000, 0, 16)
    assert spoke(ev) == ["memory"]
    ev.held["bos"] = 10000
    assert spoke(ev) == []
    ev.samples["after"] = Sample(900000 - 7000, 0, 16)
    assert spoke(ev) == ["memory"]
    ev.held |= {"queues": 200, "userptrs": 1000}
    ev.samples["after"] = Sample(900000 - 8000, 0, 16)
    assert spoke(ev) == []
    ev.samples["after"] = Sample(900000 - 9500, 0, 16)
    assert spoke(ev) == ["memory"]


def test_big_buffers_must_be_freed_by_remove():
    ev = clean(state="many-bos")
    ev.held = {"bo_bytes": 40 << 20}
    ev.samples["removed"], ev.samples["closed"] = Sample(860000, 0, 3), Sample(900000, 0, 3)
    assert spoke(ev) == ["memory"]
    ev.samples["removed"] = Sample(890000, 0, 3)
    assert spoke(ev) == ["memory"]  # three quarters are not enough
    ev.samples["removed"] = Sample(897000, 0, 3)
    assert spoke(ev) == []


def test_what_is_left_of_small_buffers_is_not_their_memory():
    ev = clean(state="many-bos")
    ev.held = {"bo_bytes": 40 << 20}
    ev.samples["held"] = Sample(820000, 0, 3)
    ev.samples["removed"], ev.samples["closed"] = Sample(865000, 0, 3), Sample(900000, 0, 3)
    assert spoke(ev) == []
    ev.samples["removed"] = Sample(850000, 0, 3)
    assert spoke(ev) == ["memory"]


def test_program_failures_speak_even_with_exit_status_0():
    ev = clean()
    ev.replies.append(("munmap", "fail data is gone", 0.1))
    (f,) = oracles.judge(ev)
    assert (f.oracle, f.summary) == ("program", "munmap: data is gone")


def test_program_without_an_answer_and_bad_ends_speak():
    ev = clean()
    ev.replies[1] = ("gone", None, 0.1)
    assert spoke(ev) == ["program"]
    ev = clean()
    ev.ends = [("the program", 1, None)]
    assert spoke(ev) == ["program"]
    ev = clean()
    ev.ends = [("the program", 0, None), ("userptr", None, 11)]
    assert spoke(ev) == ["program"]


def test_killed_on_purpose_is_no_failure():
    ev = clean(order="kill")
    ev.ends, ev.killed = [("the program", None, 7)], True
    assert spoke(ev) == ["program"], "it died of something else before"
    ev.ends = [("the program", None, 9)]
    assert spoke(ev) == []


@pytest.mark.parametrize("field, value", [("stuck", ["write: no answer"]), ("infra", ["QEMU"]),
                                          ("kernel_died", "Oops"), ("reprobe", "no render node")])
def test_rig_speaks(field, value):
    ev = clean()
    setattr(ev, field, value)
    assert spoke(ev) == ["rig"]


def test_oops_reaches_the_klog_oracle():
    (f,) = oracles.judge(log(clean(), OOPS))
    assert f.oracle == "klog" and "dma_iova_unlink" in f.summary


def test_what_the_log_repeats_is_one_finding():
    repeated, once = oracles.judge(log(clean(), "<3>[TTM] Buffer eviction failed\n" * 3 + "<4>something else"))
    assert repeated.summary == "line: [TTM] Buffer eviction failed" and once.summary == "line: something else"
    assert repeated.detail.startswith("3 times, first:\n") and repeated.detail.count("eviction") == 1
    assert "times" not in once.detail


def test_each_further_program_may_leave_some_slabs():
    ev = clean(state="+".join("abcde"))
    ev.samples["after"] = Sample(900000 - memory.NOISE_KIB - 4 * memory.PROGRAM_KIB, 800000, 16)
    assert spoke(ev) == []
    ev.facts["state"] = "a"
    assert spoke(ev) == ["memory"]


BOUND = "<6>[drm] Initialized xe 1.1.0 for 0000:01:00.0 on minor 0\n"
SAID = ("<6>xe 0000:01:00.0: [drm] unplugged in 314 ms: 3 queues killed, 0 jobs lost; unmapped 27 buffers (13168 KiB) "
        "and 2 userptrs (8 KiB); freed 100 KiB; still held by 2 open files, 3 shared or mapped buffers (2112 KiB)\n")


def removed(text, **facts):
    """Evidence of a patched cell with this log, whose two programs were held."""
    ev = clean(**{"side": "patched", "state": "bo-bound+userptr", **facts})
    ev.replies = [("bo-bound: hold", "held {}", 0.1), ("userptr: hold", "held {}", 0.1)]
    ev.held, ev.remove_seconds = {"bos": 3, "userptrs": 2, "queues": 1}, 0.4
    return log(ev, text)


def test_the_one_line_is_there_once_for_each_removal():
    assert spoke(removed(SAID + BOUND)) == []
    assert spoke(removed(SAID + BOUND, way="remove-probe")) == []
    for text in (BOUND, SAID + SAID + BOUND, SAID, "<6>xe loaded", SAID + BOUND + BOUND):
        assert spoke(removed(text)) == ["summary"], text
    assert spoke(removed(SAID + BOUND + SAID + BOUND, way="pciehp")) == []
    assert spoke(removed(BOUND + "<6>xe-unplug: a/b/c: begin\n" + SAID + BOUND)) == [], "the boot's own probe"
    other = SAID.replace("0000:01:", "0000:02:")
    assert spoke(removed(SAID + BOUND + other)) == [], "another GPU of the guest"
    assert spoke(removed(other + BOUND)) == ["summary"]


def test_the_one_line_is_asked_for_where_a_cell_of_the_series_came_to_its_end():
    assert spoke(removed(BOUND, side="base")) == []
    assert spoke(removed(BOUND, kind="sweep")) == [] and spoke(removed(BOUND, kind="cycles")) == ["summary"]
    ev = removed(BOUND)
    ev.skip = "why"
    assert spoke(ev) == []
    ev = removed(BOUND)
    del ev.samples["after"]
    assert spoke(ev) == []


@pytest.mark.parametrize("old, new", [
    ("3 queues", "0 queues"), ("27 buffers", "2 buffers"), ("2 userptrs (8", "1 userptrs (8"), ("2 open", "1 open"),
    ("3 queues", "4294967295 queues"), ("13168 KiB", "104 KiB"), ("(8 KiB)", "(0 KiB)"), ("3 shared", "0 shared"),
    ("unplugged", "surprise unplugged"), ("in 314 ms", "in 514 ms"), ("freed 100 KiB; ", ""),
    ("(2112 KiB)", "(18446744073709551612 KiB)")])
def test_the_one_line_says_what_can_be_true(old, new):
    assert old in SAID
    assert spoke(removed(SAID.replace(old, new) + BOUND)) == ["summary"]


def test_the_one_line_of_what_closes_beside_the_removal_may_count_less():
    less = SAID.replace("2 open", "0 open").replace("3 queues", "0 queues")
    assert spoke(removed(less + BOUND, order="during")) == []
    assert spoke(removed(less + BOUND, order="munmap-during")) == ["summary"] * 2
    gone = SAID.replace("2 userptrs (8 KiB)", "0 userptrs (0 KiB)")
    assert spoke(removed(gone + BOUND, order="munmap-during")) == []
    assert spoke(removed(gone + BOUND, order="munmap-after")) == ["summary"]


def test_the_one_line_does_not_count_buffers_in_local_memory():
    few = SAID.replace("27 buffers (13168 KiB)", "2 buffers (8 KiB)") + BOUND
    assert spoke(removed(few)) == ["summary"] and spoke(removed(few, gpu="bmg")) == []


def test_the_one_line_tells_a_device_that_was_dead():
    dead = SAID.replace("unplugged", "surprise unplugged")
    assert spoke(removed(dead + BOUND, way="surprise")) == [] and spoke(removed(SAID + BOUND, way="pull")) == ["summary"]
    ev = removed(dead + BOUND + SAID + BOUND, way="pull")
    assert spoke(ev) == [], "the card that pciehp switched off again was alive"
