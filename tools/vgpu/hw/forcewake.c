/* SPDX-License-Identifier: MIT */
/* Forcewake domains GT and RENDER (xe_force_wake.c). */
#include "forcewake.h"

#include "device.h"

#define GT_CTL	   0xa188u
#define GT_ACK	   0xdfcu
#define RENDER_CTL 0xa278u
#define RENDER_ACK 0xd84u

static const struct {
	uint32_t ctl, ack;
} wells[FORCEWAKE_WELLS] = { { GT_CTL, GT_ACK }, { RENDER_CTL, RENDER_ACK } };

static unsigned int well_at(const struct reg_def *d)
{
	return d->off == RENDER_CTL || d->off == RENDER_ACK;
}

static void wake_write(struct vgpu_hw *h, const struct reg_def *d, uint32_t base, uint32_t val,
		       uint32_t old)
{
	unsigned int w = well_at(d);
	uint32_t ctl = regs_get(&h->regs, d->off);
	uint64_t from = hw_now_ns();

	h->awake_ns[w] = 0;
	if (!h->wake_us || !(ctl & ~regs_get(&h->regs, wells[w].ack))) {
		regs_set(&h->regs, wells[w].ack, ctl);
		return;
	}
	for (unsigned int i = 0; i < FORCEWAKE_WELLS; i++)
		if (h->awake_ns[i] > from)
			from = h->awake_ns[i]; /* one after the other */
	h->awake_ns[w] = from + h->wake_us * 1000;
}

static uint32_t ack_read(struct vgpu_hw *h, const struct reg_def *d, uint32_t base, uint32_t val)
{
	unsigned int w = well_at(d);

	if (h->awake_ns[w] && hw_now_ns() >= h->awake_ns[w]) {
		h->awake_ns[w] = 0;
		regs_set(&h->regs, d->off, regs_get(&h->regs, wells[w].ctl));
	}
	return regs_get(&h->regs, d->off);
}

const struct reg_def forcewake_regs[] = {
	{ .off = GT_CTL, .name = "FORCEWAKE_GT", .masked = true, .write = wake_write },
	{ .off = GT_ACK, .name = "FORCEWAKE_ACK_GT", .ro = 0xffffffff, .read = ack_read },
	{ .off = RENDER_CTL, .name = "FORCEWAKE_RENDER", .masked = true, .write = wake_write },
	{ .off = RENDER_ACK, .name = "FORCEWAKE_ACK_RENDER", .ro = 0xffffffff, .read = ack_read },
};
const size_t nr_forcewake_regs = sizeof(forcewake_regs) / sizeof(forcewake_regs[0]);
