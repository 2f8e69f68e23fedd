// SPDX-License-Identifier: MIT
/*
 * State dmabuf-gpu: BOs exported to a second GPU, which has them bound.
 *
 * The second GPU reads the pages by its own DMA, for as long as it likes: neither
 * an orderly removal nor a dead device may take them away, and what it reads must
 * stay what was written. One export keeps its GEM handle, the other's is closed:
 * DRM core forgets then that the BO is shared (audit, F18), a driver that asks
 * there gives its pages back to the kernel under the other GPU's hands.
 *
 * Skipped where there is no second device that xe drives (the rig: GPU=lnl+bmg).
 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common.h"
#include "gone.h"
#include "mem.h"
#include "work.h"

#define SEED 160
#define BYTES (1u << 20)
#define FIRST_MINOR 128		/* of render nodes */
#define MINORS 64

static struct xe xe = { .fd = -1 }, second = { .fd = -1 };
static struct work work, far;		/* on the first and on the second GPU */
static struct xe_bo seen;		/* on the second: copies go here */
static struct share {
	const char *what;
	bool keep_handle;
	struct xe_bo bo;	/* on the first GPU */
	struct xe_bo import;	/* on the second */
} shares[] = {
	{ .what = "export with a handle", .keep_handle = true },
	{ .what = "export without a handle" },
};

/* Another render node of xe than @device's. 0, SCN_SKIP or -1. */
static int open_second(void)
{
	struct stat mine, st;
	char path[32];

	if (fstat(xe.fd, &mine))
		return scn_fail_errno(errno, "fstat of the device");
	for (int i = FIRST_MINOR; i < FIRST_MINOR + MINORS; i++) {
		snprintf(path, sizeof(path), "/dev/dri/renderD%d", i);
		if (stat(path, &st) || st.st_rdev == mine.st_rdev)
			continue;
		if (!xe_open(&second, path))
			return 0;
		xe_close(&second);
	}
	return scn_skip("no second device driven by xe");
}

/* Mappings of the second GPU that DMA-API debugging knows; 0 where it is off. */
static unsigned int count_mappings(void)
{
	char link[PATH_MAX] = "", line[256];
	unsigned int n = 0;
	struct stat st;
	FILE *f;

	if (fstat(second.fd, &st))
		return 0;
	snprintf(line, sizeof(line), "/sys/dev/char/%u:%u/device", major(st.st_rdev), minor(st.st_rdev));
	f = fopen("/sys/kernel/debug/dma-api/dump", "re");
	if (!f || readlink(line, link, sizeof(link) - 1) < 0) {
		if (f)
			fclose(f);
		return 0;
	}
	while (fgets(line, sizeof(line), f))
		n += strstr(line, basename(link)) != NULL;
	fclose(f);
	return n;
}

static int share(struct share *s, uint32_t seed)
{
	struct drm_xe_vm_bind_op op;
	int fd;

	scn_step("%s", s->what);
	if (xe_bo_make(&xe, &s->bo, BYTES, 0))
		return -1;
	mem_fill(s->bo.map, BYTES, seed);
	if (xe_bo_munmap(&s->bo) || xe_prime_export(&xe, &s->bo, &fd) ||
	    xe_prime_import(&second, &s->import, fd, BYTES))
		return -1;
	close(fd);
	s->import.va = xe_va(&second, BYTES);
	op = xe_op_map(&second, &s->import);
	if (xe_vm_bind(&second, far.vm, &op, 1, NULL))
		return -1;
	return s->keep_handle ? 0 : xe_bo_close(&xe, &s->bo);
}

/* The second GPU reads both; failures name @when. */
static int look(const char *when)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(shares) && seen.map; i++) {
		mem_fill(seen.map, BYTES, 1);
		if (work_copy(&second, &far, seen.va, shares[i].import.va, BYTES, when) ||
		    mem_check(seen.map, BYTES, SEED + i, when))
			return scn_fail("%s: the second GPU does not see the data", shares[i].what);
	}
	return 0;
}

static int verify(void)
{
	return look("copy by the second GPU");
}

static int setup(const char *device)
{
	unsigned int before;
	int ret = xe_open(&xe, device);

	if (!ret)
		ret = open_second();
	if (ret)
		return ret;
	before = count_mappings();
	if (work_open(&xe, &work, DRM_XE_ENGINE_CLASS_COPY) ||
	    work_open(&second, &far, DRM_XE_ENGINE_CLASS_COPY) ||
	    xe_bo_make(&second, &seen, BYTES, far.vm))
		return -1;
	for (unsigned int i = 0; i < ARRAY_SIZE(shares); i++)
		if (share(&shares[i], SEED + i))
			return -1;
	if (verify())
		return -1;
	scn_fact("exported_bytes", ARRAY_SIZE(shares) * BYTES);
	scn_fact("foreign_mappings", count_mappings() - before);
	scn_fact("jobs", far.jobs);
	return 0;
}

static int gone(void)
{
	gone_ioctls(&xe, &work, &shares[0].bo);
	return look("copy by the second GPU after removal");
}

static int unmap(void)
{
	return xe_bo_munmap(&seen);
}

/* The exporter's files go first: the importer keeps the content alone then. */
static int close_all(void)
{
	int ret = work_close(&xe, &work);

	ret |= xe_bo_close(&xe, &shares[0].bo);
	ret |= xe_close(&xe);
	ret |= look("copy by the second GPU after close");
	ret |= unmap();
	for (unsigned int i = 0; i < ARRAY_SIZE(shares); i++)
		ret |= xe_bo_close(&second, &shares[i].import);
	ret |= xe_bo_close(&second, &seen);
	ret |= work_close(&second, &far);
	return ret | xe_close(&second);
}

static const struct scenario scn = {
	.name = "dmabuf-gpu",
	.summary = "BOs exported to a second GPU, which has them bound",
	.setup = setup,
	.verify = verify,
	.gone = gone,
	.unmap = unmap,
	.close = close_all,
};
SCENARIO(scn);
