/* SPDX-License-Identifier: MIT */
/*
 * Batches that end only when the CPU says so: they store a flag and jump to
 * themselves, so the CPU can clear the flag and see them run.
 */
#ifndef SCENARIOS_SPIN_H
#define SCENARIOS_SPIN_H

#include "work.h"

#define SPIN_BYTES	64	/* of memory a batch takes, flag included */

struct spin {
	uint64_t va;			/* GPU address of the batch */
	volatile uint32_t *cs;
	volatile uint32_t *flag;	/* in the same piece of memory */
};

/*
 * work_begin() of a state whose batches run for as long as may be: the job timeout is
 * raised before the queue is created, the fact job_timeout_ms says to what.
 */
int spin_begin(struct xe *xe, struct work *w, const char *device);

/*
 * Write the batch number @slot into @bo (mapped and bound, at least
 * (@slot + 1) * SPIN_BYTES long). 0 or -1, reported.
 */
int spin_write(struct spin *s, const struct xe_bo *bo, unsigned int slot);

/* The same of a batch that also stores to the dword at GPU address @to, each round. */
int spin_write_to(struct spin *s, const struct xe_bo *bo, unsigned int slot, uint64_t to);

/*
 * Clear the flags of @n batches and see every one set again, within a time
 * that is enough for all to have had their turn. 0 or -1, reported with @what.
 */
int spin_check(const struct spin *s, unsigned int n, const char *what);

/* Make the batch end at its next round. */
void spin_end(const struct spin *s);

/*
 * Job timeout of copy engines, milliseconds: raised to the allowed maximum, or
 * set (sysfs; a queue takes the value at its creation). Best effort: returns
 * what holds now, 0 when there is no sysfs.
 */
unsigned long long spin_raise_timeout(const struct xe *xe);
unsigned long long spin_set_timeout(const struct xe *xe, unsigned long long ms);

#endif
