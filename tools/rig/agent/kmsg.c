// SPDX-License-Identifier: MIT
/*
 * The kernel log as events. A record of /dev/kmsg is "prio,seq,us,flags[,...];text\n" followed by
 * continuation lines that begin with a space (Documentation/ABI/testing/dev-kmsg).
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define BATCH 128

static int log_fd = -1;

static json_t *parse(char *rec, size_t len)
{
	unsigned int prio;
	unsigned long long seq, us;
	char *text = memchr(rec, ';', len), *end;

	if (!text || sscanf(rec, "%u,%llu,%llu", &prio, &seq, &us) != 3)
		return NULL;
	text++;
	end = memchr(text, '\n', rec + len - text);
	if (!end)
		end = rec + len;
	return json_pack("[i, I, I, o]", (int)(prio & 7), (json_int_t)seq, (json_int_t)us,
			 port_text(text, end - text));
}

static void *stream(void *arg)
{
	static char rec[16384];
	struct pollfd p = { .fd = log_fd, .events = POLLIN };

	(void)arg;
	for (;;) {
		json_t *batch = json_array();
		bool lost = false;

		poll(&p, 1, -1);
		while (json_array_size(batch) < BATCH) {
			ssize_t n = read(log_fd, rec, sizeof(rec) - 1);

			if (n > 0) {
				json_t *r;

				rec[n] = 0;
				r = parse(rec, n);
				if (r)
					json_array_append_new(batch, r);
			} else if (n < 0 && errno == EPIPE) {
				lost = true;
			} else if (n < 0 && errno == EINTR) {
				continue;
			} else {
				break;
			}
		}
		port_send(json_pack("{s:s, s:b, s:o}", "event", "kmsg", "lost", (int)lost, "records", batch));
	}
	return NULL;
}

void kmsg_start(void)
{
	pthread_t t;

	log_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (log_fd >= 0 && !pthread_create(&t, NULL, stream, NULL))
		pthread_detach(t);
}

int kmsg_write(const char *text)
{
	/* A record without its newline stays open for continuation and is shown to nobody. */
	struct iovec v[] = { { (void *)text, strlen(text) }, { "\n", 1 } };
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (writev(fd, v, 2) < 0)
		ret = -errno;
	close(fd);
	return ret;
}
