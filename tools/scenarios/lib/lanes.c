// SPDX-License-Identifier: MIT
/*
 * Many queues with endless batches, see lanes.h.
 */
#include "lanes.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common.h"
#include "fence.h"
#include "gone.h"

#define BURST 20	/* queues that are started in one go */
#define PAGE 4096u

static const char what[] = "endless batch of queue";

int lanes_open(struct xe *xe, struct work *w, struct lanes *l, unsigned int count)
{
	l->count = count;
	l->lane = calloc(count, sizeof(*l->lane));
	l->spins = calloc(count, sizeof(*l->spins));
	if (!l->lane || !l->spins)
		return scn_fail("no memory for %u queues", count);
	return xe_bo_make(xe, &l->memory, (count * SPIN_BYTES + PAGE - 1) / PAGE * PAGE, w->vm);
}

static int start(struct xe *xe, struct work *w, struct lanes *l)
{
	struct lane *lane = &l->lane[l->opened];
	struct spin *s = &l->spins[l->opened];

	if (spin_write(s, &l->memory, l->opened) ||
	    xe_queue_create(xe, w->vm, DRM_XE_ENGINE_CLASS_COPY, &lane->queue) ||
	    work_submit(xe, w, lane->queue, s->va, 0, &lane->sync_file))
		return -1;
	l->opened++;
	return 0;
}

int lanes_start(struct xe *xe, struct work *w, struct lanes *l)
{
	while (l->opened < l->count) {
		unsigned int i = l->opened;

		if (i % BURST == 0) {
			/* A flood of new contexts keeps some waiting for the firmware for too long. */
			if (i && spin_check(l->spins + i - BURST, BURST, what))
				return -1;
			scn_step("start of queue %u", i);
		}
		if (start(xe, w, l))
			return -1;
	}
	return spin_check(l->spins, l->opened, what);
}

int lanes_run(const struct lanes *l)
{
	for (unsigned int i = 0; l->memory.map && i < l->opened; i += l->opened / 4 + 1)
		if (spin_check(&l->spins[i], 1, what))
			return -1;
	return 0;
}

void lanes_gone(const struct lanes *l)
{
	uint64_t start_ms = scn_now_ms(), end = start_ms + GONE_MS;

	for (unsigned int i = 0; i < l->opened; i++)
		fence_gone(l->lane[i].sync_file, end, l->reset ? -ETIME : 0, "an endless batch");
	scn_fact("fences_ms", scn_now_ms() - start_ms);
}

int lanes_close(struct xe *xe, struct lanes *l)
{
	int ret = 0;

	xe->closing = true;
	scn_step("destruction of %u queues", l->opened);
	for (unsigned int i = 0; i < l->opened; i++) {
		ret |= xe_queue_destroy(xe, l->lane[i].queue);
		if (close(l->lane[i].sync_file))
			ret |= scn_fail_errno(errno, "close of a sync file");
	}
	l->opened = 0;
	return ret;
}
