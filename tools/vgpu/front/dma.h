/* SPDX-License-Identifier: MIT */
/*
 * DMA table: bus address (IOVA) to host memory, as the vfio-user client maps
 * and unmaps it. Accesses are declared in vgpu.h.
 */
#ifndef VGPU_DMA_H
#define VGPU_DMA_H

#include "vgpu.h"

#define VGPU_DMA_READ  1u /* device may read */
#define VGPU_DMA_WRITE 2u /* device may write */

/* Bus addresses the table takes; anything above cannot be mapped. */
#define VGPU_DMA_ADDR_BITS 57

/* Longest access done under one hold of the table's lock, in bytes. */
#define VGPU_DMA_PIECE (64u << 10)

struct vgpu_dma_stats {
	uint64_t live_pages;	 /* 4 KiB pages mapped now */
	uint64_t unbacked_pages; /* ... of these without memory behind them */
	uint64_t tables;	 /* nodes of the tree, 4 KiB each */
	uint64_t files;		 /* distinct backing files mapped into the process */
	uint64_t maps, unmaps;	 /* successful requests since start */
	uint64_t reads, writes;	 /* accesses */
	uint64_t bytes;		 /* moved by successful accesses */
	uint64_t faults;	 /* page runs that failed, dead ones included */
};

/*
 * vgpu_dma_catch_sigbus - handle SIGBUS, so that an access to a file the client
 * has cut short fails like one to an address without memory. vgpu_dma_new()
 * does it; again only for who changed the handler since.
 */
void vgpu_dma_catch_sigbus(void);

/* vgpu_dma_new - empty table. NULL with errno set if there is no memory. */
struct vgpu_dma *vgpu_dma_new(void);
/* vgpu_dma_free - NULL is allowed. No access may be under way. */
void vgpu_dma_free(struct vgpu_dma *d);

/*
 * vgpu_dma_map - let the device reach @size bytes at @iova: memory of @fd from
 * @offset on, or none (@fd -1). @fd stays the caller's. @iova, @size, @offset
 * are multiples of 4 KiB; @prot is a mask of VGPU_DMA_READ/WRITE.
 *
 * Returns 0, -EINVAL (bad numbers, fd that is no file or too short), -EACCES
 * (fd does not permit @prot), -EEXIST (overlaps a live mapping; nothing
 * changed), -ENOSPC/-ENOMEM (limits). Loop thread.
 */
int vgpu_dma_map(struct vgpu_dma *d, uint64_t iova, uint64_t size, int fd, uint64_t offset,
		 uint32_t prot);
/*
 * vgpu_dma_unmap - take away all mappings in [@iova, @iova + @size). A range
 * that holds none is fine. When it returns, no access to the range is under
 * way. Returns 0, -EINVAL (not page multiples, wraps) or -ENOMEM. Loop thread.
 */
int vgpu_dma_unmap(struct vgpu_dma *d, uint64_t iova, uint64_t size);
/* vgpu_dma_unmap_all - the same for every mapping. Loop thread. */
void vgpu_dma_unmap_all(struct vgpu_dma *d);
/* vgpu_dma_reset - forget everything, the history of unmapped pages too. Loop thread. */
void vgpu_dma_reset(struct vgpu_dma *d);

/* vgpu_dma_set_bus_master - waits until accesses under the old value are done. */
void vgpu_dma_set_bus_master(struct vgpu_dma *d, bool on);
bool vgpu_dma_bus_master(struct vgpu_dma *d);
/* vgpu_dma_fence - waits until every access begun before the call is done. */
void vgpu_dma_fence(struct vgpu_dma *d);

/* vgpu_dma_get_stats - snapshot of the counters. Any thread. */
void vgpu_dma_get_stats(struct vgpu_dma *d, struct vgpu_dma_stats *out);

#endif
