/* SPDX-License-Identifier: MIT */
/*
 * A stream of observation: a file of its own, which DRM does not guard, with one thread
 * asleep in read() and one in poll().
 */
#ifndef SCENARIOS_STREAM_H
#define SCENARIOS_STREAM_H

#include <stdbool.h>

#include "waiter.h"
#include "xe.h"

struct stream {
	const char *name;	/* with its article */
	int fd;
	struct waiter read, poll;
};

#define STREAM(n) { .name = n, .fd = -1, .read.what = "read of " n, .poll.what = "poll of " n }

struct stream_property {
	uint64_t name, value;
};

/* Room for the properties of any stream. */
#define STREAM_PROPERTIES 8

/*
 * Open a stream of @type (DRM_XE_OBSERVATION_TYPE_...) with @n properties. 0 or an errno
 * value: the caller knows which of them says that there is none.
 */
int stream_open(struct xe *xe, struct stream *s, uint64_t type,
		const struct stream_property *properties, unsigned int n);

/* The threads fall asleep. 0 or -1, reported. */
int stream_start(struct stream *s);

/* Whether there is something to read within @ms: 0, ETIME, ENODEV for never again. */
int stream_poll(const struct stream *s, int ms);

/*
 * After removal: both threads have ended, with ENODEV, as does who reads or polls now.
 * With @lost the sleeping poll() may have said first that there is something to read.
 */
void stream_gone(struct stream *s, bool lost);

/* After removal: the ioctl @request, called @name, is refused. @arg may be NULL. */
void stream_gone_ioctl(const struct stream *s, unsigned long request, void *arg, const char *name);

/* End the threads, close the stream. 0 or -1, reported. */
int stream_close(struct stream *s);

#endif
