// SPDX-License-Identifier: MIT
/* DMA table: mapping rules, accesses and their failures, concurrency, cost. */
#define _GNU_SOURCE
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "dma.h"
#include "events.h"
#include "witness.h"

#define RW    (VGPU_DMA_READ | VGPU_DMA_WRITE)
#define PAGE  4096ull
#define RAM   HARNESS_RAM_IOVA
#define FAR   (1ull << 45)
#define OTHER 0x10000000ull /* nothing is mapped there at first */

static const struct dma_origin who = { "bcs0", 12 };

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static struct vgpu_dma_stats stats(struct harness *h)
{
	struct vgpu_dma_stats s;

	vgpu_dma_get_stats(h->g->dma, &s);
	return s;
}

static bool copy(struct vgpu *g, uint64_t dst, uint64_t src, size_t len)
{
	struct dma_seg s = { .dst = { .iova = dst }, .src = { .iova = src }, .len = len };

	return vgpu_dma_copy(g, &s, 1);
}

static void copies_across_pages(void **state)
{
	struct harness *h = *state;
	uint8_t out[3 * 65536], in[sizeof(out)];

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 + i / 256);
	assert_int_equal(vgpu_dma_write(h->g, RAM + 4001, out, sizeof(out), &who), DMA_OK);
	assert_memory_equal(h->ram + 4001, out, sizeof(out));
	assert_int_equal(h->ram[4000], 0);
	assert_int_equal(h->ram[4001 + sizeof(out)], 0);
	assert_int_equal(vgpu_dma_read(h->g, RAM + 4001, in, sizeof(in), &who), DMA_OK);
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(vgpu_dma_read(h->g, RAM, in, 0, &who), DMA_OK);
	assert_int_equal(harness_witness_total(h), 0);
}

/* Neighbouring bus addresses on pages in reverse order. */
static void scattered_pages(void **state)
{
	struct harness *h = *state;
	uint8_t buf[4 * 4096];

	for (uint64_t i = 0; i < 4; i++) {
		assert_int_equal(vgpu_dma_map(h->g->dma, OTHER + i * PAGE, PAGE, h->ram_fd,
					      (3 - i) * PAGE, RW),
				 0);
		memset(h->ram + (3 - i) * PAGE, (int)i + 1, PAGE);
	}
	assert_int_equal(vgpu_dma_read(h->g, OTHER, buf, sizeof(buf), &who), DMA_OK);
	for (size_t i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], i / PAGE + 1);
	/* many mappings of one file, one view of it */
	assert_int_equal(stats(h).files, 1);
}

static void atomics(void **state)
{
	struct harness *h = *state;
	uint64_t v64;
	uint32_t v32;

	assert_int_equal(vgpu_dma_write64(h->g, RAM + 8, 0x1122334455667788, &who), DMA_OK);
	assert_int_equal(ram64(h, 8), 0x1122334455667788);
	assert_int_equal(vgpu_dma_read32(h->g, RAM + 12, &v32, &who), DMA_OK);
	assert_int_equal(v32, 0x11223344);
	/* misaligned, across a page end */
	assert_int_equal(vgpu_dma_write64(h->g, RAM + PAGE - 3, 0xa1a2a3a4a5a6a7a8, &who), DMA_OK);
	assert_int_equal(vgpu_dma_read64(h->g, RAM + PAGE - 3, &v64, &who), DMA_OK);
	assert_int_equal(v64, 0xa1a2a3a4a5a6a7a8);
	assert_int_equal(vgpu_dma_write32(h->g, RAM + 1, 0xdeadbeef, &who), DMA_OK);
	assert_int_equal(h->ram[1], 0xef);
}

static void words(void **state)
{
	struct harness *h = *state;
	uint64_t v[3] = { 1, 2, 3 };

	for (uint32_t i = 0; i < 4; i++)
		ram64_set(h, 8 * i, 0x1111111111111111 * (i + 1));
	assert_int_equal(vgpu_dma_read_words(h->g, RAM + 8, v, 3, &who), DMA_OK);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(v[i], 0x1111111111111111 * (i + 2));
	assert_int_equal(vgpu_dma_read_words(h->g, RAM + 4, v, 2, &who), DMA_OK); /* not aligned */
	assert_int_equal(v[0], 0x2222222211111111);
	assert_int_equal(vgpu_dma_read_words(h->g, OTHER, v, 3, &who), DMA_NEVER_MAPPED);
	assert_int_equal(v[0] | v[1] | v[2], 0);
	assert_int_equal(harness_witness_total(h), 1);
}

