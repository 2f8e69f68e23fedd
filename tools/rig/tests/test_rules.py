# SPDX-License-Identifier: MIT
"""Each semantic rule of tools/check finds a defect that was put in, and is silent about the same code done right."""

import shutil

import pytest

from xerig import check, lint, paths

RULES = paths.CHECKS
# rule -> (file name, code with the defect, part of the finding, code without)
SEEDED = {
    "drmm_release": ("xe_a.c", """
static void fini(struct drm_device *drm, void *arg) { xe_bo_unpin_map_no_vm(arg); }
int init(struct xe_device *xe) { return drmm_add_action_or_reset(&xe->drm, fini, xe->bo); }
""", "drmm action fini() calls xe_bo_unpin_map_no_vm()", """
static void fini(void *arg) { xe_bo_unpin_map_no_vm(arg); }
int init(struct xe_device *xe) { return devm_add_action_or_reset(xe->drm.dev, fini, xe->bo); }
"""),
    "devm_memory": ("xe_a.c", """
int init(struct xe_device *xe) { xe->q = devm_kzalloc(xe->drm.dev, 8, GFP_KERNEL); return 0; }
""", "xe -> q in memory of devm_kzalloc()", """
int init(struct xe_device *xe) { xe->q = drmm_kzalloc(&xe->drm, 8, GFP_KERNEL); return 0; }
"""),
    "dma_calls": ("xe_a.c", """
int map(struct device *dev, struct sg_table *sg) { return dma_map_sgtable(dev, sg, DMA_BIDIRECTIONAL, 0); }
""", "map() calls dma_map_sgtable()", """
int map(struct xe_device *xe, struct sg_table *sg) { return xe_dma_map(xe, sg, DMA_BIDIRECTIONAL, 0); }
"""),
    "devm_workqueue": ("xe_a.c", """
static void fini(void *arg) { struct xe_gt *gt = arg; destroy_workqueue(gt->wq); }
int init(struct xe_gt *gt) { return devm_add_action_or_reset(gt->dev, fini, gt); }
""", "devm action fini() destroys workqueue gt -> wq", """
static void fini(struct drm_device *drm, void *arg) { struct xe_gt *gt = arg; destroy_workqueue(gt->wq); }
int init(struct xe_gt *gt) { return drmm_add_action_or_reset(gt->drm, fini, gt); }
"""),
    "dmabuf_handle": ("xe_a.c", """
bool shared(struct xe_bo *bo) { if (bo->ttm.base.dma_buf) return true; return false; }
""", "shared() looks at bo -> ttm . base's dma_buf", """
bool shared(struct xe_bo *bo) { if (bo->exported || bo->dma_buf) return true; return false; }
"""),
}
ALSO = (("devm_workqueue",
         "int init(struct xe_gt *gt) { gt->wq = devm_alloc_workqueue(gt->dev, \"x\", 0, 1); return 0; }",
         "init() has a workqueue that devres destroys"),
        ("dma_calls", "void f(struct device *d) { dma_iova_unlink(d, 0, 0, 0, 0, 0); }", "f() calls dma_iova_unlink()"))


@pytest.fixture
def says(tmp_path):
    """says(rule, file name, code): findings of a rule."""
    if not shutil.which("spatch"):
        pytest.skip("coccinelle is not installed (make setup)")

    def run(rule, name, code):
        folder = tmp_path / "drivers/gpu/drm/xe"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(code)
        found = lint.coccinelle(tmp_path, [RULES / f"{rule}.cocci"], None)[rule]
        (folder / name).unlink()
        return found
    return run


@pytest.mark.parametrize("rule", SEEDED)
def test_rule_finds_the_defect_and_nothing_else(rule, says):
    name, bad, text, good = SEEDED[rule]
    assert says(rule, name, bad) == [f"drivers/gpu/drm/xe/{name}: {text}"]
    assert says(rule, name, good) == []


@pytest.mark.parametrize("rule, code, text", ALSO)
def test_other_forms(rule, code, text, says):
    assert says(rule, "xe_a.c", code) == [f"drivers/gpu/drm/xe/xe_a.c: {text}"]


def test_gate_itself_may_map(says):
    assert says("dma_calls", "xe_dma.c", SEEDED["dma_calls"][1]) == []


def test_every_rule_has_a_seeded_defect_and_a_list():
    assert {r.stem for r in check.RULES} == set(SEEDED)
    assert all((RULES / f"{r}.allow").exists() for r in SEEDED)


GUARDED = """
int map(struct device *dev, struct sg_table *sg)
{
	scoped_guard(mutex, &lock)
		return dma_map_sgtable(dev, sg, DMA_BIDIRECTIONAL, 0);
	return 0;
}
"""


def test_rules_see_into_guards(says):
    assert says("dma_calls", "xe_a.c", GUARDED) == ["drivers/gpu/drm/xe/xe_a.c: map() calls dma_map_sgtable()"]


def test_function_that_no_rule_sees_is_a_finding(says, tmp_path):
    says("dma_calls", "xe_a.c", "")
    file = tmp_path / "drivers/gpu/drm/xe/xe_a.c"
    odd = GUARDED.replace("scoped_guard(mutex, &lock)", "unheard_of(mutex, (struct x) {}) {")
    file.write_text(odd.replace("\treturn 0;", "}"))
    assert lint.blind(tmp_path, ["drivers/gpu/drm/xe/xe_a.c", "drivers/gpu/drm/xe/gone.c"], None) == [
        "drivers/gpu/drm/xe/xe_a.c: map() is not parsed"]
    file.write_text(GUARDED)
    assert lint.blind(tmp_path, ["drivers/gpu/drm/xe/xe_a.c"], None) == []


def test_tables_that_are_not_parsed_are_no_functions():
    said = "PARSING: a.c\nbad: static const struct x t[] = {\nBAD:!!!!! \t.a = COUNT(b),\nbad: };\nbadcount: 3\n"
    assert lint.unparsed(said) == []
    said += "PARSING: b.c\nbad: struct xe_q *\nbad: xe_find(int a,\nbad: \tint b)\nbad: {\n" \
        "BAD:!!!!! \tx (y) {\nbad: }\n"
    assert lint.unparsed(said) == ["b.c: xe_find() is not parsed"]
