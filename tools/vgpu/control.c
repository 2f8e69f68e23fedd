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

#include "dma.h"
#include "pci.h"
#include "transport.h"
#include "witness.h"

/* ---- requests ----------------------------------------------------------------------- */

static json_t *fail(const char *text)
{
	return json_pack("{sb ss}", "ok", 0, "error", text);
}

static json_t *ok(void)
{
	return json_pack("{sb}", "ok", 1);
}

/* The boolean @key of @o: 0, 1, or -1 if it is missing or something else. */
static int get_bool(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_boolean(v) ? json_is_true(v) : -1;
}

static void set_int(json_t *o, const char *key, uint64_t v)
{
	json_object_set_new(o, key, json_integer((json_int_t)v));
}

static json_t *stats_object(struct vgpu *g)
{
	struct vgpu_dma_stats d;
	struct vgpu_pci_stats p;
	json_t *o = json_object();

	if (!o)
		return NULL;
	vgpu_dma_get_stats(g->dma, &d);
	vgpu_pci_get_stats(g->pci, &p);
	json_object_set_new(o, "connected", json_boolean(g->connected));
	json_object_set_new(o, "dead", json_boolean(vgpu_is_dead(g)));
	json_object_set_new(o, "gone", json_boolean(g->gone));
	json_object_set_new(o, "bus_master", json_boolean(vgpu_dma_bus_master(g->dma)));
	set_int(o, "live_dma_pages", d.live_pages);
	set_int(o, "unbacked_dma_pages", d.unbacked_pages);
	set_int(o, "dma_tables", d.tables);
	set_int(o, "dma_files", d.files);
	set_int(o, "dma_map", d.maps);
	set_int(o, "dma_unmap", d.unmaps);
	set_int(o, "dma_reads", d.reads);
	set_int(o, "dma_writes", d.writes);
	set_int(o, "dma_bytes", d.bytes);
	set_int(o, "dma_faults", d.faults);
	set_int(o, "mmio_reads", g->mmio_reads);
	set_int(o, "mmio_writes", g->mmio_writes);
	set_int(o, "mmio_dead", g->mmio_dead);
	set_int(o, "msi", p.msi);
	set_int(o, "msi_dropped", p.msi_dropped);
	vgpu_hw_stats(g, o);
	return o;
}

static json_t *cmd_hello(struct vgpu *g, const json_t *req)
{
	(void)req;
	return json_pack("{sb si ss si}", "ok", 1, "version", 1, "personality",
			 g->personality->name, "pid", (int)getpid());
}

static json_t *cmd_stats(struct vgpu *g, const json_t *req)
{
	(void)req;
	return json_pack("{sb so}", "ok", 1, "stats", stats_object(g));
}

static json_t *cmd_mark(struct vgpu *g, const json_t *req)
{
	const char *name = json_string_value(json_object_get(req, "name"));

	if (!name)
		return fail("mark needs a string \"name\"");
	vgpu_witness_mark(g->witness, name);
	log_info("mark %s", name);
	return ok();
}

static json_t *cmd_dead(struct vgpu *g, const json_t *req)
{
	int on = get_bool(req, "on");

	if (on < 0)
		return fail("dead needs a boolean \"on\"");
	vgpu_set_dead(g, on);
	return ok();
}

static json_t *cmd_gone(struct vgpu *g, const json_t *req)
{
	static const char *const keys[] = { "live_dma_pages", "unbacked_dma_pages", "contexts",
					    "jobs_running", "bus_master" };
	int on = get_bool(req, "on");
	json_t *out, *stats;

	if (on < 0)
		return fail("gone needs a boolean \"on\"");
	out = ok();
	if (on) {
		/* first the picture, so that nothing that follows is in it */
		stats = stats_object(g);
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			json_object_set(out, keys[i], json_object_get(stats, keys[i]));
		json_decref(stats);
	}
	vgpu_set_gone(g, on);
	return out;
}

static json_t *cmd_witness(struct vgpu *g, const json_t *req)
{
	const json_t *since = json_object_get(req, "since");
	json_t *out;

	if (since && (!json_is_integer(since) || json_integer_value(since) < 0))
		return fail("witness: \"since\" is no event number");
	vgpu_gone_check(g);
	out = vgpu_witness_json(g->witness, (uint64_t)json_integer_value(since), CONTROL_EVENTS);
	if (out)
		json_object_set_new(out, "ok", json_true());
	return out;
}

static json_t *cmd_accesses(struct vgpu *g, const json_t *req)
{
	(void)req;
	return json_pack("{sb so}", "ok", 1, "accesses", vgpu_witness_recent(g));
}

static json_t *cmd_shutdown(struct vgpu *g, const json_t *req)
{
	(void)g;
	(void)req;
	return ok();
}

static const struct {
	const char *name;
	json_t *(*run)(struct vgpu *g, const json_t *req);
} requests[] = {
	{ "hello", cmd_hello },	  { "stats", cmd_stats },	{ "mark", cmd_mark },
	{ "dead", cmd_dead },	  { "gone", cmd_gone },		{ "witness", cmd_witness },
	{ "accesses", cmd_accesses }, { "shutdown", cmd_shutdown },
};

json_t *control_execute(struct vgpu *g, const char *line, size_t len, bool *shutdown)
{
	json_t *req = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL), *out = NULL;
	const char *name = json_string_value(json_object_get(req, "cmd"));

	if (!json_is_object(req))
		out = fail("not a JSON object");
	else if (!name)
		out = fail("no string \"cmd\"");
	for (size_t i = 0; !out && i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (strcmp(name, requests[i].name))
			continue;
		out = requests[i].run(g, req);
		if (requests[i].run == cmd_shutdown)
			*shutdown = true;
		break;
	}
	if (!out)
		out = fail("unknown command");
	json_decref(req);
	return out;
}

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
	if (answer(cl, fail("line too long")))
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
