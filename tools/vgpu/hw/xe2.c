// SPDX-License-Identifier: MIT
/* Registers that read the same on every Xe2 part. Values: sections 3 and 16.1 of the specification. */
#include "xe2.h"

#define ALL 0xffffffffu
#define RO  .ro = ALL

static const struct reg_def regs[] = {
	{ .off = 0x000d00, .name = "RPM_CONFIG0", .reset = 0x0e, RO }, /* 19.2 MHz */
	{ .off = 0x000d04, .name = "RPM_CONFIG1" }, /* OA throttling */
	{ .off = 0x000fd0, .name = "STEER_SEMAPHORE", .reset = 1, RO },
	{ .off = 0x000fd4, .name = "MCR_SELECTOR" },
	{ .off = 0x008800, .name = "FLAT_CCS_BASE_LOWER", RO }, /* bit 0: off */
	{ .off = 0x008804, .name = "FLAT_CCS_BASE_UPPER", RO },
	{ .off = 0x009114, .name = "XEHP_FUSE4", .reset = 0x00010000, RO }, /* CCS0 */
	{ .off = 0x009118, .name = "MIRROR_FUSE3", .reset = 0x000100f0, RO },
	{ .off = 0x00911c, .name = "MIRROR_FUSE1", RO },
	{ .off = 0x009120, .name = "FUSE2", .reset = 0x4, RO }, /* production hardware */
	{ .off = 0x009134, .name = "XELP_EU_ENABLE", .reset = 0xff, RO },
	{ .off = 0x00913c, .name = "GEOMETRY_DSS_ENABLE", .reset = 0x0f, RO },
	{ .off = 0x009140, .name = "GT_VEBOX_VDBOX_DISABLE", RO },
	{ .off = 0x009144, .name = "COMPUTE_DSS_ENABLE", .reset = 0x0f, RO },
	{ .off = 0x009148, .name = "COMPUTE_DSS_ENABLE_EXT", RO },
	{ .off = 0x00914c, .name = "COMPUTE_DSS_2", RO },
	{ .off = 0x009150, .name = "GEOMETRY_DSS_1", RO },
	{ .off = 0x009154, .name = "GEOMETRY_DSS_2", RO },
	{ .off = 0x00a024, .name = "RP_CONTROL" },
	{ .off = 0x00a26c, .name = "CTC_MODE", RO },
	{ .off = 0x00a2a0, .name = "POWERGATE_DOMAIN_STATUS", RO },
	{ .off = 0x00a500, .name = "MISC_STATUS_0", RO },
	{ .off = 0x00b404, .name = "XE2_GLOBAL_INVAL", .self_clear = 1 },
	{ .off = 0x00b418, .name = "XE2_TDF_CTRL", .self_clear = 1 },
	{ .off = 0x108040, .name = "GGC", .reset = 0x5c0, RO }, /* 8 MiB of GGTT, no stolen size */
	{ .off = 0x1082c0, .name = "STOLEN_RESERVED", .reset = 0x180, RO }, /* WOPCM: 8 MiB */
	{ .off = 0x1082c4, .name = "STOLEN_RESERVED_U", RO },
	{ .off = 0x138000, .name = "RP_STATE_CAP", .reset = 0x0012007b, RO },
	{ .off = 0x138008, .name = "GT_RPA_FREQUENCY", .reset = 0x48, RO },
	{ .off = 0x13800c, .name = "GT_RPE_FREQUENCY", .reset = 0x48, RO },
	{ .off = 0x138108, .name = "GT_GFX_RC6", RO },
	{ .off = 0x13816c, .name = "GT_PM_CONFIG" },
	{ .off = 0x1381a8, .name = "GT0_PERF_LIMIT_REASONS", RO },
	{ .off = 0x1901f8, .name = "VF_CAP", RO },
	{ .off = 0x380d8c, .name = "MEDIA_GMD_ID", RO }, /* 0: media fused off */
};
const struct reg_set xe2_regs = REG_SET(regs);

static const struct reg_range ranges[] = {
	{ 0x002000, 0x003000, "rcs0" },
	{ 0x01a000, 0x01b000, "ccs0" },
	{ 0x022000, 0x023000, "bcs0" },
	{ 0x3ee000, 0x3ef000, "bcs8" },
	{ 0x004000, 0x004900, "MOCS, PAT" },
	{ 0x00a000, 0x00b000, "GT power management" },
	{ 0x005000, 0x00a000, "workarounds, GT" },
	{ 0x00b000, 0x00c000, "workarounds, L3" },
	{ 0x00c180, 0x00c300, "SOFT_SCRATCH, RSA key" },
	{ 0x00c000, 0x010000, "GuC and workarounds" },
	{ 0x014800, 0x014808, "RCU_MODE, CCS_MODE" },
	{ 0x190030, 0x190050, "interrupt enables" },
	{ 0x190090, 0x190120, "interrupt masks" },
};
const struct range_set xe2_ranges = REG_SET(ranges);

/* regs/xe_gt_regs.h; xe_wa.c and xe_tuning.c program them through the first context */
static const struct reg_def context_regs[] = {
	{ .off = 0x005588, .name = "WM_CHICKEN3", .masked = true },
	{ .off = 0x006204, .name = "CHICKEN_RASTER_1", .masked = true },
	{ .off = 0x006208, .name = "CHICKEN_RASTER_2", .masked = true },
	{ .off = 0x006210, .name = "FF_MODE" },
	{ .off = 0x0062a8, .name = "VFLSKPD", .masked = true },
	{ .off = 0x006604, .name = "XEHP_FF_MODE2" },
	{ .off = 0x007004, .name = "CACHE_MODE_1", .masked = true },
	{ .off = 0x007010, .name = "COMMON_SLICE_CHICKEN1", .masked = true },
	{ .off = 0x007044, .name = "PSS_CHICKEN", .masked = true },
	{ .off = 0x007300, .name = "COMMON_SLICE_CHICKEN4", .masked = true },
	{ .off = 0x007304, .name = "COMMON_SLICE_CHICKEN3", .masked = true },
	{ .off = 0x0083a4, .name = "VF_PREEMPTION", .masked = true },
	{ .off = 0x0083a8, .name = "VF_SCRATCHPAD", .masked = true },
};
const struct reg_set xe2_context_regs = REG_SET(context_regs);

static const uint32_t hwconfig[] = {
	1,  1, 1, /* slices */
	2,  1, 4, /* dual subslices */
	3,  1, 8, /* EUs per dual subslice */
	4,  1, 1, /* pixel pipes */
	15, 1, 8, /* threads per EU */
	23, 1, 1, /* render engines */
	24, 1, 1, /* compute engines */
	25, 1, 0, /* video decode engines */
	26, 1, 0, /* video enhancement engines */
	27, 1, 2, /* copy engines */
	70, 1, 4, /* subslices */
};
const struct dword_table xe2_hwconfig = { hwconfig, sizeof(hwconfig) / sizeof(hwconfig[0]) };
