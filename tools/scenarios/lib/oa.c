// SPDX-License-Identifier: MIT
/*
 * Metric sets of OA, see oa.h.
 */
#include "oa.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

const uint32_t oa_regs[2] = { 0xe458, 0 };	/* EU_PERF_CNTL0 */

static int observe(const struct xe *xe, uint64_t op, const void *param)
{
	struct drm_xe_observation_param p = {
		.observation_type = DRM_XE_OBSERVATION_TYPE_OA,
		.observation_op = op,
		.param = (uintptr_t)param,
	};

	return ioctl(xe->fd, DRM_IOCTL_XE_OBSERVATION, &p);
}

int oa_add_config(const struct xe *xe, const char *uuid, const void *regs, uint64_t *id)
{
	struct drm_xe_oa_config c = {
		.n_regs = 1,
		.regs_ptr = (uintptr_t)regs,
	};
	int ret;

	memcpy(c.uuid, uuid, sizeof(c.uuid));
	ret = observe(xe, DRM_XE_OBSERVATION_OP_ADD_CONFIG, &c);
	if (ret < 0)
		return errno;
	*id = ret;
	return 0;
}

int oa_remove_config(const struct xe *xe, const void *id)
{
	return observe(xe, DRM_XE_OBSERVATION_OP_REMOVE_CONFIG, id) ? errno : 0;
}
