// SPDX-License-Identifier: MIT
/*
 * State debugfs-forcewake: the driver's forcewake_all file in debugfs, open.
 *
 * debugfs holds no reference on the DRM device, and the release of an open file
 * still runs after removal. No render node is open while it is held, so at
 * removal nothing else keeps the device's memory: the close must not touch it, and
 * must not touch registers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common.h"
#include "xe.h"

static struct xe xe = { .fd = -1 };
static int file = -1;

static int setup(const char *device)
{
	int ret = xe_open(&xe, device);
	struct stat st;
	char path[64];

	if (ret)
		return ret;
	if (fstat(xe.fd, &st))
		return scn_fail_errno(errno, "fstat of the device");
	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%u/forcewake_all", minor(st.st_rdev));
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return scn_skip("%s: %s", path, scn_errname(errno));
	return xe_close(&xe);
}

/* The file has no content: what can be asked is whether it is still there. */
static int verify(void)
{
	return fcntl(file, F_GETFD) < 0 ? scn_fail_errno(errno, "fcntl of the file") : 0;
}

static int gone(void)
{
	char c;

	scn_step("read of the file after removal");
	if (read(file, &c, 1) > 0)
		return scn_fail("the file can be read after removal");
	xe.gone = true;
	return 0;
}

static int close_all(void)
{
	int fd = file;

	file = -1;
	scn_step("close of the file in debugfs");
	return fd >= 0 && close(fd) ? scn_fail_errno(errno, "close of the file in debugfs") : 0;
}

static const struct scenario scn = {
	.name = "debugfs-forcewake",
	.summary = "the forcewake_all file of debugfs, open",
	SCN_CALLBACKS,
};
SCENARIO(scn);
