// SPDX-License-Identifier: MIT
/*
 * State idle-fd: an open file descriptor and nothing else.
 *
 * The smallest thing a user can hold: the driver's own objects must be gone at
 * removal although the DRM device lives until close.
 */
#include "common.h"
#include "gone.h"
#include "xe.h"

static struct xe xe = { .fd = -1 };

static int setup(const char *device)
{
	int ret = xe_open(&xe, device);

	scn_fact("engines", xe.num_engines);
	return ret;
}

static int verify(void)
{
	struct drm_xe_device_query q = { .query = DRM_XE_DEVICE_QUERY_CONFIG };

	return XE_IOCTL(&xe, XE_DEVICE_QUERY, &q);
}

static int gone(void)
{
	gone_ioctls(&xe, NULL, NULL);
	return 0;
}

static int close_all(void)
{
	return xe_close(&xe);
}

static const struct scenario scn = {
	.name = "idle-fd",
	.summary = "an open file descriptor and nothing else",
	SCN_CALLBACKS,
};
SCENARIO(scn);
