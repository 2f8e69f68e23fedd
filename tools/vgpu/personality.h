/* SPDX-License-Identifier: MIT */
/* What differs from one GPU model to the next; one file each (personality_lnl.c). */
#ifndef VGPU_PERSONALITY_H
#define VGPU_PERSONALITY_H

#include <stddef.h>
#include <stdint.h>

struct reg_def;
struct reg_range;

struct personality {
	const char *name; /* as given to --personality */
	uint16_t vendor, device, subvendor, subdevice;
	uint32_t class_code; /* 24 bits */
	uint8_t revision;
	uint64_t bar0_size;
	uint64_t bar2_size; /* 0: no BAR2 */
	uint16_t gmch_ctl;  /* config word 0x50 */
	/* constants of this model: fuses, ids, clocks */
	const struct reg_def *regs;
	size_t nr_regs;
	/* storage that a driver programs and the model ignores */
	const struct reg_range *ranges;
	size_t nr_ranges;
	/* table the GuC hands out: key, length in dwords, values */
	const uint32_t *hwconfig;
	size_t nr_hwconfig; /* dwords */
	uint32_t rp0, rpe, rpn; /* highest, efficient, lowest frequency, unit 50/3 MHz */
};

extern const struct personality personality_lnl;

/* Finds a personality by name; NULL if there is none. */
const struct personality *personality_find(const char *name);

#endif
