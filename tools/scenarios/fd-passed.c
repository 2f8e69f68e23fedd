// SPDX-License-Identifier: MIT
/*
 * State fd-passed: a device file whose creator is dead.
 *
 * A second process opens the device, makes a VM and a queue, binds memory of its
 * own, passes the file on and ends. The VM lives on here, with a userptr in an
 * address space that is gone: its notifier has run, its pages cannot come back.
 * Jobs that do not touch it still run.
 */

#include "child.h"
#include "common.h"
#include "gone.h"
#include "mem.h"
#include "pair.h"

#define SEED 100
#define BYTES (1u << 20)
#define CREATOR_MS 15000

static struct xe xe = { .fd = -1 };
static struct work work;
static struct pair pair;

/* What goes with the file: numbers, no pointers that mean something here. */
struct baggage {
	struct xe xe;
	struct work work;
	uint64_t userptr_va;
};

static struct child creator;

/* Answers with a baggage and the file, or with nothing. */
static int creator_main(int sock, void *device)
{
	static struct baggage bag;
	struct drm_xe_vm_bind_op op;
	struct xe_bo bo;
	void *p = mem_map(BYTES);

	if (!p || work_begin(&bag.xe, &bag.work, device) ||
	    xe_bo_make(&bag.xe, &bo, BYTES, bag.work.vm))
		return SCN_FAIL;
	bag.userptr_va = xe_va(&bag.xe, BYTES);
	op = xe_op_userptr(&bag.xe, p, BYTES, bag.userptr_va);
	mem_fill(p, BYTES, SEED);
	if (xe_vm_bind(&bag.xe, bag.work.vm, &op, 1, NULL) ||
	    work_copy(&bag.xe, &bag.work, bo.va, bag.userptr_va, BYTES, "copy by the creator") ||
	    mem_check(bo.map, BYTES, SEED, "copy by the creator"))
		return SCN_FAIL;
	return child_send_fd(sock, &bag, sizeof(bag), bag.xe.fd) ? SCN_FAIL : SCN_PASS;
}

static int receive(void)
{
	struct baggage bag;
	int fd;

	scn_step("set-up by the creator");
	if (child_receive_fd(creator.sock, &bag, sizeof(bag), &fd))
		return scn_fail("the creator ended with status %d",
				child_wait(&creator, CREATOR_MS));
	if (child_wait(&creator, CREATOR_MS))
		return scn_fail("the creator does not end well");
	xe = bag.xe;
	xe.fd = fd;
	work = bag.work;
	return xe_bo_mmap(&xe, &work.batch);
}

static int verify(void)
{
	if (!pair.src.map)
		return 0;
	return pair_copy(&xe, &work, &pair, SEED + 1, "copy job after its creator's end");
}

static int setup(const char *device)
{
	int ret = xe_open(&xe, device);	/* to skip where there is nothing to create on */

	if (ret || xe_close(&xe))
		return ret ? ret : -1;
	if (child_start(&creator, creator_main, (void *)device) || receive() ||
	    pair_make(&xe, &pair, BYTES, work.vm) || verify())
		return -1;
	scn_fact("bo_bytes", pair.src.size + pair.dst.size + BYTES + work.batch.size);
	scn_fact("userptr_bytes", BYTES);
	scn_fact("jobs", work.jobs);
	return 0;
}

static int gone(void)
{
	gone_ioctls(&xe, &work, &pair.src);
	if (pair.src.map)
		gone_readable(pair.src.map, pair.src.size, SEED + 1, "source");
	return 0;
}

static int unmap(void)
{
	return pair_munmap(&pair);
}

static int close_all(void)
{
	return pair_end(&xe, &work, &pair);
}

static const struct scenario scn = {
	.name = "fd-passed",
	.summary = "a device file and its VM whose creator is dead",
	SCN_CALLBACKS,
	.unmap = unmap,
};
SCENARIO(scn);
