/* SPDX-License-Identifier: MIT */
/*
 * What most states need beside what they hold: an address space, a queue, a
 * command buffer, and copies whose end is waited for.
 */
#ifndef SCENARIOS_WORK_H
#define SCENARIOS_WORK_H

#include "batch.h"
#include "xe.h"

#define WORK_JOB_MS 10000	/* time a job may take; the virtual GPU is slow */

struct work {
	uint32_t vm;
	uint32_t queue;
	uint32_t syncobj;
	int class;		/* DRM_XE_ENGINE_CLASS_* */
	bool lr;		/* long-running VM: user fences instead of sync objects */
	bool borrowed;		/* the VM is another's, who destroys it */
	unsigned int jobs;	/* finished ones */
	struct xe_bo batch;
};

/*
 * The usual beginning of a state: the device opened, and work on its first copy engine.
 * 0, SCN_SKIP, or -1, reported.
 */
int work_begin(struct xe *xe, struct work *w, const char *device);

/* VM, queue on the first engine of @class, command buffer. 0 or -1, reported. */
int work_open(struct xe *xe, struct work *w, int class);

/*
 * As above with DRM_XE_VM_CREATE_FLAG_* @vm_flags. A long-running VM makes all
 * later binds of @xe wait by user fence.
 */
int work_open_vm(struct xe *xe, struct work *w, int class, uint32_t vm_flags);

/* One more queue in the VM of @of, without a command buffer. 0 or -1, reported. */
int work_open_second(struct xe *xe, struct work *w, const struct work *of);

/* Run what @b holds and wait for its end; @what names it in failures. */
int work_run(struct xe *xe, struct work *w, struct batch *b, const char *what);

/*
 * Submit the batch at GPU address @batch to @queue, behind the fence of sync object
 * @after if not 0. Its own fence comes as a sync file.
 */
int work_submit(struct xe *xe, struct work *w, uint32_t queue, uint64_t batch,
		uint32_t after, int *sync_file);

/* Make the command buffer one job that does nothing, at w->batch.va. 0 or -1, reported. */
int work_write_empty(struct work *w);

/*
 * Make the command buffer one job that must never run, at w->batch.va;
 * work_forbidden_ran() says whether one did.
 */
void work_write_forbidden(struct work *w);
bool work_forbidden_ran(const struct work *w);

/*
 * Copy between GPU addresses of the VM and wait. On copy engines by the blitter,
 * whole pages or less than one; elsewhere by dwords.
 */
int work_copy(struct xe *xe, struct work *w, uint64_t dst, uint64_t src,
	      uint64_t bytes, const char *what);

/*
 * Fill @src by the CPU with the pattern of @seed, copy it to @dst by the GPU,
 * check @dst by the CPU. Both are mapped, bound and of one size.
 */
int work_copy_check(struct xe *xe, struct work *w, struct xe_bo *dst,
		    struct xe_bo *src, uint32_t seed, const char *what);

/* Unmap and destroy all of it; -ENODEV is fine. */
int work_close(struct xe *xe, struct work *w);

/*
 * The usual end of a state: the BOs (struct xe_bo *, a NULL behind the last) unmapped,
 * the work closed, the BOs closed, the device closed.
 */
int work_end(struct xe *xe, struct work *w, ...) __attribute__((sentinel));

#endif
