/* SPDX-License-Identifier: MIT */
/* vfio-user protocol: one whole message in, at most one reply out. No I/O of its own. */
#ifndef VGPU_VFIO_USER_H
#define VGPU_VFIO_USER_H

#include "vfio_user_wire.h"
#include "vgpu.h"

/* Most descriptors in one message, and most bytes one region access moves. */
#define VGPU_VU_MAX_FDS	 8
#define VGPU_VU_MAX_DATA (1u << 20)
/* Longest message taken or sent. */
#define VGPU_VU_MAX_MSG                                                                            \
	(sizeof(struct vu_header) + sizeof(struct vu_region_access) + VGPU_VU_MAX_DATA)

/* A message on its way in. The descriptors belong to whoever holds the struct. */
struct vu_message {
	const uint8_t *data; /* header and body, 8-byte aligned */
	size_t len;
	int fds[VGPU_VU_MAX_FDS];
	unsigned int nfds;
};

/* Where replies go: returns 0, or -errno which ends the connection. @fd -1: none; stays the caller's. */
typedef int (*vu_send_fn)(void *ctx, const void *data, size_t len, int fd);

/* State of one connection. */
struct vfio_user {
	struct vgpu *g;
	vu_send_fn send;
	void *send_ctx;
	bool negotiated; /* VERSION was exchanged */
	unsigned int refusals; /* logged so far */
	uint8_t *reply;	 /* VGPU_VU_MAX_MSG bytes */
};

/* vfio_user_init - start of a connection. Returns 0 or -ENOMEM. */
int vfio_user_init(struct vfio_user *v, struct vgpu *g, vu_send_fn send, void *ctx);
/* vfio_user_fini - frees what vfio_user_init() took. */
void vfio_user_fini(struct vfio_user *v);

/*
 * vfio_user_check_header - is this the start of a message worth reading?
 * Returns NULL, or what is wrong with it.
 */
const char *vfio_user_check_header(const struct vu_header *h);

/*
 * vfio_user_handle - validate and execute one message, send the reply. Closes
 * every descriptor of @m that nobody kept. Loop thread.
 *
 * Returns 0 to go on; negative when the connection must end (malformed
 * message or failed send); the reason has been logged.
 */
int vfio_user_handle(struct vfio_user *v, struct vu_message *m);

#endif
