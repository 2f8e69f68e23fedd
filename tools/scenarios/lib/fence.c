// SPDX-License-Identifier: MIT
/*
 * Sync files and sleeping calls after removal, see fence.h.
 */
#include "fence.h"

#include <errno.h>
#include <linux/sync_file.h>
#include <poll.h>

#include "common.h"
#include "xe.h"

int ms_left(uint64_t end_ms)
{
	uint64_t now = scn_now_ms();

	return now < end_ms ? end_ms - now : 0;
}

int fence_status(int sync_file, int *status)
{
	/* Without room for the single fences the kernel tells the state of all of them. */
	struct sync_file_info info = { .num_fences = 0 };
	int err = xe_ioctl_raw(sync_file, SYNC_IOC_FILE_INFO, &info);

	if (err)
		return scn_fail_errno(err, "ioctl SYNC_IOC_FILE_INFO");
	*status = info.status;
	return 0;
}

int fence_pending(int sync_file, const char *what)
{
	int status = 0;

	if (fence_status(sync_file, &status))
		return -1;
	return status ? scn_fail("the fence of %s has ended: status %d", what, status) : 0;
}

const char *fence_status_name(int status)
{
	return !status ? "active" : status > 0 ? "success" : scn_errname(-status);
}

/* 0 or -1, reported. */
static int wait_status(int sync_file, uint64_t end_ms, int *status)
{
	struct pollfd p = { .fd = sync_file, .events = POLLIN };

	while (poll(&p, 1, ms_left(end_ms)) < 0 && errno == EINTR)
		;
	return fence_status(sync_file, status);
}

int fence_wait(int sync_file, uint64_t end_ms)
{
	int status = 0;

	wait_status(sync_file, end_ms, &status);
	return status;
}

int fence_gone(int sync_file, uint64_t end_ms, int other, const char *what)
{
	int status = 0;

	scn_step("end of the fence of %s", what);
	if (wait_status(sync_file, end_ms, &status))
		return 0;
	if (!status)
		scn_fail("the fence of %s is not signalled in time after removal", what);
	else if (status > 0 && other != 1)
		scn_fail("the fence of %s says success", what);
	else if (status < 0 && status != -ENODEV && status != other)
		scn_fail_errno(-status, "the fence of %s, not ENODEV", what);
	return status;
}

void waiter_gone(struct waiter *w, uint64_t end_ms, bool may_succeed)
{
	scn_step("end of %s", w->what);
	if (!waiter_ended(w, ms_left(end_ms)))
		scn_fail("%s still sleeps after removal", w->what);
	else if (!w->err && !may_succeed)
		scn_fail("%s returned success after removal", w->what);
	else if (w->err && w->err != ENODEV)
		scn_fail_errno(w->err, "%s after removal, not ENODEV", w->what);
}
