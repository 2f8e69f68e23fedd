// SPDX-License-Identifier: MIT
/*
 * Exported BOs, see dmabuf.h.
 *
 * `gone` asks: the mapping made before still shows the data; DMA_BUF_IOCTL_SYNC
 * returns 0 or ENODEV; a new mmap of the dma-buf shows the data or fails with
 * ENODEV, and thousands of them cost no memory.
 */
#include "dmabuf.h"

#include <errno.h>
#include <linux/dma-buf.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common.h"
#include "gone.h"
#include "mem.h"
#include "work.h"

#define SEED 40
#define MAPPINGS 2048u
#define LOOKS 4u

static struct xe xe = { .fd = -1 };
static struct work work;
static struct xe_bo bo, copy;
static int fd = -1;
static void *map;		/* of the dma-buf */
static uint64_t bytes = 1 << 20;
static bool with_handle, in_vram;
static uint64_t lost;

const struct scn_option dmabuf_options[] = {
	{ "bo-size", &bytes, 4096, 64 << 20, "bytes of the BO", .whole_pages = true },
	{ "lost", &lost, 0, 1, "1: the device will take the content with it" },
	{ 0 }
};

/* One SYNC ioctl; returns 0 or an errno value. */
static int sync_raw(uint64_t flags)
{
	struct dma_buf_sync s = { .flags = flags | DMA_BUF_SYNC_RW };

	return xe_ioctl_raw(fd, DMA_BUF_IOCTL_SYNC, &s);
}

static int write_data(void)
{
	int err = sync_raw(DMA_BUF_SYNC_START);

	if (!err) {
		mem_fill(map, bytes, SEED);
		err = sync_raw(DMA_BUF_SYNC_END);
	}
	return err ? scn_fail_errno(err, "ioctl DMA_BUF_IOCTL_SYNC") : 0;
}

/* The GPU reads what the CPU wrote through the dma-buf. */
int dmabuf_verify(void)
{
	struct xe_bo b = bo;
	struct drm_xe_vm_bind_op op;
	int ret;

	/* A handle for the dma-buf again, as another process would get one. */
	if (!with_handle) {
		if (xe_prime_import(&xe, &b, fd, bytes))
			return -1;
		b.va = bo.va;
	}
	op = xe_op_map(&xe, &b);
	ret = xe_vm_bind(&xe, work.vm, &op, 1, NULL);
	if (!ret && copy.map)
		ret = work_copy(&xe, &work, copy.va, b.va, bytes, "copy of an exported BO") ||
		      mem_check(copy.map, bytes, SEED, "copy of an exported BO");
	if (!with_handle) {
		/* Back to the state: nobody but the dma-buf holds the BO. */
		op = xe_op_unmap(b.va, bytes);
		ret |= xe_vm_bind(&xe, work.vm, &op, 1, NULL);
		ret |= xe_bo_close(&xe, &b);
	}
	if (!ret && map)
		ret = mem_check(map, bytes, SEED, "mapping of the dma-buf");
	return ret ? -1 : 0;
}

static int export(void)
{
	int ret;

	scn_step("export of a BO");
	ret = in_vram ? xe_bo_create_vram(&xe, &bo, bytes, 0) : xe_bo_create(&xe, &bo, bytes, 0);
	if (ret)
		return ret;
	if (xe_prime_export(&xe, &bo, &fd))
		return -1;
	bo.va = xe_va(&xe, bytes);
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		map = NULL;
		return scn_fail_errno(errno, "mmap of the dma-buf");
	}
	return write_data();
}

static int setup(const char *device)
{
	int ret = work_begin(&xe, &work, device);

	if (ret)
		return ret;
	if (xe_bo_make(&xe, &copy, bytes, work.vm))
		return -1;
	ret = export();
	if (ret)
		return ret;
	if (!with_handle && xe_bo_close(&xe, &bo))
		return -1;
	if (dmabuf_verify())
		return -1;
	scn_fact("bo_bytes", (in_vram ? 0 : bytes) + copy.size + work.batch.size);
	scn_fact("exported_bytes", bytes);
	scn_fact("jobs", work.jobs);
	return 0;
}

/* What a mapping of the dma-buf has to show after removal. */
static void gone_shown(const void *p, const char *name)
{
	if (lost)
		gone_read(p, bytes, SEED, "the ", name);
	else
		gone_intact(p, bytes, SEED, name);
}

