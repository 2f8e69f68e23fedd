// SPDX-License-Identifier: MIT
/*
 * State queue-queued: finite jobs that removal catches at every stage.
 *
 *   behind    jobs in the queue of an endless batch: submitted, never started
 *   waiting   jobs of another queue that wait for the endless batch's fence: the
 *             scheduler may start them only when removal has ended that fence,
 *             that is on hardware that is gone. Their queue has a job timeout of
 *             a second, so that a driver that starts them meets its own timeout
 *   running   a train of copies on the other queue of the engine, long enough
 *             that removal comes in the middle
 *
 * `gone`: all fences end within two seconds. The first two kinds end with -ENODEV,
 * a copy with -ENODEV or with success, and success only if its last store has
 * arrived; none succeeds after one that did not. The copies go to memory of the
 * process, whose content outlives the device. Where a reset may come first (--reset 1)
 * it ends what it finds running with -ETIME and what is behind that with -ECANCELED,
 * and what waited for the endless batch may then run.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "fence.h"
#include "gone.h"
#include "mem.h"
#include "spin.h"
#include "work.h"

#define SEED		60
#define TRAIN_MS	3000	/* the copies are to take at least this long in all */
#define JOBS		8	/* of each kind */
#define COPY_BYTES	(1u << 20)
#define BATCH_BYTES	(16u << 10)	/* of one copy job */
#define MAX_ROUNDS	(BATCH_BYTES / 48)
#define SHORT_MS	1000

static struct xe xe = { .fd = -1 };
static struct work work;		/* copies, checked first */
static struct xe_bo memory, src, trains;
static void *dst;			/* memory of the process, bound at dst_va */
static uint64_t dst_va;
static struct spin spin;
static uint32_t blocked, waiting;	/* queues */
static struct job {
	int fd;				/* sync file, -1: none */
} endless = { -1 }, behind[JOBS], later[JOBS], copies[JOBS];
static uint64_t reset;

static const struct scn_option options[] = {
	{ "reset", &reset, 0, 1, "1: an engine reset may find the jobs before the removal does" },
	{ 0 }
};

static int submit(uint32_t queue, uint64_t va, uint32_t after, struct job *j)
{
	return work_submit(&xe, &work, queue, va, after, &j->fd);
}

/* Where copy @i stores its number when all else is done: last word of its part. */
static size_t last_word(unsigned int i)
{
	return (i + 1) * COPY_BYTES - 4;
}

static uint32_t stored(unsigned int i)
{
	return *(volatile uint32_t *)((char *)dst + last_word(i));
}

/* A job that copies @src to the part @i of @dst @rounds times; its memory is its own. */
static uint64_t write_copies(unsigned int i, unsigned int rounds)
{
	struct batch b;

	batch_begin(&b, (char *)trains.map + i * BATCH_BYTES, BATCH_BYTES,
		    trains.va + i * BATCH_BYTES);
	for (unsigned int r = 0; r < rounds; r++)
		batch_copy_blit(&b, dst_va + i * COPY_BYTES, src.va, COPY_BYTES);
	batch_store(&b, dst_va + last_word(i), i + 1);
	batch_end(&b);
	return batch_check(&b) ? 0 : b.va;
}

/* Rounds a job needs for its share of TRAIN_MS, from one that is measured. */
static int measure(unsigned int *rounds)
{
	struct job j = { -1 };
	uint64_t va = write_copies(0, 16), began = scn_now_ns(), took;

	if (!va || submit(work.queue, va, 0, &j) ||
	    xe_syncobj_wait(&xe, work.syncobj, WORK_JOB_MS, "measured copies"))
		return -1;
	close(j.fd);
	took = scn_now_ns() - began;
	*rounds = TRAIN_MS * 1000000ull * 16 / JOBS / (took ? took : 1) + 1;
	if (*rounds > MAX_ROUNDS)
		*rounds = MAX_ROUNDS;
	return 0;
}

static int start_copies(void)
{
	unsigned int rounds;

	if (measure(&rounds))
		return -1;
	memset(dst, 0, JOBS * COPY_BYTES);
	for (unsigned int i = 0; i < JOBS; i++) {
		uint64_t va = write_copies(i, rounds);

		if (!va || submit(work.queue, va, 0, &copies[i]))
			return -1;
	}
	scn_fact("rounds", rounds);
	return 0;
}

static int start_blocked(void)
{
	uint32_t fence;

	if (xe_syncobj_create(&xe, &fence) || submit(blocked, spin.va, 0, &endless))
		return -1;
	/* The endless batch's fence again, as an in-fence. */
	if (xe_syncobj_import(&xe, fence, endless.fd))
		return -1;
	for (unsigned int i = 0; i < JOBS; i++)
		if (submit(blocked, work.batch.va, 0, &behind[i]) ||
		    submit(waiting, work.batch.va, fence, &later[i]))
			return -1;
	return xe_syncobj_destroy(&xe, fence);
}

