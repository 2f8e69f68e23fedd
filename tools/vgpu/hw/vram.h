/* SPDX-License-Identifier: MIT */
/*
 * Local memory of a card: one memfd. BAR2 is a window to its start that clients map and use without
 * a trap; what the GPU does to it goes through here.
 */
#ifndef VGPU_VRAM_H
#define VGPU_VRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vgpu.h"

/* What a translation leads to: a bus address, or an offset into local memory. */
struct place {
	uint64_t addr;
	bool vram;
};

struct vram {
	int fd; /* -1: the device has no local memory */
	uint8_t *mem;
	uint64_t size;
	_Atomic uint64_t reads, writes, faults;
};

/* Creates and maps @size bytes of zeroes; 0 is a device without. Returns 0 or -errno. */
int vram_init(struct vram *v, uint64_t size);
/* Undoes vram_init(); works after a failed one. */
void vram_fini(struct vram *v);
/* All zero again, in every mapping. Power-on only: a reset of the function keeps the content. */
void vram_clear(struct vram *v);

/*
 * Accesses by the GPU to the bytes from offset @at on. What lies beyond the end reads as 0 or is
 * dropped, is counted and witnessed. An access after remove() is witnessed and done. Any thread;
 * callers pass at most MEM_PIECE bytes, as everywhere below mem.c.
 * Returns DMA_OK, DMA_NEVER_MAPPED (beyond the end) or DMA_DEAD (nothing was done, reads are 0).
 */
enum dma_status vram_read(struct vgpu_hw *h, uint64_t at, void *buf, size_t len,
			  const struct dma_origin *who);
enum dma_status vram_write(struct vgpu_hw *h, uint64_t at, const void *buf, size_t len,
			   const struct dma_origin *who);
/*
 * vram_direct - memory of the @len bytes from @at on, for an access that is counted as such; NULL if
 * not all of them exist, the device is dead or somebody has to hear of it. For vgpu_dma_copy().
 */
uint8_t *vram_direct(struct vgpu_hw *h, uint64_t at, size_t len, bool write);
/* Single-copy atomic, reads acquire, writes release; @at must be naturally aligned. Same rules. */
enum dma_status vram_read32(struct vgpu_hw *h, uint64_t at, uint32_t *val,
			    const struct dma_origin *who);
enum dma_status vram_read64(struct vgpu_hw *h, uint64_t at, uint64_t *val,
			    const struct dma_origin *who);
/* @n neighbouring words, each of them so. */
enum dma_status vram_read_words(struct vgpu_hw *h, uint64_t at, uint64_t *vals, unsigned int n,
				const struct dma_origin *who);
enum dma_status vram_write32(struct vgpu_hw *h, uint64_t at, uint32_t val,
			     const struct dma_origin *who);
enum dma_status vram_write64(struct vgpu_hw *h, uint64_t at, uint64_t val,
			     const struct dma_origin *who);

#endif