static void gone_sync(uint64_t flags, const char *what)
{
	int err;

	scn_step("DMA_BUF_IOCTL_SYNC %s after removal", what);
	err = sync_raw(flags);
	scn_fact_str(what, err ? scn_errname(err) : "ok");
	if (err && err != ENODEV)
		scn_fail_errno(err, "DMA_BUF_IOCTL_SYNC %s after removal", what);
}

static void gone_new_mmap(void)
{
	void *p;

	scn_step("new mmap of the dma-buf after removal");
	p = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED) {
		gone_shown(p, "new mapping of the dma-buf");
		munmap(p, bytes);
		return;
	}
	scn_fact_str("new mapping of the dma-buf", scn_errname(errno));
	if (errno != ENODEV)
		scn_fail_errno(errno, "new mmap of the dma-buf after removal");
}

/* Kilobytes of memory that are free, 0 where the kernel does not say. */
static unsigned long free_kib(void)
{
	unsigned long kib = 0;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f) && sscanf(line, "MemFree: %lu", &kib) != 1)
		;
	if (f)
		fclose(f);
	return kib;
}

/* Kilobytes that MAPPINGS new mappings took, 0 where there are none to be had. */
static unsigned long cost_of_mmaps(void)
{
	unsigned long page = sysconf(_SC_PAGESIZE), before = free_kib(), after;
	unsigned int i;

	for (i = 0; i < MAPPINGS; i++) {
		void *p = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);

		if (p == MAP_FAILED)
			return 0;	/* the errno is judged above */
		mem_classify(p, 4, SEED);
		munmap(p, page);
	}
	after = free_kib();
	return before > after ? before - after : 0;
}

/*
 * Whatever stands in for content that is lost, there is not one for each look at it.
 * Other programs take memory as well, but not that much each time.
 */
static void gone_many_mmaps(void)
{
	unsigned long limit = MAPPINGS * sysconf(_SC_PAGESIZE) / 1024 / 2, cost = 0;
	unsigned int i;

	scn_step("%u mappings of the dma-buf after removal", MAPPINGS);
	for (i = 0; i < LOOKS; i++) {
		cost = cost_of_mmaps();
		if (cost <= limit)
			return;
	}
	scn_fail("%u mappings of the dma-buf took %lu KiB, %u times", MAPPINGS, cost, LOOKS);
}

int dmabuf_gone(void)
{
	gone_ioctls(&xe, &work, with_handle ? &bo : &copy);
	if (map)
		gone_shown(map, "mapping of the dma-buf");
	gone_sync(DMA_BUF_SYNC_START, "sync start");
	gone_sync(DMA_BUF_SYNC_END, "sync end");
	if (map)
		gone_shown(map, "mapping of the dma-buf after sync");
	gone_new_mmap();
	gone_many_mmaps();
	if (copy.map)
		gone_readable(copy.map, copy.size, SEED, "copy");
	return 0;
}

int dmabuf_unmap(void)
{
	int ret = xe_bo_munmap(&copy);
	void *p = map;

	map = NULL;
	if (p && munmap(p, bytes))
		ret |= scn_fail_errno(errno, "munmap of the dma-buf");
	return ret;
}

/* The dma-buf outlives the device's fd: it is closed last. */
int dmabuf_close(void)
{
	int ret = work_close(&xe, &work);

	ret |= xe_bo_munmap(&copy);
	ret |= xe_bo_close(&xe, &copy);
	ret |= xe_bo_close(&xe, &bo);
	ret |= xe_close(&xe);
	if (map && xe.gone)
		gone_shown(map, "mapping of the dma-buf after close of the device");
	ret |= dmabuf_unmap();
	scn_step("close of the dma-buf");
	if (fd >= 0 && close(fd))
		ret |= scn_fail_errno(errno, "close of the dma-buf");
	fd = -1;
	return ret;
}

int dmabuf_setup_open(const char *device)
{
	with_handle = true;
	return setup(device);
}

int dmabuf_setup_vram(const char *device)
{
	in_vram = true;
	return dmabuf_setup_open(device);
}

int dmabuf_setup_closed(const char *device)
{
	with_handle = false;
	return setup(device);
}