/* Several copies at once: all of it or a caller that goes the long way. */
static void copies_of_many_pieces(void **state)
{
	struct harness *h = *state;
	uint8_t mine[300];
	struct dma_seg s[3] = {
		{ .src = { .iova = RAM }, .dst = { .iova = RAM + 0x10000 }, .len = 5000 },
		{ .src = { .iova = RAM + 5000 }, .dst = { .iova = RAM + 0x11388 }, .len = 100 },
		{ .src = { .mem = mine }, .dst = { .iova = RAM + 0x20ff0 }, .len = sizeof(mine) },
	};

	for (uint32_t i = 0; i < 5100; i++)
		h->ram[i] = (uint8_t)(i * 7);
	memset(mine, 0x5a, sizeof(mine));
	assert_true(vgpu_dma_copy(h->g, s, 3));
	assert_memory_equal(h->ram + 0x10000, h->ram, 5100);
	assert_memory_equal(h->ram + 0x20ff0, mine, sizeof(mine));
	assert_true(vgpu_dma_copy(h->g, s, 0));
	s[1].dst.iova = OTHER;
	assert_false(vgpu_dma_copy(h->g, s, 3));
	/* memory of the device's own needs no bus */
	s[2] = (struct dma_seg){ .src = { .mem = mine }, .dst = { .mem = mine + 150 }, .len = 100 };
	harness_bus_master(h, false);
	assert_true(vgpu_dma_copy(h->g, s + 2, 1));
	assert_false(vgpu_dma_copy(h->g, s, 1));
	s[2].dst = (struct dma_side){ .iova = RAM };
	assert_false(vgpu_dma_copy(h->g, s + 2, 1));
	harness_bus_master(h, true);
	vgpu_set_dead(h->g, true);
	s[2].dst = (struct dma_side){ .mem = mine + 150 };
	assert_false(vgpu_dma_copy(h->g, s + 2, 1));
	vgpu_set_dead(h->g, false);
	assert_int_equal(harness_witness_total(h), 0);
}

static void never_mapped(void **state)
{
	struct harness *h = *state;
	uint64_t v = 1;

	assert_int_equal(vgpu_dma_read64(h->g, OTHER, &v, &who), DMA_NEVER_MAPPED);
	assert_int_equal(v, 0);
	assert_int_equal(vgpu_dma_write64(h->g, OTHER, 1, &who), DMA_NEVER_MAPPED);
	assert_int_equal(vgpu_dma_write64(h->g, UINT64_MAX - 7, 1, &who), DMA_NEVER_MAPPED);
	assert_int_equal(harness_witness(h, WITNESS_DMA_NEVER_MAPPED), 3);
	assert_int_equal(harness_witness_total(h), 3);
}

static void after_unmap(void **state)
{
	struct harness *h = *state;
	uint64_t v = 1;

	ram64_set(h, PAGE, 42);
	assert_int_equal(vgpu_dma_unmap(h->g->dma, RAM + PAGE, PAGE), 0);
	assert_int_equal(vgpu_dma_read64(h->g, RAM + PAGE, &v, &who), DMA_AFTER_UNMAP);
	assert_int_equal(v, 0);
	assert_int_equal(vgpu_dma_write64(h->g, RAM + PAGE, 1, &who), DMA_AFTER_UNMAP);
	assert_int_equal(ram64(h, PAGE), 42);
	assert_int_equal(vgpu_dma_read64(h->g, RAM, &v, &who), DMA_OK);
	assert_int_equal(vgpu_dma_read64(h->g, RAM + 2 * PAGE, &v, &who), DMA_OK);
	assert_int_equal(harness_witness(h, WITNESS_DMA_AFTER_UNMAP), 2);
	/* mapped again, the past is forgotten */
	assert_int_equal(vgpu_dma_map(h->g->dma, RAM + PAGE, PAGE, h->ram_fd, PAGE, RW), 0);
	assert_int_equal(vgpu_dma_read64(h->g, RAM + PAGE, &v, &who), DMA_OK);
	assert_int_equal(v, 42);
}

