// SPDX-License-Identifier: MIT
/*
 * Device, buffer objects and address spaces. Queues and fences: xe_sync.c.
 */
#include "xe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Entry 2 of the Xe2 PAT table (20.01 and 20.04): L3 write-back, 2-way coherent. */
#define XE2_PAT_WB 2

#define BIND_MS 10000 /* the virtual GPU is slow */
#define FIRST_VA 0x1000000ull

int xe_ioctl_raw(int fd, unsigned long request, void *arg)
{
	int ret;

	scn_boundary();
	do {
		ret = ioctl(fd, request, arg);
	} while (ret < 0 && (errno == EINTR || errno == EAGAIN));
	return ret < 0 ? errno : 0;
}

/* What an ioctl gave, an errno value or 0, into the report. */
static int xe_report(struct xe *xe, int err, const char *name)
{
	if (err == ENODEV)
		xe->gone = true;
	/* What ioctls of a device that is gone return is the business of gone_ioctls(). */
	if (xe->gone && xe->closing)
		return 0;
	return err ? scn_fail_errno(err, "ioctl %s", name) : 0;
}

int xe_ioctl(struct xe *xe, unsigned long request, const char *name, void *arg)
{
	return xe_report(xe, xe_ioctl_raw(xe->fd, request, arg), name);
}

/* DEVICE_QUERY with its two calls; the caller frees. NULL: reported. */
static void *query(struct xe *xe, uint32_t what, const char *name)
{
	struct drm_xe_device_query q = { .query = what };
	void *data;

	scn_step("DEVICE_QUERY %s", name);
	if (XE_IOCTL(xe, XE_DEVICE_QUERY, &q))
		return NULL;
	data = calloc(1, q.size + 1);
	if (!data) {
		scn_fail("no memory for a query of %u bytes", q.size);
		return NULL;
	}
	q.data = (uintptr_t)data;
	if (XE_IOCTL(xe, XE_DEVICE_QUERY, &q)) {
		free(data);
		return NULL;
	}
	return data;
}

static int query_engines(struct xe *xe)
{
	struct drm_xe_query_engines *e = query(xe, DRM_XE_DEVICE_QUERY_ENGINES, "engines");

	if (!e)
		return -1;
	for (uint32_t i = 0; i < e->num_engines && i < XE_MAX_ENGINES; i++)
		xe->engines[xe->num_engines++] = e->engines[i].instance;
	free(e);
	return 0;
}

static int query_memory(struct xe *xe)
{
	struct drm_xe_query_mem_regions *m =
		query(xe, DRM_XE_DEVICE_QUERY_MEM_REGIONS, "memory regions");

	if (!m)
		return -1;
	for (uint32_t i = 0; i < m->num_mem_regions; i++) {
		const struct drm_xe_mem_region *r = &m->mem_regions[i];

		if (r->mem_class == DRM_XE_MEM_REGION_CLASS_VRAM) {
			xe->vram |= 1u << r->instance;
		} else {
			xe->sysmem = 1u << r->instance;
		}
		if (r->min_page_size > xe->min_page)
			xe->min_page = r->min_page_size;
	}
	free(m);
	return xe->sysmem ? 0 : scn_fail("the device has no system memory region");
}

static int check_driver(struct xe *xe, const char *path)
{
	char name[16] = "";
	struct drm_version v = { .name = name, .name_len = sizeof(name) - 1 };
	int err = xe_ioctl_raw(xe->fd, DRM_IOCTL_VERSION, &v);

	if (err)
		return scn_skip("%s is not a DRM device (ioctl VERSION: %s)", path,
				scn_errname(err));
	if (strcmp(name, "xe"))
		return scn_skip("%s is driven by %s, not by xe", path, name);
	return 0;
}

int xe_open(struct xe *xe, const char *path)
{
	int ret;

	memset(xe, 0, sizeof(*xe));
	xe->next_va = FIRST_VA;
	xe->pat_wb = XE2_PAT_WB;
	xe->fd = open(path, O_RDWR | O_CLOEXEC);
	if (xe->fd < 0)
		return scn_skip("%s: %s", path, strerror(errno));
	ret = check_driver(xe, path);
	if (!ret)
		ret = query_engines(xe);
	if (!ret)
		ret = query_memory(xe);
	return ret;
}

int xe_close(struct xe *xe)
{
	int fd = xe->fd;

	if (fd < 0)
		return 0;
	xe->fd = -1;
	scn_step("close of the device");
	return close(fd) ? scn_fail_errno(errno, "close of the device") : 0;
}

