// SPDX-License-Identifier: MIT
/*
 * Kernel log and DMA-API debugging, see judge.h.
 */
#include "judge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"
#include "igt.h"

#define WARNING		4	/* KERN_WARNING */
#define MOST		12	/* lines of one subtest that are shown */
#define TAINT_DIE	(1u << 7)
#define DMA_API		"/sys/kernel/debug/dma-api/"

/* Not about the device: clocks of a machine under load. */
static const char *const harmless[] = {
	"hrtimer: interrupt took", "clocksource: ", "sched_clock: ", "Setting dangerous option ",
};

static bool read_number(const char *path, unsigned long *value)
{
	FILE *f = fopen(path, "re");
	bool ok;

	if (!f)
		return false;
	ok = fscanf(f, "%lu", value) == 1;
	fclose(f);
	return ok;
}

void judge_prepare(void)
{
	int fd = open(DMA_API "all_errors", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "1", 1) != 1)
		igt_info("DMA-API debugging shows one error a boot\n");
	close(fd);
}

int judge_begin(struct judge *j)
{
	memset(j, 0, sizeof(*j));
	j->kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (j->kmsg < 0)
		return -1;
	lseek(j->kmsg, 0, SEEK_END);
	j->dma_known = read_number(DMA_API "error_count", &j->dma_errors);
	read_number("/proc/sys/kernel/tainted", &j->taint);
	return 0;
}

bool judge_record(char *record, const char **text)
{
	char *body = strchr(record, ';');
	unsigned long head = strtoul(record, NULL, 10);	/* facility << 3 | level */

	if (!body || head > WARNING)	/* other facilities are programs, not the kernel */
		return false;
	body++;
	body[strcspn(body, "\n")] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
		if (!strncmp(body, harmless[i], strlen(harmless[i])))
			return false;
	*text = body;
	return true;
}

static unsigned int judge_log(int kmsg)
{
	unsigned int bad = 0;
	char record[8192];
	bool lost = false;
	ssize_t n;

	while ((n = read(kmsg, record, sizeof(record) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		const char *text;

		if (n < 0) {
			lost = true;
			continue;
		}
		record[n] = 0;
		if (judge_record(record, &text) && bad++ < MOST)
			igt_critical("kernel log: %s", text);
	}
	if (bad > MOST)
		igt_critical("kernel log: %u lines more", bad - MOST);
	if (lost)
		igt_critical("kernel log: lines were overwritten before they could be read");
	return bad + lost;
}

unsigned int judge_end(struct judge *j)
{
	unsigned long now = 0;
	unsigned int bad = judge_log(j->kmsg);

	close(j->kmsg);
	if (j->dma_known && read_number(DMA_API "error_count", &now) && now > j->dma_errors) {
		igt_critical("DMA-API debugging counts %lu new errors", now - j->dma_errors);
		bad++;
	}
	return bad;
}

bool judge_kernel_died(const struct judge *j)
{
	unsigned long now = 0;

	return read_number("/proc/sys/kernel/tainted", &now) && (now & ~j->taint & TAINT_DIE);
}
