// SPDX-License-Identifier: MIT
/*
 * State ioctl-stuck: ioctls asleep in a copy from user memory.
 *
 * Each thread is inside the driver, or on its way to it, and reads memory that is
 * missing (userfaultfd; a FUSE file does the same to a user without privileges). It
 * was let in before removal and goes on after it, however late. Removal must not
 * wait for any of them; once they go on each must come back with ENODEV and must
 * not have mapped, written or started anything.
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "common.h"
#include "fence.h"
#include "gone.h"
#include "oa.h"
#include "uffd.h"
#include "waiter.h"
#include "work.h"

#define ASLEEP_MS 5000

static struct xe xe = { .fd = -1 };
static struct work work;	/* stays free: jobs run here */
static struct work holders[4];	/* VMs whose lock a stuck ioctl may hold */
static struct xe_bo bo;
static struct uffd uffd;
static uint64_t metrics;	/* number of a set of OA registers */

/* One raw ioctl without restart: EINTR ends the thread. */
static int call(unsigned long request, void *arg)
{
	return ioctl(xe.fd, request, arg) ? errno : 0;
}

/* The argument itself is missing: DRM core sleeps before it asks the driver. */
static int stick_gem_create(void *page)
{
	return call(DRM_IOCTL_XE_GEM_CREATE, page);
}

static int stick_vm_create(void *page)
{
	return call(DRM_IOCTL_XE_VM_CREATE, page);
}

static int stick_bind_ops(void *page)
{
	struct drm_xe_vm_bind b = {
		.vm_id = holders[0].vm,
		.num_binds = 2,
		.vector_of_binds = (uintptr_t)page,
	};

	return call(DRM_IOCTL_XE_VM_BIND, &b);
}

static int stick_bind_syncs(void *page)
{
	struct drm_xe_vm_bind b = {
		.vm_id = holders[1].vm,
		.num_binds = 1,
		.bind = xe_op_map(&xe, &bo),
		.num_syncs = 1,
		.syncs = (uintptr_t)page,
	};

	return call(DRM_IOCTL_XE_VM_BIND, &b);
}

static int stick_exec(void *page)
{
	struct drm_xe_exec e = {
		.exec_queue_id = holders[2].queue,
		.num_syncs = 1,
		.syncs = (uintptr_t)page,
		.address = holders[2].batch.va,
		.num_batch_buffer = 1,
	};

	return call(DRM_IOCTL_XE_EXEC, &e);
}

static int stick_queue_engines(void *page)
{
	struct drm_xe_exec_queue_create c = {
		.width = 1,
		.num_placements = 1,
		.vm_id = holders[2].vm,
		.instances = (uintptr_t)page,
	};

	return call(DRM_IOCTL_XE_EXEC_QUEUE_CREATE, &c);
}

static int stick_queue_extension(void *page)
{
	struct drm_xe_exec_queue_create c = {
		.extensions = (uintptr_t)page,
		.width = 1,
		.num_placements = 1,
		.vm_id = holders[3].vm,
		.instances = (uintptr_t)xe_engine(&xe, DRM_XE_ENGINE_CLASS_COPY),
	};

	return call(DRM_IOCTL_XE_EXEC_QUEUE_CREATE, &c);
}

/* Reads registers of the device once it knows which clock is wanted. */
static int stick_query_cycles(void *page)
{
	struct drm_xe_device_query q = {
		.query = DRM_XE_DEVICE_QUERY_ENGINE_CYCLES,
		.size = sizeof(struct drm_xe_query_engine_cycles),
		.data = (uintptr_t)page,
	};

	return call(DRM_IOCTL_XE_DEVICE_QUERY, &q);
}

static int stick_query_firmware(void *page)
{
	struct drm_xe_device_query q = {
		.query = DRM_XE_DEVICE_QUERY_UC_FW_VERSION,
		.size = sizeof(struct drm_xe_query_uc_fw_version),
		.data = (uintptr_t)page,
	};

	return call(DRM_IOCTL_XE_DEVICE_QUERY, &q);
}

static int stick_oa_add(void *page)
{
	uint64_t id;

	return oa_add_config(&xe, "01234567-0123-0123-0123-0123456789ac", page, &id);
}

static int stick_oa_remove(void *page)
{
	return oa_remove_config(&xe, page);
}

static int stick_wait_fence(void *page)
{
	return xe_wait_value_raw(xe.fd, page, 1, 0, 3600 * 1000);
}

static struct drm_xe_gem_create gem_create;
static struct drm_xe_vm_create vm_create;
static struct drm_xe_vm_bind_op ops[2];
static struct drm_xe_sync sync;
static struct drm_xe_engine_class_instance engine;
static struct drm_xe_ext_set_property property;
static struct drm_xe_query_engine_cycles query_cycles;
static struct drm_xe_query_uc_fw_version query_firmware = {
	.uc_type = XE_QUERY_UC_TYPE_GUC_SUBMISSION,
};
static uint64_t never;

