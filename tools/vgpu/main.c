// SPDX-License-Identifier: MIT
/* The program: options, the loop over all sockets, the way out. */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "control.h"
#include "events.h"
#include "log.h"
#include "sandbox.h"
#include "transport.h"
#include "vgpu.h"

const char *argp_program_version = "vgpu 1";

struct options {
	const char *socket, *control, *personality, *log;
	bool no_sandbox;
};

#define KEY_NO_SANDBOX 256

static const struct argp_option options[] = {
	{ "socket", 's', "PATH", 0, "listen here for a vfio-user client such as QEMU (required)", 0 },
	{ "control", 'c', "PATH", 0, "listen here for control requests, one JSON object a line", 0 },
	{ "personality", 'p', "NAME", 0, "GPU model (default: lnl)", 0 },
	{ "log", 'l', "FILE", 0, "write the log to FILE, not to stderr", 0 },
	{ "no-sandbox", KEY_NO_SANDBOX, NULL, 0, "keep privileges and all system calls", 0 },
	{ "verbose", 'v', NULL, 0, "log what the driver does, too", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case 's':
		o->socket = arg;
		return 0;
	case 'c':
		o->control = arg;
		return 0;
	case 'p':
		o->personality = arg;
		return 0;
	case 'l':
		o->log = arg;
		return 0;
	case KEY_NO_SANDBOX:
		o->no_sandbox = true;
		return 0;
	case 'v':
		vgpu_log_level = VGPU_LOG_DEBUG;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument: %s", arg);
		return 0;
	case ARGP_KEY_END:
		if (!o->socket)
			argp_error(state, "--socket is required");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Virtual Intel Xe2 GPU behind a vfio-user socket.\v"
	       "Ends on SIGTERM, SIGINT or the control request \"shutdown\". Exit status: 0 after an "
	       "orderly end, 1 if the device cannot be set up, 2 wrong use.",
};

/* Runs until somebody wants the end. */
static void loop(struct transport *t, struct control *c, int sig_fd)
{
	struct pollfd p[4 + CONTROL_CLIENTS];

	while (!c->shutdown) {
		nfds_t n = 3;

		p[0] = (struct pollfd){ .fd = sig_fd, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = transport_fd(t), .events = POLLIN };
		p[2] = (struct pollfd){ .fd = vgpu_events_fd(t->g->events), .events = POLLIN };
		if (c->listen_fd >= 0)
			n += control_poll(c, p + 3);
		if (poll(p, n, -1) < 0) {
			if (errno == EINTR)
				continue;
			log_error("poll: %s", strerror(errno));
			return;
		}
		if (p[0].revents)
			return;
		if (p[1].revents)
			transport_ready(t);
		if (p[2].revents)
			vgpu_events_ready(t->g);
		if (n > 3)
			control_ready(c, p + 3, n - 3);
	}
}

/* Registers no table names: the first thing to look at after an update of the driver. */
static void log_unknown_registers(struct vgpu *g)
{
	json_t *stats = json_object(), *count;
	const char *reg;

	vgpu_hw_stats(g, stats);
	json_object_foreach(json_object_get(stats, "unknown_registers"), reg, count)
		log_info("unknown register %s: %lld accesses", reg,
			 (long long)json_integer_value(count));
	json_decref(stats);
}

/* Opens the sockets. Returns false after saying what is wrong. */
static bool listen_all(const struct options *o, struct transport *t, struct control *c)
{
	int err = o->control ? control_open(c, NULL, o->control) : 0;

	if (err) {
		fprintf(stderr, "vgpu: %s: %s\n", o->control, strerror(-err));
		return false;
	}
	err = transport_open(t, NULL, o->socket);
	if (err)
		fprintf(stderr, "vgpu: %s: %s\n", o->socket, strerror(-err));
	return !err;
}

/*
 * The device behind the sockets, locked in; NULL after saying why not. Privileges go after the
 * sockets are there and before any thread is; the filter comes when nothing needs opening any more.
 */
static struct vgpu *power_on(const struct options *o, const struct personality *p)
{
	int err = o->no_sandbox ? 0 : sandbox_drop_privileges();
	struct vgpu *g = err ? NULL : vgpu_new(p);

	if (!g) {
		log_error("cannot set the device up: %s", strerror(err ? -err : errno));
		return NULL;
	}
	err = o->no_sandbox ? 0 : sandbox_enter();
	if (err == -ENOSYS || err == -EINVAL) {
		log_info("no filter for system calls on this machine");
	} else if (err) {
		log_error("sandbox: %s", strerror(-err));
		vgpu_free(g);
		return NULL;
	}
	return g;
}

static int start(const struct options *o, const struct personality *p, int sig_fd)
{
	struct control control = { .listen_fd = -1 };
	struct transport transport = { .listen_fd = -1 };
	struct vgpu *g = NULL;

	if (listen_all(o, &transport, &control))
		g = power_on(o, p);
	if (g) {
		control.g = g;
		transport.g = g;
		fprintf(stderr, "vgpu: listening on %s\n", o->socket);
		loop(&transport, &control, sig_fd);
		log_info("shutting down");
		log_unknown_registers(g);
	}
	control_close(&control);
	transport_close(&transport);
	vgpu_free(g);
	return g ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct options o = { .personality = "lnl" };
	const struct personality *p;
	sigset_t set;
	int err, sig_fd;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	p = personality_find(o.personality);
	if (!p) {
		fprintf(stderr, "vgpu: unknown personality: %s; known:", o.personality);
		for (size_t i = 0; (p = personality_at(i)); i++)
			fprintf(stderr, " %s", p->name);
		fputc('\n', stderr);
		return 2;
	}
	err = o.log ? vgpu_log_open(o.log) : 0;
	if (err) {
		fprintf(stderr, "vgpu: %s: %s\n", o.log, strerror(-err));
		return 2;
	}
	/* before any thread exists, so that all of them inherit it */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	sig_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sig_fd < 0) {
		fprintf(stderr, "vgpu: signalfd: %s\n", strerror(errno));
		return 1;
	}
	return start(&o, p, sig_fd);
}
