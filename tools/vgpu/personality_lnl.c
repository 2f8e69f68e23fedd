/* SPDX-License-Identifier: MIT */
/* Lunar Lake, 8086:64a0: integrated, graphics 20.04, no media GT, all memory in the system. */
#include "personality.h"

#include <string.h>

#include "regs.h"

#define ALL 0xffffffffu
#define RO .ro = ALL

/* Values: sections 3 and 16.1 of the device specification. */
static const struct reg_def lnl_regs[] = {
	{ .off = 0x000d00, .name = "RPM_CONFIG0", .reset = 0x0e, RO }, /* 19.2 MHz */
	{ .off = 0x000d08, .name = "DIST_DBS_POPULATED", RO },
	{ .off = 0x000d8c, .name = "GMD_ID", .reset = 0x05010004, RO }, /* 20.04 B0 */
	{ .off = 0x000fd0, .name = "STEER_SEMAPHORE", .reset = 1, RO },
	{ .off = 0x000fd4, .name = "MCR_SELECTOR" },
	{ .off = 0x008800, .name = "FLAT_CCS_BASE_LOWER", RO },
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
	{ .off = 0x108040, .name = "GGC", .reset = 0x5c0, RO }, /* no stolen memory */
	{ .off = 0x1082c0, .name = "STOLEN_RESERVED", .reset = 0x180, RO },
	{ .off = 0x1082c4, .name = "STOLEN_RESERVED_U", RO },
	{ .off = 0x130030, .name = "WA_15015404425_DUMMY", .self_clear = ALL },
	{ .off = 0x138000, .name = "RP_STATE_CAP", .reset = 0x0012007b, RO },
	{ .off = 0x138008, .name = "GT_RPA_FREQUENCY", .reset = 0x48, RO },
	{ .off = 0x13800c, .name = "GT_RPE_FREQUENCY", .reset = 0x48, RO },
	{ .off = 0x138108, .name = "GT_GFX_RC6", RO },
	{ .off = 0x13816c, .name = "GT_PM_CONFIG" },
	{ .off = 0x1381a8, .name = "GT0_PERF_LIMIT_REASONS", RO },
	{ .off = 0x1901f8, .name = "VF_CAP", .ro = ALL },
	{ .off = 0x380d8c, .name = "MEDIA_GMD_ID", RO }, /* 0: media fused off */
};

static const struct reg_range lnl_ranges[] = {
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

/* Key, length, value. Numbers agree with the fuses above. */
static const uint32_t lnl_hwconfig[] = {
	1,  1, 1,  /* slices */
	2,  1, 4,  /* dual subslices */
	3,  1, 8,  /* EUs per dual subslice */
	4,  1, 1,  /* pixel pipes */
	15, 1, 8,  /* threads per EU */
	23, 1, 1,  /* render engines */
	24, 1, 1,  /* compute engines */
	25, 1, 0,  /* video decode engines */
	26, 1, 0,  /* video enhancement engines */
	27, 1, 2,  /* copy engines */
	70, 1, 4,  /* subslices */
};

#define NR(a) (sizeof(a) / sizeof((a)[0]))

const struct personality personality_lnl = {
	.name = "lnl",
	.vendor = 0x8086,
	.device = 0x64a0,
	.subvendor = 0x8086,
	.subdevice = 0x0000,
	.class_code = 0x038000,
	.revision = 0x04,
	.bar0_size = 16u << 20,
	.bar2_size = 0,
	.gmch_ctl = 0x00c0, /* 8 MiB of GGTT entries */
	.regs = lnl_regs,
	.nr_regs = NR(lnl_regs),
	.ranges = lnl_ranges,
	.nr_ranges = NR(lnl_ranges),
	.hwconfig = lnl_hwconfig,
	.nr_hwconfig = NR(lnl_hwconfig),
	.rp0 = 123,
	.rpe = 72,
	.rpn = 18,
};

const struct personality *personality_find(const char *name)
{
	static const struct personality *const all[] = { &personality_lnl };

	for (size_t i = 0; i < NR(all); i++)
		if (!strcmp(all[i]->name, name))
			return all[i];
	return NULL;
}
