/* SPDX-License-Identifier: MIT */
/*
 * Registers that belong to a context: what its commands set lasts as long as it does, wherever it
 * runs. They lie in its image behind the ring's state, as one MI_LOAD_REGISTER_IMM; xe copies the
 * image of the first context for all later ones and reads it back in debugfs (xe_lrc.c,
 * register-save-restore-check).
 */
#ifndef VGPU_LRC_REGS_H
#define VGPU_LRC_REGS_H

#include <stdbool.h>
#include <stdint.h>

struct engine;
struct guc_ctx;

#define LRC_REGS_MAX	16u
#define LRC_REGS_DWORDS (1 + 2 * LRC_REGS_MAX + 1) /* header, pairs, end */
#define LRC_REGS_END	0x80u /* dwords of the image in which all this must fit */

struct lrc_regs {
	uint32_t val[LRC_REGS_MAX]; /* in the order of the personality's table */
	uint32_t set;		    /* bit i: somebody has set val[i] */
	uint32_t at;		    /* dword of the image where they are saved; 0: no room */
	bool changed;		    /* since the switch-in */
};

/* lrc_reg_get - value of the register at BAR0 offset @off in @c; 0 if a context has no such one. */
uint32_t lrc_reg_get(const struct engine *e, const struct guc_ctx *c, uint32_t off);
/* lrc_reg_set - the same for a write; upper halves of masked registers select bits. */
void lrc_reg_set(const struct engine *e, struct guc_ctx *c, uint32_t off, uint32_t val);
/* lrc_regs_load - at switch-in, from the first @n dwords of the image (any content). */
void lrc_regs_load(const struct engine *e, struct guc_ctx *c, const uint32_t *img, uint32_t n);
/*
 * lrc_regs_save - at switch-out: fills @out (LRC_REGS_DWORDS) with what belongs at dword
 * c->regs.at of the image. Returns the number of dwords, 0 if nothing has changed.
 */
uint32_t lrc_regs_save(const struct engine *e, struct guc_ctx *c, uint32_t *out);

#endif
