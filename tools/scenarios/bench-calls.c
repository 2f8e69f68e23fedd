// SPDX-License-Identifier: MIT
/*
 * Cost of what the series touches in daily work, for `make bench`. Not a state:
 * each `verify` measures once and answers with medians in nanoseconds.
 *
 * bind_bo_ns, bind_userptr_ns: one VM_BIND and its undoing, synchronous, 64 KiB
 * each; bo_ns: create, bind, unbind and close of a BO, pages included;
 * exec_ns: the call that submits an empty job, without its run.
 */
#include <string.h>

#include "common.h"
#include "median.h"
#include "mem.h"
#include "work.h"

#define BYTES	(64u << 10)
#define MOST	1000

static struct xe xe = { .fd = -1 };
static struct work work;
static struct xe_bo bo;
static void *user;
static uint64_t rounds = 40;

static const struct scn_option options[] = {
	{ "rounds", &rounds, 1, MOST, "calls a measurement is the median of" },
	{ 0 }
};

static int bind_once(struct drm_xe_vm_bind_op op)
{
	struct drm_xe_vm_bind_op undo = xe_op_unmap(op.addr, op.range);

	return xe_vm_bind(&xe, work.vm, &op, 1, NULL) ||
	       xe_vm_bind(&xe, work.vm, &undo, 1, NULL) ? -1 : 0;
}

static int bind_bo(uint64_t *ns)
{
	uint64_t began = scn_now_ns();

	if (bind_once(xe_op_map(&xe, &bo)))
		return -1;
	*ns = scn_now_ns() - began;
	return 0;
}

static int bind_userptr(uint64_t *ns)
{
	uint64_t va = xe_va(&xe, BYTES), began = scn_now_ns();

	if (bind_once(xe_op_userptr(&xe, user, BYTES, va)))
		return -1;
	*ns = scn_now_ns() - began;
	return 0;
}

static int whole_bo(uint64_t *ns)
{
	uint64_t began = scn_now_ns();
	struct xe_bo one = { 0 };

	if (xe_bo_create(&xe, &one, BYTES, work.vm))
		return -1;
	one.va = xe_va(&xe, BYTES);
	if (bind_once(xe_op_map(&xe, &one)) || xe_bo_close(&xe, &one))
		return -1;
	*ns = scn_now_ns() - began;
	return 0;
}

static int exec(uint64_t *ns)
{
	struct drm_xe_sync sync = xe_sync_syncobj(work.syncobj);
	uint64_t began;

	if (xe_syncobj_reset(&xe, work.syncobj))
		return -1;
	began = scn_now_ns();
	if (xe_exec(&xe, work.queue, work.batch.va, &sync))
		return -1;
	*ns = scn_now_ns() - began;
	return xe_syncobj_wait(&xe, work.syncobj, WORK_JOB_MS, "empty job");
}

static int measure(void)
{
	static const struct {
		const char *name;
		int (*run)(uint64_t *ns);
	} what[] = {
		{ "bind_bo_ns", bind_bo },
		{ "bind_userptr_ns", bind_userptr },
		{ "bo_ns", whole_bo },
		{ "exec_ns", exec },
	};
	static uint64_t ns[MOST];

	for (size_t i = 0; i < ARRAY_SIZE(what); i++) {
		scn_step("%s", what[i].name);
		for (uint64_t k = 0; k < rounds; k++) {
			if (what[i].run(&ns[k]))
				return -1;
		}
		scn_fact(what[i].name, median(ns, rounds));
	}
	return 0;
}

static int setup(const char *device)
{
	int ret = work_begin(&xe, &work, device);

	if (ret)
		return ret;
	if (xe_bo_create(&xe, &bo, BYTES, work.vm))
		return -1;
	bo.va = xe_va(&xe, BYTES);
	user = mem_map(BYTES);
	if (!user)
		return -1;
	memset(user, 1, BYTES);
	return work_write_empty(&work);
}

static int finish(void)
{
	return xe_bo_close(&xe, &bo) | work_close(&xe, &work) | xe_close(&xe) ? -1 : 0;
}

static const struct scenario scn = {
	.name = "bench-calls",
	.summary = "cost of binds and execs",
	.options = options,
	.setup = setup,
	.verify = measure,
	.close = finish,
};
SCENARIO(scn);
