// SPDX-License-Identifier: MIT
/* The virtio-serial port: lines of JSON. */
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int port_fd = -1;
static pthread_mutex_t send_lock = PTHREAD_MUTEX_INITIALIZER;

/* No udev here: the port's name is in sysfs. */
static bool find_port(char *path, size_t size)
{
	DIR *dir = opendir("/sys/class/virtio-ports");
	struct dirent *e;
	bool found = false;

	if (!dir)
		return false;
	while (!found && (e = readdir(dir))) {
		char file[512], name[64] = "";
		FILE *f;

		if (e->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "/sys/class/virtio-ports/%s/name", e->d_name);
		f = fopen(file, "re");
		if (!f)
			continue;
		if (fgets(name, sizeof(name), f)) {
			name[strcspn(name, "\n")] = 0;
			if (!strcmp(name, AGENT_PORT)) {
				snprintf(path, size, "/dev/%s", e->d_name);
				found = true;
			}
		}
		fclose(f);
	}
	closedir(dir);
	return found;
}

void port_open(void)
{
	char path[300];

	for (;;) {
		if (find_port(path, sizeof(path))) {
			port_fd = open(path, O_RDWR | O_CLOEXEC);
			if (port_fd >= 0)
				return;
		}
		poll(NULL, 0, 5);
	}
}

void port_send(json_t *obj)
{
	char *line = json_dumps(obj, JSON_COMPACT);
	size_t len, done = 0;

	json_decref(obj);
	if (!line)
		return;
	len = strlen(line);
	line[len++] = '\n'; /* the terminating zero is not sent: its byte is ours */
	pthread_mutex_lock(&send_lock);
	while (done < len) {
		ssize_t n = write(port_fd, line + done, len - done);

		if (n > 0) {
			done += n;
		} else if (n < 0 && errno != EINTR) {
			/* Nobody listens: a line is lost, the agent is not. */
			if (errno != EAGAIN)
				break;
			poll(NULL, 0, 1);
		}
	}
	pthread_mutex_unlock(&send_lock);
	free(line);
}

void port_loop(void (*handle)(json_t *req))
{
	size_t size = 65536, used = 0;
	char *buf = malloc(size);

	for (;;) {
		char *start = buf, *nl;
		ssize_t n;

		if (used == size) {
			char *more = realloc(buf, size * 2);

			if (!more) {
				used = 0;
				continue;
			}
			buf = more;
			size *= 2;
		}
		n = read(port_fd, buf + used, size - used);
		if (n <= 0) {
			/* 0: the host has closed its end for now. */
			struct pollfd p = { .fd = port_fd, .events = POLLIN };

			poll(&p, 1, n ? 10 : 50);
			if (p.revents & POLLHUP)
				poll(NULL, 0, 20);
			continue;
		}
		used += n;
		start = buf;
		while ((nl = memchr(start, '\n', buf + used - start))) {
			json_error_t err;
			json_t *req = json_loadb(start, nl - start, 0, &err);

			if (req)
				handle(req);
			else
				port_send(json_pack("{s:s, s:b, s:s}", "event", "bad-request", "ok", 0,
						    "error", err.text));
			start = nl + 1;
		}
		used = buf + used - start;
		memmove(buf, start, used);
	}
}

json_t *port_text(const char *s, size_t len)
{
	json_t *str = json_stringn(s, len);
	char *copy;

	if (str)
		return str;
	copy = malloc(len + 1);
	if (!copy)
		return json_string("");
	for (size_t i = 0; i < len; i++)
		copy[i] = (s[i] & 0x80) || !s[i] ? '?' : s[i];
	str = json_stringn(copy, len);
	free(copy);
	return str ? str : json_string("");
}
