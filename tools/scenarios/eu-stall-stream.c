// SPDX-License-Identifier: MIT
/*
 * State eu-stall-stream: an EU stall stream open and enabled, one thread asleep in
 * read(), one in poll().
 *
 * As oa-stream, a file that DRM does not guard, here with a worker that reads the
 * pointers of the sample buffers every few milliseconds. `gone`: both threads wake
 * up, who comes later is turned away as well, and nobody sleeps again. A device that
 * is dead before its driver is told looks like one that was reset: then poll() says that
 * there is something to read, which is the error (--lost 1).
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "common.h"
#include "gone.h"
#include "stream.h"
#include "xe.h"

static struct xe xe = { .fd = -1 };
static struct stream stream = STREAM("an EU stall stream");
static uint64_t lost;

static const struct scn_option options[] = {
	{ "lost", &lost, 0, 1, "1: the device will be dead before its driver knows" },
	{ 0 }
};

#ifdef DRM_XE_EU_STALL_EXTENSION_SET_PROPERTY
static int open_stream(void)
{
	static const struct stream_property properties[] = {
		{ DRM_XE_EU_STALL_PROP_GT_ID, 0 },
		{ DRM_XE_EU_STALL_PROP_WAIT_NUM_REPORTS, 1 },
	};
	int err = stream_open(&xe, &stream, DRM_XE_OBSERVATION_TYPE_EU_STALL, properties,
			      ARRAY_SIZE(properties));

	if (err == ENODEV)
		return scn_skip("the GPU has no EU stall sampling");
	if (err)
		return scn_fail_errno(err, "open of %s", stream.name);
	if (ioctl(stream.fd, DRM_XE_OBSERVATION_IOCTL_ENABLE, 0))
		return scn_fail_errno(errno, "enable of %s", stream.name);
	return 0;
}
#else
static int open_stream(void)
{
	return scn_skip("this kernel has no EU stall streams");
}
#endif

static int setup(const char *device)
{
	int ret = xe_open(&xe, device);

	if (!ret)
		ret = open_stream();
	return ret ? ret : stream_start(&stream);
}

/* No samples here; a worker that finds the registers reset would say that there are. */
static int verify(void)
{
	int err = stream_poll(&stream, 50);

	return err == ETIME ? 0 : scn_fail("poll of an idle EU stall stream gives %s",
					   err ? scn_errname(err) : "data");
}

static int gone(void)
{
	stream_gone(&stream, lost);
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
	.name = "eu-stall-stream",
	.summary = "an EU stall stream, with a thread in read() and one in poll()",
	.options = options,
	SCN_CALLBACKS,
};
SCENARIO(scn);
