// SPDX-License-Identifier: MIT
/*
 * State dmabuf-peer: two GPUs of the same driver share buffers both ways (GPU=lnl+bmg).
 *
 * The one that goes exported a BO, which the one that stays has bound; and it has
 * bound one that the other exported. What the GPU that stays sees is its own: its
 * jobs go on reading the data after an orderly removal. Its buffer in the hands of
 * the one that went must come back without a mapping for that. Both exporters have
 * closed their last handle: DRM core forgets then that a BO is shared, and a driver
 * that asks there gives the pages back under the other GPU's hands (audit, F18).
 *
 * One more buffer, in local memory if there is some, is only imported: nobody has
 * asked for its pages when the GPU goes. They have to be there for who binds it
 * later, unless the GPU took them with it (--lost 1).
 */
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "gone.h"
#include "mem.h"
#include "peer.h"
#include "work.h"

#define SEED 150
#define BYTES (1u << 20)

/* One GPU: its own BO, which it exports, the other's, a copy of that one. */
struct side {
	struct xe xe;
	struct work work;
	struct xe_bo own, others, copy;
	int fd;			/* dma-buf of @own */
	uint32_t seed;		/* of @own */
};

static struct side goes = { .xe.fd = -1, .fd = -1, .seed = SEED };
static struct side stays = { .xe.fd = -1, .fd = -1, .seed = SEED + 1 };
static uint64_t second, lost;

/* Exported by the one that goes, and its handle with the one that stays. */
static struct xe_bo late, late_import;
static int late_fd = -1;

#define REUSED 32
static struct xe_bo reused[REUSED];

static const struct scn_option options[] = {
	{ "second", &second, 128, 255, "number of the render node of the GPU that stays" },
	{ "lost", &lost, 0, 1, "1: the device will take the content of its memory with it" },
	{ 0 }
};

/* What is exported, with data. */
static int side_open(struct side *s, const char *device)
{
	int ret = work_begin(&s->xe, &s->work, device);

	if (ret)
		return ret;
	if (xe_bo_make(&s->xe, &s->own, BYTES, 0) ||
	    xe_bo_make(&s->xe, &s->copy, BYTES, s->work.vm) ||
	    xe_prime_export(&s->xe, &s->own, &s->fd))
		return -1;
	mem_fill(s->own.map, BYTES, s->seed);
	return 0;
}

/* @s gets a look at what @from exported; then only the bind of @s holds it as shared. */
static int side_import(struct side *s, struct side *from)
{
	struct drm_xe_vm_bind_op op;

	if (xe_prime_import(&s->xe, &s->others, from->fd, BYTES))
		return -1;
	s->others.va = xe_va(&s->xe, BYTES);
	op = xe_op_map(&s->xe, &s->others);
	if (xe_vm_bind(&s->xe, s->work.vm, &op, 1, NULL))
		return -1;
	close(from->fd);
	from->fd = -1;
	return xe_bo_close(&from->xe, &from->own);
}

/* The GPU of @s reads what @from exported. */
static int side_look(struct side *s, const struct side *from, const char *what)
{
	mem_fill(s->copy.map, BYTES, 0);
	if (work_copy(&s->xe, &s->work, s->copy.va, s->others.va, BYTES, what))
		return -1;
	return mem_check(s->copy.map, BYTES, from->seed, what);
}

static int late_share(void)
{
	int ret = goes.xe.vram ? xe_bo_create_moving(&goes.xe, &late, BYTES, 0) :
				 xe_bo_create(&goes.xe, &late, BYTES, 0);

	if (ret)
		return ret;
	if (xe_bo_mmap(&goes.xe, &late) || xe_prime_export(&goes.xe, &late, &late_fd))
		return -1;
	mem_fill(late.map, BYTES, SEED + 2);
	return xe_prime_import(&stays.xe, &late_import, late_fd, BYTES);
}

