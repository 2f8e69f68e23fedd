// SPDX-License-Identifier: MIT
/*
 * State dmabuf-second: exported BOs in the hands of others.
 *
 * A second device (vgem) imports one and maps it; a second process opens the same
 * GPU, imports another and binds it in its own VM. Neither is ours to stop: what
 * they see must stay what was written, as long as they look at it, after an
 * orderly removal; their later closes touch nothing that is gone. The first
 * export keeps its handle, the second's is closed: both are shared all the same.
 * The second device imports that one as well, when the first is gone.
 *
 * What the second device imports begins in local memory, if there is any, and the copy
 * engine moves it out of there, to where all can reach it.
 */
#include <errno.h>
#include <linux/dma-buf.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "common.h"
#include "gone.h"
#include "mem.h"
#include "vgem.h"
#include "work.h"

#define SEED 90
#define BYTES (1u << 20)
#define ANSWER_MS 15000

/* What the second process is told to do; it answers with an enum mem_content. */
enum order { IMPORT, LOOK, LEAVE };

static struct xe xe = { .fd = -1 };
static struct work work;
static struct xe_bo to_device, to_process;
static struct vgem vgem = { .fd = -1 }, late = { .fd = -1 };
static struct child other;
static int fd = -1;		/* the dma-buf of the second process, kept here too */

static int other_import(int dmabuf, const char *device, struct xe *mine, struct xe_bo *bo,
			struct xe_bo *seen)
{
	static struct work w;
	struct drm_xe_vm_bind_op op;

	if (work_begin(mine, &w, device) ||
	    xe_prime_import(mine, bo, dmabuf, BYTES) ||
	    xe_bo_make(mine, seen, BYTES, w.vm))
		return -1;
	bo->va = xe_va(mine, BYTES);
	op = xe_op_map(mine, bo);
	if (xe_vm_bind(mine, w.vm, &op, 1, NULL))
		return -1;
	return work_copy(mine, &w, seen->va, bo->va, BYTES, "copy in the second process");
}

static int other_main(int sock, void *device)
{
	struct xe mine = { .fd = -1 };
	struct xe_bo bo = { 0 }, seen = { 0 };
	int order, dmabuf, answer;
	void *map;

	if (child_receive_fd(sock, &order, sizeof(order), &dmabuf) || order != IMPORT)
		return 1;
	map = mmap(NULL, BYTES, PROT_READ, MAP_SHARED, dmabuf, 0);
	if (map == MAP_FAILED || other_import(dmabuf, device, &mine, &bo, &seen))
		return 1;
	close(dmabuf);
	answer = mem_classify(seen.map, BYTES, SEED + 1);
	send(sock, &answer, sizeof(answer), 0);
	while (recv(sock, &order, sizeof(order), 0) == sizeof(order) && order == LOOK) {
		answer = mem_classify(map, BYTES, SEED + 1);
		send(sock, &answer, sizeof(answer), 0);
	}
	munmap(map, BYTES);
	xe_close(&mine);
	return 0;
}

static int other_answer(const char *when)
{
	int answer;

	scn_step("answer of the second process %s", when);
	if (child_receive(&other, &answer, sizeof(answer), ANSWER_MS) != sizeof(answer))
		return scn_fail("the second process does not answer %s", when);
	if (answer != MEM_DATA)
		return scn_fail("the second process reads %s %s", mem_content_name(answer), when);
	return 0;
}

static int other_look(const char *when)
{
	int order = LOOK;

	if (send(other.sock, &order, sizeof(order), 0) != sizeof(order))
		return scn_fail("the second process has died %s", when);
	return other_answer(when);
}

static int create_in_vram(struct xe_bo *bo)
{
	if (xe.vram)
		return xe_bo_create_moving(&xe, bo, BYTES, 0);
	return xe_bo_create(&xe, bo, BYTES, 0);
}

static int create_in_sysmem(struct xe_bo *bo)
{
	return xe_bo_create(&xe, bo, BYTES, 0);
}

