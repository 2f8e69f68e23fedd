// SPDX-License-Identifier: MIT
/*
 * Children: line pipes on stdin, stdout and stderr, an event for each line and for the end.
 * One thread reaps every child of process 1, adopted orphans included; one thread a child reads.
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_MAX_BYTES 65536

struct stream {
	int fd;
	const char *name;
	size_t used;
	char buf[LINE_MAX_BYTES];
};

struct child {
	struct child *next;
	int pid, in, ended; /* ended: eventfd, written by the reaper */
	int status;
	struct stream out, err;
};

static struct child *children;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t born = PTHREAD_COND_INITIALIZER;
static unsigned int births;

static void send_line(struct child *c, struct stream *s, const char *line, size_t len)
{
	port_send(json_pack("{s:s, s:i, s:s, s:o}", "event", "line", "pid", c->pid, "stream", s->name,
			    "line", port_text(line, len)));
}

/* Reads what is there; returns false at end of file. */
static bool drain(struct child *c, struct stream *s)
{
	for (;;) {
		ssize_t n = read(s->fd, s->buf + s->used, sizeof(s->buf) - s->used);
		char *start = s->buf, *nl;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0) {
			if (s->used)
				send_line(c, s, s->buf, s->used);
			s->used = 0;
			return false;
		}
		s->used += n;
		while ((nl = memchr(start, '\n', s->buf + s->used - start))) {
			send_line(c, s, start, nl - start);
			start = nl + 1;
		}
		s->used = s->buf + s->used - start;
		memmove(s->buf, start, s->used);
		if (s->used == sizeof(s->buf)) {
			send_line(c, s, s->buf, s->used);
			s->used = 0;
		}
	}
}

static void forget(struct child *c)
{
	pthread_mutex_lock(&lock);
	for (struct child **p = &children; *p; p = &(*p)->next) {
		if (*p == c) {
			*p = c->next;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
	close(c->in);
	close(c->ended);
	close(c->out.fd);
	close(c->err.fd);
	free(c);
}

static void *reader(void *arg)
{
	struct child *c = arg;
	struct pollfd p[3] = {
		{ .fd = c->out.fd, .events = POLLIN },
		{ .fd = c->err.fd, .events = POLLIN },
		{ .fd = c->ended, .events = POLLIN },
	};

	for (;;) {
		if (poll(p, 3, -1) < 0)
			continue;
		if (p[0].revents && !drain(c, &c->out))
			p[0].fd = -1;
		if (p[1].revents && !drain(c, &c->err))
			p[1].fd = -1;
		if (p[2].revents & POLLIN) {
			/* A grandchild may hold the pipes open: the end of the child decides. */
			if (p[0].fd >= 0)
				drain(c, &c->out);
			if (p[1].fd >= 0)
				drain(c, &c->err);
			break;
		}
	}
	if (WIFEXITED(c->status))
		port_send(json_pack("{s:s, s:i, s:i, s:n}", "event", "exit", "pid", c->pid, "status",
				    WEXITSTATUS(c->status), "signal"));
	else
		port_send(json_pack("{s:s, s:i, s:n, s:i}", "event", "exit", "pid", c->pid, "status",
				    "signal", WTERMSIG(c->status)));
	forget(c);
	return NULL;
}

static void *reaper(void *arg)
{
	(void)arg;
	for (;;) {
		struct child *c;
		unsigned int seen;
		int status;
		pid_t pid;

		pthread_mutex_lock(&lock);
		seen = births;
		pthread_mutex_unlock(&lock);
		pid = waitpid(-1, &status, 0);
		if (pid < 0) {
			pthread_mutex_lock(&lock);
			while (errno == ECHILD && births == seen)
				pthread_cond_wait(&born, &lock);
			pthread_mutex_unlock(&lock);
			continue;
		}
		/* proc_spawn() holds the lock from fork to enlisting: a child is always found. */
		pthread_mutex_lock(&lock);
		for (c = children; c; c = c->next) {
			if (c->pid == pid && c->ended >= 0) {
				c->status = status;
				eventfd_write(c->ended, 1);
				break;
			}
		}
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

void proc_init(void)
{
	pthread_t t;

	signal(SIGPIPE, SIG_IGN);
	if (!pthread_create(&t, NULL, reaper, NULL))
		pthread_detach(t);
}

static char **strings(json_t *list, char *const *first)
{
	size_t n = 0, extra = json_array_size(list);
	char **v;

	while (first && first[n])
		n++;
	v = calloc(n + extra + 1, sizeof(*v));
	if (!v)
		return NULL;
	for (size_t i = 0; i < n; i++)
		v[i] = first[i];
	for (size_t i = 0; i < extra; i++)
		v[n + i] = (char *)json_string_value(json_array_get(list, i));
	return v;
}

int proc_spawn(json_t *argv, json_t *env)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 }, fail[2] = { -1, -1 };
	struct child *c = calloc(1, sizeof(*c));
	char **args = strings(argv, NULL), **vars = strings(env, environ);
	int ret = 0, error;
	pthread_t t;

	if (!c || !args || !vars || !args[0] || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) ||
	    pipe2(err, O_CLOEXEC) || pipe2(fail, O_CLOEXEC)) {
		ret = args && !args[0] ? -EINVAL : -ENOMEM;
		goto undo;
	}
	c->ended = eventfd(0, EFD_CLOEXEC);
	pthread_mutex_lock(&lock);
	c->pid = fork();
	if (!c->pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		signal(SIGPIPE, SIG_DFL);
		setsid();
		prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0); /* ours, not the tests': they want huge pages */
		execvpe(args[0], args, vars);
		error = errno;
		if (write(fail[1], &error, sizeof(error)) < 0)
			_exit(126);
		_exit(127);
	}
	if (c->pid < 0) {
		ret = -errno;
		pthread_mutex_unlock(&lock);
		goto undo;
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	close(fail[1]);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	c->in = in[1];
	c->out.fd = out[0];
	c->out.name = "out";
	c->err.fd = err[0];
	c->err.name = "err";
	c->next = children;
	children = c;
	births++;
	pthread_cond_signal(&born);
	pthread_mutex_unlock(&lock);
	if (read(fail[0], &error, sizeof(error)) == sizeof(error))
		ret = -error;
	close(fail[0]);
	if (!ret)
		ret = c->pid;
	if (!pthread_create(&t, NULL, reader, c))
		pthread_detach(t);
	free(args);
	free(vars);
	return ret;
undo:
	for (int i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
		close(err[i]);
		close(fail[i]);
	}
	free(c);
	free(args);
	free(vars);
	return ret;
}

int proc_send(int pid, const char *line)
{
	size_t len = strlen(line);
	char *copy = malloc(len + 1);
	int fd = -1, ret = -ESRCH;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, line, len);
	copy[len] = '\n';
	pthread_mutex_lock(&lock);
	for (struct child *c = children; c; c = c->next)
		if (c->pid == pid)
			fd = fcntl(c->in, F_DUPFD_CLOEXEC, 3);
	pthread_mutex_unlock(&lock);
	if (fd >= 0) {
		ssize_t n = write(fd, copy, len + 1);

		ret = n == (ssize_t)len + 1 ? 0 : n < 0 ? -errno : -EIO;
		close(fd);
	}
	free(copy);
	return ret;
}
