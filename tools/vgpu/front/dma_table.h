/* SPDX-License-Identifier: MIT */
/* Inside of the DMA table: for dma.c, which changes it, and dma_access.c, which uses it. */
#ifndef VGPU_DMA_TABLE_H
#define VGPU_DMA_TABLE_H

#include <pthread.h>
#include <sys/types.h>

#include "dma.h"
#include "dma_tree.h"
#include "log.h"

struct backing {
	dev_t dev;
	ino_t ino;
	uint8_t *base;
	uint64_t size;
	bool writable;
};

struct vgpu_dma {
	pthread_rwlock_t lock;
	struct dma_tree tree;
	struct backing files[DMA_TREE_MAX_FILES]; /* [0] is "no memory" */
	uint32_t nfiles;
	bool bus_master;
	uint64_t maps, unmaps;
	atomic_ullong reads, writes, bytes, faults;
};

#endif
