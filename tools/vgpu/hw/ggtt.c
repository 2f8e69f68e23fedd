/* SPDX-License-Identifier: MIT */
/* Global GTT. Entry: bit 0 valid, bit 1 VRAM, [51:12] page address (xe_ggtt.c). */
#define _GNU_SOURCE
#include "ggtt.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vgpu.h"

#define PTE_VALID 1ull
#define PTE_VRAM  2ull
#define PTE_ADDR  0x000ffffffffff000ull

int ggtt_init(struct ggtt *t)
{
	int err;

	t->table = NULL;
	t->fd = memfd_create("vgpu-ggtt", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (t->fd < 0)
		return -errno;
	/*
	 * The client maps the area at its offset in BAR0, so the file is laid out like BAR0. It
	 * gets the descriptor too: sealed, or it could take the memory away under the engines.
	 */
	if (ftruncate(t->fd, VGPU_BAR0_SIZE) ||
	    fcntl(t->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		goto fail;
	t->table = mmap(NULL, GGTT_TABLE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, t->fd,
			VGPU_GGTT_OFFSET);
	if (t->table == MAP_FAILED)
		goto fail;
	return 0;
fail:
	err = -errno;
	t->table = NULL;
	close(t->fd);
	t->fd = -1;
	return err;
}

void ggtt_fini(struct ggtt *t)
{
	if (t->table)
		munmap(t->table, GGTT_TABLE_SIZE);
	if (t->fd >= 0)
		close(t->fd);
	t->table = NULL;
	t->fd = -1;
}

void ggtt_clear(struct ggtt *t)
{
	/* a hole gives the pages back, and they read as zero in every mapping */
	if (madvise(t->table, GGTT_TABLE_SIZE, MADV_REMOVE))
		for (size_t i = 0; i < GGTT_ENTRIES; i++)
			t->table[i] = 0;
}

bool ggtt_walk(const struct ggtt *t, uint64_t addr, struct place *at)
{
	uint64_t i = addr >> 12, pte;

	if (i >= GGTT_ENTRIES)
		return false;
	pte = __atomic_load_n(&t->table[i], __ATOMIC_ACQUIRE);
	if (!(pte & PTE_VALID))
		return false;
	at->addr = (pte & PTE_ADDR) | (addr & 0xfff);
	at->vram = pte & PTE_VRAM;
	return true;
}
