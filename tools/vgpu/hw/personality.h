/* SPDX-License-Identifier: MIT */
/*
 * What differs from one GPU model to the next: a file personality_NAME.c each, which nobody else
 * has to know. What Xe2 parts have in common is in xe2.c.
 */
#ifndef VGPU_PERSONALITY_H
#define VGPU_PERSONALITY_H

#include <stddef.h>
#include <stdint.h>

struct reg_set;
struct range_set;

/* Power-on value of a register that another block defines. */
struct reg_value {
	uint32_t off, val;
};

/* Table of dwords: key, length, values, and so on. */
struct dword_table {
	const uint32_t *dw;
	size_t n;
};

#define PERSONALITY_SETS 4

struct personality {
	const char *name; /* as given to --personality */
	uint16_t vendor, device, subvendor, subdevice;
	uint32_t class_code; /* 24 bits */
	uint8_t revision;
	uint64_t bar0_size;
	uint64_t bar2_size; /* window of the CPU into local memory, a power of two; 0: no BAR2 */
	uint64_t vram_size; /* local memory, at least bar2_size; page tables live there. 0: none */
	uint16_t gmch_ctl;  /* config word 0x50 */
	/* constants of this model: fuses, ids, clocks; as many as there are */
	const struct reg_set *regs[PERSONALITY_SETS];
	/* storage that a driver programs and the model ignores */
	const struct range_set *ranges[PERSONALITY_SETS];
	const struct reg_value *values;
	size_t nr_values;
	/* registers a render context has of its own: saved in its image and restored from there */
	const struct reg_set *context_regs;
	const struct dword_table *hwconfig; /* what the GuC hands out */
	uint32_t rp0, rpe, rpn; /* highest, efficient, lowest frequency, unit 50/3 MHz */
};

/* Makes the static struct personality @p known under its name. */
#define PERSONALITY(p)                                                                             \
	static const struct personality *const p##_entry                                           \
		__attribute__((used, section("personalities"))) = &(p)

/* personality_find - the one of that name; NULL if there is none. */
const struct personality *personality_find(const char *name);
/* personality_at - number @i of all of them; NULL behind the last. */
const struct personality *personality_at(size_t i);

#endif
