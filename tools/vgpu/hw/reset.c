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

static void gdrst_write(struct vgpu_hw *h, const struct reg_def *d, uint32_t base, uint32_t val,
			uint32_t old)
{
	if (val & GDRST_FULL)
		h->resets_full++;
	else if (val & GDRST_GUC)
		h->resets_guc++;
	else
		return;
	/* WOPCM lock, forcewake, fuses and the GGTT table outlive both */
	guc_reset(h);
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
	{ .off = GDRST, .name = "GDRST", .self_clear = 0xffffffff, .write = gdrst_write },
	{ .off = GU_CNTL, .name = "GU_CNTL", .self_clear = DRIVERFLR, .write = gu_cntl_write },
	{ .off = 0x10100c, .name = "GU_CNTL_PROTECTED" },
	{ .off = GU_DEBUG, .name = "GU_DEBUG", .w1c = FLR_STATUS },
};
const size_t nr_reset_regs = sizeof(reset_regs) / sizeof(reset_regs[0]);
