/* SPDX-License-Identifier: MIT */

#ifndef _XE_DMA_TYPES_H_
#define _XE_DMA_TYPES_H_

#include <linux/bits.h>
#include <linux/dma-direction.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/srcu.h>
#include <linux/types.h>

struct device;
struct sg_table;

/** XE_DMA_SHARD_BITS - log2 of the number of locks the mappings are spread over */
#define XE_DMA_SHARD_BITS	5
#define XE_DMA_NUM_SHARDS	BIT(XE_DMA_SHARD_BITS)

/** XE_DMA_CLOSE_NAMED - most mappings that are named in the log when closing */
#define XE_DMA_CLOSE_NAMED	64

/** XE_DMA_CLOSE_BATCH - most unmaps done in one lock hold while closing */
#define XE_DMA_CLOSE_BATCH	64

/** XE_DMA_ALIGN - alignment of a node and of what is mapped with it */
#define XE_DMA_ALIGN		sizeof(long)

/**
 * enum xe_dma_owner - what kind of object owns a mapping
 *
 * Only used to say in the log what was still mapped at unplug.
 */
enum xe_dma_owner {
	/** @XE_DMA_OWNER_BO: system pages of a buffer object */
	XE_DMA_OWNER_BO,
	/** @XE_DMA_OWNER_USERPTR: pages of a user process, bound or faulted in */
	XE_DMA_OWNER_USERPTR,
	/** @XE_DMA_NUM_OWNERS: number of kinds */
	XE_DMA_NUM_OWNERS,
};

/**
 * struct xe_dma_map - one DMA mapping of the device
 *
 * Embedded in the object that owns the pages, together with what describes
 * them. There are as many as buffers and userptrs, so it is kept small. Zeroed
 * memory is a valid, unmapped node. The owner must call xe_dma_unmap() before
 * it frees the node or what is mapped, also when the gate has been closed
 * meanwhile.
 *
 * While mapped all fields belong to &struct xe_dma_gate and are protected by
 * the lock of the shard the node hashes to.
 */
struct xe_dma_map {
	/** @link: in the list of the shard while mapped */
	struct list_head link;
	/** @pages: size in CPU pages, when there is no table that says it */
	u32 pages;
	/**
	 * @offset: where the owner keeps what is mapped, an sg_table or what
	 * &xe_dma_gate.unmap knows; from the node, in units of XE_DMA_ALIGN
	 */
	s16 offset;
	/** @dir: direction of a table, &enum dma_data_direction */
	u8 dir : 2;
	/** @owner: &enum xe_dma_owner */
	u8 owner : 2;
	/** @table: an sg_table is mapped */
	u8 table : 1;
	/** @mapped: set from a successful map to the first unmap */
	u8 mapped : 1;
#if IS_ENABLED(CONFIG_DRM_XE_DEBUG)
	/** @pid: who has mapped it, for the log */
	pid_t pid;
	/** @comm: its name */
	char comm[TASK_COMM_LEN];
#endif
};

/**
 * struct xe_dma_shard - one slice of the mappings of a device
 */
struct xe_dma_shard {
	/**
	 * @lock: protects @maps and the nodes that hash here.
	 * A leaf: it is taken below VM locks, dma_resv, the userptr notifier
	 * lock, MMU notifiers and reclaim; below it is only the DMA API.
	 */
	struct mutex lock;
	/** @maps: live mappings, &xe_dma_map.link */
	struct list_head maps;
} ____cacheline_aligned_in_smp;

/**
 * struct xe_dma_stats - what closing the gate found
 */
struct xe_dma_stats {
	/** @maps: number of mappings per kind of owner */
	unsigned long maps[XE_DMA_NUM_OWNERS];
	/** @pages: their size in CPU pages, per kind of owner */
	u64 pages[XE_DMA_NUM_OWNERS];
};

/**
 * struct xe_dma_gate - all streaming DMA mappings of one device
 */
struct xe_dma_gate {
	/** @dev: device the pages are mapped for; only used while open */
	struct device *dev;
	/**
	 * @unmap: undoes a mapping that is not one of an sg_table. Gets what was
	 * given to xe_dma_map_end(). Called under the leaf lock. Set before the
	 * first such mapping.
	 */
	void (*unmap)(void *obj, unsigned long pages);
	/**
	 * @srcu: read side around the test of @closed and the map that depends
	 * on it. Per device, so that nobody waits for another device.
	 */
	struct srcu_struct srcu;
	/** @closed: no mapping may be added any more; never cleared */
	bool closed;
	/** @shards: the mappings */
	struct xe_dma_shard shards[XE_DMA_NUM_SHARDS];
};

#endif
