# SPDX-License-Identifier: MIT
"""Kernel log: grouping, kinds, allow-list."""

import pytest

from xerig import errors, klog
from xerig.agent import Record


def records(text):
    """Records from lines "<level>text"."""
    out = []
    for i, line in enumerate(text.strip("\n").split("\n")):
        out.append(Record(int(line[1]), i, 1000 * i, line[3:]))
    return out


DMA = """
<4>------------[ cut here ]------------
<4>DMA-API: pci 0000:01:00.0: device driver has pending DMA allocations while released from device [count=17]\\x0aOne of leaked
<4>WARNING: CPU: 0 PID: 182 at kernel/dma/debug.c:862 dma_debug_device_change+0x139/0x1a0
<4>Modules linked in: xe
<4>Call Trace:
<4> notifier_call_chain+0x41/0xd0
<4>---[ end trace 0000000000000000 ]---
<4>DMA-API: Mapped at:
<4> debug_dma_map_sg+0x19c/0x1c0
<4> xe_tt_map_sg+0x95/0xc0 [xe]
<6>[drm] Initialized xe 1.1.0 for 0000:01:00.0 on minor 2
"""
PM = """
<4>------------[ cut here ]------------
<4>pci 0000:01:00.0: [drm] Missing outer runtime PM protection
<4>WARNING: CPU: 1 PID: 266 at drivers/gpu/drm/xe/xe_pm.c:658 xe_pm_runtime_get_noresume+0x7e/0xa0 [xe]
<4>Call Trace:
<4> guc_exec_queue_add_msg+0x26/0xb0 [xe]
<4>---[ end trace 0000000000000000 ]---
"""
OOPS = """
<1>BUG: kernel NULL pointer dereference, address: 00000000000000a0
<1>#PF: supervisor read access in kernel mode
<6>PGD 0 P4D 0
<4>Oops: Oops: 0000 [#1] SMP NOPTI
<4>CPU: 1 UID: 0 PID: 99 Comm: userptr
<4>RIP: 0010:dma_iova_unlink+0x2b/0x170
<4>Call Trace:
<4> __drm_gpusvm_unmap_pages+0x61/0x170
<4>---[ end trace 0000000000000000 ]---
"""
KASAN = """
<3>==================================================================
<3>BUG: KASAN: slab-use-after-free in xe_vm_free+0x10/0x20 [xe]
<3>Read of size 8 at addr ffff888000000000 by task a/1
<4>CPU: 0 UID: 0 PID: 1 Comm: a
<4>Call Trace:
<4> xe_vm_free+0x10/0x20 [xe]
<3>==================================================================
"""
LOCKDEP = """
<4>======================================================
<4>WARNING: possible circular locking dependency detected
<4>6.12.117 #1 Not tainted
<4>------------------------------------------------------
<4>init/79 is trying to acquire lock:
<4>ffff88800795c300 (&ctrl->reset_lock){.+.+}-{3:3}, at: pciehp_unconfigure_device+0x1d2/0x2c0
<4>\\x0abut task is already holding lock:
<4>ffffffff8281aca8 (pci_rescan_remove_lock){+.+.}-{3:3}, at: pci_lock_rescan_remove+0x12/0x20
<4>\\x0awhich lock already depends on the new lock.\\x0a
<4>\\x0athe existing dependency chain (in reverse order) is:
<4>\\x0a-> #1 (pci_rescan_remove_lock){+.+.}-{3:3}:
<4>       __mutex_lock+0x17f/0x1c80
<4>\\x0aother info that might help us debug this:\\x0a
<4> Possible unsafe locking scenario:\\x0a
<4>\\x0a *** DEADLOCK ***\\x0a
<4>1 lock held by init/79:
<4>\\x0astack backtrace:
<4>CPU: 1 UID: 0 PID: 39 Comm: irq/25-pciehp Not tainted
<4> </TASK>
"""


