// SPDX-License-Identifier: MIT
/*
 * State userptr-kinds: bound memory of the process of other kinds than malloc gives,
 * and all of it bound in two VMs.
 *
 * Reserved huge pages, a transparent huge page, a shared mapping of a file in memory,
 * and pages that the process itself may only read. They differ in who owns the pages,
 * in how many are mapped for DMA at once and in what is told to the notifier, of which
 * each page has two. The GPU copies out of and into each range by both VMs, or only
 * out of it. After removal the content is the process's, as before; munmap frees the
 * pages under both notifiers, that of the file by a truncation first.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common.h"
#include "gone.h"
#include "mem.h"
#include "work.h"

#define SEED 170
#define HUGE_BYTES (2u << 20)
#define BYTES (512u << 10)

#define OVERCOMMIT "/proc/sys/vm/nr_overcommit_hugepages"

static int map_reserved(void **p);
static int map_transparent(void **p);
static int map_file(void **p);
static int map_anonymous(void **p);

static struct kind {
	const char *what;
	int (*map)(void **p);	/* 0, SCN_SKIP, or -1, reported */
	size_t bytes;
	bool readonly;
	void *p;
	uint64_t va;
} kinds[] = {
	{ "reserved huge page", map_reserved, HUGE_BYTES },
	{ "transparent huge page", map_transparent, HUGE_BYTES },
	{ "shared memory", map_file, BYTES },
	{ "read-only memory", map_anonymous, BYTES, .readonly = true },
};

static struct xe xe = { .fd = -1 };
static struct work works[2];
static struct xe_bo bo;
static int file = -1;

/* The number behind @key in a file of /proc. 0 or an errno value. */
static int read_number(const char *path, const char *key, unsigned long *n)
{
	FILE *f = fopen(path, "re");
	char line[128];
	int err = ENODATA;

	if (!f)
		return errno;
	while (err && fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, strlen(key)))
			continue;
		*n = strtoul(line + strlen(key), NULL, 10);
		err = 0;
	}
	fclose(f);
	return err;
}

static int write_number(const char *path, unsigned long n)
{
	FILE *f = fopen(path, "we");
	int err = 0;

	if (!f)
		return errno;
	if (fprintf(f, "%lu\n", n) < 0)
		err = errno;
	return fclose(f) ? errno : err;
}

/*
 * One above what the pool has: it goes back to the system with its last user, who may be
 * killed, where a page of the pool would stay.
 */
static int map_reserved(void **p)
{
	unsigned long limit;
	int err = read_number(OVERCOMMIT, "", &limit);

	if (!err)
		err = write_number(OVERCOMMIT, limit + 1);
	if (err)
		return scn_skip("no huge pages of one's own: %s", scn_errname(err));
	*p = mmap(NULL, HUGE_BYTES, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);
	err = *p == MAP_FAILED ? errno : 0;
	write_number(OVERCOMMIT, limit);
	if (!err)
		return 0;
	*p = NULL;
	return scn_skip("no huge pages of one's own: %s", scn_errname(err));
}

static int map_transparent(void **p)
{
	static const char key[] = "AnonHugePages:";
	unsigned long before, after;

	*p = mem_map_aligned(HUGE_BYTES);
	if (!*p)
		return -1;
	if (read_number("/proc/meminfo", key, &before) ||
	    madvise(*p, HUGE_BYTES, MADV_HUGEPAGE))
		return scn_skip("no transparent huge pages here");
	memset(*p, 1, HUGE_BYTES);
	if (read_number("/proc/meminfo", key, &after) || after < before + HUGE_BYTES / 1024)
		return scn_skip("no transparent huge page to be had");
	return 0;
}

static int map_file(void **p)
{
	file = memfd_create("userptr-kinds", MFD_CLOEXEC);
	if (file < 0 || ftruncate(file, BYTES))
		return scn_fail_errno(errno, "file in memory");
	*p = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (*p != MAP_FAILED)
		return 0;
	*p = NULL;
	return scn_fail_errno(errno, "mmap of a file in memory");
}

static int map_anonymous(void **p)
{
	*p = mem_map(BYTES);
	return *p ? 0 : -1;
}

static uint32_t seed_of(const struct kind *k)
{
	return SEED + (k - kinds);
}