/* A BO with data in it, exported; the CPU's mapping is gone again. */
static int export(struct xe_bo *bo, int (*create)(struct xe_bo *bo), uint32_t seed, int *dmabuf)
{
	if (create(bo) || xe_bo_mmap(&xe, bo))
		return -1;
	mem_fill(bo->map, BYTES, seed);
	return xe_bo_munmap(bo) || xe_prime_export(&xe, bo, dmabuf) ? -1 : 0;
}

/* Not every kernel's second device has it moved before it looks. */
static int to_sysmem(int dmabuf)
{
	struct dma_buf_sync begin = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ };
	struct dma_buf_sync end = { .flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ };
	int err = xe_ioctl_raw(dmabuf, DMA_BUF_IOCTL_SYNC, &begin) ?:
		  xe_ioctl_raw(dmabuf, DMA_BUF_IOCTL_SYNC, &end);

	return err ? scn_fail_errno(err, "ioctl DMA_BUF_IOCTL_SYNC") : 0;
}

static int share_with_device(void)
{
	int dmabuf, ret;

	if (export(&to_device, create_in_vram, SEED, &dmabuf))
		return -1;
	ret = vgem_import(&vgem, dmabuf, BYTES) || to_sysmem(dmabuf) ? -1 : 0;
	close(dmabuf);
	return ret;
}

static int share_with_process(void)
{
	int order = IMPORT;

	if (export(&to_process, create_in_sysmem, SEED + 1, &fd))
		return -1;
	if (child_send_fd(other.sock, &order, sizeof(order), fd))
		return scn_fail_errno(errno, "sending a dma-buf to the second process");
	return other_answer("after the import") || xe_bo_close(&xe, &to_process) ? -1 : 0;
}

static int verify(void)
{
	if (vgem.map && mem_check(vgem.map, BYTES, SEED, "import of the second device"))
		return -1;
	return other_look("before removal");
}

static int setup(const char *device)
{
	int ret = child_start(&other, other_main, (void *)device);

	if (!ret)
		ret = xe_open(&xe, device);
	if (!ret)
		ret = vgem_open(&vgem);
	if (ret)
		return ret;
	if (work_open(&xe, &work, DRM_XE_ENGINE_CLASS_COPY) ||
	    share_with_device() || share_with_process() || verify())
		return -1;
	scn_fact("exported_bytes", 2 * BYTES);
	scn_fact("foreign_mappings", 1);	/* vgem's, which DMA-API debugging counts too */
	scn_fact("processes", 2);
	return 0;
}

static int gone(void)
{
	gone_ioctls(&xe, &work, &to_device);
	if (vgem.map)
		gone_intact(vgem.map, BYTES, SEED, "import of the second device");
	other_look("after removal");
	scn_step("import by the second device after removal");
	if (fd >= 0 && !vgem_open(&late) && !vgem_import(&late, fd, BYTES))
		gone_intact(late.map, BYTES, SEED + 1, "import of the second device after removal");
	return 0;
}

static int unmap(void)
{
	return vgem_munmap(&vgem) | vgem_munmap(&late);
}

/* Our own files go before those of the others. */
static int close_all(void)
{
	int ret, order = LEAVE;

	ret = work_close(&xe, &work);
	ret |= xe_bo_close(&xe, &to_device);
	ret |= xe_close(&xe);
	if (fd >= 0 && close(fd))
		ret |= scn_fail_errno(errno, "close of a dma-buf");
	fd = -1;
	if (vgem.map && xe.gone)
		gone_intact(vgem.map, BYTES, SEED, "import of the second device after close");
	if (xe.gone)
		other_look("after close");
	ret |= vgem_close(&vgem) | vgem_close(&late);
	scn_step("end of the second process");
	if (other.pid) {
		if (send(other.sock, &order, sizeof(order), 0) != sizeof(order) ||
		    child_wait(&other, ANSWER_MS / 2))
			ret |= scn_fail("the second process does not end well");
		child_kill(&other);
	}
	return ret;
}

static const struct scenario scn = {
	.name = "dmabuf-second",
	.summary = "BOs exported to a second device and a second process",
	SCN_CALLBACKS,
	.unmap = unmap,
};
SCENARIO(scn);
