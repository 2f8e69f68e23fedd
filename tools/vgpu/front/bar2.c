// SPDX-License-Identifier: MIT
/* BAR2. */
#define _GNU_SOURCE
#include "bar2.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pci.h"

#define WORDS (VGPU_PAGE_SIZE / sizeof(uint64_t))

int bar2_init(struct vgpu *g)
{
	struct bar2 *b = &g->bar2;
	void *mem;

	if (!g->personality->bar2_size)
		return 0;
	mem = mmap(NULL, g->personality->bar2_size, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_NORESERVE, vgpu_vram_fd(g), 0);
	if (mem == MAP_FAILED)
		return -errno;
	b->mem = mem;
	b->size = g->personality->bar2_size;
	return 0;
}

void bar2_fini(struct vgpu *g)
{
	bar2_forget(g);
	if (g->bar2.mem)
		munmap(g->bar2.mem, g->bar2.size);
	g->bar2.mem = NULL;
}

/* False: the access is not done. */
static bool observe(struct vgpu *g, uint64_t off, uint32_t len, bool write)
{
	const char *dir = write ? "write" : "read";

	if (len && atomic_load(&g->gone))
		vgpu_witness(g, WITNESS_MMIO_AFTER_REMOVE, NULL, off, len, write,
			     "%s of BAR2 after remove() returned", dir);
	if (!vgpu_pci_asleep(g))
		return true;
	vgpu_witness(g, WITNESS_MMIO_BAD_ACCESS, NULL, off, len, write, "%s of BAR2 in D3hot", dir);
	return false;
}

void vgpu_bar2_read(struct vgpu *g, uint64_t off, void *buf, uint32_t len)
{
	g->mmio_reads++;
	g->mmio_memory++;
	if (vgpu_is_dead(g)) {
		g->mmio_dead++;
		memset(buf, 0xff, len);
		return;
	}
	if (observe(g, off, len, false))
		memcpy(buf, g->bar2.mem + off, len);
	else
		memset(buf, 0xff, len);
}

void vgpu_bar2_write(struct vgpu *g, uint64_t off, const void *buf, uint32_t len)
{
	uint8_t *to = g->bar2.mem + off;

	g->mmio_writes++;
	g->mmio_memory++;
	if (vgpu_is_dead(g)) {
		g->mmio_dead++;
		return;
	}
	if (!observe(g, off, len, true))
		return;
	/* page-table entries and ring tails must not be seen half written */
	if (len == 8 && !(off & 7)) {
		uint64_t val;

		memcpy(&val, buf, sizeof(val));
		__atomic_store_n((uint64_t *)to, val, __ATOMIC_RELEASE);
	} else if (len == 4 && !(off & 3)) {
		uint32_t val;

		memcpy(&val, buf, sizeof(val));
		__atomic_store_n((uint32_t *)to, val, __ATOMIC_RELEASE);
	} else {
		memcpy(to, buf, len);
	}
}

void bar2_die(struct vgpu *g)
{
	if (g->bar2.mem)
		memset(g->bar2.mem, 0xff, g->bar2.size);
}

void bar2_revive(struct vgpu *g)
{
	const uint64_t *w = (const uint64_t *)g->bar2.mem;

	for (uint64_t page = 0; w && page < g->bar2.size / VGPU_PAGE_SIZE; page++, w += WORDS) {
		uint64_t all = ~0ull;

		for (size_t i = 0; i < WORDS; i++)
			all &= w[i];
		g->bar2.dead_pages += all != ~0ull;
	}
}

/* Differs whenever one word differs, and is 0 for a page of zeroes, which may not exist. */
static uint64_t sum(const uint64_t *w)
{
	uint64_t s = 0;

	for (size_t i = 0; i < WORDS; i++)
		s = (s ^ w[i]) * 0x9e3779b97f4a7c15ull;
	return s;
}

/*
 * Sums all pages into @now; @now is 0 before. Pages that were never written have no memory, and
 * looking at them would give them some: they are skipped.
 */
static void sum_pages(struct vgpu *g, uint64_t *now)
{
	off_t end = 0, at, size = (off_t)g->bar2.size;
	int fd = vgpu_vram_fd(g);

	while (end < size && (at = lseek(fd, end, SEEK_DATA)) >= 0 && at < size) {
		end = lseek(fd, at, SEEK_HOLE);
		if (end < at || end > size)
			end = size;
		for (; at < end; at += VGPU_PAGE_SIZE)
			now[at / VGPU_PAGE_SIZE] = sum((const uint64_t *)(g->bar2.mem + at));
	}
}

static uint64_t *new_sums(struct vgpu *g)
{
	uint64_t *s = calloc(g->bar2.size / VGPU_PAGE_SIZE, sizeof(*s));

	if (s)
		sum_pages(g, s);
	return s;
}

void bar2_remember(struct vgpu *g)
{
	bar2_forget(g);
	if (g->bar2.mem)
		g->bar2.sums = new_sums(g);
}

void bar2_forget(struct vgpu *g)
{
	free(g->bar2.sums);
	g->bar2.sums = NULL;
}

void bar2_check(struct vgpu *g)
{
	uint64_t n = g->bar2.size / VGPU_PAGE_SIZE, first = n, changed = 0;
	uint64_t *now;

	if (!g->bar2.sums)
		return;
	now = new_sums(g);
	if (!now)
		return;
	for (uint64_t i = 0; i < n; i++) {
		if (now[i] == g->bar2.sums[i])
			continue;
		if (!changed++)
			first = i;
	}
	free(g->bar2.sums);
	g->bar2.sums = now;
	if (changed)
		vgpu_witness(g, WITNESS_MMIO_AFTER_REMOVE, NULL, first * VGPU_PAGE_SIZE,
			     changed * VGPU_PAGE_SIZE, true,
			     "%llu pages of BAR2 changed after remove() returned, first at %#llx",
			     (unsigned long long)changed,
			     (unsigned long long)(first * VGPU_PAGE_SIZE));
}
