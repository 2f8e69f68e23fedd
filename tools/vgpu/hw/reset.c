/* SPDX-License-Identifier: MIT */
/* GDRST (xe_guc.c, xe_gt.c) and GU_CNTL.DRIVERFLR (xe_device.c). */
#include "reset.h"

#include "device.h"

#define GDRST		0x941cu
#define   GDRST_FULL	(1u << 0)
#define   GDRST_GUC	(1u << 3)
#define GU_CNTL		0x101010u
#define   DRIVERFLR	(1u << 31)
#define GU_DEBUG	0x101018u
#define   FLR_STATUS	(1u << 31)

static void gt_reset(struct vgpu_hw *h)
{
	/* WOPCM lock, forcewake, fuses and the GGTT table outlive it */
	guc_reset(h);
	regs_set(&h->regs, GDRST, 0);
}

/* Whoever comes first after its time: a driver that looks, or the timer. */
static uint32_t gdrst_read(struct vgpu_hw *h, const struct reg_def *d, uint32_t base, uint32_t val)
{
	if (val && hw_now_ns() >= h->reset_ns)
		gt_reset(h);
	return regs_get(&h->regs, GDRST);
}

static void gdrst_done(struct vgpu *g, uint64_t arg)
{
	struct vgpu_hw *h = g->hw;

	pthread_mutex_lock(&h->regs.lock);
	/* a reset of the function has forgotten it */
	gdrst_read(h, NULL, 0, regs_get(&h->regs, GDRST));
	pthread_mutex_unlock(&h->regs.lock);
}

static void gdrst_write(struct vgpu_hw *h, const struct reg_def *d, uint32_t base, uint32_t val,
			uint32_t old)
{
	if (val & GDRST_FULL)
		h->resets_full++;
	else if (val & GDRST_GUC)
		h->resets_guc++;
	else
		return;
	if (!h->reset_us) {
		gt_reset(h);
		return;
	}
	/* engines go on until it is done, and the bit says so */
	regs_set(&h->regs, GDRST, old | (val & (GDRST_FULL | GDRST_GUC)));
	if (old)
		return;
	h->reset_ns = hw_now_ns() + h->reset_us * 1000;
	vgpu_defer(h->g, h->reset_us, gdrst_done, 0);
}

static void gu_cntl_write(struct vgpu_hw *h, const struct reg_def *d, uint32_t base, uint32_t val,
			  uint32_t old)
{
	if (!(val & DRIVERFLR))
		return;
	vgpu_hw_reset(h->g, VGPU_RESET_DRIVER_FLR);
	regs_set(&h->regs, GU_DEBUG, FLR_STATUS);
}

const struct reg_def reset_regs[] = {
	{ .off = GDRST, .name = "GDRST", .self_clear = 0xffffffff, .write = gdrst_write,
	  .read = gdrst_read },
	{ .off = GU_CNTL, .name = "GU_CNTL", .self_clear = DRIVERFLR, .write = gu_cntl_write },
	{ .off = 0x10100c, .name = "GU_CNTL_PROTECTED" },
	{ .off = GU_DEBUG, .name = "GU_DEBUG", .w1c = FLR_STATUS },
};
const size_t nr_reset_regs = sizeof(reset_regs) / sizeof(reset_regs[0]);