/* One access over good, unmapped and never mapped pages: the good ones are done. */
static void partial_failure(void **state)
{
	struct harness *h = *state;
	uint8_t buf[6 * 4096];
	json_t *w, *e;

	memset(h->ram + HARNESS_RAM_SIZE - 4 * PAGE, 0x5a, 4 * PAGE);
	assert_int_equal(vgpu_dma_unmap(h->g->dma, RAM + HARNESS_RAM_SIZE - 3 * PAGE, 2 * PAGE), 0);
	memset(buf, 0xff, sizeof(buf));
	assert_int_equal(vgpu_dma_read(h->g, RAM + HARNESS_RAM_SIZE - 4 * PAGE, buf, sizeof(buf), &who),
			 DMA_AFTER_UNMAP);
	for (size_t i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], i / PAGE == 0 || i / PAGE == 3 ? 0x5a : 0);
	/* one event a run of pages */
	assert_int_equal(harness_witness(h, WITNESS_DMA_AFTER_UNMAP), 1);
	assert_int_equal(harness_witness(h, WITNESS_DMA_NEVER_MAPPED), 1);
	w = vgpu_witness_json(h->g, 0, 10, false);
	e = json_array_get(json_object_get(w, "events"), 0);
	assert_int_equal(json_integer_value(json_object_get(e, "iova")),
			 RAM + HARNESS_RAM_SIZE - 3 * PAGE);
	assert_int_equal(json_integer_value(json_object_get(e, "len")), 2 * PAGE);
	assert_int_equal(json_integer_value(json_object_get(e, "guc_id")), 12);
	assert_string_equal(json_string_value(json_object_get(e, "engine")), "bcs0");
	json_decref(w);
}

static void permissions(void **state)
{
	struct harness *h = *state;
	uint32_t v;

	assert_int_equal(vgpu_dma_map(h->g->dma, OTHER, PAGE, h->ram_fd, 0, VGPU_DMA_READ), 0);
	assert_int_equal(vgpu_dma_map(h->g->dma, OTHER + PAGE, PAGE, h->ram_fd, 0, VGPU_DMA_WRITE), 0);
	assert_int_equal(vgpu_dma_map(h->g->dma, OTHER + 2 * PAGE, PAGE, h->ram_fd, 0, 0), 0);
	assert_int_equal(vgpu_dma_write32(h->g, OTHER, 9, &who), DMA_READ_ONLY);
	assert_int_equal(ram32(h, 0), 0);
	assert_int_equal(vgpu_dma_read32(h->g, OTHER, &v, &who), DMA_OK);
	assert_int_equal(vgpu_dma_write32(h->g, OTHER + PAGE, 9, &who), DMA_OK);
	assert_int_equal(vgpu_dma_read32(h->g, OTHER + PAGE, &v, &who), DMA_READ_ONLY);
	assert_int_equal(v, 0);
	assert_int_equal(vgpu_dma_read32(h->g, OTHER + 2 * PAGE, &v, &who), DMA_READ_ONLY);
	assert_int_equal(harness_witness(h, WITNESS_DMA_READ_ONLY), 3);
}

static void unbacked(void **state)
{
	struct harness *h = *state;
	uint32_t v;

	assert_int_equal(vgpu_dma_map(h->g->dma, FAR, 1ull << 40, -1, 0x123, RW), 0);
	assert_int_equal(stats(h).unbacked_pages, 1ull << 28);
	assert_int_equal(vgpu_dma_read32(h->g, FAR + (1 << 30), &v, &who), DMA_NEVER_MAPPED);
	assert_int_equal(vgpu_dma_map(h->g->dma, FAR + PAGE, PAGE, h->ram_fd, 0, RW), -EEXIST);
	assert_int_equal(vgpu_dma_unmap(h->g->dma, FAR, 1ull << 40), 0);
	assert_int_equal(stats(h).unbacked_pages, 0);
}