static int verify(void)
{
	for (unsigned int i = 0; i < JOBS; i++)
		if (fence_pending(behind[i].fd, "a job behind the endless batch") ||
		    fence_pending(later[i].fd, "a job that waits for the endless batch"))
			return -1;
	if (work_forbidden_ran(&work))
		return scn_fail("a job that has to wait has run");
	return memory.map ? spin_check(&spin, 1, "endless batch") : 0;
}

static int bind_dst(void)
{
	struct drm_xe_vm_bind_op op;

	dst = mem_map(JOBS * COPY_BYTES);
	if (!dst)
		return -1;
	dst_va = xe_va(&xe, JOBS * COPY_BYTES);
	op = xe_op_userptr(&xe, dst, JOBS * COPY_BYTES, dst_va);
	return xe_vm_bind(&xe, work.vm, &op, 1, NULL);
}

static int setup(const char *device)
{
	int ret = spin_begin(&xe, &work, device);

	if (ret)
		return ret;
	for (unsigned int i = 0; i < JOBS; i++)
		behind[i].fd = later[i].fd = copies[i].fd = -1;
	if (xe_bo_make(&xe, &memory, 4096, work.vm) ||
	    xe_bo_make(&xe, &src, COPY_BYTES, work.vm) ||
	    bind_dst() ||
	    xe_bo_make(&xe, &trains, JOBS * BATCH_BYTES, work.vm) ||
	    spin_write(&spin, &memory, 0) ||
	    xe_queue_create(&xe, work.vm, DRM_XE_ENGINE_CLASS_COPY, &blocked))
		return -1;
	mem_fill(src.map, src.size, SEED);
	scn_fact("short_timeout_ms", spin_set_timeout(&xe, SHORT_MS));
	if (xe_queue_create(&xe, work.vm, DRM_XE_ENGINE_CLASS_COPY, &waiting))
		return -1;
	work_write_forbidden(&work);
	scn_step("submission of the jobs");
	if (start_blocked() || spin_check(&spin, 1, "endless batch") || start_copies())
		return -1;
	scn_fact("bo_bytes", memory.size + src.size + trains.size + work.batch.size);
	scn_fact("userptr_bytes", JOBS * COPY_BYTES);
	scn_fact("queues", 3);
	scn_fact("jobs", 3 * JOBS + 1);
	return 0;
}

/* As fence_gone(), for a job of several in its queue. */
static int job_gone(const struct job *j, uint64_t end, int other, const char *what)
{
	int status = reset ? fence_wait(j->fd, end) : 0;

	if (status == -ETIME || status == -ECANCELED)
		other = status;
	return fence_gone(j->fd, end, other, what);
}

/* Copies whose fence says success must have brought their data, in order. */
static void gone_copies(uint64_t end)
{
	unsigned int done = 0;
	bool lost = false;

	for (unsigned int i = 0; i < JOBS; i++) {
		int status = job_gone(&copies[i], end, 1, "a copy");

		if (status > 0 && lost)
			scn_fail("copy %u says success after one that was lost", i);
		else if (status > 0 && stored(i) != i + 1)
			scn_fail("copy %u says success but has not finished: it stored %u", i,
				 stored(i));
		else if (status > 0)
			done++;
		lost |= status < 0;
	}
	scn_fact("copies_done", done);
}

static int gone(void)
{
	uint64_t start = scn_now_ms(), end = start + GONE_MS;
	int found = fence_gone(endless.fd, end, reset ? -ETIME : 0, "the endless batch");

	for (unsigned int i = 0; i < JOBS; i++) {
		job_gone(&behind[i], end, 0, "a job behind the endless batch");
		job_gone(&later[i], end, reset && found == -ETIME,
			 "a job that waited for the endless batch");
	}
	gone_copies(end);
	scn_fact("fences_ms", scn_now_ms() - start);
	gone_ioctls(&xe, &work, &src);
	if (memory.map)
		gone_readable(memory.map, memory.size, 0, "batch");
	/* What a driver starts too late meets its timeout now. */
	scn_step("wait for late timeouts");
	scn_sleep_ms(SHORT_MS + 500);
	return 0;
}

static int unmap(void)
{
	return xe_bo_munmap(&memory) | xe_bo_munmap(&src) | xe_bo_munmap(&trains);
}

static void close_fence(struct job *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
}

static int close_all(void)
{
	int ret = unmap();

	xe.closing = true;
	close_fence(&endless);
	for (unsigned int i = 0; i < JOBS; i++) {
		close_fence(&behind[i]);
		close_fence(&later[i]);
		close_fence(&copies[i]);
	}
	ret |= xe_queue_destroy(&xe, waiting);
	ret |= xe_queue_destroy(&xe, blocked);
	ret |= work_end(&xe, &work, &memory, &src, &trains, NULL);
	return ret | mem_unmap(&dst, JOBS * COPY_BYTES, "a bound userptr");
}

static const struct scenario scn = {
	.name = "queue-queued",
	.summary = "finite jobs, running, queued and waiting for a fence",
	.options = options,
	SCN_CALLBACKS,
	.unmap = unmap,
};
SCENARIO(scn);
