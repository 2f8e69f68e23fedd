// SPDX-License-Identifier: MIT
/* Radix tree of the DMA table. See dma_tree.h. */
#include "dma_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * A slot is 64 bits: the kind in [1:0]; a table's address in the rest; a map's
 * prot in [3:2], file in [15:4], page offset in [63:16]; a tombstone's time in
 * [63:2].
 */
#define KIND_MASK   3ull
#define PROT_SHIFT  2
#define FILE_SHIFT  4
#define PGOFF_SHIFT 16

static enum dma_slot kind(uint64_t slot)
{
	return (enum dma_slot)(slot & KIND_MASK);
}

static uint64_t *table(uint64_t slot)
{
	return (uint64_t *)(uintptr_t)(slot & ~KIND_MASK);
}

static uint64_t make_map(uint32_t file, uint64_t pgoff, uint32_t prot)
{
	return pgoff << PGOFF_SHIFT | (uint64_t)file << FILE_SHIFT | (uint64_t)prot << PROT_SHIFT |
	       DMA_SLOT_MAP;
}

static uint32_t map_file(uint64_t slot)
{
	return slot >> FILE_SHIFT & (DMA_TREE_MAX_FILES - 1);
}

static uint64_t make_tomb(uint64_t now_us)
{
	return now_us << 2 | DMA_SLOT_TOMB;
}

/* Pages one slot of @level spans. */
static uint64_t span(int level)
{
	return 1ull << (level * DMA_TREE_SLOT_BITS);
}

static uint64_t *node_alloc(struct dma_tree *t)
{
	uint64_t *n;

	n = aligned_alloc(4096, DMA_TREE_SLOTS * sizeof(*n));
	if (n)
		t->nodes++;
	return n;
}

static void node_free(struct dma_tree *t, uint64_t *n, int level)
{
	for (unsigned int i = 0; level && i < DMA_TREE_SLOTS; i++)
		if (kind(n[i]) == DMA_SLOT_TABLE)
			node_free(t, table(n[i]), level - 1);
	free(n);
	t->nodes--;
}

/* Gives up the tombstones below @n; true if nothing else was there. */
static bool forget(struct dma_tree *t, uint64_t *n, int level)
{
	bool empty = true;

	for (unsigned int i = 0; i < DMA_TREE_SLOTS; i++) {
		switch (kind(n[i])) {
		case DMA_SLOT_EMPTY:
			break;
		case DMA_SLOT_TOMB:
			n[i] = 0;
			break;
		case DMA_SLOT_MAP:
			empty = false;
			break;
		case DMA_SLOT_TABLE:
			if (forget(t, table(n[i]), level - 1)) {
				node_free(t, table(n[i]), level - 1);
				n[i] = 0;
			} else {
				empty = false;
			}
			break;
		}
	}
	return empty;
}

/* Replaces a slot of @level by a table whose slots say the same. */
static int split(struct dma_tree *t, uint64_t *slot, int level)
{
	uint64_t *n;

	if (t->nodes >= t->max_nodes)
		return -ENOSPC;
	n = node_alloc(t);
	if (!n)
		return -ENOMEM;
	for (uint64_t i = 0; i < DMA_TREE_SLOTS; i++) {
		n[i] = *slot;
		if (kind(*slot) == DMA_SLOT_MAP && map_file(*slot))
			n[i] += (i * span(level - 1)) << PGOFF_SHIFT;
	}
	*slot = (uint64_t)(uintptr_t)n | DMA_SLOT_TABLE;
	return 0;
}

int dma_tree_init(struct dma_tree *t)
{
	*t = (struct dma_tree){ .max_nodes = DMA_TREE_MAX_NODES };
	t->root = node_alloc(t);
	if (!t->root)
		return -ENOMEM;
	memset(t->root, 0, DMA_TREE_SLOTS * sizeof(*t->root));
	return 0;
}

void dma_tree_fini(struct dma_tree *t)
{
	if (t->root)
		node_free(t, t->root, DMA_TREE_LEVELS - 1);
	t->root = NULL;
}

/* Walks the slots of a node that meet @first..@last; @lo..@hi is the part inside the slot. */
#define for_slots(i, lo, hi, level, base, first, last)                                             \
	for (uint64_t i = (first) > (base) ? ((first) - (base)) / span(level) : 0, lo, hi;         \
	     i < DMA_TREE_SLOTS && (base) + i * span(level) <= (last) &&                           \
	     (lo = (base) + i * span(level), hi = lo + span(level) - 1,                            \
	      lo = lo < (first) ? (first) : lo, hi = hi > (last) ? (last) : hi, true);             \
	     i++)

static bool any(const uint64_t *n, int level, uint64_t base, uint64_t first, uint64_t last)
{
	for_slots(i, lo, hi, level, base, first, last) {
		if (kind(n[i]) == DMA_SLOT_MAP)
			return true;
		if (kind(n[i]) == DMA_SLOT_TABLE &&
		    any(table(n[i]), level - 1, base + i * span(level), lo, hi))
			return true;
	}
	return false;
}

