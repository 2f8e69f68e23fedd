// SPDX-License-Identifier: MIT
/*
 * Dumb buffers of vgem, see vgem.h.
 */
#include "vgem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <drm/drm.h>

#include "common.h"
#include "xe.h"

#define CARDS 64	/* minors of primary nodes */

int vgem_open(struct vgem *v)
{
	memset(v, 0, sizeof(*v));
	for (int i = 0; i < CARDS; i++) {
		char path[32], name[16] = "";
		struct drm_version version = { .name = name, .name_len = sizeof(name) - 1 };

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		v->fd = open(path, O_RDWR | O_CLOEXEC);
		if (v->fd < 0)
			continue;
		if (!xe_ioctl_raw(v->fd, DRM_IOCTL_VERSION, &version) && !strcmp(name, "vgem"))
			return 0;
		close(v->fd);
		v->fd = -1;
	}
	return scn_skip("no vgem device; modprobe vgem");
}

static int map_fd(struct vgem *v, int fd, uint64_t offset, uint64_t bytes)
{
	v->bytes = bytes;
	v->map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	if (v->map == MAP_FAILED) {
		v->map = NULL;
		return scn_fail_errno(errno, "vgem: mmap");
	}
	return 0;
}

int vgem_create(struct vgem *v, uint64_t bytes)
{
	struct drm_mode_create_dumb c = { .width = bytes / 4, .height = 1, .bpp = 32 };
	struct drm_mode_map_dumb m = { 0 };
	int err = xe_ioctl_raw(v->fd, DRM_IOCTL_MODE_CREATE_DUMB, &c);

	if (err)
		return scn_fail_errno(err, "vgem: ioctl MODE_CREATE_DUMB");
	v->handle = c.handle;
	m.handle = c.handle;
	err = xe_ioctl_raw(v->fd, DRM_IOCTL_MODE_MAP_DUMB, &m);
	if (err)
		return scn_fail_errno(err, "vgem: ioctl MODE_MAP_DUMB");
	return map_fd(v, v->fd, m.offset, bytes);
}

int vgem_import(struct vgem *v, int dmabuf, uint64_t bytes)
{
	struct drm_prime_handle p = { .fd = dmabuf };
	int err = xe_ioctl_raw(v->fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p);

	if (err)
		return scn_fail_errno(err, "vgem: ioctl PRIME_FD_TO_HANDLE");
	v->handle = p.handle;
	/* vgem refuses to map what is not its own. */
	return map_fd(v, dmabuf, 0, bytes);
}

int vgem_export(struct vgem *v, int *dmabuf)
{
	struct drm_prime_handle p = {
		.handle = v->handle,
		.flags = DRM_CLOEXEC | DRM_RDWR,
		.fd = -1,
	};
	int err = xe_ioctl_raw(v->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p);

	*dmabuf = p.fd;
	return err ? scn_fail_errno(err, "vgem: ioctl PRIME_HANDLE_TO_FD") : 0;
}

int vgem_munmap(struct vgem *v)
{
	void *map = v->map;

	v->map = NULL;
	return map && munmap(map, v->bytes) ? scn_fail_errno(errno, "vgem: munmap") : 0;
}

int vgem_close(struct vgem *v)
{
	int ret = vgem_munmap(v), fd = v->fd;

	v->fd = -1;
	return ret | (fd > 0 && close(fd) ? scn_fail_errno(errno, "vgem: close") : 0);
}