static void map_refusals(void **state)
{
	const uint64_t top = 1ull << VGPU_DMA_ADDR_BITS;
	struct harness *h = *state;
	struct vgpu_dma *d = h->g->dma;
	struct vgpu_dma_stats before = stats(h), after;
	int ro, wo, p[2];
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", h->ram_fd);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	wo = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(ro >= 0 && wo >= 0);
	assert_int_equal(pipe(p), 0);

	assert_int_equal(vgpu_dma_map(d, OTHER, 0, h->ram_fd, 0, RW), -EINVAL);
	assert_int_equal(vgpu_dma_map(d, OTHER + 1, PAGE, h->ram_fd, 0, RW), -EINVAL);
	assert_int_equal(vgpu_dma_map(d, OTHER, PAGE + 1, h->ram_fd, 0, RW), -EINVAL);
	assert_int_equal(vgpu_dma_map(d, OTHER, PAGE, h->ram_fd, 5, RW), -EINVAL);
	assert_int_equal(vgpu_dma_map(d, OTHER, PAGE, h->ram_fd, 0, 4), -EINVAL);
	assert_int_equal(vgpu_dma_map(d, top, PAGE, h->ram_fd, 0, RW), -EINVAL);
	assert_int_equal(vgpu_dma_map(d, top - PAGE, 2 * PAGE, h->ram_fd, 0, RW), -EINVAL);
	assert_int_equal(vgpu_dma_map(d, -PAGE, 2 * PAGE, h->ram_fd, 0, RW), -EINVAL);
	assert_int_equal(vgpu_dma_map(d, OTHER, -PAGE, h->ram_fd, 0, RW), -EINVAL);
	/* beyond the end of the file, and numbers that wrap to within it */
	assert_int_equal(vgpu_dma_map(d, OTHER, PAGE, h->ram_fd, HARNESS_RAM_SIZE, RW), -EINVAL);
	assert_int_equal(vgpu_dma_map(d, OTHER, 2 * PAGE, h->ram_fd, HARNESS_RAM_SIZE - PAGE, RW),
			 -EINVAL);
	assert_int_equal(vgpu_dma_map(d, OTHER, 2 * PAGE, h->ram_fd, -PAGE, RW), -EINVAL);
	assert_int_equal(vgpu_dma_map(d, OTHER, PAGE, p[0], 0, RW), -EINVAL);
	assert_int_equal(vgpu_dma_map(d, OTHER, PAGE, 1000, 0, RW), -EINVAL);
	assert_int_equal(vgpu_dma_map(d, OTHER, PAGE, wo, 0, VGPU_DMA_WRITE), -EACCES);
	assert_int_equal(vgpu_dma_map(d, OTHER, PAGE, ro, 0, RW), -EACCES);
	assert_int_equal(vgpu_dma_map(d, RAM + PAGE, PAGE, h->ram_fd, 0, RW), -EEXIST);
	assert_int_equal(vgpu_dma_map(d, RAM - PAGE, 2 * PAGE, h->ram_fd, 0, RW), -EEXIST);
	after = stats(h);
	assert_int_equal(after.live_pages, before.live_pages);
	assert_int_equal(after.maps, before.maps);
	/* the limits themselves are fine */
	assert_int_equal(vgpu_dma_map(d, top - PAGE, PAGE, h->ram_fd, HARNESS_RAM_SIZE - PAGE, RW), 0);
	assert_int_equal(vgpu_dma_map(d, 0, PAGE, ro, 0, VGPU_DMA_READ), 0);
	close(ro);
	close(wo);
	close(p[0]);
	close(p[1]);
}

