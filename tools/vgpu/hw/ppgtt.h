/* SPDX-License-Identifier: MIT */
/* Per-process GTT: the 5-level page walk of Xe2. */
#ifndef VGPU_PPGTT_H
#define VGPU_PPGTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vgpu.h"
#include "vram.h"

#define PPGTT_VA_MASK 0xffffffffffffull

struct vgpu_hw;

enum ppgtt_status { PPGTT_OK, PPGTT_NOT_PRESENT, PPGTT_READ_ONLY, PPGTT_TABLE_ERROR };

struct ppgtt_leaf {
	struct place at; /* of the address asked for */
	uint64_t bytes;	 /* from there to the end of the leaf, or of known ones that follow it */
	unsigned int level; /* where the walk ended, also when it failed; 0 is the last */
	bool null;	 /* reads give 0, writes are dropped; @at has no meaning */
};

/* Entries that are read at once: what a piece of 64 KiB can touch. */
#define PPGTT_AHEAD 17

/*
 * Where the last walk found its last table, and what it has read of it: the neighbour's entry is
 * there, too. Good for one root and one hold of h->xlat. ppgtt_cursor_init(): nothing yet.
 */
struct ppgtt_cursor {
	bool valid, compact;
	uint64_t region; /* VA >> 21 */
	uint64_t table;
	unsigned int first, n; /* entries in @pte */
	uint64_t pte[PPGTT_AHEAD];
};

static inline void ppgtt_cursor_init(struct ppgtt_cursor *cur)
{
	/* not the entries: zeroing them would cost a short access more than its walk */
	cur->valid = false;
	cur->first = cur->n = 0;
}

/*
 * Walks from the table at @root. Tables are in local memory where the device has some (entries that
 * point to tables carry no memory bit), otherwise at bus addresses. @who is charged with the table
 * reads. Caller holds h->xlat shared for as long as it uses the result or @cur, which may be NULL.
 * @len: bytes from @va on that will be asked for with this cursor; no entry beyond them is read.
 */
enum ppgtt_status ppgtt_walk(struct vgpu_hw *h, const struct dma_origin *who, uint64_t root,
			     uint64_t va, size_t len, bool write, struct ppgtt_leaf *leaf,
			     struct ppgtt_cursor *cur);

#endif
