// SPDX-License-Identifier: MIT
/*
 * Many BOs at once, see bos.h.
 */
#include "bos.h"

#include <stdlib.h>

#include "common.h"

struct xe_bo *bos_create(struct xe *xe, uint64_t count, uint64_t bytes, uint32_t vm)
{
	struct xe_bo *bos = calloc(count, sizeof(*bos));

	if (!bos) {
		scn_fail("no memory for %llu BOs", (unsigned long long)count);
		return NULL;
	}
	for (uint64_t i = 0; i < count; i++) {
		if (i % BINDS_A_CALL == 0)
			scn_step("creation of BO %llu", (unsigned long long)i);
		if (xe_bo_create(xe, &bos[i], bytes, vm))
			return NULL;
		bos[i].va = xe_va(xe, bos[i].size);
	}
	return bos;
}

int bos_bind(struct xe *xe, const struct xe_bo *bos, uint64_t count, uint32_t vm,
	     struct drm_xe_sync *sync)
{
	static struct drm_xe_vm_bind_op ops[BINDS_A_CALL];

	for (uint64_t i = 0; i < count; i += BINDS_A_CALL) {
		uint32_t n = count - i < BINDS_A_CALL ? count - i : BINDS_A_CALL;

		scn_step("bind of BO %llu", (unsigned long long)i);
		for (uint32_t k = 0; k < n; k++)
			ops[k] = xe_op_map(xe, &bos[i + k]);
		if (xe_vm_bind(xe, vm, ops, n, sync))
			return -1;
	}
	return 0;
}