static void unmap_refusals(void **state)
{
	struct harness *h = *state;
	struct vgpu_dma *d = h->g->dma;
	uint64_t live = stats(h).live_pages;

	assert_int_equal(vgpu_dma_unmap(d, RAM + 1, PAGE), -EINVAL);
	assert_int_equal(vgpu_dma_unmap(d, RAM, PAGE - 1), -EINVAL);
	assert_int_equal(vgpu_dma_unmap(d, -PAGE, 2 * PAGE), -EINVAL);
	assert_int_equal(stats(h).live_pages, live);
	/* nothing there is fine, and so is nothing at all */
	assert_int_equal(vgpu_dma_unmap(d, OTHER, 1 << 20), 0);
	assert_int_equal(vgpu_dma_unmap(d, OTHER, 0), 0);
	assert_int_equal(vgpu_dma_unmap(d, 1ull << 60, 1 << 20), 0);
	assert_int_equal(stats(h).live_pages, live);
	/* everything up to the last address */
	assert_int_equal(vgpu_dma_unmap(d, 0, -PAGE), 0);
	assert_int_equal(stats(h).live_pages, 0);
}

static void unmap_all(void **state)
{
	struct harness *h = *state;
	uint32_t v;

	vgpu_dma_unmap_all(h->g->dma);
	assert_int_equal(stats(h).live_pages, 0);
	assert_int_equal(vgpu_dma_read32(h->g, RAM, &v, &who), DMA_AFTER_UNMAP);
}

/* A guest that grows its memory sends the same file, longer. */
static void file_grows(void **state)
{
	struct harness *h = *state;
	int fd = memfd_create("grow", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, (off_t)PAGE), 0);
	assert_int_equal(vgpu_dma_map(h->g->dma, OTHER, PAGE, fd, 0, RW), 0);
	assert_int_equal(vgpu_dma_write32(h->g, OTHER, 0xabcd, &who), DMA_OK);
	assert_int_equal(ftruncate(fd, 4 * (off_t)PAGE), 0);
	assert_int_equal(vgpu_dma_map(h->g->dma, OTHER + PAGE, 3 * PAGE, fd, PAGE, RW), 0);
	assert_int_equal(vgpu_dma_write32(h->g, OTHER + 3 * PAGE, 1, &who), DMA_OK);
	assert_int_equal(vgpu_dma_write32(h->g, OTHER + 4, 2, &who), DMA_OK);
	assert_int_equal(stats(h).files, 2);
	close(fd);
}

/* A hostile client cuts the file short behind our back: no SIGBUS may end the process. */
static void file_truncated(void **state)
{
	struct harness *h = *state;
	int fd = memfd_create("cut", MFD_CLOEXEC);
	uint8_t buf[8192];
	uint64_t v = 1;

#ifdef __SANITIZE_THREAD__
	skip(); /* its runtime does not let a handler jump out of memcpy() */
#endif
	vgpu_dma_catch_sigbus(); /* cmocka has its own handler */
	assert_int_equal(ftruncate(fd, 16 * (off_t)PAGE), 0);
	assert_int_equal(vgpu_dma_map(h->g->dma, OTHER, 16 * PAGE, fd, 0, RW), 0);
	assert_int_equal(vgpu_dma_write64(h->g, OTHER + 8 * PAGE, 1, &who), DMA_OK);
	assert_int_equal(ftruncate(fd, (off_t)PAGE), 0);
	assert_int_equal(vgpu_dma_read64(h->g, OTHER + 8 * PAGE, &v, &who), DMA_NEVER_MAPPED);
	assert_int_equal(v, 0);
	assert_int_equal(vgpu_dma_write64(h->g, OTHER + 8 * PAGE, 1, &who), DMA_NEVER_MAPPED);
	assert_int_equal(vgpu_dma_read(h->g, OTHER, buf, sizeof(buf), &who), DMA_NEVER_MAPPED);
	assert_int_equal(vgpu_dma_read64(h->g, OTHER, &v, &who), DMA_OK);
	/* in the middle of a run: what is there is moved */
	memset(buf, 0x77, sizeof(buf));
	assert_int_equal(vgpu_dma_write(h->g, OTHER, buf, sizeof(buf), &who), DMA_NEVER_MAPPED);
	assert_int_equal(vgpu_dma_read64(h->g, OTHER + PAGE - 8, &v, &who), DMA_OK);
	assert_int_equal(v, 0x7777777777777777);
	assert_false(copy(h->g, RAM, OTHER, 8192));
	assert_true(copy(h->g, RAM, OTHER, 4096));
	assert_int_equal(h->ram[4095], 0x77);
	assert_false(copy(h->g, OTHER, RAM, 8192));
	close(fd);
}