def kinds(text):
    return [e.kind for e in klog.entries(records(text))]


def test_dma_api_report_is_one_entry_with_its_trace():
    found = klog.entries(records(DMA))
    assert [e.kind for e in found] == ["dma-api", "line"]
    assert "xe_tt_map_sg" in found[0].text()
    assert klog.pending_dma(found) == 17


def test_counts_of_two_reports_add_up_and_none_is_none():
    assert klog.pending_dma(klog.entries(records(DMA + DMA.lstrip("\n")))) == 34
    assert klog.pending_dma(klog.entries(records(PM))) is None


def test_warn_title_says_where_and_what():
    (e,) = klog.entries(records(PM))
    assert e.kind == "warn" and e.level == 4
    assert e.title == ("WARNING at drivers/gpu/drm/xe/xe_pm.c:658 xe_pm_runtime_get_noresume: "
                       "pci 0000:01:00.0: [drm] Missing outer runtime PM protection")


def test_two_warnings_in_a_row_are_two():
    assert kinds(PM + PM.lstrip("\n")) == ["warn", "warn"]


def test_oops_is_one_entry_and_names_the_function():
    (e,) = klog.entries(records(OOPS))
    assert e.kind == "oops" and "NULL pointer" in e.title and e.title.endswith("in dma_iova_unlink")


def test_kasan_and_lockdep():
    assert [e.kind for e in klog.entries(records(KASAN)) if e.kind != "line"] == ["kasan"]
    (e,) = klog.entries(records(LOCKDEP))
    assert (e.kind, e.title) == ("lockdep", "WARNING: possible circular locking dependency detected in "
                                            "pciehp_unconfigure_device")


INJECTED = """
<4>
<4>================================
<4>WARNING: inconsistent lock state
<4>6.12.117 #1 Tainted: G     U
<4>--------------------------------
<4>inconsistent {INITIAL USE} -> {IN-NMI} usage.
<4>init/2160 [HC1[1]:SC0[0]:HE0:SE1] takes:
<4>ffff8880696362c8 (crngs.lock){....}-{2:2}, at: crng_make_state+0x53/0x4b0
<4>{INITIAL USE} state was registered at:
<4>  lock_acquire+0x1b4/0x4f0
<4>  get_random_u32+0x1c0/0x5b0
<4>irq event stamp: 2716
<4>hardirqs last  enabled at (2715): [<ffffffff812fb3ba>] ktime_get_raw+0x13a/0x1a0
<4>\\x0aother info that might help us debug this:
<4> Possible unsafe locking scenario:\\x0a
<4>       CPU0
<4>       ----
<4>  lock(crngs.lock);
<4>\\x0a *** DEADLOCK ***\\x0a
<4>4 locks held by init/2160:
<4> #3: ffff888010f041f0 (&dev->mutex){....}-{3:3}, at: device_driver_attach+0xa9/0x1c0
<4>\\x0astack backtrace:
<4>CPU: 0 UID: 0 PID: 2160 Comm: init Tainted: G     U             6.12.117 #1
<4>Call Trace:
<4> <TASK>
<4> get_random_u8+0x1d1/0x650
<4> should_fail_ex+0x270/0x580
<4> fei_kprobe_handler+0x1e/0xa0
<4> asm_exc_int3+0x3a/0x40
<4>RIP: 0010:guc_wait_ucode+0x1/0x14c0 [xe]
<4> ? __xe_guc_upload+0x281/0x300 [xe]
<4> </TASK>
"""


@pytest.mark.parametrize("frame, allowed", [("should_fail_ex+0x270/0x580", True), ("xe_f+0x1/0x2 [xe]", False)])
def test_a_report_from_inside_of_fault_injection_is_not_the_drivers(frame, allowed):
    (e,) = found = klog.entries(records(INJECTED.replace("should_fail_ex+0x270/0x580", frame)))
    assert (e.kind, e.title) == ("lockdep", "WARNING: inconsistent lock state in crng_make_state")
    facts = {"kernel": "debug", "way": "failed-probe"}
    assert klog.judge(found, klog.load_allowed(), facts) == ([] if allowed else [e])
    assert klog.judge(found, klog.load_allowed(), {**facts, "way": "unbind"}) == [e]


