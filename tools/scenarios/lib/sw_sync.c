// SPDX-License-Identifier: MIT
/*
 * Fences of a software timeline, see sw_sync.h.
 */
#include "sw_sync.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <stdint.h>
#include <unistd.h>

#include "common.h"

#define FILE_NAME "/sys/kernel/debug/sync/sw_sync"

/* Not part of the uAPI headers: drivers/dma-buf/sw_sync.c has these. */
struct create_fence {
	uint32_t value;
	char name[32];
	int32_t fence;
};

#define CREATE_FENCE	_IOWR('W', 0, struct create_fence)
#define INC		_IOW('W', 1, uint32_t)

int sw_sync_open(int *timeline)
{
	*timeline = open(FILE_NAME, O_RDWR | O_CLOEXEC);
	if (*timeline < 0)
		return scn_skip("%s: %s", FILE_NAME, scn_errname(errno));
	return 0;
}

int sw_sync_fence(int timeline, int *sync_file)
{
	struct create_fence c = { .value = 1, .name = "xe-unplug" };
	int err = xe_ioctl_raw(timeline, CREATE_FENCE, &c);

	if (err)
		return scn_fail_errno(err, "sw_sync: no fence");
	*sync_file = c.fence;
	return 0;
}

int sw_sync_syncobj(int timeline, struct xe *xe, uint32_t *syncobj)
{
	int fd = -1, ret;

	if (sw_sync_fence(timeline, &fd))
		return -1;
	ret = xe_syncobj_create(xe, syncobj) || xe_syncobj_import(xe, *syncobj, fd);
	close(fd);
	return ret ? -1 : 0;
}

int sw_sync_advance(int timeline)
{
	uint32_t by = 1;
	int err = xe_ioctl_raw(timeline, INC, &by);

	return err ? scn_fail_errno(err, "sw_sync: the timeline does not move") : 0;
}
