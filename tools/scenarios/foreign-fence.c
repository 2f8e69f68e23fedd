// SPDX-License-Identifier: MIT
/*
 * State foreign-fence: work that waits for a fence of another driver, which comes
 * long after the removal.
 *
 *   waiting    a job with the fence as an in-fence
 *   behind     a job of the same queue, without one
 *   orphan     a job like the first, whose queue is destroyed at once
 *   a bind     that waits for the fence, and a reader of fdinfo beside it: where
 *              that counts the engine's time it waits for queues that are going,
 *              such as the orphan's
 *
 * The removal must wait for none of them. They end when the other driver's fence
 * does, which is when `gone` says so, and then with -ENODEV: what they would have
 * written stays as it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common.h"
#include "fence.h"
#include "gone.h"
#include "sw_sync.h"
#include "work.h"

#define READER_MS	5000	/* in which a read of fdinfo ends once nothing is waited for */
#define LATE_MS		500	/* in which what must not happen would have happened */

static struct xe xe = { .fd = -1 };
static struct work work;
static struct xe_bo bound, late;	/* bound, and to be bound behind the fence */
static int timeline = -1;
static uint32_t foreign;		/* sync object with the foreign fence */

static struct held {
	const char *what;
	int fd;				/* sync file */
} waiting = { "a job that waits for another driver", -1 },
  behind = { "a job behind one that waits for another driver", -1 },
  orphan = { "a job of a queue that was destroyed", -1 },
  bind = { "a bind that waits for another driver", -1 };
static struct held *const all[] = { &waiting, &behind, &orphan, &bind };

static int read_fdinfo(void *arg);
static struct waiter reader = { .what = "a read of fdinfo", .call = read_fdinfo };

static int submit(uint32_t queue, uint32_t after, struct held *h)
{
	return work_submit(&xe, &work, queue, work.batch.va, after, &h->fd);
}

static int submit_orphan(void)
{
	uint32_t queue;

	if (xe_queue_create(&xe, work.vm, work.class, &queue) || submit(queue, foreign, &orphan))
		return -1;
	return xe_queue_destroy(&xe, queue);
}

static int bind_late(void)
{
	struct drm_xe_sync syncs[] = { xe_sync_syncobj(work.syncobj), xe_sync_behind(foreign) };
	struct drm_xe_vm_bind_op op;
	int err;

	if (xe_bo_create(&xe, &late, bound.size, work.vm))
		return -1;
	late.va = xe_va(&xe, late.size);
	op = xe_op_map(&xe, &late);
	err = xe_vm_bind_raw(xe.fd, work.vm, &op, 1, syncs, ARRAY_SIZE(syncs));
	if (err)
		return scn_fail_errno(err, "ioctl XE_VM_BIND with an in-fence");
	return xe_syncobj_export(&xe, work.syncobj, &bind.fd);
}

static int read_fdinfo(void *arg)
{
	char path[64], text[4096];
	int fd;

	(void)arg;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", xe.fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	while (read(fd, text, sizeof(text)) > 0)
		;
	close(fd);
	return 0;
}

/* Not every kernel has it wait, and where it does, no signal ends that. */
static int start_reader(void)
{
	if (waiter_begin(&reader))
		return -1;
	scn_fact("fdinfo_waits", !waiter_ended(&reader, 100));
	return 0;
}

static int end_reader(void)
{
	scn_step("end of %s", reader.what);
	if (reader.started && !waiter_ended(&reader, READER_MS))
		return scn_fail("%s does not end", reader.what);
	return waiter_stop(&reader);
}

static int verify(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++)
		if (fence_pending(all[i]->fd, all[i]->what))
			return -1;
	return work_forbidden_ran(&work) ? scn_fail("a job that has to wait has run") : 0;
}

static int setup(const char *device)
{
	int ret = xe_open(&xe, device);

	ret = ret ? ret : sw_sync_open(&timeline);
	if (ret)
		return ret;
	if (work_open(&xe, &work, DRM_XE_ENGINE_CLASS_COPY) ||
	    xe_bo_make(&xe, &bound, 1 << 20, work.vm) ||
	    sw_sync_syncobj(timeline, &xe, &foreign))
		return -1;
	work_write_forbidden(&work);
	scn_step("submission behind a foreign fence");
	if (submit(work.queue, foreign, &waiting) || submit(work.queue, 0, &behind) ||
	    submit_orphan() || bind_late() || start_reader())
		return -1;
	scn_fact("queues", 2);
	return verify();
}

static int gone(void)
{
	uint64_t end;
	int status;

	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++)
		if (!fence_status(all[i]->fd, &status) && status > 0)
			scn_fail("%s: its fence says success", all[i]->what);
	gone_ioctls(&xe, &work, &bound);
	if (sw_sync_advance(timeline))
		return -1;
	end = scn_now_ms() + GONE_MS;
	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++)
		fence_gone(all[i]->fd, end, false, all[i]->what);
	end_reader();
	scn_step("wait for what comes late");
	scn_sleep_ms(LATE_MS);
	if (work_forbidden_ran(&work))
		scn_fail("a job that waited for another driver has run after removal");
	return 0;
}

static int unmap(void)
{
	return xe_bo_munmap(&bound);
}

static int close_all(void)
{
	int ret = unmap();

	xe.closing = true;
	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++) {
		if (all[i]->fd >= 0)
			close(all[i]->fd);
		all[i]->fd = -1;
	}
	/* Without its timeline the fence ends, with an error. */
	if (timeline >= 0)
		close(timeline);
	timeline = -1;
	ret |= end_reader();
	if (foreign)
		ret |= xe_syncobj_destroy(&xe, foreign);
	foreign = 0;
	return ret | work_end(&xe, &work, &bound, &late, NULL);
}

static const struct scenario scn = {
	.name = "foreign-fence",
	.summary = "jobs and a bind that wait for a fence of another driver",
	SCN_CALLBACKS,
	.unmap = unmap,
};
SCENARIO(scn);
