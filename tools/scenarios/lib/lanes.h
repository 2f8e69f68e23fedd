/* SPDX-License-Identifier: MIT */
/*
 * Many queues of one VM, each running an endless batch, on the first copy engine.
 */
#ifndef SCENARIOS_LANES_H
#define SCENARIOS_LANES_H

#include "spin.h"
#include "work.h"

struct lane {
	uint32_t queue;
	int sync_file;		/* out-fence of the batch; a program may have 1024 files */
};

struct lanes {
	struct lane *lane;
	struct spin *spins;
	struct xe_bo memory;	/* of all batches */
	unsigned int count, opened;
	uint64_t reset;		/* an option: a reset may find the batches before the removal does */
};

/* Books and memory for @count queues, bound in the VM of @w. 0 or -1, reported. */
int lanes_open(struct xe *xe, struct work *w, struct lanes *l, unsigned int count);

/* Start all of them, in bursts, and see every batch run. 0 or -1, reported. */
int lanes_start(struct xe *xe, struct work *w, struct lanes *l);

/* See a few batches run once more, while their memory is mapped. 0 or -1, reported. */
int lanes_run(const struct lanes *l);

/* After removal: every fence ends in time, with ENODEV, or as a reset (@l->reset) left it. Says fences_ms. */
void lanes_gone(const struct lanes *l);

/* Destroy the queues, close their files; the memory stays. -ENODEV is fine. */
int lanes_close(struct xe *xe, struct lanes *l);

#endif
