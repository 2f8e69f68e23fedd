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
#include <pthread.h>
#include <stdatomic.h>
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

static struct reader {
	pthread_t thread;
	bool started;
	atomic_bool done;
} reader;

static int import_fence(void)
{
	struct drm_syncobj_handle h = {
		.flags = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE,
	};
	int ret;

	if (sw_sync_fence(timeline, &h.fd))
		return -1;
	ret = xe_syncobj_create(&xe, &foreign);
	h.handle = foreign;
	if (!ret)
		ret = XE_IOCTL(&xe, SYNCOBJ_FD_TO_HANDLE, &h);
	close(h.fd);
	return ret;
}

/* Two for one call: in-fence (unless there is none) and out-fence. Returns how many. */
static unsigned int make_syncs(struct drm_xe_sync *syncs, bool in)
{
	syncs[0] = xe_sync_syncobj(work.syncobj);
	syncs[1] = (struct drm_xe_sync) { .type = DRM_XE_SYNC_TYPE_SYNCOBJ, .handle = foreign };
	return in ? 2 : 1;
}

static int submit(uint32_t queue, bool in, struct held *h)
{
	struct drm_xe_sync syncs[2];
	struct drm_xe_exec e = {
		.exec_queue_id = queue,
		.num_syncs = make_syncs(syncs, in),
		.syncs = (uintptr_t)syncs,
		.address = work.batch.va,
		.num_batch_buffer = 1,
	};

	if (XE_IOCTL(&xe, XE_EXEC, &e))
		return -1;
	return xe_syncobj_export(&xe, work.syncobj, &h->fd);
}

static int submit_orphan(void)
{
	uint32_t queue;

	if (xe_queue_create(&xe, work.vm, work.class, &queue) || submit(queue, true, &orphan))
		return -1;
	return xe_queue_destroy(&xe, queue);
}

static int bind_late(void)
{
	struct drm_xe_sync syncs[2];
	unsigned int n = make_syncs(syncs, true);
	struct drm_xe_vm_bind_op op;
	int err;

	if (xe_bo_create(&xe, &late, bound.size, work.vm))
		return -1;
	late.va = xe_va(&xe, late.size);
	op = xe_op_map(&xe, &late);
	err = xe_vm_bind_raw(xe.fd, work.vm, &op, 1, syncs, n);
	if (err)
		return scn_fail_errno(err, "ioctl XE_VM_BIND with an in-fence");
	return xe_syncobj_export(&xe, work.syncobj, &bind.fd);
}

static void *read_fdinfo(void *arg)
{
	struct reader *r = arg;
	char path[64], text[4096];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", xe.fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		while (read(fd, text, sizeof(text)) > 0)
			;
		close(fd);
	}
	atomic_store(&r->done, true);
	return NULL;
}

static int start_reader(void)
{
	int err = pthread_create(&reader.thread, NULL, read_fdinfo, &reader);

	if (err)
		return scn_fail_errno(err, "thread that reads fdinfo");
	reader.started = true;
	scn_sleep_ms(100);
	scn_fact("fdinfo_waits", !atomic_load(&reader.done));
	return 0;
}

/* Its wait cannot be interrupted, so it is not joined before it has ended. */
static int end_reader(void)
{
	uint64_t end = scn_now_ms() + READER_MS;

	if (!reader.started)
		return 0;
	scn_step("end of a read of fdinfo");
	while (!atomic_load(&reader.done) && scn_now_ms() < end)
		scn_sleep_ms(2);
	if (!atomic_load(&reader.done))
		return scn_fail("a read of fdinfo does not end");
	reader.started = false;
	return pthread_join(reader.thread, NULL) ? scn_fail("pthread_join") : 0;
}

/* What the jobs would write; they must not, after the removal. */
static volatile uint32_t *word(void)
{
	return (volatile uint32_t *)((char *)work.batch.map + 4096);
}

static void write_batch(void)
{
	struct batch b;

	*word() = 0;
	batch_begin(&b, work.batch.map, 4096, work.batch.va);
	batch_store(&b, work.batch.va + 4096, 1);
	batch_end(&b);
}

static int verify(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++)
		if (fence_pending(all[i]->fd, all[i]->what))
			return -1;
	return work.batch.map && *word() ? scn_fail("a job that has to wait has run") : 0;
}

static int setup(const char *device)
{
	int ret = xe_open(&xe, device);

	ret = ret ? ret : sw_sync_open(&timeline);
	if (ret)
		return ret;
	if (work_open(&xe, &work, DRM_XE_ENGINE_CLASS_COPY) ||
	    xe_bo_make(&xe, &bound, 1 << 20, work.vm) || import_fence())
		return -1;
	write_batch();
	scn_step("submission behind a foreign fence");
	if (submit(work.queue, true, &waiting) || submit(work.queue, false, &behind) ||
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
	if (work.batch.map && *word())
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
