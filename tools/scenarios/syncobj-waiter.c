// SPDX-License-Identifier: MIT
/*
 * State syncobj-waiter: every way to sleep on the fence of a job that never ends.
 *
 * Threads sleep in SYNCOBJ_WAIT for a finished and the endless job, in
 * SYNCOBJ_TIMELINE_WAIT, in poll() of a sync file and in read() of an eventfd tied
 * to the sync object; a second process waits on the same sync object through a
 * file of its own. `gone`: all wake up within two seconds and later calls say
 * ENODEV.
 *
 * One more thread waits for a fence that nobody has submitted yet. No driver owns
 * such a wait, DRM core keeps it alive until userspace signals or the call times
 * out: it only must not stand in the way of removal, and must end by a signal.
 */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "common.h"
#include "fence.h"
#include "gone.h"
#include "spin.h"
#include "waiter.h"
#include "work.h"

static struct xe xe = { .fd = -1 };
static struct work work;
static struct xe_bo memory;
static struct spin spin;
static uint32_t out, timeline, never;	/* sync objects */
static int sync_file = -1, event = -1;
static struct child other;		/* the second process */
static uint64_t reset;

static const struct scn_option options[] = {
	{ "reset", &reset, 0, 1, "1: an engine reset may find the batch before the removal does" },
	{ 0 }
};

static int wait_all(void *arg)
{
	uint32_t handles[] = { work.syncobj, out };	/* of a finished job, and the endless one */
	struct drm_syncobj_wait w = {
		.handles = (uintptr_t)handles,
		.count_handles = ARRAY_SIZE(handles),
		.timeout_nsec = INT64_MAX,
		.flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL,
	};

	(void)arg;
	return ioctl(xe.fd, DRM_IOCTL_SYNCOBJ_WAIT, &w) ? errno : 0;
}

static int wait_timeline(void *arg)
{
	uint64_t point = 1;
	struct drm_syncobj_timeline_wait w = {
		.handles = (uintptr_t)&timeline,
		.points = (uintptr_t)&point,
		.count_handles = 1,
		.timeout_nsec = INT64_MAX,
	};

	(void)arg;
	return ioctl(xe.fd, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &w) ? errno : 0;
}

static int wait_poll(void *arg)
{
	struct pollfd p = { .fd = sync_file, .events = POLLIN };

	(void)arg;
	return poll(&p, 1, -1) < 0 ? errno : 0;
}

static int wait_event(void *arg)
{
	uint64_t n;

	(void)arg;
	return read(event, &n, sizeof(n)) < 0 ? errno : 0;
}

static int wait_submit(void *arg)
{
	struct drm_syncobj_wait w = {
		.handles = (uintptr_t)&never,
		.count_handles = 1,
		.timeout_nsec = INT64_MAX,
		.flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT,
	};

	(void)arg;
	return ioctl(xe.fd, DRM_IOCTL_SYNCOBJ_WAIT, &w) ? errno : 0;
}

static struct waiter waiters[] = {
	{ .what = "SYNCOBJ_WAIT for all", .call = wait_all },
	{ .what = "SYNCOBJ_TIMELINE_WAIT", .call = wait_timeline },
	{ .what = "poll of a sync file", .call = wait_poll },
	{ .what = "read of an eventfd", .call = wait_event },
};
static struct waiter for_submit = { .what = "SYNCOBJ_WAIT for a submit", .call = wait_submit };

/* The second process: own file, the same sync object, one wait, its errno. */
static int other_main(int sock, void *device)
{
	struct drm_syncobj_wait w = { .count_handles = 1, .timeout_nsec = INT64_MAX };
	struct drm_syncobj_handle h = { 0 };
	struct xe mine;
	int err = 0;

	if (child_receive_fd(sock, &err, sizeof(err), &h.fd) ||
	    xe_open(&mine, device) ||
	    xe_ioctl_raw(mine.fd, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &h))
		return 1;
	close(h.fd);
	w.handles = (uintptr_t)&h.handle;
	send(sock, &err, sizeof(err), 0);
	err = xe_ioctl_raw(mine.fd, DRM_IOCTL_SYNCOBJ_WAIT, &w);
	send(sock, &err, sizeof(err), 0);
	pause();	/* keeps its file open until it is killed */
	return 0;
}

static int start_other(void)
{
	struct drm_syncobj_handle h = { .handle = out, .fd = -1 };
	int err = 0;

	scn_step("start of the wait in a second process");
	if (XE_IOCTL(&xe, SYNCOBJ_HANDLE_TO_FD, &h))
		return -1;
	if (child_send_fd(other.sock, &err, sizeof(err), h.fd))
		return scn_fail_errno(errno, "sending a file to the second process");
	close(h.fd);
	if (!child_receive(&other, &err, sizeof(err), 5000))
		return scn_fail("the second process cannot take the sync object");
	if (child_receive(&other, &err, sizeof(err), 100))
		return scn_fail_errno(err, "SYNCOBJ_WAIT of a second process returns at once");
	return 0;
}

