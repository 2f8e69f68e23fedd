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

/* Entry @idx of the last table, and with it those that @len bytes from @va on are going to need. */
static enum dma_status read_last(struct vgpu_hw *h, const struct dma_origin *who,
				 struct ppgtt_cursor *cur, uint64_t va, size_t len, uint64_t *pte)
{
	unsigned int shift = cur->compact ? 16 : 12, entries = cur->compact ? 32 : 512;
	unsigned int idx = va >> shift & (entries - 1);
	uint64_t need, at = cur->table + 8ull * idx;
	enum dma_status st;

	if (idx - cur->first >= cur->n) {
		need = ((va & ((1ull << shift) - 1)) + len + (1ull << shift) - 1) >> shift;
		need = need < entries - idx ? need : entries - idx;
		cur->first = idx;
		cur->n = need < PPGTT_AHEAD ? (unsigned int)need : PPGTT_AHEAD;
		st = h->vram.size ? vram_read_words(h, at, cur->pte, cur->n, who) :
				    vgpu_dma_read_words(h->g, at, cur->pte, cur->n, who);
		if (st != DMA_OK) {
			cur->n = 0;
			return st;
		}
	}
	*pte = cur->pte[idx - cur->first];
	return DMA_OK;
}

/* Adds to @leaf what follows it without a gap, with the same rights, in the entries that were read. */
static void extend(const struct ppgtt_cursor *cur, uint64_t va, uint64_t pte, struct ppgtt_leaf *leaf)
{
	uint64_t step = cur->compact ? 1ull << 16 : 1ull << 12;
	unsigned int i = (va / step & (cur->compact ? 31 : 511)) - cur->first;

	if (leaf->null)
		return;
	while (++i < cur->n && cur->pte[i] == (pte += step))
		leaf->bytes += step;
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
			     uint64_t va, size_t len, bool write, struct ppgtt_leaf *leaf,
			     struct ppgtt_cursor *cur)
{
	struct ppgtt_cursor none;
	uint64_t table = root & ADDR, pte;
	enum ppgtt_status st;
	unsigned int shift;

	va &= PPGTT_VA_MASK;
	if (!cur) {
		ppgtt_cursor_init(&none);
		cur = &none;
	}
	if (!cur->valid || cur->region != va >> REGION_SHIFT) {
		cur->valid = false;
		for (int level = TOP_LEVEL; level; level--) {
			shift = 12 + 9 * (unsigned int)level;
			leaf->level = (unsigned int)level;
			if (read_entry(h, who, table + 8ull * (va >> shift & 511), &pte) != DMA_OK)
				return PPGTT_TABLE_ERROR;
			if (!(pte & PRESENT))
				return PPGTT_NOT_PRESENT;
			/* a NULL entry above its usual levels covers all below */
			if (pte & IS_NULL || (level <= 2 && pte & HUGE))
				return leaf_done(h, pte, va, shift, write, leaf);
			table = pte & ADDR;
		}
		cur->valid = true;
		cur->compact = pte & PDE_64K;
		cur->region = va >> REGION_SHIFT;
		cur->table = table;
		cur->n = 0;
	}
	leaf->level = 0;
	if (read_last(h, who, cur, va, len, &pte) != DMA_OK)
		return PPGTT_TABLE_ERROR;
	if (!(pte & PRESENT))
		return PPGTT_NOT_PRESENT;
	st = leaf_done(h, pte, va, cur->compact ? 16 : 12, write, leaf);
	if (st == PPGTT_OK)
		extend(cur, va, pte, leaf);
	return st;
}
