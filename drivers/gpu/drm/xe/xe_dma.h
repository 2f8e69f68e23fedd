/* SPDX-License-Identifier: MIT */

#ifndef _XE_DMA_H_
#define _XE_DMA_H_

#include "xe_dma_types.h"

int xe_dma_gate_init(struct xe_dma_gate *gate, struct device *dev);
void xe_dma_gate_fini(struct xe_dma_gate *gate);
void xe_dma_gate_close(struct xe_dma_gate *gate, struct xe_dma_stats *stats);

int xe_dma_map_sgtable(struct xe_dma_gate *gate, struct xe_dma_map *map,
		       struct sg_table *sgt, enum dma_data_direction dir,
		       unsigned long attrs, enum xe_dma_owner owner);
int xe_dma_map_begin(struct xe_dma_gate *gate);
void xe_dma_map_end(struct xe_dma_gate *gate, int idx, struct xe_dma_map *map,
		    const void *obj, unsigned long pages);
void xe_dma_unmap(struct xe_dma_gate *gate, struct xe_dma_map *map);

/**
 * xe_dma_gate_closed() - Has the gate been closed?
 * @gate: the gate
 *
 * Only a hint: without further means the answer may be old when it arrives.
 *
 * Return: true if no new mapping can be made.
 */
static inline bool xe_dma_gate_closed(const struct xe_dma_gate *gate)
{
	return READ_ONCE(gate->closed);
}

#if IS_ENABLED(CONFIG_KUNIT)
int xe_dma_raw_map(struct device *dev, struct sg_table *sgt,
		   enum dma_data_direction dir, unsigned long attrs);
void xe_dma_raw_unmap(struct device *dev, struct sg_table *sgt,
		      enum dma_data_direction dir);
bool xe_dma_close_batch(struct xe_dma_gate *gate, struct xe_dma_shard *shard,
			struct xe_dma_stats *stats);
#endif

#endif