const struct drm_xe_engine_class_instance *xe_engine(const struct xe *xe, int class)
{
	for (unsigned int i = 0; i < xe->num_engines; i++)
		if (xe->engines[i].engine_class == class)
			return &xe->engines[i];
	return NULL;
}

uint64_t xe_va(struct xe *xe, uint64_t bytes)
{
	uint64_t va = xe->next_va, page = xe->min_page;

	xe->next_va += (bytes + page - 1) / page * page;
	return va;
}

static int create(struct xe *xe, struct xe_bo *bo, struct drm_xe_gem_create c)
{
	memset(bo, 0, sizeof(*bo));
	if (XE_IOCTL(xe, XE_GEM_CREATE, &c))
		return -1;
	bo->handle = c.handle;
	bo->size = c.size;
	return 0;
}

int xe_bo_create(struct xe *xe, struct xe_bo *bo, uint64_t bytes, uint32_t vm)
{
	return create(xe, bo, (struct drm_xe_gem_create) {
		.size = bytes,
		.placement = xe->sysmem,
		.vm_id = vm,
		.cpu_caching = DRM_XE_GEM_CPU_CACHING_WB,
	});
}

static int create_visible(struct xe *xe, struct xe_bo *bo, uint64_t bytes, uint32_t vm,
			  uint32_t placement)
{
	if (!xe->vram)
		return scn_skip("the GPU has no local memory");
	return create(xe, bo, (struct drm_xe_gem_create) {
		.size = bytes,
		.placement = placement,
		.flags = DRM_XE_GEM_CREATE_FLAG_NEEDS_VISIBLE_VRAM,
		.vm_id = vm,
		.cpu_caching = DRM_XE_GEM_CPU_CACHING_WC,
	});
}

int xe_bo_create_vram(struct xe *xe, struct xe_bo *bo, uint64_t bytes, uint32_t vm)
{
	return create_visible(xe, bo, bytes, vm, xe->vram);
}

int xe_bo_create_moving(struct xe *xe, struct xe_bo *bo, uint64_t bytes, uint32_t vm)
{
	return create_visible(xe, bo, bytes, vm, xe->vram | xe->sysmem);
}

int xe_bo_mmap(struct xe *xe, struct xe_bo *bo)
{
	struct drm_xe_gem_mmap_offset o = { .handle = bo->handle };

	if (XE_IOCTL(xe, XE_GEM_MMAP_OFFSET, &o))
		return -1;
	bo->offset = o.offset;
	bo->map = mmap(NULL, bo->size, PROT_READ | PROT_WRITE, MAP_SHARED, xe->fd, o.offset);
	if (bo->map == MAP_FAILED) {
		bo->map = NULL;
		return scn_fail_errno(errno, "mmap of a BO of %llu bytes",
				      (unsigned long long)bo->size);
	}
	return 0;
}

int xe_bo_munmap(struct xe_bo *bo)
{
	void *map = bo->map;

	if (!map)
		return 0;
	bo->map = NULL;
	return munmap(map, bo->size) ? scn_fail_errno(errno, "munmap of a BO") : 0;
}

int xe_bo_close(struct xe *xe, struct xe_bo *bo)
{
	struct drm_gem_close c = { .handle = bo->handle };

	if (!bo->handle)
		return 0;
	bo->handle = 0;
	return XE_IOCTL(xe, GEM_CLOSE, &c);
}

int xe_bo_make(struct xe *xe, struct xe_bo *bo, uint64_t bytes, uint32_t vm)
{
	struct drm_xe_vm_bind_op op;

	if (xe_bo_create(xe, bo, bytes, 0) || xe_bo_mmap(xe, bo))
		return -1;
	if (!vm)
		return 0;
	bo->va = xe_va(xe, bytes);
	op = xe_op_map(xe, bo);
	return xe_vm_bind(xe, vm, &op, 1, NULL);
}

int xe_vm_create(struct xe *xe, uint32_t flags, uint32_t *vm)
{
	struct drm_xe_vm_create c = { .flags = flags };

	if (XE_IOCTL(xe, XE_VM_CREATE, &c))
		return -1;
	*vm = c.vm_id;
	return 0;
}

int xe_vm_destroy(struct xe *xe, uint32_t vm)
{
	struct drm_xe_vm_destroy d = { .vm_id = vm };

	return XE_IOCTL(xe, XE_VM_DESTROY, &d);
}

struct drm_xe_vm_bind_op xe_op_map(const struct xe *xe, const struct xe_bo *bo)
{
	return (struct drm_xe_vm_bind_op) {
		.op = DRM_XE_VM_BIND_OP_MAP,
		.obj = bo->handle,
		.range = bo->size,
		.addr = bo->va,
		.pat_index = xe->pat_wb,
	};
}

