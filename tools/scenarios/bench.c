// SPDX-License-Identifier: MIT
/*
 * Speed of the virtual GPU as a guest sees it, for `make bench`. Not a state:
 * measures, prints one line of JSON and ends.
 *
 *   bench --device /dev/dri/renderDN
 *
 * read_us: one trapped register read, mapped BAR0; job_us: an empty job on the
 * copy engine, exec to fence; copy_us: a job that copies 1 MiB.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common.h"
#include "median.h"
#include "mem.h"
#include "pair.h"

#define RPM_CONFIG0	0xd00	/* constant, without side effects */
#define READS		2000
#define JOBS		100
#define COPY_BYTES	(1u << 20)

static struct xe xe = { .fd = -1 };

/* Register BAR of the PCI device behind the open render node. */
static volatile uint32_t *map_bar0(void)
{
	char path[PATH_MAX];
	struct stat st;
	void *p;
	int fd;

	if (fstat(xe.fd, &st))
		return NULL;
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device/resource0",
		 major(st.st_rdev), minor(st.st_rdev));
	fd = open(path, O_RDWR | O_SYNC);
	if (fd < 0)
		return NULL;
	p = mmap(NULL, 0x1000, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static int bench_reads(double *us)
{
	volatile uint32_t *bar = map_bar0();
	static uint64_t ns[READS];

	if (!bar)
		return scn_fail("cannot map BAR0 through sysfs");
	for (size_t i = 0; i < READS; i++) {
		uint64_t began = scn_now_ns();

		(void)bar[RPM_CONFIG0 / 4];
		ns[i] = scn_now_ns() - began;
	}
	*us = median(ns, READS) / 1000.0;
	return 0;
}

static int bench_jobs(double *job_us, double *copy_us)
{
	static uint64_t ns[JOBS];
	struct pair p = { 0 };
	struct work w;
	struct batch b;

	if (work_open(&xe, &w, DRM_XE_ENGINE_CLASS_COPY) ||
	    pair_make(&xe, &p, COPY_BYTES, w.vm))
		return -1;
	for (size_t i = 0; i < JOBS; i++) {
		uint64_t began = scn_now_ns();

		batch_begin(&b, w.batch.map, w.batch.size, w.batch.va);
		if (work_run(&xe, &w, &b, "empty job"))
			return -1;
		ns[i] = scn_now_ns() - began;
	}
	*job_us = median(ns, JOBS) / 1000.0;

	mem_fill(p.src.map, p.src.size, 1);
	for (size_t i = 0; i < JOBS; i++) {
		uint64_t began = scn_now_ns();

		if (work_copy(&xe, &w, p.dst.va, p.src.va, COPY_BYTES, "copy of 1 MiB"))
			return -1;
		ns[i] = scn_now_ns() - began;
	}
	*copy_us = median(ns, JOBS) / 1000.0;
	return mem_check(p.dst.map, p.dst.size, 1, "copy of 1 MiB");
}

static int setup(const char *device)
{
	double read_us = 0, job_us = 0, copy_us = 0;
	int ret = xe_open(&xe, device);

	if (ret)
		return ret;
	if (bench_reads(&read_us) || bench_jobs(&job_us, &copy_us))
		return -1;
	printf("bench {\"read_us\": %.2f, \"job_us\": %.1f, \"copy_us\": %.1f}\n",
	       read_us, job_us, copy_us);
	return 0;
}

static const struct scenario scn = {
	.name = "bench",
	.summary = "speed of the virtual GPU",
	.setup = setup,
};
SCENARIO(scn);
