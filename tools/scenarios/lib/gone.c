// SPDX-License-Identifier: MIT
/*
 * Checks after the removal of the device, see gone.h.
 */
#include "gone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What the ioctls of this check gave instead of ENODEV: one line an errno. */
static struct outcome {
	int err;		/* 0: it worked */
	unsigned int count;
	char names[300];
} wrong[4];
static unsigned int checked, num_wrong;

static void note_wrong(int err, const char *name)
{
	struct outcome *o = wrong;
	size_t n;

	while (o < wrong + num_wrong && o->err != err)
		o++;
	if (o == wrong + num_wrong) {
		if (num_wrong == ARRAY_SIZE(wrong))
			o--;
		else
			num_wrong++;
	}
	if (!o->count++)
		o->err = err;
	n = strlen(o->names);
	snprintf(o->names + n, sizeof(o->names) - n, "%s%s", n ? " " : "", name);
}

static void report_wrong(void)
{
	for (unsigned int i = 0; i < num_wrong; i++) {
		const struct outcome *o = &wrong[i];

		scn_fail("%u of %u calls after removal %s, not ENODEV: %s", o->count, checked,
			 o->err ? scn_errname(o->err) : "succeed", o->names);
	}
}

static void expect_enodev(struct xe *xe, unsigned long request, const char *name,
			  void *arg)
{
	int err;

	scn_step("ioctl %s after removal", name);
	err = xe_ioctl_raw(xe->fd, request, arg);
	checked++;
	if (err != ENODEV)
		note_wrong(err, name);
}
#define EXPECT_ENODEV(xe, name, arg) \
	expect_enodev(xe, DRM_IOCTL_##name, #name, arg)

static void gone_create(struct xe *xe, uint32_t vm)
{
	struct drm_version version = { 0 };
	struct drm_xe_device_query query = { .query = DRM_XE_DEVICE_QUERY_ENGINES };
	struct drm_xe_gem_create create = {
		.size = xe->min_page,
		.placement = xe->sysmem,
		.cpu_caching = DRM_XE_GEM_CPU_CACHING_WB,
	};
	struct drm_xe_vm_create vm_create = { 0 };
	struct drm_xe_exec_queue_create queue_create = {
		.width = 1,
		.num_placements = 1,
		.vm_id = vm,
		.instances = (uintptr_t)xe->engines,
	};
	struct drm_syncobj_create sync_create = { 0 };

	EXPECT_ENODEV(xe, VERSION, &version);
	EXPECT_ENODEV(xe, XE_DEVICE_QUERY, &query);
	EXPECT_ENODEV(xe, XE_GEM_CREATE, &create);
	EXPECT_ENODEV(xe, XE_VM_CREATE, &vm_create);
	EXPECT_ENODEV(xe, XE_EXEC_QUEUE_CREATE, &queue_create);
	EXPECT_ENODEV(xe, SYNCOBJ_CREATE, &sync_create);
}

static void gone_wait(struct xe *xe)
{
	uint64_t never = 0;
	struct drm_xe_wait_user_fence wait = {
		.addr = (uintptr_t)&never,
		.op = DRM_XE_UFENCE_WAIT_OP_EQ,
		.value = 1,
		.mask = UINT64_MAX,
		.timeout = 1000000,
	};
	struct drm_xe_observation_param observe = {
		.observation_type = DRM_XE_OBSERVATION_TYPE_OA,
		.observation_op = DRM_XE_OBSERVATION_OP_ADD_CONFIG,
	};

	EXPECT_ENODEV(xe, XE_WAIT_USER_FENCE, &wait);
	EXPECT_ENODEV(xe, XE_OBSERVATION, &observe);
}

static void gone_work(struct xe *xe, const struct work *w)
{
	struct drm_xe_vm_bind bind = {
		.vm_id = w->vm,
		.num_binds = 1,
		.bind = xe_op_unmap(w->batch.va, w->batch.size),
	};
	struct drm_xe_sync sync = xe_sync_syncobj(w->syncobj);
	struct drm_xe_exec exec = {
		.exec_queue_id = w->queue,
		.num_syncs = 1,
		.syncs = (uintptr_t)&sync,
		.address = w->batch.va,
		.num_batch_buffer = 1,
	};
	struct drm_xe_exec_queue_get_property property = {
		.exec_queue_id = w->queue,
		.property = DRM_XE_EXEC_QUEUE_GET_PROPERTY_BAN,
	};
	struct drm_syncobj_wait wait = {
		.handles = (uintptr_t)&w->syncobj,
		.count_handles = 1,
	};
	struct drm_xe_exec_queue_destroy queue = { .exec_queue_id = w->queue };
	struct drm_xe_vm_destroy vm = { .vm_id = w->vm };

	EXPECT_ENODEV(xe, XE_VM_BIND, &bind);
	EXPECT_ENODEV(xe, XE_EXEC, &exec);
	EXPECT_ENODEV(xe, XE_EXEC_QUEUE_GET_PROPERTY, &property);
	EXPECT_ENODEV(xe, SYNCOBJ_WAIT, &wait);
	EXPECT_ENODEV(xe, XE_EXEC_QUEUE_DESTROY, &queue);
	EXPECT_ENODEV(xe, XE_VM_DESTROY, &vm);
}

static void gone_bo(struct xe *xe, const struct xe_bo *bo)
{
	struct drm_xe_gem_mmap_offset offset = { .handle = bo->handle };
	struct drm_prime_handle prime = { .handle = bo->handle, .flags = DRM_CLOEXEC };
	struct drm_gem_close close = { .handle = bo->handle };
	void *p;

	EXPECT_ENODEV(xe, XE_GEM_MMAP_OFFSET, &offset);
	EXPECT_ENODEV(xe, PRIME_HANDLE_TO_FD, &prime);
	EXPECT_ENODEV(xe, GEM_CLOSE, &close);
	if (!bo->offset)
		return;
	scn_step("mmap of a BO after removal");
	p = mmap(NULL, bo->size, PROT_READ, MAP_SHARED, xe->fd, bo->offset);
	checked++;
	if (p != MAP_FAILED) {
		munmap(p, bo->size);
		note_wrong(0, "mmap");
	} else if (errno != ENODEV) {
		note_wrong(errno, "mmap");
	}
}

/* Nothing is promised about the text; it must just be readable. */
static void gone_fdinfo(const struct xe *xe)
{
	char path[64], text[4096];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", xe->fd);
	scn_step("read of fdinfo after removal");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;		/* no procfs */
	do {
		n = read(fd, text, sizeof(text));
	} while (n > 0);
	if (n < 0)
		scn_fail_errno(errno, "read of %s after removal", path);
	close(fd);
}

static void start_checks(void)
{
	checked = num_wrong = 0;
	memset(wrong, 0, sizeof(wrong));
}

void gone_more_work(struct xe *xe, const struct work *w)
{
	start_checks();
	gone_work(xe, w);
	report_wrong();
}

void gone_ioctls(struct xe *xe, const struct work *w, const struct xe_bo *bo)
{
	start_checks();
	gone_create(xe, w ? w->vm : 0);
	gone_wait(xe);
	if (w)
		gone_work(xe, w);
	if (bo)
		gone_bo(xe, bo);
	report_wrong();
	gone_fdinfo(xe);
	xe->gone = true;
	scn_fact("enodev_checks", checked);
}

enum mem_content gone_read(const void *map, uint64_t bytes, uint32_t seed,
			   const char *article, const char *name)
{
	enum mem_content c;

	scn_step("read of %s%s after removal", article, name);
	c = mem_classify(map, bytes, seed);
	scn_fact_str(name, mem_content_name(c));
	if (c == MEM_FAULT)
		scn_fail("reading %s%s raises a signal", article, name);
	return c;
}

void gone_readable(void *map, uint64_t bytes, uint32_t seed, const char *name)
{
	if (gone_read(map, bytes, seed, "the mapping of ", name) != MEM_FAULT &&
	    mem_try_write(map, bytes))
		scn_fail("writing the mapping of %s raises a signal", name);
}

void gone_intact(const void *map, uint64_t bytes, uint32_t seed, const char *name)
{
	enum mem_content c = gone_read(map, bytes, seed, "", name);

	if (c != MEM_FAULT && c != MEM_DATA)
		scn_fail("%s lost its data: it reads %s", name, mem_content_name(c));
}

void gone_process_memory(const void *p, uint64_t bytes, uint32_t seed, bool lost)
{
	enum mem_content is;

	scn_step("access to process memory after removal");
	is = mem_classify(p, bytes, seed);
	scn_fact_str("process_memory", mem_content_name(is));
	if (is != MEM_DATA && !(lost && is == MEM_FAULT))
		scn_fail("process memory lost its data: %s", mem_content_name(is));
}
