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
		break;
	case EVENT_PARAM_UNSET:
		set_param(s, p[1], 0);
		break;
	default:
		guc_protocol(h, "SLPC event %u", event);
		break;
	}
}
