// SPDX-License-Identifier: MIT
/*
 * Streams of observation, see stream.h.
 */
#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common.h"
#include "gone.h"

int stream_open(struct xe *xe, struct stream *s, uint64_t type,
		const struct stream_property *properties, unsigned int n)
{
	struct drm_xe_ext_set_property ext[STREAM_PROPERTIES] = { 0 };
	struct drm_xe_observation_param p = {
		.observation_type = type,
		.observation_op = DRM_XE_OBSERVATION_OP_STREAM_OPEN,
		.param = (uintptr_t)ext,
	};

	if (n > ARRAY_SIZE(ext))
		return E2BIG;
	for (unsigned int i = 0; i < n; i++) {
		/* All types have the same number for it. */
		ext[i].base.name = DRM_XE_OA_EXTENSION_SET_PROPERTY;
		ext[i].base.next_extension = i + 1 < n ? (uintptr_t)&ext[i + 1] : 0;
		ext[i].property = properties[i].name;
		ext[i].value = properties[i].value;
	}
	scn_step("open of %s", s->name);
	s->fd = ioctl(xe->fd, DRM_IOCTL_XE_OBSERVATION, &p);
	return s->fd < 0 ? errno : 0;
}

/* 0 or an errno value. */
static int stream_read(const struct stream *s)
{
	char reports[4096];

	return read(s->fd, reports, sizeof(reports)) < 0 ? errno : 0;
}

int stream_poll(const struct stream *s, int ms)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };
	int n = poll(&p, 1, ms);

	if (n <= 0)
		return n ? errno : ETIME;
	return p.revents & (POLLHUP | POLLERR) ? ENODEV : 0;
}

static int wait_read(void *stream)
{
	return stream_read(stream);
}

static int wait_poll(void *stream)
{
	return stream_poll(stream, -1);
}

int stream_start(struct stream *s)
{
	s->read.call = wait_read;
	s->poll.call = wait_poll;
	s->read.arg = s->poll.arg = s;
	return waiter_start(&s->read) || waiter_start(&s->poll) ? -1 : 0;
}

static void expect_enodev(const struct stream *s, int err, const char *what)
{
	if (err != ENODEV)
		scn_fail("%s of %s after removal: %s, not ENODEV", what, s->name,
			 err ? scn_errname(err) : "success");
}

static void woken(struct waiter *w, bool anyhow)
{
	if (!waiter_ended(w, GONE_MS))
		scn_fail("%s sleeps on after removal", w->what);
	else if (w->err != ENODEV && !anyhow)
		scn_fail("%s ended with %s", w->what, w->err ? scn_errname(w->err) : "success");
}

void stream_gone(struct stream *s, bool lost)
{
	woken(&s->read, false);
	woken(&s->poll, lost);
	scn_step("poll of %s after removal", s->name);
	expect_enodev(s, stream_poll(s, GONE_MS), "late poll");
	/* A read may sleep for ever where the one before it still does. */
	if (scn_failures())
		return;
	scn_step("read of %s after removal", s->name);
	expect_enodev(s, stream_read(s), "late read");
}

void stream_gone_ioctl(const struct stream *s, unsigned long request, void *arg, const char *name)
{
	scn_step("%s of %s after removal", name, s->name);
	expect_enodev(s, ioctl(s->fd, request, arg) ? errno : 0, name);
}

int stream_close(struct stream *s)
{
	int ret = waiter_stop(&s->read) | waiter_stop(&s->poll);

	scn_step("close of %s", s->name);
	if (s->fd >= 0 && close(s->fd))
		ret |= scn_fail_errno(errno, "close of %s", s->name);
	s->fd = -1;
	return ret;
}
