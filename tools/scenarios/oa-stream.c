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
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common.h"
#include "gone.h"
#include "waiter.h"
#include "xe.h"

/* Of EU_PERF_CNTL0: harmless, and accepted on all GPUs that have OA */
#define FLEX_REG 0xe458
/* PEC64u64, the one format of Xe2: type, counters and size of a counter */
#define FORMAT_XE2 (DRM_XE_OA_FMT_TYPE_PEC | 1 << 8 | 1 << 16)
/* Some milliseconds between two reports */
#define PERIOD_EXPONENT 16

static struct xe xe = { .fd = -1 };
static int stream = -1;
static uint64_t metrics;

static int observe(uint64_t op, void *param)
{
	struct drm_xe_observation_param p = {
		.observation_type = DRM_XE_OBSERVATION_TYPE_OA,
		.observation_op = op,
		.param = (uintptr_t)param,
	};

	return ioctl(xe.fd, DRM_IOCTL_XE_OBSERVATION, &p);
}

static int add_metrics(void)
{
	uint32_t regs[] = { FLEX_REG, 0 };
	struct drm_xe_oa_config c = {
		.n_regs = ARRAY_SIZE(regs) / 2,
		.regs_ptr = (uintptr_t)regs,
	};
	int id;

	memcpy(c.uuid, "01234567-0123-0123-0123-0123456789ab", sizeof(c.uuid));
	id = observe(DRM_XE_OBSERVATION_OP_ADD_CONFIG, &c);
	if (id < 0)
		return scn_skip("no OA metrics here: %s", scn_errname(errno));
	metrics = id;
	return 0;
}

static int open_stream(void)
{
	const uint64_t values[][2] = {
		{ DRM_XE_OA_PROPERTY_OA_UNIT_ID, 0 },
		{ DRM_XE_OA_PROPERTY_SAMPLE_OA, 1 },
		{ DRM_XE_OA_PROPERTY_OA_METRIC_SET, metrics },
		{ DRM_XE_OA_PROPERTY_OA_FORMAT, FORMAT_XE2 },
		{ DRM_XE_OA_PROPERTY_OA_PERIOD_EXPONENT, PERIOD_EXPONENT },
	};
	struct drm_xe_ext_set_property props[ARRAY_SIZE(values)] = { 0 };

	for (unsigned int i = 0; i < ARRAY_SIZE(values); i++) {
		props[i].base.name = DRM_XE_OA_EXTENSION_SET_PROPERTY;
		props[i].base.next_extension = i + 1 < ARRAY_SIZE(values) ?
			(uintptr_t)&props[i + 1] : 0;
		props[i].property = values[i][0];
		props[i].value = values[i][1];
	}
	scn_step("open of an OA stream");
	stream = observe(DRM_XE_OBSERVATION_OP_STREAM_OPEN, props);
	return stream < 0 ? scn_fail_errno(errno, "open of an OA stream") : 0;
}

static int wait_read(void *arg)
{
	char report[4096];

	(void)arg;
	return read(stream, report, sizeof(report)) < 0 ? errno : 0;
}

static int wait_poll(void *arg)
{
	struct pollfd p = { .fd = stream, .events = POLLIN };

	(void)arg;
	if (poll(&p, 1, -1) < 0)
		return errno;
	return p.revents & (POLLHUP | POLLERR) ? ENODEV : 0;
}

static struct waiter waiters[] = {
	{ .what = "read of an OA stream", .call = wait_read },
	{ .what = "poll of an OA stream", .call = wait_poll },
};

static int setup(const char *device)
{
	int ret = xe_open(&xe, device);

	if (!ret)
		ret = add_metrics();
	if (!ret)
		ret = open_stream();
	for (unsigned int i = 0; !ret && i < ARRAY_SIZE(waiters); i++)
		ret = waiter_start(&waiters[i]);
	return ret;
}

static int verify(void)
{
	struct drm_xe_oa_stream_status status = { 0 };

	return ioctl(stream, DRM_XE_OBSERVATION_IOCTL_STATUS, &status) ?
		scn_fail_errno(errno, "status of an OA stream") : 0;
}

static void gone_ioctl(unsigned long request, const char *name)
{
	struct drm_xe_oa_stream_status status = { 0 };

	scn_step("%s of an OA stream after removal", name);
	if (!ioctl(stream, request, &status))
		scn_fail("%s of an OA stream succeeds after removal", name);
	else if (errno != ENODEV)
		scn_fail_errno(errno, "%s of an OA stream after removal", name);
}

static int gone(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(waiters); i++) {
		if (!waiter_ended(&waiters[i], GONE_MS))
			scn_fail("%s sleeps on after removal", waiters[i].what);
		else if (waiters[i].err != ENODEV)
			scn_fail("%s ended with %s", waiters[i].what,
				 waiters[i].err ? scn_errname(waiters[i].err) : "success");
	}
	gone_ioctl(DRM_XE_OBSERVATION_IOCTL_STATUS, "status");
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
	if (stream >= 0 && close(stream))
		ret |= scn_fail_errno(errno, "close of an OA stream");
	stream = -1;
	return ret;
}

static const struct scenario scn = {
	.name = "oa-stream",
	.summary = "an OA stream, with a thread in read() and one in poll()",
	SCN_CALLBACKS,
};
SCENARIO(scn);
