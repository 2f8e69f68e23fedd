// SPDX-License-Identifier: MIT
/*
 * State oa-stream: an OA stream open and sampling, one thread asleep in read(),
 * one in poll().
 *
 * The stream is a file of its own, which DRM does not guard: its ioctls, its
 * timer and its release reach the driver after removal. `gone`: both threads
 * wake up, read() and the ioctls say ENODEV, poll() says that nothing will come.
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "common.h"
#include "gone.h"
#include "oa.h"
#include "stream.h"
#include "xe.h"

/* PEC64u64, the one format of Xe2: type, counters and size of a counter */
#define FORMAT_XE2 (DRM_XE_OA_FMT_TYPE_PEC | 1 << 8 | 1 << 16)
/* Some milliseconds between two reports */
#define PERIOD_EXPONENT 16

static struct xe xe = { .fd = -1 };
static struct stream stream = STREAM("an OA stream");
static uint64_t metrics;

static int add_metrics(void)
{
	int err = oa_add_config(&xe, "01234567-0123-0123-0123-0123456789ab", oa_regs, &metrics);

	return err ? scn_skip("no OA metrics here: %s", scn_errname(err)) : 0;
}

static int open_stream(void)
{
	const struct stream_property properties[] = {
		{ DRM_XE_OA_PROPERTY_OA_UNIT_ID, 0 },
		{ DRM_XE_OA_PROPERTY_SAMPLE_OA, 1 },
		{ DRM_XE_OA_PROPERTY_OA_METRIC_SET, metrics },
		{ DRM_XE_OA_PROPERTY_OA_FORMAT, FORMAT_XE2 },
		{ DRM_XE_OA_PROPERTY_OA_PERIOD_EXPONENT, PERIOD_EXPONENT },
	};
	int err = stream_open(&xe, &stream, DRM_XE_OBSERVATION_TYPE_OA, properties,
			      ARRAY_SIZE(properties));

	return err ? scn_fail_errno(err, "open of %s", stream.name) : 0;
}

static int setup(const char *device)
{
	int ret = xe_open(&xe, device);

	if (!ret)
		ret = add_metrics();
	if (!ret)
		ret = open_stream();
	return ret ? ret : stream_start(&stream);
}

static int verify(void)
{
	struct drm_xe_oa_stream_status status = { 0 };

	return ioctl(stream.fd, DRM_XE_OBSERVATION_IOCTL_STATUS, &status) ?
		scn_fail_errno(errno, "status of %s", stream.name) : 0;
}

static int gone(void)
{
	struct drm_xe_oa_stream_status status = { 0 };

	stream_gone(&stream, false);
	stream_gone_ioctl(&stream, DRM_XE_OBSERVATION_IOCTL_STATUS, &status, "status");
	stream_gone_ioctl(&stream, DRM_XE_OBSERVATION_IOCTL_ENABLE, NULL, "enable");
	stream_gone_ioctl(&stream, DRM_XE_OBSERVATION_IOCTL_DISABLE, NULL, "disable");
	gone_ioctls(&xe, NULL, NULL);
	return 0;
}

/* The stream outlives the file it was made with. */
static int close_all(void)
{
	int ret = xe_close(&xe);

	return ret | stream_close(&stream);
}

static const struct scenario scn = {
	.name = "oa-stream",
	.summary = "an OA stream, with a thread in read() and one in poll()",
	SCN_CALLBACKS,
};
SCENARIO(scn);
