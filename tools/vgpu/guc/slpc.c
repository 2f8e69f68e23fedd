/* SPDX-License-Identifier: MIT */
/*
 * Frequency control by the GuC. Only the states a driver waits for exist: RUNNING after RESET, and
 * the frequency limits in the task state (xe_guc_pc.c, abi/guc_actions_slpc_abi.h).
 */
#include "device.h"
#include "mem.h"

#define EVENT_RESET	   0
#define EVENT_SHUTDOWN	   1
#define EVENT_QUERY	   5
#define EVENT_PARAM_SET	   6
#define EVENT_PARAM_UNSET  7
#define STATE_OFF	   0
#define STATE_RUNNING	   3
#define OFF_GLOBAL_STATE   4
#define OFF_TASK_STATUS	   128
#define OFF_TASK_FREQ	   132
#define PARAM_MIN_MHZ	   6
#define PARAM_MAX_MHZ	   7
#define MIRROR_TARGET_WP1  0xc60u  /* [12:9] power state, [8:0] actual frequency */
#define	  POWER_STATE_C6   (3u << 9)
#define FORCEWAKE_ACK_GT   0xdfcu
#define RPNSWREQ	   0xa008u /* [31:23] requested frequency */

void slpc_reset(struct slpc *s)
{
	s->min_mhz = 0;
	s->max_mhz = 0;
}

static void set_param(struct slpc *s, uint32_t id, uint32_t mhz)
{
	if (id == PARAM_MIN_MHZ)
		s->min_mhz = mhz;
	else if (id == PARAM_MAX_MHZ)
		s->max_mhz = mhz;
}

/* MHz to the 8-bit unit of 50/3 MHz, kept within the limits of the part. */
static uint32_t ratio(const struct vgpu_hw *h, uint32_t mhz, uint32_t def)
{
	uint32_t r = mhz ? (uint32_t)((mhz * 3ull + 25) / 50) : def;

	if (r < h->p->rpn)
		r = h->p->rpn;
	return r > h->p->rp0 ? h->p->rp0 : r;
}

/* The efficient frequency, as far as the limits allow it: what the part runs at. */
static void settle(struct vgpu_hw *h)
{
	const struct slpc *s = &h->guc.slpc;
	uint32_t max = ratio(h, s->max_mhz, h->p->rp0), min = ratio(h, s->min_mhz, h->p->rpn);
	uint32_t now = h->p->rpe;

	if (now > max)
		now = max;
	if (now < min) /* the minimum wins when the driver crosses them */
		now = min;
	regs_set(&h->regs, MIRROR_TARGET_WP1, now);
	regs_set(&h->regs, RPNSWREQ, now << 23);
}

/* Asleep when nobody runs and nobody holds it awake. */
static uint32_t wp1_read(struct vgpu_hw *h, const struct reg_def *d, uint32_t base, uint32_t val)
{
	if (regs_get(&h->regs, FORCEWAKE_ACK_GT) & 1)
		return val;
	for (int i = 0; i < ENGINE_COUNT; i++)
		if (atomic_load(&h->engines[i].active))
			return val;
	return POWER_STATE_C6; /* and the frequency reads 0 */
}

const struct reg_def slpc_regs[] = {
	{ .off = MIRROR_TARGET_WP1, .name = "MIRROR_TARGET_WP1", .reset = 0x48, .ro = 0xffffffff,
	  .read = wp1_read },
	{ .off = RPNSWREQ, .name = "RPNSWREQ" },
};
const size_t nr_slpc_regs = sizeof(slpc_regs) / sizeof(slpc_regs[0]);

static void store(struct vgpu_hw *h, uint64_t addr, uint32_t val)
{
	mem_write32(h, &guc_origin, MEM_GGTT, addr, val);
}

void slpc_request(struct vgpu_hw *h, const uint32_t *p, size_t n)
{
	struct slpc *s = &h->guc.slpc;
	uint32_t event, max, min;

	if (n < 2) {
		guc_protocol(h, "SLPC request of %zu dwords", n);
		return;
	}
	event = p[0] >> 8 & 0xff;
	switch (event) {
	case EVENT_RESET:
		slpc_reset(s);
		settle(h);
		store(h, p[1] + OFF_GLOBAL_STATE, STATE_RUNNING);
		break;
	case EVENT_SHUTDOWN:
		store(h, p[1] + OFF_GLOBAL_STATE, STATE_OFF);
		break;
	case EVENT_QUERY:
		max = ratio(h, s->max_mhz, h->p->rp0);
		min = ratio(h, s->min_mhz, h->p->rpn);
		store(h, p[1] + OFF_TASK_STATUS, 0);
		store(h, p[1] + OFF_TASK_FREQ, max | min << 8 | max << 16 | min << 24);
		break;
	case EVENT_PARAM_SET:
		if (n < 3)
			guc_protocol(h, "SLPC parameter without value");
		else
			set_param(s, p[1], p[2]);
		settle(h);
		break;
	case EVENT_PARAM_UNSET:
		set_param(s, p[1], 0);
		settle(h);
		break;
	default:
		guc_protocol(h, "SLPC event %u", event);
		break;
	}
}
