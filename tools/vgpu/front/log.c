// SPDX-License-Identifier: MIT
/* Log: one line a call, to stderr or to a file. */
#include "log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum vgpu_log_level vgpu_log_level = VGPU_LOG_INFO;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *file;

uint64_t vgpu_now_us(void)
{
	static atomic_ullong start;
	struct timespec ts;
	unsigned long long now, zero = 0;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (unsigned long long)ts.tv_sec * 1000000 + (unsigned long long)ts.tv_nsec / 1000;
	/* the first caller, whoever it is, sets the origin */
	if (atomic_compare_exchange_strong(&start, &zero, now - 1))
		return 1;
	return now - zero;
}

int vgpu_log_open(const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return -errno;
	pthread_mutex_lock(&lock);
	if (file)
		fclose(file);
	file = f;
	pthread_mutex_unlock(&lock);
	return 0;
}

void vgpu_log(enum vgpu_log_level level, const char *fmt, ...)
{
	static const char *const names[] = { "", "error", "info", "debug" };
	char line[512];
	va_list ap;
	uint64_t us;
	FILE *out;

	if (level > vgpu_log_level)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	/* text may come from a client: keep it one line and harmless on a terminal */
	for (char *p = line; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	us = vgpu_now_us();
	pthread_mutex_lock(&lock);
	out = file ? file : stderr;
	fprintf(out, "vgpu %5llu.%06llu %s: %s\n", (unsigned long long)(us / 1000000),
		(unsigned long long)(us % 1000000), names[level], line);
	fflush(out);
	pthread_mutex_unlock(&lock);
}
