/* SPDX-License-Identifier: MIT */
/* Power controller mailbox: executed at the write of READY (xe_pcode.c, xe_pcode_api.h). */
#include "pcode.h"

#include "device.h"

#define MAILBOX	0x138124u
#define   READY (1u << 31)
#define DATA0	0x138128u
#define DATA1	0x13812cu

#define ERR_NONE	0u
#define ERR_ILLEGAL_CMD 1u

/* Commands that are answered; @data0 is what a read gives, writes are accepted. */
static const struct {
	uint8_t cmd;
	uint32_t data0;
} commands[] = {
	{ 0x7e, 1 }, /* DGFX_PCODE_STATUS: initialisation complete */
	{ 0x7c, 0 }, /* POWER_SETUP */
	{ 0x7d, 0 }, /* FAN_SPEED_CONTROL: no fans */
	{ 0x5c, 0 }, /* LATE_BINDING */
	{ 0x25, 0 }, /* THERMAL_INFO */
};

static void mailbox_write(struct vgpu_hw *h, const struct reg_def *d, uint32_t base, uint32_t val,
			  uint32_t old)
{
	uint32_t err = ERR_ILLEGAL_CMD, data0 = 0;

	if (!(val & READY))
		return;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (commands[i].cmd != (val & 0xff))
			continue;
		err = ERR_NONE;
		data0 = commands[i].data0;
	}
	regs_set(&h->regs, DATA0, data0);
	regs_set(&h->regs, DATA1, 0);
	regs_set(&h->regs, MAILBOX, (val & ~(READY | 0xff)) | err);
}

const struct reg_def pcode_regs[] = {
	{ .off = MAILBOX, .name = "PCODE_MAILBOX", .self_clear = READY, .write = mailbox_write },
	{ .off = DATA0, .name = "PCODE_DATA0" },
	{ .off = DATA1, .name = "PCODE_DATA1" },
};
const size_t nr_pcode_regs = sizeof(pcode_regs) / sizeof(pcode_regs[0]);
