/* SPDX-License-Identifier: MIT */
/* A client of vfio-user in the test's own process: sends messages to the validator, keeps the reply. */
#ifndef VGPU_TESTS_VU_CLIENT_H
#define VGPU_TESTS_VU_CLIENT_H

#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "vfio_user.h"

struct vu_client {
	struct harness *h;
	struct vfio_user v;
	/* the last reply */
	unsigned int replies;
	struct vu_header head;
	uint8_t body[VGPU_VU_MAX_MSG] __attribute__((aligned(8)));
	int fd; /* -1: none came */
	int send_error;
};

static inline int catch_reply(void *ctx, const void *data, size_t len, int fd)
{
	struct vu_client *f = ctx;

	assert_true(len >= sizeof(f->head));
	memcpy(&f->head, data, sizeof(f->head));
	assert_int_equal(f->head.size, len);
	memcpy(f->body, (const uint8_t *)data + sizeof(f->head), len - sizeof(f->head));
	f->fd = fd;
	f->replies++;
	return f->send_error;
}

static inline int send_raw(struct vu_client *f, const void *data, size_t len, const int *fds, unsigned int nfds)
{
	static uint8_t space[VGPU_VU_MAX_MSG + 64] __attribute__((aligned(8)));
	struct vu_message m = { .data = space, .len = len, .nfds = nfds };

	memcpy(space, data, len);
	for (unsigned int i = 0; i < nfds; i++)
		m.fds[i] = fds[i];
	return vfio_user_handle(&f->v, &m);
}

/* Sends one command; @fd -1: without a descriptor. Descriptors are given away. */
static inline int ask(struct vu_client *f, unsigned int command, const void *body, size_t len, int fd)
{
	static uint8_t space[VGPU_VU_MAX_MSG + 64];
	struct vu_header h = { .id = 77, .command = (uint16_t)command };

	h.size = (uint32_t)(sizeof(h) + len);
	memcpy(space, &h, sizeof(h));
	if (len)
		memcpy(space + sizeof(h), body, len);
	return send_raw(f, space, h.size, &fd, fd >= 0);
}

/* Must be done. */
static inline void want_ok(struct vu_client *f, unsigned int command, const void *body, size_t len, int fd)
{
	unsigned int n = f->replies;

	assert_int_equal(ask(f, command, body, len, fd), 0);
	assert_int_equal(f->replies, n + 1);
	assert_int_equal(f->head.id, 77);
	assert_int_equal(f->head.command, command);
	assert_int_equal(f->head.flags, VU_TYPE_REPLY);
	assert_int_equal(f->head.error, 0);
}

/* Must be refused with @err, and the connection goes on. */
static inline void want_error(struct vu_client *f, unsigned int command, const void *body, size_t len, int fd,
		       int err)
{
	unsigned int n = f->replies;

	assert_int_equal(ask(f, command, body, len, fd), 0);
	assert_int_equal(f->replies, n + 1);
	assert_int_equal(f->head.flags, VU_TYPE_REPLY | VU_ERROR);
	assert_int_equal(f->head.error, err);
	assert_int_equal(f->head.size, sizeof(f->head));
}

/* Must end the connection, without a reply. */
static inline void want_end(struct vu_client *f, unsigned int command, const void *body, size_t len, int fd)
{
	unsigned int n = f->replies;

	assert_true(ask(f, command, body, len, fd) < 0);
	assert_int_equal(f->replies, n);
}

static inline void version(struct vu_client *f)
{
	static const char text[] = "\0\0\0\0{\"capabilities\":{\"max_msg_fds\":8}}";

	want_ok(f, VU_VERSION, text, sizeof(text), -1);
}

static inline int vu_setup_raw(void **state)
{
	struct vu_client *f = calloc(1, sizeof(*f));

	f->h = harness_new();
	assert_int_equal(vfio_user_init(&f->v, f->h->g, catch_reply, f), 0);
	*state = f;
	return 0;
}

static inline int vu_setup(void **state)
{
	vu_setup_raw(state);
	version(*state);
	return 0;
}

static inline int vu_teardown(void **state)
{
	struct vu_client *f = *state;

	vfio_user_fini(&f->v);
	harness_free(f->h);
	free(f);
	return 0;
}

static inline int dup_ram(struct vu_client *f)
{
	return fcntl(f->h->ram_fd, F_DUPFD_CLOEXEC, 0);
}

#define VU_TEST(f)     cmocka_unit_test_setup_teardown(f, vu_setup, vu_teardown)
#define VU_RAW_TEST(f) cmocka_unit_test_setup_teardown(f, vu_setup_raw, vu_teardown)

#endif
