// SPDX-License-Identifier: MIT

#include "xe_dma_gpusvm.h"

#include <drm/drm_gpusvm.h>

#include "xe_device.h"
#include "xe_dma.h"

static struct xe_dma_gate *pages_to_gate(const struct drm_gpusvm_pages *pages)
{
	return &to_xe_device(pages->drm)->dma;
}

static int map_begin(struct drm_gpusvm_pages *pages)
{
	return xe_dma_map_begin(pages_to_gate(pages));
}

/* Called by the gate, be it for the owner or because it closes */
static void unmap_pages(void *obj, unsigned long npages)
{
	drm_gpusvm_dma_unmap_pages(obj, npages);
}

static void map_end(struct drm_gpusvm_pages *pages, int cookie,
		    unsigned long npages)
{
	struct xe_dma_map *map = npages ? pages->dma_priv : NULL;

	xe_dma_map_end(pages_to_gate(pages), cookie, map, pages, npages);
}

static void unmap(struct drm_gpusvm_pages *pages, unsigned long npages)
{
	xe_dma_unmap(pages_to_gate(pages), pages->dma_priv);
}

static const struct drm_gpusvm_dma_ops dma_gpusvm_ops = {
	.map_begin = map_begin,
	.map_end = map_end,
	.unmap = unmap,
};

/**
 * xe_dma_gpusvm_init() - Set up pages that are mapped through the DMA gate
 * @pages: pages of a userptr or an SVM range, in the same object as @map
 * @xe: device the pages are mapped for
 * @map: node of the mapping, zeroed
 *
 * To be called instead of drm_gpusvm_init_pages(). From then on drm_gpusvm
 * maps and unmaps @pages as before, only that mapping fails with -ENODEV once
 * the gate of @xe is closed, and that closing it undoes the mapping.
 */
void xe_dma_gpusvm_init(struct drm_gpusvm_pages *pages, struct xe_device *xe,
			struct xe_dma_map *map)
{
	drm_gpusvm_init_pages(pages, &xe->drm);
	pages->dma_ops = &dma_gpusvm_ops;
	pages->dma_priv = map;
	map->owner = XE_DMA_OWNER_USERPTR;
	/* The only kind there is besides tables */
	WRITE_ONCE(xe->dma.unmap, unmap_pages);
}
