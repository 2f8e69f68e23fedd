// SPDX-License-Identifier: MIT
/* Control socket of the rig. A bad request gets an error reply and harms nobody. */
#define _GNU_SOURCE
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport.h"

/* ---- clients ------------------------------------------------------------------------ */

static void drop(struct control_client *cl)
{
	if (cl->fd >= 0)
		close(cl->fd);
	free(cl->in);
	free(cl->out);
	*cl = (struct control_client){ .fd = -1 };
}

/* Sends what it takes without waiting. False: the client is lost. */
static bool flush(struct control_client *cl)
{
	while (cl->out_sent < cl->out_len) {
		ssize_t n = send(cl->fd, cl->out + cl->out_sent, cl->out_len - cl->out_sent,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		cl->out_sent += (size_t)n;
	}
	free(cl->out);
	cl->out = NULL;
	cl->out_len = 0;
	cl->out_sent = 0;
	return true;
}

static bool queue(struct control_client *cl, const json_t *reply)
{
	char *text = json_dumps(reply, JSON_COMPACT), *bigger;
	size_t n;

	if (!text)
		return false;
	n = strlen(text);
	bigger = cl->out_len + n < CONTROL_BACKLOG ? realloc(cl->out, cl->out_len + n + 1) : NULL;
	if (bigger) {
		cl->out = bigger;
		memcpy(cl->out + cl->out_len, text, n);
		cl->out[cl->out_len + n] = '\n';
		cl->out_len += n + 1;
	}
	free(text);
	return bigger;
}

static bool answer(struct control_client *cl, json_t *reply)
{
	bool good = reply && queue(cl, reply);

	json_decref(reply);
	return good;
}

/* Executes the complete lines received so far. */
static bool execute(struct control *c, struct control_client *cl)
{
	char *start = cl->in, *end = cl->in + cl->in_len, *nl;

	while ((nl = memchr(start, '\n', (size_t)(end - start)))) {
		if (!answer(cl, control_execute(c->g, start, (size_t)(nl - start), &c->shutdown)))
			return false;
		start = nl + 1;
	}
	cl->in_len = (size_t)(end - start);
	memmove(cl->in, start, cl->in_len);
	if (cl->in_len < CONTROL_LINE)
		return true;
	log_error("control: line too long");
	if (answer(cl, json_pack("{sb ss}", "ok", 0, "error", "line too long")))
		flush(cl);
	return false;
}

/* False: drop the client. */
static bool serve(struct control *c, struct control_client *cl, short revents)
{
	ssize_t n;

	if (revents & (POLLERR | POLLNVAL))
		return false;
	if (revents & (POLLIN | POLLHUP)) {
		n = recv(cl->fd, cl->in + cl->in_len, CONTROL_LINE - cl->in_len, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return false;
		if (n > 0) {
			cl->in_len += (size_t)n;
			if (!execute(c, cl))
				return false;
		}
	}
	return flush(cl);
}

static void take_client(struct control *c)
{
	int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		struct control_client *cl = &c->clients[i];

		if (cl->fd >= 0)
			continue;
		cl->in = malloc(CONTROL_LINE);
		if (!cl->in)
			break;
		cl->fd = fd;
		return;
	}
	log_error("control: too many clients");
	close(fd);
}

int control_open(struct control *c, struct vgpu *g, const char *path)
{
	*c = (struct control){ .g = g };
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		c->clients[i].fd = -1;
	c->listen_fd = unix_listen(path);
	if (c->listen_fd < 0)
		return c->listen_fd;
	c->path = strdup(path);
	return 0;
}

void control_close(struct control *c)
{
	if (c->listen_fd < 0)
		return;
	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		if (c->clients[i].fd >= 0)
			flush(&c->clients[i]);
		drop(&c->clients[i]);
	}
	close(c->listen_fd);
	c->listen_fd = -1;
	if (c->path)
		unlink(c->path);
	free(c->path);
	c->path = NULL;
}

nfds_t control_poll(const struct control *c, struct pollfd *p)
{
	nfds_t n = 0;

	p[n++] = (struct pollfd){ .fd = c->listen_fd, .events = POLLIN };
	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		const struct control_client *cl = &c->clients[i];

		if (cl->fd >= 0)
			/* who does not read replies may not ask more */
			p[n++] = (struct pollfd){ .fd = cl->fd,
						  .events = cl->out_len ? POLLOUT : POLLIN };
	}
	return n;
}

void control_ready(struct control *c, const struct pollfd *p, nfds_t n)
{
	for (nfds_t k = 1; k < n; k++) {
		if (!p[k].revents)
			continue;
		for (int i = 0; i < CONTROL_CLIENTS; i++) {
			if (c->clients[i].fd != p[k].fd)
				continue;
			if (!serve(c, &c->clients[i], p[k].revents))
				drop(&c->clients[i]);
			break;
		}
	}
	if (n && p[0].revents)
		take_client(c);
}
