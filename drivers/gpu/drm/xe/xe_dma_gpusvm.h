/* SPDX-License-Identifier: MIT */

#ifndef _XE_DMA_GPUSVM_H_
#define _XE_DMA_GPUSVM_H_

#include "xe_dma_types.h"

struct drm_gpusvm_pages;
struct xe_device;

void xe_dma_gpusvm_init(struct drm_gpusvm_pages *pages, struct xe_device *xe,
			struct xe_dma_map *map);

#endif
