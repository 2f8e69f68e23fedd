// SPDX-License-Identifier: MIT
/*
 * Queues, jobs and the fences that tell of their end.
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "xe.h"

int xe_queue_create(struct xe *xe, uint32_t vm, int class, uint32_t *queue)
{
	const struct drm_xe_engine_class_instance *e = xe_engine(xe, class);
	struct drm_xe_exec_queue_create c = {
		.width = 1,
		.num_placements = 1,
		.vm_id = vm,
		.instances = (uintptr_t)e,
	};

	if (!e)
		return scn_fail("the device has no engine of class %d", class);
	if (XE_IOCTL(xe, XE_EXEC_QUEUE_CREATE, &c))
		return -1;
	*queue = c.exec_queue_id;
	return 0;
}

int xe_queue_destroy(struct xe *xe, uint32_t queue)
{
	struct drm_xe_exec_queue_destroy d = { .exec_queue_id = queue };

	return XE_IOCTL(xe, XE_EXEC_QUEUE_DESTROY, &d);
}

int xe_exec(struct xe *xe, uint32_t queue, uint64_t batch, struct drm_xe_sync *sync)
{
	return xe_exec_syncs(xe, queue, batch, sync, sync ? 1 : 0);
}

int xe_exec_syncs(struct xe *xe, uint32_t queue, uint64_t batch, struct drm_xe_sync *syncs,
		  uint32_t n)
{
	struct drm_xe_exec e = {
		.exec_queue_id = queue,
		.num_syncs = n,
		.syncs = (uintptr_t)syncs,
		.address = batch,
		.num_batch_buffer = 1,
	};

	return XE_IOCTL(xe, XE_EXEC, &e);
}

int xe_syncobj_create(struct xe *xe, uint32_t *handle)
{
	struct drm_syncobj_create c = { 0 };

	if (XE_IOCTL(xe, SYNCOBJ_CREATE, &c))
		return -1;
	*handle = c.handle;
	return 0;
}

int xe_syncobj_destroy(struct xe *xe, uint32_t handle)
{
	struct drm_syncobj_destroy d = { .handle = handle };

	return XE_IOCTL(xe, SYNCOBJ_DESTROY, &d);
}

int xe_syncobj_reset(struct xe *xe, uint32_t handle)
{
	struct drm_syncobj_array a = {
		.handles = (uintptr_t)&handle,
		.count_handles = 1,
	};

	return XE_IOCTL(xe, SYNCOBJ_RESET, &a);
}

int xe_syncobj_wait(struct xe *xe, uint32_t handle, unsigned int ms, const char *what)
{
	struct drm_syncobj_wait w = {
		.handles = (uintptr_t)&handle,
		.timeout_nsec = scn_now_ns() + ms * 1000000ull,
		.count_handles = 1,
	};
	int err = xe_ioctl_raw(xe->fd, DRM_IOCTL_SYNCOBJ_WAIT, &w);

	if (err == ETIME)
		return scn_fail("%s: not done within %u ms", what, ms);
	if (err == ENODEV)
		xe->gone = true;
	return err ? scn_fail_errno(err, "%s: ioctl SYNCOBJ_WAIT", what) : 0;
}

int xe_syncobj_export(struct xe *xe, uint32_t handle, int *sync_file)
{
	struct drm_syncobj_handle h = {
		.handle = handle,
		.flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE,
		.fd = -1,
	};

	if (XE_IOCTL(xe, SYNCOBJ_HANDLE_TO_FD, &h))
		return -1;
	*sync_file = h.fd;
	return 0;
}

int xe_syncobj_import(struct xe *xe, uint32_t handle, int sync_file)
{
	struct drm_syncobj_handle h = {
		.handle = handle,
		.flags = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE,
		.fd = sync_file,
	};

	return XE_IOCTL(xe, SYNCOBJ_FD_TO_HANDLE, &h);
}

struct drm_xe_sync xe_sync_syncobj(uint32_t handle)
{
	return (struct drm_xe_sync) {
		.type = DRM_XE_SYNC_TYPE_SYNCOBJ,
		.flags = DRM_XE_SYNC_FLAG_SIGNAL,
		.handle = handle,
	};
}

struct drm_xe_sync xe_sync_behind(uint32_t handle)
{
	return (struct drm_xe_sync) {
		.type = DRM_XE_SYNC_TYPE_SYNCOBJ,
		.handle = handle,
	};
}

struct drm_xe_sync xe_sync_user_fence(uint64_t addr, uint64_t value)
{
	return (struct drm_xe_sync) {
		.type = DRM_XE_SYNC_TYPE_USER_FENCE,
		.flags = DRM_XE_SYNC_FLAG_SIGNAL,
		.addr = addr,
		.timeline_value = value,
	};
}

int xe_wait_value_raw(int fd, const uint64_t *addr, uint64_t value,
		      uint32_t queue, int64_t ms)
{
	struct drm_xe_wait_user_fence w = {
		.addr = (uintptr_t)addr,
		.op = DRM_XE_UFENCE_WAIT_OP_EQ,
		.value = value,
		.mask = UINT64_MAX,
		.timeout = ms * 1000000,
		.exec_queue_id = queue,
	};

	return ioctl(fd, DRM_IOCTL_XE_WAIT_USER_FENCE, &w) ? errno : 0;
}

int xe_wait_value(struct xe *xe, const uint64_t *addr, uint64_t value,
		  unsigned int ms, const char *what)
{
	int err;

	do {
		err = xe_wait_value_raw(xe->fd, addr, value, 0, ms);
	} while (err == EINTR);
	if (err == ETIME)
		return scn_fail("%s: not done within %u ms", what, ms);
	if (err == ENODEV)
		xe->gone = true;
	return err ? scn_fail_errno(err, "%s: ioctl XE_WAIT_USER_FENCE", what) : 0;
}
