/* SPDX-License-Identifier: MIT */
/*
 * Transport of vfio-user: bytes and descriptors from a client, cut into
 * messages. What carries them is exchangeable: a socket in the program, memory
 * or stdin in tests and fuzzing.
 */
#ifndef VGPU_TRANSPORT_H
#define VGPU_TRANSPORT_H

#include <sys/types.h>

#include "vfio_user.h"

struct transport_ops {
	/*
	 * Receives at most @len bytes and, with the first of them, descriptors
	 * into @fds (room for VGPU_VU_MAX_FDS; @nfds counts them). Returns the
	 * number of bytes, 0 at the end, -EAGAIN if there is nothing now, or
	 * another -errno: -EPROTO for more descriptors than there is room for.
	 */
	ssize_t (*recv)(void *ctx, void *buf, size_t len, int *fds, unsigned int *nfds);
	/* Sends everything or returns -errno. @fd -1: no descriptor. */
	int (*send)(void *ctx, const void *buf, size_t len, int fd);
};

extern const struct transport_ops transport_socket_ops; /* ctx: pointer to the int */

/* One client. */
struct connection {
	const struct transport_ops *ops;
	void *ctx;
	struct vfio_user vu;
	struct vu_message msg; /* the one being received; msg.data is buf */
	uint8_t *buf;
};

/* connection_init - a client has come. Returns 0 or -ENOMEM. */
int connection_init(struct connection *c, struct vgpu *g, const struct transport_ops *ops, void *ctx);
/* connection_fini - closes descriptors of a message cut short, frees buffers. */
void connection_fini(struct connection *c);
/*
 * connection_pump - receive and execute at most @budget messages. Returns 1 if
 * there may be more at once, 0 if it must wait for the client, negative when
 * the connection is over (the reason has been logged; -EPIPE: it just closed).
 */
int connection_pump(struct connection *c, unsigned int budget);

/* The listening socket and its client; the client of now must go before the next is taken. */
struct transport {
	struct vgpu *g;
	int listen_fd, client_fd;
	char *path;
	struct connection conn;
};

/*
 * unix_listen - non-blocking listening socket at @path; a socket nobody serves
 * is replaced, anything else there is an error. Returns the fd or -errno.
 */
int unix_listen(const char *path);

/* transport_open - listen at @path. Returns 0 or -errno. */
int transport_open(struct transport *t, struct vgpu *g, const char *path);
/* transport_close - drops the client, stops listening, removes the socket file where the sandbox lets it. */
void transport_close(struct transport *t);
/* transport_fd - what to poll for POLLIN now. */
int transport_fd(const struct transport *t);
/* transport_ready - transport_fd() was readable. */
void transport_ready(struct transport *t);

#endif
