/* SPDX-License-Identifier: MIT */
/* Global GTT: 1 Mi entries of 64 bits in BAR0 + 8 MiB, memory shared with the client. */
#ifndef VGPU_GGTT_H
#define VGPU_GGTT_H

#include <stdbool.h>
#include <stdint.h>

#include "vram.h"

#define GGTT_TABLE_SIZE 0x800000u
#define GGTT_ENTRIES	(GGTT_TABLE_SIZE / 8)

struct vgpu_hw;

struct ggtt {
	int fd;
	uint64_t *table;
};

/* Creates the memfd and maps it. Returns 0 or -errno. */
int ggtt_init(struct ggtt *t);
/* Undoes ggtt_init(); works after a failed one. */
void ggtt_fini(struct ggtt *t);
/* Clears the table. Power-on only: a reset of the function keeps it. */
void ggtt_clear(struct ggtt *t);
/*
 * Translates GGTT address @addr; nothing is cached. Returns false when the entry is not valid or
 * the address is beyond the table. Whether the device has local memory is not asked.
 */
bool ggtt_walk(const struct ggtt *t, uint64_t addr, struct place *at);

#endif
