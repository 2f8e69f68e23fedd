/* SPDX-License-Identifier: MIT */
/* Per-process GTT: the 5-level page walk of Xe2. */
#ifndef VGPU_PPGTT_H
#define VGPU_PPGTT_H

#include <stdbool.h>
#include <stdint.h>

#include "vgpu.h"
#include "vram.h"

#define PPGTT_VA_MASK 0xffffffffffffull

struct vgpu_hw;

enum ppgtt_status { PPGTT_OK, PPGTT_NOT_PRESENT, PPGTT_READ_ONLY, PPGTT_TABLE_ERROR };

struct ppgtt_leaf {
	struct place at; /* of the address asked for */
	uint64_t bytes;	 /* from there to the end of the leaf */
	unsigned int level; /* where the walk ended, also when it failed; 0 is the last */
	bool null;	 /* reads give 0, writes are dropped; @at has no meaning */
};

/*
 * Where the last walk found its last table: the neighbour's entry is in it, too. Good for one root
 * and one hold of h->xlat. All zero: nothing yet.
 */
struct ppgtt_cursor {
	bool valid, compact;
	uint64_t region; /* VA >> 21 */
	uint64_t table;
};

/*
 * Walks from the table at @root. Tables are in local memory where the device has some (entries that
 * point to tables carry no memory bit), otherwise at bus addresses. @who is charged with the table
 * reads. Caller holds h->xlat shared for as long as it uses the result or @cur, which may be NULL.
 */
enum ppgtt_status ppgtt_walk(struct vgpu_hw *h, const struct dma_origin *who, uint64_t root,
			     uint64_t va, bool write, struct ppgtt_leaf *leaf,
			     struct ppgtt_cursor *cur);

#endif
