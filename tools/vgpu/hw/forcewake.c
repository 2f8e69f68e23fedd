/* SPDX-License-Identifier: MIT */
/* Forcewake domains GT and RENDER (xe_force_wake.c). */
#include "forcewake.h"

#include "device.h"

#define GT_CTL	   0xa188u
#define GT_ACK	   0xdfcu
#define RENDER_CTL 0xa278u
#define RENDER_ACK 0xd84u

static void wake_write(struct vgpu_hw *h, const struct reg_def *d, uint32_t base, uint32_t val,
		       uint32_t old)
{
	regs_set(&h->regs, d->off == GT_CTL ? GT_ACK : RENDER_ACK, regs_get(&h->regs, d->off));
}

const struct reg_def forcewake_regs[] = {
	{ .off = GT_CTL, .name = "FORCEWAKE_GT", .masked = true, .write = wake_write },
	{ .off = GT_ACK, .name = "FORCEWAKE_ACK_GT", .ro = 0xffffffff },
	{ .off = RENDER_CTL, .name = "FORCEWAKE_RENDER", .masked = true, .write = wake_write },
	{ .off = RENDER_ACK, .name = "FORCEWAKE_ACK_RENDER", .ro = 0xffffffff },
};
const size_t nr_forcewake_regs = sizeof(forcewake_regs) / sizeof(forcewake_regs[0]);
