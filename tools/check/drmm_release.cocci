// SPDX-License-Identifier: MIT
//
// A drmm action runs when the last user of the drm_device is gone, long after
// remove(). One that releases a pinned BO, a DMA mapping or what owns such
// things works on a device that may not be there any more. Reported with the
// way it gets there: the callback itself, or through one or two functions of
// the same file.
//
// Options: --no-includes --include-headers

virtual report

@initialize:python@
@@
told = set()

def tell(where, text):
    key = (where[0].file, text)
    if key not in told:
        told.add(key)
        coccilib.report.print_report(where[0], text)

@action@
identifier fn;
expression drm, data;
position at;
@@
(
  drmm_add_action@at(drm, fn, data)
|
  drmm_add_action_or_reset@at(drm, fn, data)
)

@direct@
identifier action.fn;
identifier release =~ "^(dma_unmap_|dma_free_|iommu_unmap|iounmap$|pci_iounmap|ttm_bo_put$|ttm_device_fini$|ttm_resource_manager_evict_all$|drm_suballoc_manager_fini$|xe_bo_(put|unpin)|xe_vm_close|xe_exec_queue_put$|xe_lrc_put$|xe_ggtt_(node_)?remove)";
@@
fn(...) { <+... release(...) ...+> }

@script:python depends on report@
at << action.at;
fn << action.fn;
release << direct.release;
@@
tell(at, "drmm action %s() calls %s()" % (fn, release))

@step@
identifier action.fn;
identifier inner;
@@
fn(...) { <+... inner(...) ...+> }

@indirect@
identifier step.inner;
identifier release =~ "^(dma_unmap_|dma_free_|iommu_unmap|iounmap$|pci_iounmap|ttm_bo_put$|ttm_device_fini$|ttm_resource_manager_evict_all$|drm_suballoc_manager_fini$|xe_bo_(put|unpin)|xe_vm_close|xe_exec_queue_put$|xe_lrc_put$|xe_ggtt_(node_)?remove)";
@@
inner(...) { <+... release(...) ...+> }

@script:python depends on report@
at << action.at;
fn << action.fn;
inner << step.inner;
release << indirect.release;
@@
tell(at, "drmm action %s() calls %s() through %s()" % (fn, release, inner))

@step2@
identifier step.inner;
identifier deepest;
@@
inner(...) { <+... deepest(...) ...+> }

@indirect2@
identifier step2.deepest;
identifier release =~ "^(dma_unmap_|dma_free_|iommu_unmap|iounmap$|pci_iounmap|ttm_bo_put$|ttm_device_fini$|ttm_resource_manager_evict_all$|drm_suballoc_manager_fini$|xe_bo_(put|unpin)|xe_vm_close|xe_exec_queue_put$|xe_lrc_put$|xe_ggtt_(node_)?remove)";
@@
deepest(...) { <+... release(...) ...+> }

@script:python depends on report@
at << action.at;
fn << action.fn;
inner << step.inner;
deepest << step2.deepest;
release << indirect2.release;
@@
tell(at, "drmm action %s() calls %s() through %s(), %s()" % (fn, release, inner, deepest))
