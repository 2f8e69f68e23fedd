/* SPDX-License-Identifier: MIT */
/*
 * Thin wrappers over the xe uAPI (include/uapi/drm/xe_drm.h of the kernel under
 * test). All of them report failures with scn_fail_errno(), naming the ioctl,
 * and return 0 or -1 unless said otherwise. Main thread only, but for
 * xe_wait_value_raw().
 */
#ifndef SCENARIOS_XE_H
#define SCENARIOS_XE_H

#include <stdbool.h>
#include <stdint.h>
#include <drm/drm.h>
#include <drm/xe_drm.h>

#include "common.h"

#define XE_MAX_ENGINES 32

/* An open device and what it said about itself. */
struct xe {
	int fd;
	bool gone;			/* ioctls gave -ENODEV: device was removed */
	bool closing;			/* errors of a gone device do not matter */
	bool user_fences;		/* binds are waited for by user fence (long-running VMs) */
	uint32_t sysmem;		/* placement mask of system memory */
	uint32_t vram;			/* the same of local memory, 0: there is none */
	uint32_t min_page;		/* bytes, of all memory */
	uint16_t pat_wb;		/* cached, coherent with the CPU */
	uint64_t next_va;		/* bump allocator of GPU addresses */
	unsigned int num_engines;
	struct drm_xe_engine_class_instance engines[XE_MAX_ENGINES];
};

/* A buffer object; @map and @va are 0 while not mapped/bound. */
struct xe_bo {
	uint32_t handle;
	uint64_t size;			/* bytes */
	uint64_t va;
	uint64_t offset;		/* for mmap */
	void *map;
};

/*
 * One raw ioctl, restarted on EINTR and EAGAIN. Returns 0 or an errno value;
 * reports nothing.
 */
int xe_ioctl_raw(int fd, unsigned long request, void *arg);