@pytest.mark.parametrize("trace, allowed", [("__mutex_lock+0x17f/0x1c80", True), ("xe_bo_f+0x1/0x2 [xe]", False)])
def test_a_circle_with_a_drivers_lock_is_never_allowed(trace, allowed):
    (e,) = found = klog.entries(records(LOCKDEP.replace("__mutex_lock+0x17f/0x1c80", trace)))
    facts = {"kernel": "debug", "way": "pull"}
    assert klog.judge(found, klog.load_allowed(), facts) == ([] if allowed else [e])


@pytest.mark.parametrize("line, kind", [
    ("<3>INFO: task init:1 blocked for more than 20 seconds.", "hung"),
    ("<3>DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0x1000", "iommu"),
    ("<0>Kernel panic - not syncing: Fatal exception", "panic"),
    ("<3>DMA-API: xe 0000:01:00.0: device driver tries to free DMA memory it has not allocated", "dma-api"),
    ("<3>UBSAN: array-index-out-of-bounds in a.c:1:2", "ubsan"),
])
def test_kinds_of_single_lines(line, kind):
    assert kinds(line) == [kind]


def rules(text, tmp_path):
    path = tmp_path / "allow.txt"
    path.write_text(text)
    return klog.load_allowed(path)


def test_everything_not_allowed_counts_from_warning_on(tmp_path):
    found = klog.entries(records("<4>something odd\n<5>a notice\n<3>an error\n<6>an information"))
    assert [e.title for e in klog.judge(found, [], {})] == ["something odd", "an error"]


def test_allowed_lines_need_their_conditions(tmp_path):
    allow = rules("way=surprise,remove /^something/ the reason", tmp_path)
    found = klog.entries(records("<4>something odd"))
    assert klog.judge(found, allow, {"way": "surprise"}) == [] and found[0].allowed == "the reason"
    assert len(klog.judge(klog.entries(records("<4>something odd")), allow, {"way": "unbind"})) == 1


def test_of_several_gpus_the_one_that_leaves_counts(tmp_path):
    rule, = rules("gpu=lnl /x/ the reason", tmp_path)
    assert rule.applies({"gpu": "lnl+bmg"}) and not rule.applies({"gpu": "bmg+lnl"})
    rule, = rules("test=xe_pm@s*,xe_vm@a /x/ the reason", tmp_path)
    assert rule.applies({"test": "xe_pm@s2idle"}) and rule.applies({"test": "xe_vm@a"})
    assert not rule.applies({"test": "xe_vm@s"})


def test_splats_count_even_at_low_level(tmp_path):
    text = PM.replace("<4>", "<6>")
    assert len(klog.judge(klog.entries(records(text)), [], {})) == 1


@pytest.mark.parametrize("line", ["no slashes here", "/unclosed", "/x/", "/(/ bad pattern"])
def test_bad_allow_list_is_a_usage_error_with_its_place(line, tmp_path):
    with pytest.raises(errors.UsageError, match="allow.txt:1"):
        rules(line, tmp_path)


def test_the_allow_list_of_the_repository_is_good():
    assert all(r.reason for r in klog.load_allowed())


def test_console_text_of_a_dead_kernel():
    lines = ["[    4.014766] BUG: kernel NULL pointer dereference, address: 0\r", "[    4.015] x",
             "[    4.014800] Kernel panic - not syncing: Fatal exception\r"]
    found = klog.entries(klog.parse_console(lines))
    assert {"oops", "panic"} & {e.kind for e in found}
    assert found[0].us == 4014766
