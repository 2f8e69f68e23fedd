// SPDX-License-Identifier: MIT
/* Lunar Lake, 8086:64a0: integrated, graphics 20.04, no media GT, all memory in the system. */
#include "xe2.h"

#define ALL 0xffffffffu
#define RO  .ro = ALL

static const struct reg_def regs[] = {
	{ .off = 0x000d08, .name = "DIST_DBS_POPULATED", RO },
	{ .off = 0x000d8c, .name = "GMD_ID", .reset = 0x05010004, RO }, /* 20.04 B0 */
	{ .off = 0x130030, .name = "WA_15015404425_DUMMY", .self_clear = ALL },
};
static const struct reg_set lnl_regs = REG_SET(regs);

static const struct personality lnl = {
	.name = "lnl",
	.vendor = 0x8086,
	.device = 0x64a0,
	.subvendor = 0x8086,
	.class_code = 0x038000,
	.revision = 0x04,
	.bar0_size = 16u << 20,
	.gmch_ctl = 0x00c0, /* 8 MiB of GGTT entries */
	.regs = { &xe2_regs, &lnl_regs },
	.ranges = { &xe2_ranges },
	.context_regs = &xe2_context_regs,
	.hwconfig = &xe2_hwconfig,
	.rp0 = 123,
	.rpe = 72,
	.rpn = 18,
};
PERSONALITY(lnl);
