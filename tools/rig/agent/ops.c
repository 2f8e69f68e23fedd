// SPDX-License-Identifier: MIT
/* The operations of the protocol (Documentation/rig.rst, "Guest agent"). */
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_MAX (16 << 20)

/* Each handler fills reply and returns 0 or -errno. */
typedef int (*op_fn)(json_t *req, json_t *reply);

static const char *text_of(json_t *req, const char *key)
{
	return json_string_value(json_object_get(req, key));
}

static int op_kmsg(json_t *req, json_t *reply)
{
	const char *text = text_of(req, "text");

	(void)reply;
	return text ? kmsg_write(text) : -EINVAL;
}

static int op_spawn(json_t *req, json_t *reply)
{
	int pid = proc_spawn(json_object_get(req, "argv"), json_object_get(req, "env"));

	if (pid < 0)
		return pid;
	json_object_set_new(reply, "pid", json_integer(pid));
	return 0;
}

static int op_send(json_t *req, json_t *reply)
{
	const char *line = text_of(req, "line");

	(void)reply;
	return line ? proc_send(json_integer_value(json_object_get(req, "pid")), line) : -EINVAL;
}

static int op_signal(json_t *req, json_t *reply)
{
	int pid = json_integer_value(json_object_get(req, "pid"));

	(void)reply;
	/* 0 and below name process groups, 1 is the agent. */
	if (pid <= 1)
		return -EINVAL;
	return kill(pid, json_integer_value(json_object_get(req, "sig"))) ? -errno : 0;
}

static int op_write(json_t *req, json_t *reply)
{
	const char *path = text_of(req, "path"), *data = text_of(req, "data");
	uint64_t begin;
	ssize_t n;
	int fd, ret;

	if (!path || !data)
		return -EINVAL;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	begin = agent_now_ns();
	n = write(fd, data, strlen(data));
	ret = n < 0 ? -errno : 0;
	json_object_set_new(reply, "ns", json_integer(agent_now_ns() - begin));
	close(fd);
	return ret;
}

static int op_read(json_t *req, json_t *reply)
{
	const char *path = text_of(req, "path");
	json_int_t max = json_integer_value(json_object_get(req, "max"));
	size_t used = 0;
	char *buf;
	int fd, ret = 0;

	if (!path)
		return -EINVAL;
	if (max <= 0 || max > READ_MAX)
		max = READ_MAX;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	buf = malloc(max);
	while (buf && used < (size_t)max) {
		ssize_t n = read(fd, buf + used, max - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			ret = -errno;
		if (n <= 0)
			break;
		used += n;
	}
	close(fd);
	if (!buf)
		return -ENOMEM;
	json_object_set_new(reply, "data", port_text(buf, used));
	free(buf);
	return ret;
}

static int op_list(json_t *req, json_t *reply)
{
	const char *path = text_of(req, "path");
	json_t *names;
	struct dirent *e;
	DIR *dir;

	if (!path)
		return -EINVAL;
	dir = opendir(path);
	if (!dir)
		return -errno;
	names = json_array();
	while ((e = readdir(dir)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			json_array_append_new(names, port_text(e->d_name, strlen(e->d_name)));
	closedir(dir);
	json_object_set_new(reply, "names", names);
	return 0;
}

static int op_readlink(json_t *req, json_t *reply)
{
	const char *path = text_of(req, "path");
	char target[4096];
	ssize_t n;

	if (!path)
		return -EINVAL;
	n = readlink(path, target, sizeof(target));
	if (n < 0)
		return -errno;
	json_object_set_new(reply, "target", port_text(target, n));
	return 0;
}

/* Writes each of words, 16 bits little-endian, at one offset, with nothing between two of them. */
static int op_poke(json_t *req, json_t *reply)
{
	json_t *words = json_object_get(req, "words"), *word;
	off_t offset = json_integer_value(json_object_get(req, "offset"));
	const char *path = text_of(req, "path");
	int fd, ret = 0;
	size_t i;

	(void)reply;
	if (!path || !json_is_array(words))
		return -EINVAL;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	json_array_foreach(words, i, word) {
		json_int_t value = json_integer_value(word);
		unsigned char bytes[2] = { value & 0xff, value >> 8 & 0xff };

		if (!json_is_integer(word) || value < 0 || value > 0xffff) {
			ret = -EINVAL;
			break;
		}
		errno = 0;
		if (pwrite(fd, bytes, sizeof(bytes), offset) != sizeof(bytes)) {
			ret = errno ? -errno : -EIO;
			break;
		}
	}
	close(fd);
	return ret;
}

static const struct {
	const char *name;
	op_fn fn;
} ops[] = {
	{ "kmsg", op_kmsg },	 { "spawn", op_spawn }, { "send", op_send }, { "signal", op_signal },
	{ "write", op_write },	 { "read", op_read },	{ "list", op_list }, { "readlink", op_readlink },
	{ "poke", op_poke },
};

static void *serve(void *arg)
{
	json_t *req = arg, *reply = json_object();
	const char *name = text_of(req, "op");
	int ret = -ENOSYS;

	for (size_t i = 0; name && i < sizeof(ops) / sizeof(ops[0]); i++)
		if (!strcmp(ops[i].name, name))
			ret = ops[i].fn(req, reply);
	json_object_set(reply, "id", json_object_get(req, "id"));
	json_object_set_new(reply, "ok", json_boolean(!ret));
	if (ret) {
		json_object_set_new(reply, "errno", json_integer(-ret));
		json_object_set_new(reply, "error", json_string(strerror(-ret)));
	}
	json_decref(req);
	port_send(reply);
	return NULL;
}

void ops_handle(json_t *req)
{
	pthread_t t;

	if (pthread_create(&t, NULL, serve, req)) {
		port_send(json_pack("{s:O?, s:b, s:i, s:s}", "id", json_object_get(req, "id"), "ok", 0,
				    "errno", EAGAIN, "error", "no thread for the request"));
		json_decref(req);
		return;
	}
	pthread_detach(t);
}
