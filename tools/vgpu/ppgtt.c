/* SPDX-License-Identifier: MIT */
/* Page walk. Bit meanings: section 10 of the device specification (xe_pt.c, regs/xe_gtt_defs.h). */
#include "ppgtt.h"

#include "device.h"

#define PRESENT	 (1ull << 0)
#define WRITABLE (1ull << 1)
#define PDE_64K	 (1ull << 6) /* level 1: the child holds 32 entries of 64 KiB */
#define HUGE	 (1ull << 7) /* levels 1 and 2 */
#define IS_NULL	 (1ull << 9)
#define IN_VRAM	 (1ull << 11)
#define ADDR	 0x000ffffffffff000ull

#define TOP_LEVEL    4
#define REGION_SHIFT 21 /* what one last table maps */

static enum dma_status read_entry(struct vgpu_hw *h, const struct dma_origin *who, uint64_t addr,
				  uint64_t *pte)
{
	return h->vram.size ? vram_read64(h, addr, pte, who) :
			      vgpu_dma_read64(h->g, addr, pte, who);
}

static enum ppgtt_status leaf_done(const struct vgpu_hw *h, uint64_t pte, uint64_t va,
				   unsigned int shift, bool write, struct ppgtt_leaf *leaf)
{
	uint64_t off = va & ((1ull << shift) - 1);

	leaf->null = pte & IS_NULL;
	/* masking with the leaf size also drops the PAT bit 12 of large leaves */
	leaf->at.vram = pte & IN_VRAM;
	leaf->at.addr = (pte & ADDR & ~((1ull << shift) - 1)) | off;
	leaf->bytes = (1ull << shift) - off;
	if (leaf->null)
		return PPGTT_OK;
	if (leaf->at.vram && !h->vram.size)
		return PPGTT_NOT_PRESENT;
	if (write && !(pte & WRITABLE))
		return PPGTT_READ_ONLY;
	return PPGTT_OK;
}

enum ppgtt_status ppgtt_walk(struct vgpu_hw *h, const struct dma_origin *who, uint64_t root,
			     uint64_t va, bool write, struct ppgtt_leaf *leaf,
			     struct ppgtt_cursor *cur)
{
	uint64_t table = root & ADDR, pte;
	bool compact = false;
	int level = TOP_LEVEL;

	va &= PPGTT_VA_MASK;
	if (cur && cur->valid && cur->region == va >> REGION_SHIFT) {
		table = cur->table;
		compact = cur->compact;
		level = 0;
	}
	for (;; level--) {
		unsigned int shift = 12 + 9 * (unsigned int)level;
		unsigned int idx = va >> shift & 511;

		leaf->level = (unsigned int)level;
		if (compact) { /* level 0 of 64 KiB pages */
			shift = 16;
			idx = va >> 16 & 31;
		}
		if (read_entry(h, who, table + 8ull * idx, &pte) != DMA_OK)
			return PPGTT_TABLE_ERROR;
		if (!(pte & PRESENT))
			return PPGTT_NOT_PRESENT;
		if (level == 0 || ((level == 1 || level == 2) && pte & HUGE))
			return leaf_done(h, pte, va, shift, write, leaf);
		if (pte & IS_NULL) /* a NULL entry above its usual levels covers all below */
			return leaf_done(h, pte, va, shift, write, leaf);
		compact = level == 1 && pte & PDE_64K;
		table = pte & ADDR;
		if (level == 1 && cur)
			*cur = (struct ppgtt_cursor){ true, compact, va >> REGION_SHIFT, table };
	}
}
