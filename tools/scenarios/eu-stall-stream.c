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
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common.h"
#include "gone.h"
#include "waiter.h"
#include "xe.h"

static struct xe xe = { .fd = -1 };
static int stream = -1;
static uint64_t lost;

static const struct scn_option options[] = {
	{ "lost", &lost, 0, 1, "1: the device will be dead before its driver knows" },
	{ 0 }
};

#ifdef DRM_XE_EU_STALL_EXTENSION_SET_PROPERTY
static int open_stream(void)
{
	const uint64_t values[][2] = {
		{ DRM_XE_EU_STALL_PROP_GT_ID, 0 },
		{ DRM_XE_EU_STALL_PROP_WAIT_NUM_REPORTS, 1 },
	};
	struct drm_xe_ext_set_property props[ARRAY_SIZE(values)] = { 0 };
	struct drm_xe_observation_param p = {
		.observation_type = DRM_XE_OBSERVATION_TYPE_EU_STALL,
		.observation_op = DRM_XE_OBSERVATION_OP_STREAM_OPEN,
		.param = (uintptr_t)props,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(values); i++) {
		props[i].base.name = DRM_XE_EU_STALL_EXTENSION_SET_PROPERTY;
		props[i].base.next_extension = i + 1 < ARRAY_SIZE(values) ?
			(uintptr_t)&props[i + 1] : 0;
		props[i].property = values[i][0];
		props[i].value = values[i][1];
	}
	scn_step("open of an EU stall stream");
	stream = ioctl(xe.fd, DRM_IOCTL_XE_OBSERVATION, &p);
	if (stream < 0 && errno == ENODEV)
		return scn_skip("the GPU has no EU stall sampling");
	if (stream < 0)
		return scn_fail_errno(errno, "open of an EU stall stream");
	if (ioctl(stream, DRM_XE_OBSERVATION_IOCTL_ENABLE, 0))
		return scn_fail_errno(errno, "enable of an EU stall stream");
	return 0;
}
#else
static int open_stream(void)
{
	return scn_skip("this kernel has no EU stall streams");
}
#endif

/* 0 or an errno value, as below. */
static int read_stream(void)
{
	char reports[4096];

	return read(stream, reports, sizeof(reports)) < 0 ? errno : 0;
}

static int poll_stream(int ms)
{
	struct pollfd p = { .fd = stream, .events = POLLIN };
	int n = poll(&p, 1, ms);

	if (n <= 0)
		return n ? errno : ETIME;
	return p.revents & (POLLHUP | POLLERR) ? ENODEV : 0;
}

static int wait_read(void *arg)
{
	(void)arg;
	return read_stream();
}

static int wait_poll(void *arg)
{
	(void)arg;
	return poll_stream(-1);
}

static struct waiter waiters[] = {
	{ .what = "read of an EU stall stream", .call = wait_read },
	{ .what = "poll of an EU stall stream", .call = wait_poll },
};

static int setup(const char *device)
{
	int ret = xe_open(&xe, device);

	if (!ret)
		ret = open_stream();
	for (unsigned int i = 0; !ret && i < ARRAY_SIZE(waiters); i++)
		ret = waiter_start(&waiters[i]);
	return ret;
}

/* No samples here; a worker that finds the registers reset would say that there are. */
static int verify(void)
{
	int err = poll_stream(50);

	return err == ETIME ? 0 : scn_fail("poll of an idle EU stall stream gives %s",
					   err ? scn_errname(err) : "data");
}

static void expect_enodev(int err, const char *what)
{
	if (err != ENODEV)
		scn_fail("%s of an EU stall stream after removal: %s, not ENODEV", what,
			 err ? scn_errname(err) : "success");
}

static void gone_ioctl(unsigned long request, const char *name)
{
	scn_step("%s of an EU stall stream after removal", name);
	expect_enodev(ioctl(stream, request, 0) ? errno : 0, name);
}

static int gone(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(waiters); i++) {
		if (!waiter_ended(&waiters[i], GONE_MS))
			scn_fail("%s sleeps on after removal", waiters[i].what);
		else if (waiters[i].err != ENODEV && !(lost && waiters[i].call == wait_poll))
			scn_fail("%s ended with %s", waiters[i].what,
				 waiters[i].err ? scn_errname(waiters[i].err) : "success");
	}
	scn_step("poll of an EU stall stream after removal");
	expect_enodev(poll_stream(GONE_MS), "late poll");
	/* A read may sleep for ever where the one before it still does. */
	if (!scn_failures()) {
		scn_step("read of an EU stall stream after removal");
		expect_enodev(read_stream(), "late read");
	}
	gone_ioctl(DRM_XE_OBSERVATION_IOCTL_ENABLE, "enable");
	gone_ioctl(DRM_XE_OBSERVATION_IOCTL_DISABLE, "disable");
	gone_ioctls(&xe, NULL, NULL);
	return 0;
}

/* The stream outlives the file it was made with. */
static int close_all(void)
{
	int ret = xe_close(&xe);

	for (unsigned int i = 0; i < ARRAY_SIZE(waiters); i++)
		ret |= waiter_stop(&waiters[i]);
	scn_step("close of an EU stall stream");
	if (stream >= 0 && close(stream))
		ret |= scn_fail_errno(errno, "close of an EU stall stream");
	stream = -1;
	return ret;
}

static const struct scenario scn = {
	.name = "eu-stall-stream",
	.summary = "an EU stall stream, with a thread in read() and one in poll()",
	.options = options,
	SCN_CALLBACKS,
};
SCENARIO(scn);
