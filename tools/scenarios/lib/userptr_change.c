// SPDX-License-Identifier: MIT
/*
 * Userptrs with changed memory, see userptr_change.h.
 */
#include "userptr_change.h"

#include <string.h>

#include "gone.h"
#include "mem.h"

#define BO_BYTES UC_BYTES

/* GPU out of the range into a BO, then out of the BO into the range. */
static int copy_both_ways(struct userptr_change *u)
{
	struct piece *r = &u->pieces[0];

	if (work_copy(&u->xe, &u->work, u->pair.dst.va, u->va, r->bytes, "copy out of a userptr") ||
	    mem_check(u->pair.dst.map, r->bytes, r->seed, "copy out of a userptr"))
		return -1;
	memset(r->p, 0, r->bytes);
	if (work_copy(&u->xe, &u->work, u->va, u->pair.dst.va, r->bytes, "copy into a userptr"))
		return -1;
	return mem_check(r->p, r->bytes, r->seed, "copy into a userptr");
}

int userptr_change_verify(struct userptr_change *u)
{
	if (!u->pair.src.map)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(u->pieces); i++) {
		struct piece *r = &u->pieces[i];

		if (r->p && mem_check(r->p, r->bytes, r->seed, "memory of the process"))
			return -1;
	}
	if (u->visible && u->pieces[0].p && copy_both_ways(u))
		return -1;
	return pair_copy(&u->xe, &u->work, &u->pair, UC_SEED + 50,
			 "copy job beside a changed userptr");
}

static int bind_range(struct userptr_change *u)
{
	struct piece *r = &u->pieces[0];
	struct drm_xe_vm_bind_op op;

	r->p = mem_map(UC_BYTES);
	if (!r->p)
		return -1;
	r->bytes = UC_BYTES;
	r->seed = UC_SEED;
	mem_fill(r->p, r->bytes, r->seed);
	u->va = xe_va(&u->xe, UC_BYTES);
	op = xe_op_userptr(&u->xe, r->p, UC_BYTES, u->va);
	u->visible = true;
	return xe_vm_bind(&u->xe, u->work.vm, &op, 1, NULL);
}

int userptr_change_setup(struct userptr_change *u, const char *device,
			 int (*change)(struct userptr_change *u))
{
	int ret = work_begin(&u->xe, &u->work, device);

	if (ret)
		return ret;
	if (pair_make(&u->xe, &u->pair, BO_BYTES, u->work.vm) ||
	    bind_range(u) || userptr_change_verify(u))
		return -1;
	scn_step("change of the memory of a bound userptr");
	/* Twice: the first job after the change has to cope with it, the next finds it done. */
	if (change(u) || userptr_change_verify(u) || userptr_change_verify(u))
		return -1;
	scn_fact("userptr_bytes", UC_BYTES);
	scn_fact("bo_bytes", u->pair.src.size + u->pair.dst.size + u->work.batch.size);
	scn_fact("jobs", u->work.jobs);
	return 0;
}

int userptr_change_gone(struct userptr_change *u)
{
	gone_ioctls(&u->xe, &u->work, &u->pair.src);
	for (size_t i = 0; i < ARRAY_SIZE(u->pieces); i++) {
		struct piece *r = &u->pieces[i];

		if (r->p)
			gone_intact(r->p, r->bytes, r->seed, i ? "second piece" : "first piece");
	}
	if (u->pair.dst.map)
		gone_readable(u->pair.dst.map, u->pair.dst.size, UC_SEED + 50, "destination");
	return 0;
}

int userptr_change_unmap(struct userptr_change *u)
{
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(u->pieces); i++)
		ret |= mem_unmap(&u->pieces[i].p, u->pieces[i].bytes, "a bound userptr");
	return ret;
}

int userptr_change_close(struct userptr_change *u)
{
	int ret = pair_end(&u->xe, &u->work, &u->pair);

	child_kill(&u->child);
	return ret | userptr_change_unmap(u);
}