/* What sleeps, and what it finds when its page arrives. */
static struct stuck {
	struct waiter w;
	const void *data;
	size_t bytes;
	bool resolved;
} stuck[] = {
#define STUCK(text, fn, object) \
	{ .w = { .what = text, .call = fn }, .data = &(object), .bytes = sizeof(object) }
	STUCK("GEM_CREATE", stick_gem_create, gem_create),
	STUCK("VM_CREATE", stick_vm_create, vm_create),
	STUCK("VM_BIND (operations)", stick_bind_ops, ops),
	STUCK("VM_BIND (syncs)", stick_bind_syncs, sync),
	STUCK("EXEC (syncs)", stick_exec, sync),
	STUCK("EXEC_QUEUE_CREATE (engines)", stick_queue_engines, engine),
	STUCK("EXEC_QUEUE_CREATE (extension)", stick_queue_extension, property),
	STUCK("DEVICE_QUERY (engine cycles)", stick_query_cycles, query_cycles),
	STUCK("DEVICE_QUERY (firmware version)", stick_query_firmware, query_firmware),
	STUCK("OBSERVATION (registers to add)", stick_oa_add, oa_regs),
	STUCK("OBSERVATION (set to remove)", stick_oa_remove, metrics),
	STUCK("WAIT_USER_FENCE", stick_wait_fence, never),
};

/* All of it valid: on a device that is there each of the ioctls would do its work. */
static int write_arguments(void)
{
	const struct drm_xe_engine_class_instance *e = xe_engine(&xe, DRM_XE_ENGINE_CLASS_COPY);

	int err = oa_add_config(&xe, "01234567-0123-0123-0123-0123456789ab", oa_regs, &metrics);

	if (err)
		return scn_skip("no OA metrics here: %s", scn_errname(err));
	if (!e)
		return scn_fail("the device has no copy engine");
	if (xe_bo_create(&xe, &bo, 1 << 20, 0))
		return -1;
	bo.va = xe_va(&xe, bo.size);
	/* Local memory is cleared by the GPU */
	gem_create = (struct drm_xe_gem_create) {
		.size = 1 << 20,
		.placement = xe.vram ? xe.vram : xe.sysmem,
		.cpu_caching = xe.vram ? DRM_XE_GEM_CPU_CACHING_WC : DRM_XE_GEM_CPU_CACHING_WB,
	};
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		ops[i] = xe_op_map(&xe, &bo);
		ops[i].addr = xe_va(&xe, bo.size);
	}
	sync = xe_sync_syncobj(work.syncobj);
	engine = *e;
	property = (struct drm_xe_ext_set_property) {
		.base.name = DRM_XE_EXEC_QUEUE_EXTENSION_SET_PROPERTY,
		.property = DRM_XE_EXEC_QUEUE_SET_PROPERTY_PRIORITY,
		.value = 1,	/* normal */
	};
	query_cycles = (struct drm_xe_query_engine_cycles) { .eci = *e };
	return 0;
}

static int verify(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(stuck); i++)
		if (!stuck[i].resolved && waiter_ended(&stuck[i].w, 0))
			scn_fail_errno(stuck[i].w.err, "%s has returned", stuck[i].w.what);
	return work_copy(&xe, &work, work.batch.va + 8192, work.batch.va + 4096, 4096,
			 "copy job beside stuck ioctls");
}

static int setup(const char *device)
{
	int ret = xe_open(&xe, device);

	if (!ret)
		ret = uffd_open(&uffd, ARRAY_SIZE(stuck));
	if (ret)
		return ret;
	if (work_open(&xe, &work, DRM_XE_ENGINE_CLASS_COPY))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(holders); i++)
		if (work_open(&xe, &holders[i], DRM_XE_ENGINE_CLASS_COPY))
			return -1;
	ret = write_arguments();
	if (ret)
		return ret;
	for (size_t i = 0; i < ARRAY_SIZE(stuck); i++) {
		stuck[i].w.arg = uffd_page(&uffd, i);
		scn_step("%s", stuck[i].w.what);
		if (waiter_start(&stuck[i].w) || uffd_wait(&uffd, i, ASLEEP_MS))
			return -1;
	}
	scn_fact("stuck", ARRAY_SIZE(stuck));
	scn_fact("bo_bytes", bo.size + 5 * work.batch.size);
	return verify();
}

static int resolve(struct stuck *s)
{
	if (s->resolved || !s->w.started)
		return 0;
	s->resolved = true;
	scn_step("end of %s", s->w.what);
	return uffd_resolve(&uffd, s - stuck, s->data, s->bytes);
}

static int gone(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(stuck); i++) {
		if (waiter_ended(&stuck[i].w, 0))
			scn_fail_errno(stuck[i].w.err, "%s has returned without its data",
				       stuck[i].w.what);
		if (!resolve(&stuck[i]))
			waiter_gone(&stuck[i].w, scn_now_ms() + GONE_MS, false);
	}
	gone_ioctls(&xe, &work, &bo);
	return 0;
}

static int close_all(void)
{
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(stuck); i++) {
		ret |= resolve(&stuck[i]);
		waiter_ended(&stuck[i].w, 1000);
		ret |= waiter_stop(&stuck[i].w);
	}
	uffd_close(&uffd);
	for (size_t i = 0; i < ARRAY_SIZE(holders); i++)
		ret |= work_close(&xe, &holders[i]);
	return ret | work_end(&xe, &work, &bo, NULL);
}

static const struct scenario scn = {
	.name = "ioctl-stuck",
	.summary = "ioctls asleep in a copy from user memory",
	SCN_CALLBACKS,
};
SCENARIO(scn);
