// SPDX-License-Identifier: MIT
/*
 * State userptr-peer: the same memory of the process bound on two GPUs of the same
 * driver, one of which goes (GPU=lnl+bmg).
 *
 * Each page is mapped for DMA twice and has a notifier of each GPU. Only the mapping of
 * the one that goes may be undone by its removal: the other one goes on reading and
 * writing the memory, also while munmap finds one notifier whose device is gone.
 */
#include <string.h>

#include "common.h"
#include "gone.h"
#include "mem.h"
#include "pair.h"
#include "peer.h"

#define SEED 180
#define BYTES (1u << 20)

static struct side {
	struct xe xe;
	struct work work;
	struct pair pair;
	uint64_t va;		/* of the memory of the process */
} goes = { .xe.fd = -1 }, stays = { .xe.fd = -1 };

static void *memory;
static uint64_t second;

static const struct scn_option options[] = {
	{ "second", &second, 128, 255, "number of the render node of the GPU that stays" },
	{ 0 }
};

static int side_open(struct side *s, const char *device)
{
	struct drm_xe_vm_bind_op op;
	int ret = work_begin(&s->xe, &s->work, device);

	if (ret)
		return ret;
	if (pair_make(&s->xe, &s->pair, BYTES, s->work.vm))
		return -1;
	s->va = xe_va(&s->xe, BYTES);
	op = xe_op_userptr(&s->xe, memory, BYTES, s->va);
	return xe_vm_bind(&s->xe, s->work.vm, &op, 1, NULL);
}

/* The GPU reads what @seed filled the memory with, and writes what @seed + 1 does. */
static int side_look(struct side *s, uint32_t seed, const char *what)
{
	mem_fill(memory, BYTES, seed);
	memset(s->pair.dst.map, 0, BYTES);
	if (work_copy(&s->xe, &s->work, s->pair.dst.va, s->va, BYTES, what) ||
	    mem_check(s->pair.dst.map, BYTES, seed, what))
		return -1;
	mem_fill(s->pair.src.map, BYTES, seed + 1);
	if (work_copy(&s->xe, &s->work, s->va, s->pair.src.va, BYTES, what))
		return -1;
	return mem_check(memory, BYTES, seed + 1, what);
}

static int verify(void)
{
	if (!memory || !goes.pair.src.map)
		return 0;
	return side_look(&stays, SEED, "copy by the GPU that stays") ||
	       side_look(&goes, SEED + 1, "copy by the GPU that goes") ? -1 : 0;
}

static int setup(const char *device)
{
	uint64_t before;
	char path[PEER_PATH];
	int ret = peer_find(&goes.xe, device, second, path);

	if (ret)
		return ret;
	memory = mem_map(BYTES);
	if (!memory)
		return -1;
	before = peer_mappings();
	ret = side_open(&stays, path);
	if (ret)
		return ret;
	scn_fact("foreign_mappings", peer_mappings() - before);
	ret = side_open(&goes, device);
	if (ret)
		return ret;
	if (verify())
		return -1;
	scn_fact("userptr_bytes", BYTES);
	scn_fact("bo_bytes", 2 * BYTES + goes.work.batch.size);
	scn_fact("jobs", goes.work.jobs + stays.work.jobs);
	return 0;
}

static int gone(void)
{
	pair_gone(&goes.xe, &goes.work, &goes.pair, SEED + 2);
	if (!memory)
		return 0;
	gone_intact(memory, BYTES, SEED + 2, "memory of two GPUs");
	side_look(&stays, SEED + 3, "copy by the GPU that stays, after removal");
	return 0;
}

static int unmap(void)
{
	int ret = mem_unmap(&memory, BYTES, "memory bound on two GPUs");

	if (!stays.pair.src.map)
		return ret;
	return ret | pair_copy(&stays.xe, &stays.work, &stays.pair, SEED + 5,
			       "copy by the GPU that stays, after munmap");
}

static int close_all(void)
{
	int ret = pair_end(&goes.xe, &goes.work, &goes.pair);

	ret |= unmap();
	return ret | pair_end(&stays.xe, &stays.work, &stays.pair);
}

static const struct scenario scn = {
	.name = "userptr-peer",
	.summary = "the same memory of the process bound on two GPUs, one of them goes",
	.options = options,
	SCN_CALLBACKS,
	.unmap = unmap,
	.user_memory = true,
};
SCENARIO(scn);
