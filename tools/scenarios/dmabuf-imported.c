// SPDX-License-Identifier: MIT
/*
 * State dmabuf-imported: buffers of another driver (vgem), bound in a VM.
 *
 * One import keeps its GEM handle; the other's is closed once it is bound, which
 * only the VM keeps alive then. The exporter maps the pages for our device: they
 * must be unmapped at removal although no fd is closed. The content is the
 * exporter's and must stay.
 */
#include <unistd.h>

#include "common.h"
#include "gone.h"
#include "mem.h"
#include "vgem.h"
#include "work.h"

#define SEED 80

static struct xe xe = { .fd = -1 };
static struct work work;
static struct xe_bo copy;
static uint64_t bytes = 1 << 20;
static struct import {
	const char *what;
	bool keep_handle;
	struct vgem vgem;
	int fd;			/* dma-buf, closed after the import */
	struct xe_bo bo;
	uint64_t va;
} imports[] = {
	{ .what = "import with a handle", .keep_handle = true, .vgem.fd = -1 },
	{ .what = "import without a handle", .vgem.fd = -1 },
};

static const struct scn_option options[] = {
	{ "bo-size", &bytes, 4096, 64 << 20, "bytes of each buffer", .whole_pages = true },
	{ 0 }
};

static int import(struct import *i, uint32_t seed)
{
	struct drm_xe_vm_bind_op op;
	int ret = vgem_open(&i->vgem);

	if (ret)
		return ret;
	scn_step("import of a dma-buf of vgem");
	if (vgem_create(&i->vgem, bytes) || vgem_export(&i->vgem, &i->fd))
		return -1;
	mem_fill(i->vgem.map, bytes, seed);
	if (xe_prime_import(&xe, &i->bo, i->fd, bytes))
		return -1;
	close(i->fd);
	i->bo.va = xe_va(&xe, bytes);
	op = xe_op_map(&xe, &i->bo);
	if (xe_vm_bind(&xe, work.vm, &op, 1, NULL))
		return -1;
	return i->keep_handle ? 0 : xe_bo_close(&xe, &i->bo);
}

static int verify(void)
{
	if (!copy.map)
		return 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(imports); i++)
		if (work_copy(&xe, &work, copy.va, imports[i].bo.va, bytes, imports[i].what) ||
		    mem_check(copy.map, bytes, SEED + i, imports[i].what))
			return -1;
	return 0;
}

static int setup(const char *device)
{
	int ret = work_begin(&xe, &work, device);

	if (ret)
		return ret;
	if (xe_bo_make(&xe, &copy, bytes, work.vm))
		return -1;
	for (unsigned int i = 0; i < ARRAY_SIZE(imports); i++) {
		ret = import(&imports[i], SEED + i);
		if (ret)
			return ret;
	}
	if (verify())
		return -1;
	scn_fact("bo_bytes", copy.size + work.batch.size);
	scn_fact("imported_bytes", bytes * ARRAY_SIZE(imports));
	scn_fact("jobs", work.jobs);
	return 0;
}

static int gone(void)
{
	gone_ioctls(&xe, &work, &imports[0].bo);
	for (unsigned int i = 0; i < ARRAY_SIZE(imports); i++)
		if (imports[i].vgem.map)
			gone_intact(imports[i].vgem.map, bytes, SEED + i, imports[i].what);
	if (copy.map)
		gone_readable(copy.map, copy.size, SEED, "copy");
	return 0;
}

static int unmap(void)
{
	int ret = xe_bo_munmap(&copy);

	for (unsigned int i = 0; i < ARRAY_SIZE(imports); i++)
		ret |= vgem_munmap(&imports[i].vgem);
	return ret;
}

static int close_all(void)
{
	int ret = unmap();

	ret |= work_close(&xe, &work);
	ret |= xe_bo_close(&xe, &copy);
	/* The exporter goes first for one, last for the other. */
	ret |= vgem_close(&imports[0].vgem);
	ret |= xe_bo_close(&xe, &imports[0].bo);
	ret |= xe_close(&xe);
	return ret | vgem_close(&imports[1].vgem);
}

static const struct scenario scn = {
	.name = "dmabuf-imported",
	.summary = "buffers of another driver imported and bound",
	.options = options,
	SCN_CALLBACKS,
	.unmap = unmap,
};
SCENARIO(scn);