/* As above, failures reported as "ioctl @name". ENODEV is noted in @xe->gone. */
int xe_ioctl(struct xe *xe, unsigned long request, const char *name, void *arg);
#define XE_IOCTL(xe, name, arg) \
	xe_ioctl(xe, DRM_IOCTL_##name, #name, arg)

/*
 * Open @path and query engines and memory. SCN_SKIP when there is no such device
 * or it is not driven by xe.
 */
int xe_open(struct xe *xe, const char *path);

/* Close the fd; twice is fine. */
int xe_close(struct xe *xe);

/* First engine of @class (DRM_XE_ENGINE_CLASS_*), NULL if there is none. */
const struct drm_xe_engine_class_instance *xe_engine(const struct xe *xe, int class);

/* GPU address range of @bytes, aligned to the minimal page. */
uint64_t xe_va(struct xe *xe, uint64_t bytes);

/* BO of @bytes in system memory, write-back; @vm != 0 makes it private to it. */
int xe_bo_create(struct xe *xe, struct xe_bo *bo, uint64_t bytes, uint32_t vm);
/*
 * The same in local memory and nowhere else, where the CPU can see it, write-combined.
 * SCN_SKIP on a GPU without.
 */
int xe_bo_create_vram(struct xe *xe, struct xe_bo *bo, uint64_t bytes, uint32_t vm);

/* The same, but it may move to system memory when somebody wants it there. */
int xe_bo_create_moving(struct xe *xe, struct xe_bo *bo, uint64_t bytes, uint32_t vm);
int xe_bo_mmap(struct xe *xe, struct xe_bo *bo);
int xe_bo_munmap(struct xe_bo *bo);
int xe_bo_close(struct xe *xe, struct xe_bo *bo);
/* create, mmap, bind (synchronously) at a fresh address; @vm 0: do not bind */
int xe_bo_make(struct xe *xe, struct xe_bo *bo, uint64_t bytes, uint32_t vm);

int xe_vm_create(struct xe *xe, uint32_t flags, uint32_t *vm);
int xe_vm_destroy(struct xe *xe, uint32_t vm);

/*
 * VM_BIND of @n operations in one call. @sync NULL: waits until bound; else
 * @sync is signalled by the kernel. The raw form reports nothing and returns 0
 * or an errno value; any thread, @syncs and @ops may be memory that faults.
 */
int xe_vm_bind_raw(int fd, uint32_t vm, const struct drm_xe_vm_bind_op *ops,
		   uint32_t n, const struct drm_xe_sync *syncs, uint32_t num_syncs);
int xe_vm_bind(struct xe *xe, uint32_t vm, const struct drm_xe_vm_bind_op *ops,
	       uint32_t n, struct drm_xe_sync *sync);
struct drm_xe_vm_bind_op xe_op_map(const struct xe *xe, const struct xe_bo *bo);
struct drm_xe_vm_bind_op xe_op_userptr(const struct xe *xe, const void *p,
				       uint64_t bytes, uint64_t va);
struct drm_xe_vm_bind_op xe_op_unmap(uint64_t va, uint64_t bytes);

/*
 * Let the GPU see the @bytes at @p at the CPU's addresses (fault-mode VMs); no page is
 * mapped by this. SCN_SKIP where the kernel has no such binds.
 */
int xe_vm_bind_mirror(struct xe *xe, uint32_t vm, const void *p, uint64_t bytes);

int xe_queue_create(struct xe *xe, uint32_t vm, int class, uint32_t *queue);
int xe_queue_destroy(struct xe *xe, uint32_t queue);

/* Submit the batch at GPU address @batch; @sync is signalled at its end, NULL: nothing is. */
int xe_exec(struct xe *xe, uint32_t queue, uint64_t batch, struct drm_xe_sync *sync);
/* The same with @n of them, also to be waited for. */
int xe_exec_syncs(struct xe *xe, uint32_t queue, uint64_t batch, struct drm_xe_sync *syncs,
		  uint32_t n);

int xe_syncobj_create(struct xe *xe, uint32_t *handle);
int xe_syncobj_destroy(struct xe *xe, uint32_t handle);
int xe_syncobj_reset(struct xe *xe, uint32_t handle);
/* Wait up to @ms; a timeout is a failure, reported with @what. */
int xe_syncobj_wait(struct xe *xe, uint32_t handle, unsigned int ms, const char *what);
/* The fence inside as a sync file. */
int xe_syncobj_export(struct xe *xe, uint32_t handle, int *sync_file);
/* The fence of a sync file becomes the one inside; the file stays the caller's. */
int xe_syncobj_import(struct xe *xe, uint32_t handle, int sync_file);
/* To be signalled at the end. */
struct drm_xe_sync xe_sync_syncobj(uint32_t handle);
/* To be waited for before the beginning. */
struct drm_xe_sync xe_sync_behind(uint32_t handle);
/* @addr: GPU address for exec, CPU pointer for bind; gets @value. */
struct drm_xe_sync xe_sync_user_fence(uint64_t addr, uint64_t value);

/*
 * WAIT_USER_FENCE until *@addr == @value, up to @ms; @queue may be 0. Any thread.
 * Returns 0 or an errno value. EINTR is given back (no restart).
 */
int xe_wait_value_raw(int fd, const uint64_t *addr, uint64_t value,
		      uint32_t queue, int64_t ms);
/* As above, restarted and reported. */
int xe_wait_value(struct xe *xe, const uint64_t *addr, uint64_t value,
		  unsigned int ms, const char *what);

/* PRIME_HANDLE_TO_FD, read and write. */
int xe_prime_export(struct xe *xe, const struct xe_bo *bo, int *dmabuf);
/* PRIME_FD_TO_HANDLE: @bo becomes a handle for @bytes of @dmabuf, not mapped, not bound. */
int xe_prime_import(struct xe *xe, struct xe_bo *bo, int dmabuf, uint64_t bytes);

#endif
