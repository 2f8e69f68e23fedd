/* SPDX-License-Identifier: MIT */
/*
 * Many BOs at once.
 */
#ifndef SCENARIOS_BOS_H
#define SCENARIOS_BOS_H

#include "xe.h"

#define BINDS_A_CALL 1000	/* operations of one VM_BIND */

/*
 * @count new BOs of @bytes for @vm, their addresses chosen. NULL: reported. They live as
 * long as the process.
 */
struct xe_bo *bos_create(struct xe *xe, uint64_t count, uint64_t bytes, uint32_t vm);

/* Bind them all; @sync as in xe_vm_bind(), for each call anew. 0 or -1, reported. */
int bos_bind(struct xe *xe, const struct xe_bo *bos, uint64_t count, uint32_t vm,
	     struct drm_xe_sync *sync);

#endif