static void wraps_around_the_top(void **state)
{
	struct harness *h = *state;
	uint8_t buf[8192];

	memset(buf, 0xff, sizeof(buf));
	assert_int_equal(vgpu_dma_read(h->g, -PAGE, buf, sizeof(buf), NULL), DMA_NEVER_MAPPED);
	assert_int_equal(buf[0], 0);
	assert_int_equal(buf[8191], 0);
}

/* What a vIOMMU does: a request a page. The cost of one must not grow with their number. */
static void many_pages(void **state)
{
	const uint64_t n = 200000; /* a million: bench */
	struct harness *h = *state;
	struct vgpu_dma *d = h->g->dma;
	double begin = 0, first = 0, last = 0;
	uint32_t v;

	for (uint64_t i = 0; i < n; i++) {
		if (i % (n / 10) == 0)
			begin = seconds();
		assert_int_equal(vgpu_dma_map(d, OTHER + i * PAGE, PAGE, h->ram_fd,
					      (i * 7 % 8192) * PAGE, RW),
				 0);
		if (i == n / 10 - 1)
			first = seconds() - begin;
		if (i == n - 1)
			last = seconds() - begin;
	}
	assert_true(last < 5 * first + 0.2);
	assert_int_equal(stats(h).live_pages, n + HARNESS_RAM_SIZE / PAGE);
	assert_true(stats(h).tables < n / 400);
	assert_int_equal(stats(h).files, 1);
	ram32_set(h, (uint32_t)((n - 1) * 7 % 8192 * PAGE), 0x77);
	assert_int_equal(vgpu_dma_read32(h->g, OTHER + (n - 1) * PAGE, &v, &who), DMA_OK);
	assert_int_equal(v, 0x77);
	begin = seconds();
	for (uint64_t i = 0; i < n; i++)
		assert_int_equal(vgpu_dma_unmap(d, OTHER + i * PAGE, PAGE), 0);
	assert_true(seconds() - begin < 20);
	assert_int_equal(vgpu_dma_read32(h->g, OTHER, &v, &who), DMA_AFTER_UNMAP);
	assert_int_equal(vgpu_dma_read32(h->g, OTHER + n * PAGE, &v, &who), DMA_NEVER_MAPPED);
}

struct reader {
	struct vgpu *g;
	atomic_bool stop;
	atomic_ullong good, bad, torn;
};

static void *read_without_pause(void *arg)
{
	struct reader *r = arg;
	static const struct dma_origin me = { "rcs0", 1 };
	uint64_t v;

	while (!r->stop) {
		if (vgpu_dma_read64(r->g, OTHER, &v, &me) == DMA_OK) {
			r->good++;
			r->torn += v != 0x5555555555555555 && v != 0xaaaaaaaaaaaaaaaa;
		} else {
			r->bad++;
			r->torn += v != 0;
		}
	}
	return NULL;
}

/* Engines read as fast as they can while the page comes and goes. */
static void map_and_unmap_under_load(void **state)
{
	struct harness *h = *state;
	struct reader r = { .g = h->g };
	pthread_t t[2];
	double begin = seconds(), worst = 0, t0;

	ram64_set(h, 0, 0x5555555555555555);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, read_without_pause, &r), 0);
	for (int i = 0; i < 2000 || (!(r.good && r.bad) && seconds() - begin < 20); i++) {
		assert_int_equal(vgpu_dma_map(h->g->dma, OTHER, PAGE, h->ram_fd, 0, RW), 0);
		ram64_set(h, 0, i & 1 ? 0xaaaaaaaaaaaaaaaa : 0x5555555555555555);
		t0 = seconds();
		assert_int_equal(vgpu_dma_unmap(h->g->dma, OTHER, PAGE), 0);
		if (seconds() - t0 > worst)
			worst = seconds() - t0;
	}
	r.stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	assert_true(r.good && r.bad);
	assert_int_equal(r.torn, 0);
	assert_true(worst < 1.0);
	assert_int_equal(harness_witness(h, WITNESS_DMA_AFTER_UNMAP) +
				 harness_witness(h, WITNESS_DMA_NEVER_MAPPED),
			 r.bad);
}