struct drm_xe_vm_bind_op xe_op_userptr(const struct xe *xe, const void *p,
				       uint64_t bytes, uint64_t va)
{
	return (struct drm_xe_vm_bind_op) {
		.op = DRM_XE_VM_BIND_OP_MAP_USERPTR,
		.userptr = (uintptr_t)p,
		.range = bytes,
		.addr = va,
		.pat_index = xe->pat_wb,
	};
}

struct drm_xe_vm_bind_op xe_op_unmap(uint64_t va, uint64_t bytes)
{
	return (struct drm_xe_vm_bind_op) {
		.op = DRM_XE_VM_BIND_OP_UNMAP,
		.range = bytes,
		.addr = va,
	};
}

int xe_vm_bind_raw(int fd, uint32_t vm, const struct drm_xe_vm_bind_op *ops,
		   uint32_t n, const struct drm_xe_sync *syncs, uint32_t num_syncs)
{
	struct drm_xe_vm_bind b = {
		.vm_id = vm,
		.num_binds = n,
		.num_syncs = num_syncs,
		.syncs = (uintptr_t)syncs,
	};

	if (n == 1)
		b.bind = ops[0];
	else
		b.vector_of_binds = (uintptr_t)ops;
	return xe_ioctl_raw(fd, DRM_IOCTL_XE_VM_BIND, &b);
}

static int bind_ops(struct xe *xe, uint32_t vm, const struct drm_xe_vm_bind_op *ops,
		    uint32_t n, const struct drm_xe_sync *sync)
{
	scn_step("VM_BIND of %u operations", n);
	return xe_report(xe, xe_vm_bind_raw(xe->fd, vm, ops, n, sync, 1), "XE_VM_BIND");
}

static int bind_by_user_fence(struct xe *xe, uint32_t vm,
			      const struct drm_xe_vm_bind_op *ops, uint32_t n)
{
	static uint64_t fence __attribute__((aligned(8)));
	struct drm_xe_sync sync = xe_sync_user_fence((uintptr_t)&fence, fence + 1);

	if (bind_ops(xe, vm, ops, n, &sync))
		return -1;
	return xe_wait_value(xe, &fence, sync.timeline_value, BIND_MS, "VM_BIND");
}

int xe_vm_bind(struct xe *xe, uint32_t vm, const struct drm_xe_vm_bind_op *ops,
	       uint32_t n, struct drm_xe_sync *sync)
{
	struct drm_xe_sync own;
	uint32_t syncobj;
	int ret;

	if (sync)
		return bind_ops(xe, vm, ops, n, sync);
	if (xe->user_fences)
		return bind_by_user_fence(xe, vm, ops, n);
	/* Without a sync the ioctl may return before the page tables are written. */
	if (xe_syncobj_create(xe, &syncobj))
		return -1;
	own = xe_sync_syncobj(syncobj);
	ret = bind_ops(xe, vm, ops, n, &own) ||
	      xe_syncobj_wait(xe, syncobj, BIND_MS, "VM_BIND");
	ret |= xe_syncobj_destroy(xe, syncobj);
	return ret ? -1 : 0;
}

int xe_vm_bind_mirror(struct xe *xe, uint32_t vm, const void *p, uint64_t bytes)
{
#ifdef DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR
	struct drm_xe_vm_bind_op op = {
		.op = DRM_XE_VM_BIND_OP_MAP,
		.flags = DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR,
		.range = bytes,
		.addr = (uintptr_t)p,
		.pat_index = xe->pat_wb,
	};

	return xe_vm_bind(xe, vm, &op, 1, NULL);
#else
	(void)xe, (void)vm, (void)p, (void)bytes;
	return scn_skip("this kernel has no binds that mirror the CPU's addresses");
#endif
}

int xe_prime_export(struct xe *xe, const struct xe_bo *bo, int *dmabuf)
{
	struct drm_prime_handle p = {
		.handle = bo->handle,
		.flags = DRM_CLOEXEC | DRM_RDWR,
		.fd = -1,
	};

	if (XE_IOCTL(xe, PRIME_HANDLE_TO_FD, &p))
		return -1;
	*dmabuf = p.fd;
	return 0;
}

int xe_prime_import(struct xe *xe, struct xe_bo *bo, int dmabuf, uint64_t bytes)
{
	struct drm_prime_handle p = { .fd = dmabuf };

	if (XE_IOCTL(xe, PRIME_FD_TO_HANDLE, &p))
		return -1;
	*bo = (struct xe_bo) { .handle = p.handle, .size = bytes };
	return 0;
}
