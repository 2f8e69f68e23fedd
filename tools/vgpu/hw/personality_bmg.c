// SPDX-License-Identifier: MIT
/*
 * Battlemage, 8086:e20b: a card with memory of its own, graphics 20.01, no media GT.
 *
 * Memory map: registers count VRAM in GiB, so there is 1 GiB of it, and BAR2 shows the first
 * 512 MiB. The driver gets what lies below the copy of the GGTT (GSM) and sees all of it; stolen
 * memory (DSM) and WOPCM are the rest. A guest of 1 GiB can then evict all VRAM there is, and
 * ring contexts of IGT's xe_create@create-contexts, over 64 KiB each, have room: 240 MiB were too
 * little for those of 7.3 (xe_vram.c, xe_ttm_stolen_mgr.c).
 */
#include "xe2.h"

#define ALL 0xffffffffu
#define RO  .ro = ALL

#define GIB  (1ull << 30)
#define BAR2 (512ull << 20)
#define DSM  (BAR2 - (8u << 20)) /* multiple of 1 MiB */
#define GSM  (DSM - (8u << 20))	 /* multiple of 2 MiB, the unit of the driver's identity map */

static const struct reg_def regs[] = {
	{ .off = 0x000d8c, .name = "GMD_ID", .reset = 0x05004004, RO }, /* 20.01 B0 */
	/* size in GiB from bit 8 on, base 0; 6.12 reads the first, 7.3 the second */
	{ .off = 0x004900, .name = "XEHP_TILE_ADDR_RANGE", .reset = 1 << 8, RO },
	{ .off = 0x1083a0, .name = "SG_TILE_ADDR_RANGE", .reset = 1 << 8, RO },
	{ .off = 0x1080c0, .name = "DSMBASE", .reset = DSM, RO },
	{ .off = 0x1080c4, .name = "DSMBASE_U", RO },
	{ .off = 0x108100, .name = "GSMBASE", .reset = GSM, RO },
	{ .off = 0x108104, .name = "GSMBASE_U", RO },
	{ .off = 0x138320, .name = "PCODE_SCRATCH0", RO }, /* booted well, no survivability mode */
	{ .off = 0x138340, .name = "BMG_PCIE_CAP", RO },
	/* record 0 of telemetry (type 1) of device 0xe2f8: the counters lie at 0x360000 and stand at 0 */
	{ .off = 0x35b004, .name = "PUNIT_TELEMETRY_GUID", .reset = 1u << 28 | 0xe2f8u << 12, RO },
	{ .off = 0x374c48, .name = "HECI2_FWSTS2", .reset = 1 << 3, RO }, /* no NVM override */
};
static const struct reg_set bmg_regs = REG_SET(regs);

static const struct reg_range ranges[] = {
	{ 0x138098, 0x1380e0, "hwmon: package power" },
	{ 0x138110, 0x138124, "hwmon: energy" },
	{ 0x138130, 0x138200, "hwmon: fans" },
	{ 0x138240, 0x138300, "hwmon: VRAM temperatures" },
	{ 0x138434, 0x138480, "hwmon: temperatures, package limits" },
	{ 0x280000, 0x281000, "SoC: I2C, remapper" },
	{ 0x360000, 0x370000, "telemetry" },
	{ 0x374000, 0x375000, "HECI" },
	/* 7.3 maps it to programs, whose writes are barriers; IGT's xe_mmap knows what it reads */
	{ 0x7ff000, 0x800000, "doorbell not set up", .reads_as = 0xdeadbeef },
};
static const struct range_set bmg_ranges = REG_SET(ranges);

static const struct reg_value values[] = {
	{ 0x101010, 1 << 7 }, /* GU_CNTL: local memory is initialised */
};

static const struct personality bmg = {
	.name = "bmg",
	.vendor = 0x8086,
	.device = 0xe20b,
	.subvendor = 0x8086,
	.class_code = 0x038000,
	.bar0_size = 16u << 20,
	.bar2_size = BAR2,
	.vram_size = GIB,
	.gmch_ctl = 0x00c0, /* 8 MiB of GGTT entries */
	.regs = { &xe2_regs, &bmg_regs },
	.ranges = { &xe2_ranges, &bmg_ranges },
	.values = values,
	.nr_values = sizeof(values) / sizeof(values[0]),
	.context_regs = &xe2_context_regs,
	.hwconfig = &xe2_hwconfig,
	.rp0 = 123,
	.rpe = 72,
	.rpn = 18,
};
PERSONALITY(bmg);
