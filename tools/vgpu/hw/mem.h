/* SPDX-License-Identifier: MIT */
/* Access to guest memory by GPU address: through the GGTT or a context's page tables. */
#ifndef VGPU_MEM_H
#define VGPU_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vgpu.h"

struct vgpu_hw;

/* An address space: the GGTT, or the page tables below @root. */
struct mem_space {
	bool ggtt;
	uint64_t root;
};

#define MEM_GGTT ((struct mem_space){ .ggtt = true })
#define MEM_PIECE 65536u /* the most that is moved under one hold of h->xlat */

/* A page that did not translate, for who can have it mapped. */
struct mem_fault {
	bool valid;
	bool write, read_only; /* read_only: there, but not for writing */
	unsigned int level;    /* of the missing entry */
	uint64_t addr;
};

/*
 * The first translation through page tables that failed on this thread since it was last cleared.
 * Not set for a table that could not be read: mapping a page would not help.
 */
extern _Thread_local struct mem_fault mem_fault;

/*
 * Read, write or fill @len bytes at @addr. A page that does not translate reads as 0 or drops the
 * write and is counted, the rest is still done. One of the GGTT is witnessed once a call, the first
 * of page tables is left in mem_fault.
 * Takes h->xlat shared for the whole call, so callers pass at most MEM_PIECE bytes and hold it not.
 * Returns 0, -EFAULT (translation failed) or -EIO (the bus access failed).
 */
int mem_read(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp, uint64_t addr,
	     void *buf, size_t len);
int mem_write(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp, uint64_t addr,
	      const void *buf, size_t len);
/*
 * Copies @len <= MEM_PIECE bytes from @src to @dst, which do not overlap. Ends at the first access
 * that fails; the rest as above.
 */
int mem_copy(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp, uint64_t dst,
	     uint64_t src, size_t len);
/* Single-copy atomic when naturally aligned; @val is 0 after a failed read. Same rules. */
int mem_read32(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp, uint64_t addr,
	       uint32_t *val);
int mem_write32(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp, uint64_t addr,
		uint32_t val);
int mem_write64(struct vgpu_hw *h, const struct dma_origin *who, struct mem_space sp, uint64_t addr,
		uint64_t val);

#endif