bool dma_tree_any(const struct dma_tree *t, uint64_t first, uint64_t last)
{
	return any(t->root, DMA_TREE_LEVELS - 1, 0, first, last);
}

struct mapping {
	uint64_t first, pgoff;
	uint32_t file, prot;
};

static int enter(struct dma_tree *t, uint64_t *n, int level, uint64_t base, uint64_t first,
		 uint64_t last, const struct mapping *m)
{
	for_slots(i, lo, hi, level, base, first, last) {
		int err;

		if (hi - lo + 1 == span(level)) {
			if (kind(n[i]) == DMA_SLOT_TABLE)
				node_free(t, table(n[i]), level - 1);
			n[i] = make_map(m->file, m->file ? m->pgoff + (lo - m->first) : 0, m->prot);
			t->live_pages += span(level);
			if (!m->file)
				t->unbacked_pages += span(level);
			continue;
		}
		if (kind(n[i]) != DMA_SLOT_TABLE) {
			err = split(t, &n[i], level);
			if (err)
				return err;
		}
		err = enter(t, table(n[i]), level - 1, base + i * span(level), lo, hi, m);
		if (err)
			return err;
	}
	return 0;
}

int dma_tree_map(struct dma_tree *t, uint64_t first, uint64_t last, uint32_t file, uint64_t pgoff,
		 uint32_t prot, uint64_t now_us)
{
	struct mapping m = { .first = first, .pgoff = pgoff, .file = file, .prot = prot };
	int err;

	/* a map needs at most two new nodes a level */
	if (t->tombs && t->nodes + 2 * DMA_TREE_LEVELS > t->max_nodes) {
		forget(t, t->root, DMA_TREE_LEVELS - 1);
		t->tombs = false;
	}
	err = enter(t, t->root, DMA_TREE_LEVELS - 1, 0, first, last, &m);
	if (err)
		dma_tree_unmap(t, first, last, now_us);
	return err;
}

static int take(struct dma_tree *t, uint64_t *n, int level, uint64_t base, uint64_t first,
		uint64_t last, uint64_t tomb)
{
	for_slots(i, lo, hi, level, base, first, last) {
		int err;

		if (kind(n[i]) == DMA_SLOT_MAP && hi - lo + 1 == span(level)) {
			t->live_pages -= span(level);
			if (!map_file(n[i]))
				t->unbacked_pages -= span(level);
			n[i] = tomb;
			t->tombs = true;
			continue;
		}
		if (kind(n[i]) == DMA_SLOT_MAP) {
			err = split(t, &n[i], level);
			if (err)
				return err;
		}
		if (kind(n[i]) != DMA_SLOT_TABLE)
			continue;
		err = take(t, table(n[i]), level - 1, base + i * span(level), lo, hi, tomb);
		if (err)
			return err;
	}
	return 0;
}

int dma_tree_unmap(struct dma_tree *t, uint64_t first, uint64_t last, uint64_t now_us)
{
	return take(t, t->root, DMA_TREE_LEVELS - 1, 0, first, last, make_tomb(now_us));
}

/* Slots from number @i of a last node on, at most @most, that map memory without a gap. */
static uint64_t run_of(const uint64_t *n, uint64_t i, uint64_t most)
{
	uint64_t run = 1;

	if (!map_file(n[i]))
		return run;
	while (run < most && i + run < DMA_TREE_SLOTS && n[i + run] == n[i] + (run << PGOFF_SHIFT))
		run++;
	return run;
}

void dma_tree_prefetch(const struct dma_tree *t, uint64_t page)
{
	const uint64_t *n = t->root;

	for (int level = DMA_TREE_LEVELS - 1; level > 0; level--) {
		uint64_t slot = n[page / span(level) & (DMA_TREE_SLOTS - 1)];

		if (kind(slot) != DMA_SLOT_TABLE)
			return;
		n = table(slot);
	}
	__builtin_prefetch(&n[page & (DMA_TREE_SLOTS - 1)], 1);
}

struct dma_found dma_tree_find(const struct dma_tree *t, uint64_t page, uint64_t most)
{
	struct dma_found f = { .slot = DMA_SLOT_EMPTY, .run = 1 };
	const uint64_t *n = t->root;

	if (page >> DMA_TREE_BITS)
		return f;
	for (int level = DMA_TREE_LEVELS - 1; level >= 0; level--) {
		uint64_t i = page / span(level) & (DMA_TREE_SLOTS - 1), in;

		f.slot = kind(n[i]);
		if (f.slot == DMA_SLOT_TABLE) {
			n = table(n[i]);
			continue;
		}
		if (f.slot == DMA_SLOT_MAP) {
			in = page & (span(level) - 1);
			f.file = map_file(n[i]);
			f.prot = n[i] >> PROT_SHIFT & 3;
			f.pgoff = (n[i] >> PGOFF_SHIFT) + in;
			if (level)
				f.run = most < span(level) - in ? most : span(level) - in;
			else
				f.run = run_of(n, i, most);
		} else if (f.slot == DMA_SLOT_TOMB) {
			f.tomb_us = n[i] >> 2;
		}
		break;
	}
	return f;
}