/* The GPU that stays asks for the pages now that the other one is not there any more. */
static void late_look(void)
{
	struct drm_xe_vm_bind_op op;

	scn_step("bind of a buffer of the GPU that went");
	late_import.va = xe_va(&stays.xe, BYTES);
	op = xe_op_map(&stays.xe, &late_import);
	mem_fill(stays.copy.map, BYTES, 0);
	if (xe_vm_bind(&stays.xe, stays.work.vm, &op, 1, NULL) ||
	    work_copy(&stays.xe, &stays.work, stays.copy.va, late_import.va, BYTES,
		      "copy of a buffer bound after removal"))
		return;
	mem_check(stays.copy.map, BYTES, SEED + 2, "copy of a buffer bound after removal");
}

static int verify(void)
{
	if (!goes.copy.map)
		return 0;
	return side_look(&stays, &goes, "copy by the GPU that stays") |
	       side_look(&goes, &stays, "copy by the GPU that goes");
}

static int setup(const char *device)
{
	uint64_t foreign, before;
	char path[PEER_PATH];
	int ret = peer_find(&goes.xe, device, second, path);

	if (ret)
		return ret;
	before = peer_mappings();
	ret = side_open(&stays, path);
	if (ret)
		return ret;
	foreign = peer_mappings() - before;
	ret = side_open(&goes, device);
	if (ret)
		return ret;
	before = peer_mappings();
	if (side_import(&stays, &goes))
		return -1;
	foreign += peer_mappings() - before;
	if (side_import(&goes, &stays) || verify() || late_share())
		return -1;
	scn_fact("bo_bytes", goes.copy.size + goes.work.batch.size);
	scn_fact("exported_bytes", (goes.xe.vram ? 1 : 2) * BYTES);
	scn_fact("foreign_mappings", foreign);
	scn_fact("jobs", goes.work.jobs + stays.work.jobs);
	return 0;
}

/* Freed pages keep their data until somebody else gets them: be that somebody, in pieces of the same size. */
static void reuse_pages(void)
{
	struct xe_bo bo = { 0 };

	scn_step("reuse of pages that were freed");
	for (int i = 0; i < REUSED; i++) {
		if (xe_bo_create(&stays.xe, &bo, BYTES, 0) || xe_bo_mmap(&stays.xe, &bo))
			return;
		memset(bo.map, 0x5a, BYTES);
		reused[i] = bo;
	}
}

static int gone(void)
{
	gone_ioctls(&goes.xe, &goes.work, &goes.copy);
	if (!goes.copy.map)
		return 0;
	reuse_pages();
	scn_step("job of the GPU that stays, on a buffer of the one that went");
	side_look(&stays, &goes, "copy by the GPU that stays, after removal");
	if (!lost || !goes.xe.vram)
		late_look();
	gone_intact(stays.own.map, BYTES, stays.seed, "buffer that the GPU that went had bound");
	gone_readable(goes.copy.map, BYTES, stays.seed, "copy");
	return 0;
}

static int side_unmap(struct side *s)
{
	return xe_bo_munmap(&s->own) | xe_bo_munmap(&s->copy);
}

static int unmap(void)
{
	return side_unmap(&goes) | side_unmap(&stays) | xe_bo_munmap(&late);
}

static int side_close(struct side *s)
{
	int ret = side_unmap(s);

	ret |= work_close(&s->xe, &s->work);
	ret |= xe_bo_munmap(&late);
	ret |= xe_bo_close(&s->xe, s == &goes ? &late : &late_import);
	ret |= xe_bo_close(&s->xe, &s->others);
	ret |= xe_bo_close(&s->xe, &s->copy);
	ret |= xe_bo_close(&s->xe, &s->own);
	ret |= xe_close(&s->xe);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	return ret;
}

static int close_all(void)
{
	for (int i = 0; i < REUSED; i++)
		if (xe_bo_munmap(&reused[i]) || xe_bo_close(&stays.xe, &reused[i]))
			return -1;
	if (late_fd >= 0)
		close(late_fd);
	late_fd = -1;
	return side_close(&goes) | side_close(&stays);
}

static const struct scenario scn = {
	.name = "dmabuf-peer",
	.summary = "two GPUs share buffers both ways, one of them goes",
	.options = options,
	SCN_CALLBACKS,
	.unmap = unmap,
};
SCENARIO(scn);