/* Bind in both VMs. Of memory that is only read a bind that may write is refused. */
static int bind_kind(struct kind *k)
{
	struct drm_xe_vm_bind_op op;

	k->va = xe_va(&xe, k->bytes);
	op = xe_op_userptr(&xe, k->p, k->bytes, k->va);
	if (k->readonly) {
		scn_step("bind for writing of %s", k->what);
		if (!xe_vm_bind_raw(xe.fd, works[0].vm, &op, 1, NULL, 0))
			return scn_fail("bind for writing of %s succeeds", k->what);
		op.flags = DRM_XE_VM_BIND_FLAG_READONLY;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(works); i++)
		if (xe_vm_bind(&xe, works[i].vm, &op, 1, NULL))
			return -1;
	return 0;
}

static int make_kinds(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct kind *k = &kinds[i];
		int ret;

		scn_step("mapping of %s", k->what);
		ret = k->map(&k->p);
		if (ret)
			return ret;
		mem_fill(k->p, k->bytes, seed_of(k));
		if (k->readonly && mprotect(k->p, k->bytes, PROT_READ))
			return scn_fail_errno(errno, "mprotect");
		if (bind_kind(k))
			return -1;
	}
	return 0;
}

/* What the GPU wrote into shared memory is in the file as well. */
static int check_file(const struct kind *k)
{
	static uint32_t content[BYTES / 4];

	if (pread(file, content, BYTES, 0) != BYTES)
		return scn_fail("short read of the file");
	return mem_check(content, BYTES, seed_of(k), "file of shared memory");
}

/* Out of the range by VM @from, into it by the other one. */
static int copy_both_ways(struct kind *k, unsigned int from)
{
	memset(bo.map, 0, bo.size);
	if (work_copy(&xe, &works[from], bo.va, k->va, k->bytes, k->what) ||
	    mem_check(bo.map, k->bytes, seed_of(k), k->what))
		return -1;
	if (k->readonly)
		return 0;
	memset(k->p, 0, k->bytes);
	if (work_copy(&xe, &works[!from], k->va, bo.va, k->bytes, k->what) ||
	    mem_check(k->p, k->bytes, seed_of(k), k->what))
		return -1;
	return k->map == map_file ? check_file(k) : 0;
}

static int verify(void)
{
	if (!bo.map)
		return 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++)
		for (unsigned int from = 0; kinds[i].p && from < ARRAY_SIZE(works); from++)
			if (copy_both_ways(&kinds[i], from))
				return -1;
	return 0;
}

static int setup(const char *device)
{
	struct drm_xe_vm_bind_op op;
	int ret = work_begin(&xe, &works[0], device);

	if (ret)
		return ret;
	if (work_open(&xe, &works[1], DRM_XE_ENGINE_CLASS_COPY) ||
	    xe_bo_make(&xe, &bo, HUGE_BYTES, works[0].vm))
		return -1;
	op = xe_op_map(&xe, &bo);
	if (xe_vm_bind(&xe, works[1].vm, &op, 1, NULL))
		return -1;
	ret = make_kinds();
	if (ret)
		return ret;
	if (verify())
		return -1;
	scn_fact("userptr_bytes", 2 * (HUGE_BYTES + BYTES));
	scn_fact("bo_bytes", bo.size + works[0].batch.size + works[1].batch.size);
	scn_fact("jobs", works[0].jobs + works[1].jobs);
	return 0;
}

static int gone(void)
{
	gone_ioctls(&xe, &works[0], &bo);
	gone_more_work(&xe, &works[1]);
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].p)
			gone_intact(kinds[i].p, kinds[i].bytes, seed_of(&kinds[i]), kinds[i].what);
	return 0;
}

static int truncate_file(void)
{
	scn_step("truncation of bound shared memory");
	return ftruncate(file, 0) ?
		scn_fail_errno(errno, "truncation of bound shared memory") : 0;
}

static int unmap(void)
{
	int ret = 0;

	for (struct kind *k = kinds; k < kinds + ARRAY_SIZE(kinds); k++) {
		if (k->map == map_file && k->p)
			ret |= truncate_file();
		ret |= mem_unmap(&k->p, k->bytes, k->what);
	}
	return ret;
}

static int close_all(void)
{
	int ret = work_close(&xe, &works[1]);

	ret |= work_end(&xe, &works[0], &bo, NULL);
	ret |= unmap();
	if (file >= 0)
		close(file);
	file = -1;
	return ret;
}

static const struct scenario scn = {
	.name = "userptr-kinds",
	.summary = "huge, shared and read-only memory of the process, bound in two VMs",
	SCN_CALLBACKS,
	.unmap = unmap,
	.user_memory = true,
};
SCENARIO(scn);