static int tie_event(void)
{
	struct drm_syncobj_eventfd e = { .handle = out };

	event = eventfd(0, EFD_CLOEXEC);
	if (event < 0)
		return scn_fail_errno(errno, "eventfd");
	e.fd = event;
	return XE_IOCTL(&xe, SYNCOBJ_EVENTFD, &e);
}

/* A job on the queue ends a sync object before, the endless one never ends its two. */
static int submit(void)
{
	struct drm_xe_sync syncs[2];
	struct batch b;

	batch_begin(&b, work.batch.map, work.batch.size, work.batch.va);
	batch_store(&b, work.batch.va + 4096, 1);
	if (work_run(&xe, &work, &b, "job before the endless one"))
		return -1;
	syncs[0] = xe_sync_syncobj(out);
	syncs[1] = xe_sync_syncobj(timeline);
	syncs[1].type = DRM_XE_SYNC_TYPE_TIMELINE_SYNCOBJ;
	syncs[1].timeline_value = 1;
	if (xe_exec_syncs(&xe, work.queue, spin.va, syncs, 2) ||
	    xe_syncobj_export(&xe, out, &sync_file))
		return -1;
	return spin_check(&spin, 1, "endless batch");
}

static int verify(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(waiters); i++)
		if (waiter_ended(&waiters[i], 0))
			scn_fail_errno(waiters[i].err, "%s returned after %llu ms", waiters[i].what,
				       (unsigned long long)waiters[i].slept_ms);
	return memory.map ? spin_check(&spin, 1, "endless batch") : 0;
}

static int setup(const char *device)
{
	int ret = child_start(&other, other_main, (void *)device);

	if (!ret)
		ret = spin_begin(&xe, &work, device);
	if (ret)
		return ret;
	if (xe_bo_make(&xe, &memory, 4096, work.vm) ||
	    spin_write(&spin, &memory, 0) ||
	    xe_syncobj_create(&xe, &out) ||
	    xe_syncobj_create(&xe, &timeline) ||
	    xe_syncobj_create(&xe, &never) ||
	    submit() || tie_event() || start_other())
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(waiters); i++)
		if (waiter_start(&waiters[i]))
			return -1;
	if (waiter_start(&for_submit))
		return -1;
	scn_fact("bo_bytes", memory.size + work.batch.size);
	scn_fact("jobs", 2);
	scn_fact("waiters", ARRAY_SIZE(waiters) + 2);
	return 0;
}

static void gone_other(uint64_t end)
{
	int err = 0;

	scn_step("end of the second process's wait");
	if (!child_receive(&other, &err, sizeof(err), ms_left(end)))
		scn_fail("SYNCOBJ_WAIT of a second process still sleeps after removal");
	else if (err && err != ENODEV)
		scn_fail_errno(err, "SYNCOBJ_WAIT of a second process, not ENODEV");
}

static int gone(void)
{
	uint64_t start = scn_now_ms(), end = start + GONE_MS;

	for (size_t i = 0; i < ARRAY_SIZE(waiters); i++)
		waiter_gone(&waiters[i], end, true);
	gone_other(end);
	fence_gone(sync_file, end, reset ? -ETIME : 0, "the endless batch");
	scn_fact("waiters_ms", scn_now_ms() - start);
	scn_fact_str("for_submit", waiter_ended(&for_submit, 0) ? scn_errname(for_submit.err) : "asleep");
	gone_ioctls(&xe, &work, &memory);
	return 0;
}

static int unmap(void)
{
	return xe_bo_munmap(&memory);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int close_all(void)
{
	int ret = unmap();

	scn_step("end of the waiters by a signal");
	for (size_t i = 0; i < ARRAY_SIZE(waiters); i++)
		ret |= waiter_stop(&waiters[i]);
	ret |= waiter_stop(&for_submit);
	scn_step("end of the second process");
	child_kill(&other);
	xe.closing = true;
	ret |= work_close(&xe, &work);
	if (out)
		ret |= xe_syncobj_destroy(&xe, out) | xe_syncobj_destroy(&xe, timeline) |
		       xe_syncobj_destroy(&xe, never);
	ret |= xe_bo_close(&xe, &memory);
	close_fd(&sync_file);
	close_fd(&event);
	return ret | xe_close(&xe);
}

static const struct scenario scn = {
	.name = "syncobj-waiter",
	.summary = "threads and a process asleep on the fence of a job that never ends",
	.options = options,
	SCN_CALLBACKS,
	.unmap = unmap,
};
SCENARIO(scn);