/* After dead is on, not one byte arrives any more. */
static void *write_without_pause(void *arg)
{
	struct reader *r = arg;
	uint8_t buf[65536];
	uint8_t n = 0;

	while (!r->stop) {
		memset(buf, ++n, sizeof(buf));
		vgpu_dma_write(r->g, RAM, buf, sizeof(buf), &who);
	}
	return NULL;
}

static void dead_stops_at_once(void **state)
{
	struct harness *h = *state;
	struct reader r = { .g = h->g };
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, write_without_pause, &r), 0);
	for (int i = 0; i < 200; i++) {
		uint8_t *copy = malloc(65536);

		usleep(100);
		vgpu_set_dead(h->g, true);
		memcpy(copy, h->ram, 65536);
		usleep(100);
		assert_memory_equal(copy, h->ram, 65536);
		vgpu_set_dead(h->g, false);
		harness_bus_master(h, true);
		free(copy);
	}
	r.stop = true;
	pthread_join(t, NULL);
}

static void copies_without_a_detour(void **state)
{
	struct harness *h = *state;
	const uint64_t a = HARNESS_RAM_IOVA, b = HARNESS_RAM_IOVA + (1 << 20);
	const uint64_t ro = 0x20000000, gap = HARNESS_RAM_IOVA + HARNESS_RAM_SIZE;

	for (uint32_t i = 0; i < 5000; i++)
		h->ram[100 + i] = (uint8_t)(i * 3);
	assert_true(copy(h->g, b + 4000, a + 100, 5000));
	assert_memory_equal(h->ram + (1 << 20) + 4000, h->ram + 100, 5000);
	assert_true(copy(h->g, a, a, 64));

	/* everything that somebody should hear about goes the long way */
	assert_false(copy(h->g, gap - 64, a, 128));
	assert_false(copy(h->g, b, gap - 64, 128));
	assert_int_equal(vgpu_dma_map(h->g->dma, ro, 4096, h->ram_fd, 0, VGPU_DMA_READ), 0);
	assert_false(copy(h->g, ro, a, 64));
	assert_true(copy(h->g, a + 8192, ro + 100, 64));
	assert_int_equal(vgpu_dma_map(h->g->dma, ro + 4096, 4096, -1, 0, VGPU_DMA_READ), 0);
	assert_false(copy(h->g, a, ro + 4096, 64));
	assert_int_equal(vgpu_dma_unmap(h->g->dma, ro, 8192), 0);
	assert_false(copy(h->g, a, ro, 64));
	harness_bus_master(h, false);
	assert_false(copy(h->g, b, a, 64));
	harness_bus_master(h, true);
	assert_int_equal(vgpu_record_start(h->g, vgpu_event_kinds("dma"), 10), 0);
	assert_false(copy(h->g, b, a, 64));
	vgpu_record_stop(h->g);
	vgpu_set_gone(h->g, true);
	assert_false(copy(h->g, b, a, 64));
	vgpu_set_gone(h->g, false);
	vgpu_set_dead(h->g, true);
	assert_false(copy(h->g, b, a, 64));
	vgpu_set_dead(h->g, false);
	assert_int_equal(harness_witness_total(h), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(copies_across_pages),
		TEST(scattered_pages),
		TEST(atomics),
		TEST(words),
		TEST(copies_of_many_pieces),
		TEST(copies_without_a_detour),
		BAD(TEST(never_mapped)),
		BAD(TEST(after_unmap)),
		BAD(TEST(partial_failure)),
		BAD(TEST(permissions)),
		BAD(TEST(unbacked)),
		BAD(TEST(map_refusals)),
		BAD(TEST(unmap_refusals)),
		TEST(unmap_all),
		TEST(file_grows),
		BAD(TEST(file_truncated)),
		BAD(TEST(wraps_around_the_top)),
		TEST(many_pages),
		TEST(map_and_unmap_under_load),
		BAD(TEST(dead_stops_at_once)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
