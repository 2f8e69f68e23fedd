// SPDX-License-Identifier: MIT
//
// A DMA mapping made or undone past the gate (xe_dma.c) is one that remove()
// does not find. Every call of the DMA API outside of it is reported, once a
// function, to be judged and put on the reviewed list.
//
// Options: --no-includes --include-headers

virtual report

@initialize:python@
@@
told = set()

def tell(where, text):
    if where.file.rsplit("/", 1)[-1].startswith("xe_dma"):
        return
    key = (where.file, where.current_element, text)
    if key not in told:
        told.add(key)
        coccilib.report.print_report(where, "%s() calls %s()" % (where.current_element, text))

@call@
identifier api =~ "^(dma_(un)?map_(single|page|sg|sgtable|resource|phys)|dma_iova_|dma_(alloc|free)_|iommu_(un)?map|dma_buf_(un)?map_attachment|drm_pagemap_(un)?map)";
position at;
@@
api@at(...)

@script:python depends on report@
at << call.at;
api << call.api;
@@
tell(at[0], api)
