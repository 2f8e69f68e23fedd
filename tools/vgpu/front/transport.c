// SPDX-License-Identifier: MIT
/* Transport: message assembly, and the unix socket under it. */
#define _GNU_SOURCE
#include "transport.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"

/* How long a client may leave its receive buffer full before it is dropped. */
#define SEND_PATIENCE_MS 1000
/* Messages handled before others (the control socket) get their turn. */
#define BUDGET 64
/*
 * Received at once: header and body of what comes most often, an access to a register. Only messages
 * without descriptors are shorter; what a read has got beyond one of them belongs to the next.
 */
#define READ_AHEAD (sizeof(struct vu_header) + sizeof(struct vu_region_access))
/*
 * A driver's next register access mostly follows within this time of the last one, and waking up
 * costs more than looking again; a device that is left alone sleeps all the same.
 */
#define LINGER_US 50

/* ---- socket ----------------------------------------------------------------------- */

static ssize_t socket_recv(void *ctx, void *buf, size_t len, int *fds, unsigned int *nfds)
{
	union {
		struct cmsghdr align;
		/* room for more than allowed, to see and close what is too much */
		char space[CMSG_SPACE(4 * VGPU_VU_MAX_FDS * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	bool excess = false;
	ssize_t n;

	do
		n = recvmsg(*(int *)ctx, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&mh); c; c = CMSG_NXTHDR(&mh, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (*nfds < VGPU_VU_MAX_FDS) {
				fds[(*nfds)++] = fd;
			} else {
				close(fd);
				excess = true;
			}
		}
	}
	return excess || mh.msg_flags & MSG_CTRUNC ? -EPROTO : n;
}

static int socket_send(void *ctx, const void *buf, size_t len, int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	const uint8_t *p = buf;

	while (len) {
		struct iovec iov = { .iov_base = (void *)(uintptr_t)p, .iov_len = len };
		struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t n;

		if (fd >= 0) {
			struct cmsghdr *c = &control.align;

			mh.msg_control = &control;
			mh.msg_controllen = sizeof(control);
			c->cmsg_level = SOL_SOCKET;
			c->cmsg_type = SCM_RIGHTS;
			c->cmsg_len = CMSG_LEN(sizeof(fd));
			memcpy(CMSG_DATA(c), &fd, sizeof(fd));
		}
		n = sendmsg(*(int *)ctx, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n >= 0) {
			p += n;
			len -= (size_t)n;
			fd = -1;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			struct pollfd pfd = { .fd = *(int *)ctx, .events = POLLOUT };

			if (poll(&pfd, 1, SEND_PATIENCE_MS) == 0)
				return -ETIMEDOUT;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

const struct transport_ops transport_socket_ops = { .recv = socket_recv, .send = socket_send };

/* ---- messages --------------------------------------------------------------------- */

static int connection_send(void *ctx, const void *data, size_t len, int fd)
{
	struct connection *c = ctx;

	return c->ops->send(c->ctx, data, len, fd);
}

int connection_init(struct connection *c, struct vgpu *g, const struct transport_ops *ops, void *ctx)
{
	*c = (struct connection){ .ops = ops, .ctx = ctx };
	c->buf = malloc(VGPU_VU_MAX_MSG);
	if (!c->buf)
		return -ENOMEM;
	c->msg.data = c->buf;
	if (vfio_user_init(&c->vu, g, connection_send, c)) {
		free(c->buf);
		return -ENOMEM;
	}
	return 0;
}

static void close_fds(struct connection *c)
{
	for (unsigned int i = 0; i < c->msg.nfds; i++)
		close(c->msg.fds[i]);
	c->msg.nfds = 0;
}

void connection_fini(struct connection *c)
{
	close_fds(c);
	vfio_user_fini(&c->vu);
	free(c->buf);
	c->buf = NULL;
}

/* Receives until there are @need bytes. 1: there are, 0: wait, negative: over. */
static int receive(struct connection *c, size_t need)
{
	while (c->msg.len < need) {
		size_t room = (need > READ_AHEAD ? need : READ_AHEAD) - c->msg.len;
		ssize_t n = c->ops->recv(c->ctx, c->buf + c->msg.len, room, c->msg.fds, &c->msg.nfds);

		if (n == -EAGAIN)
			return 0;
		if (n == 0) {
			if (!c->msg.len)
				return -EPIPE;
			log_error("vfio-user: client left in the middle of a message");
			return -EPROTO;
		}
		if (n < 0) {
			log_error("vfio-user: cannot receive: %s",
				  n == -EPROTO ? "too many descriptors" : strerror((int)-n));
			return (int)n;
		}
		c->msg.len += (size_t)n;
	}
	return 1;
}

/* Executes the message of @size bytes at the start of the buffer; the rest moves there. */
static int execute(struct connection *c, size_t size)
{
	size_t rest = c->msg.len - size;
	struct vu_message m = c->msg;
	int r;

	m.len = size;
	if (rest)
		m.nfds = 0;
	else
		c->msg.nfds = 0;
	r = vfio_user_handle(&c->vu, &m);
	memmove(c->buf, c->buf + size, rest);
	c->msg.len = rest;
	return r;
}

int connection_pump(struct connection *c, unsigned int budget)
{
	const struct vu_header *h = (const struct vu_header *)c->buf;

	/* what was read ahead and is whole, too: nobody would wake us up for it */
	while (budget || (c->msg.len >= sizeof(*h) && c->msg.len >= h->size)) {
		int r = receive(c, sizeof(*h));
		const char *why;

		if (r <= 0)
			return r;
		/* before any of it is trusted: the size says how much to read */
		why = vfio_user_check_header(h);
		if (why) {
			log_error("vfio-user: malformed message: %s", why);
			return -EPROTO;
		}
		r = receive(c, h->size);
		if (r <= 0)
			return r;
		r = execute(c, h->size);
		if (r)
			return r;
		if (budget)
			budget--;
	}
	return 1;
}

/* ---- listening -------------------------------------------------------------------- */

int unix_listen(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct stat st;
	int fd, err;

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&a, sizeof(a))) {
		if (errno != EADDRINUSE || lstat(path, &st))
			goto fail;
		errno = EADDRINUSE;
		if (!S_ISSOCK(st.st_mode))
			goto fail;
		/* left behind by a server that was killed? then nobody answers */
		if (!connect(fd, (struct sockaddr *)&a, sizeof(a)) || errno != ECONNREFUSED) {
			errno = EADDRINUSE;
			goto fail;
		}
		if (unlink(path) || bind(fd, (struct sockaddr *)&a, sizeof(a)))
			goto fail;
	}
	if (listen(fd, 8))
		goto fail;
	return fd;
fail:
	err = -errno;
	close(fd);
	return err;
}

int transport_open(struct transport *t, struct vgpu *g, const char *path)
{
	*t = (struct transport){ .g = g, .client_fd = -1 };
	t->listen_fd = unix_listen(path);
	if (t->listen_fd < 0)
		return t->listen_fd;
	t->path = strdup(path);
	return 0;
}

static void drop_client(struct transport *t)
{
	if (t->client_fd < 0)
		return;
	connection_fini(&t->conn);
	close(t->client_fd);
	t->client_fd = -1;
	t->g->connected = false;
	vgpu_power_cycle(t->g);
}

void transport_close(struct transport *t)
{
	if (t->listen_fd < 0)
		return;
	drop_client(t);
	close(t->listen_fd);
	t->listen_fd = -1;
	if (t->path)
		unlink(t->path);
	free(t->path);
	t->path = NULL;
}

int transport_fd(const struct transport *t)
{
	return t->client_fd >= 0 ? t->client_fd : t->listen_fd;
}

static void take_client(struct transport *t)
{
	int fd = accept4(t->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	t->client_fd = fd;
	if (connection_init(&t->conn, t->g, &transport_socket_ops, &t->client_fd)) {
		log_error("vfio-user: no memory for a client");
		close(fd);
		t->client_fd = -1;
		return;
	}
	t->g->connected = true;
	log_info("vfio-user: client connected");
}

void transport_ready(struct transport *t)
{
	unsigned int budget = BUDGET;
	uint64_t last_us;
	int r;

	if (t->client_fd < 0) {
		take_client(t);
		return;
	}
	last_us = vgpu_now_us();
	do {
		r = connection_pump(&t->conn, 1);
		if (r > 0) {
			last_us = vgpu_now_us();
			budget--;
		}
	} while (r >= 0 && budget && vgpu_now_us() - last_us < LINGER_US);
	if (r < 0) {
		log_info("vfio-user: client %s", r == -EPIPE ? "left" : "dropped");
		drop_client(t);
	}
}
