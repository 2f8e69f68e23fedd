/* SPDX-License-Identifier: MIT */
/* Control socket: one JSON object a line, one reply line each. */
#ifndef VGPU_CONTROL_H
#define VGPU_CONTROL_H

#include <poll.h>

#include "vgpu.h"

#define CONTROL_CLIENTS 16
/* Longest request line, with its newline. */
#define CONTROL_LINE 65536u
/* Bytes of replies a client may leave unread before it is dropped. */
#define CONTROL_BACKLOG (64u << 20)
/* Events in one reply to "witness"; "next" tells where to go on. */
#define CONTROL_EVENTS 1000u

struct control_client {
	int fd; /* -1: free */
	char *in, *out;
	size_t in_len, out_len, out_sent;
};

struct control {
	struct vgpu *g;
	int listen_fd;
	char *path;
	bool shutdown; /* somebody asked for it */
	struct control_client clients[CONTROL_CLIENTS];
};

/* control_open - listen at @path. Returns 0 or -errno. */
int control_open(struct control *c, struct vgpu *g, const char *path);
/* control_close - sends what is pending if it can go at once, closes, removes the socket file if it may. */
void control_close(struct control *c);
/* control_poll - fills @p (room for CONTROL_CLIENTS + 1), returns how many. */
nfds_t control_poll(const struct control *c, struct pollfd *p);
/* control_ready - serves what poll() found. */
void control_ready(struct control *c, const struct pollfd *p, nfds_t n);

/*
 * control_execute - one request line (@len bytes, no newline) against @g;
 * sets *@shutdown if it asks for that. Returns the reply as a new object, NULL
 * without memory. Loop thread.
 */
json_t *control_execute(struct vgpu *g, const char *line, size_t len, bool *shutdown);

#endif
