/* SPDX-License-Identifier: MIT */
/*
 * GuC: firmware load handshake, MMIO mailbox and the dispatch of H2G actions. The firmware is read
 * from the driver's memory, to prove that it is mapped, and never run: this file is the firmware.
 */
#include "guc.h"

#include <errno.h>
#include <string.h>

#include "device.h"
#include "guc_pagefault.h"
#include "mem.h"

#define GUC_STATUS     0xc000u
#define   STATUS_RESET 0x00000001u
#define   STATUS_READY 0x8000f0ecu /* authenticated, ukernel READY, bootrom passed */
#define DMA_ADDR_0_LOW  0xc300u
#define DMA_ADDR_0_HIGH 0xc304u
#define DMA_COPY_SIZE   0xc310u
#define DMA_CTRL        0xc314u
#define   DMA_HUC_MOVE  (1u << 9)
#define   DMA_UOS_MOVE  (1u << 4)
#define   DMA_START     (1u << 0)
#define DMA_MAX         (4u << 20) /* no GuC or HuC image is larger */
#define WOPCM_LOCK      (1u << 0)
#define MAILBOX         0x190240u
#define MAILBOX_DWORDS  4
#define MAX_DATA0       0x0fffffffu
#define UNKNOWN_LOGGED  64u

#define TLB_DONE_LEN 1

static uint32_t success(uint32_t data0)
{
	return HXG_ORIGIN_GUC | (uint32_t)HXG_SUCCESS << 28 | (data0 & MAX_DATA0);
}

static uint32_t failure(uint32_t error)
{
	return HXG_ORIGIN_GUC | (uint32_t)HXG_FAILURE << 28 | (error & 0xffff);
}

#define ERROR_UNKNOWN_ACTION 0x30u
#define ERROR_INVALID_PARAMS 0x60u

/* Copies the hwconfig table to the driver. Returns the reply. */
static uint32_t hwconfig(struct vgpu_hw *h, uint64_t addr, uint32_t size)
{
	uint32_t bytes = (uint32_t)h->p->hwconfig->n * 4;
	int err;

	if (!size)
		return success(bytes);
	if (size < bytes)
		return failure(ERROR_INVALID_PARAMS);
	err = mem_write(h, &guc_origin, MEM_GGTT, addr, h->p->hwconfig->dw, bytes);
	return err ? failure(ERROR_INVALID_PARAMS) : success(bytes);
}

static uint32_t self_cfg(struct vgpu_hw *h, const uint32_t *dw)
{
	uint32_t key = dw[1] >> 16, len = dw[1] & 0xffff;
	uint64_t val = dw[2];

	if (len < 1 || len > 2)
		return failure(ERROR_INVALID_PARAMS);
	if (len == 2)
		val |= (uint64_t)dw[3] << 32;
	return success((uint32_t)ctb_config(&h->guc.ctb, key, val));
}

static void mailbox_request(struct vgpu_hw *h)
{
	uint32_t dw[MAILBOX_DWORDS], reply;

	for (unsigned int i = 0; i < MAILBOX_DWORDS; i++)
		dw[i] = regs_get(&h->regs, MAILBOX + 4 * i);
	h->guc.mmio_requests++;
	if (regs_get(&h->regs, GUC_STATUS) != STATUS_READY || h->guc.ctb.mute)
		return; /* nobody is there to answer */
	switch (HXG_ACTION(dw[0])) {
	case GUC_GET_HWCONFIG:
		reply = hwconfig(h, dw[1] | (uint64_t)dw[2] << 32, dw[3]);
		break;
	case GUC_SELF_CFG:
		reply = self_cfg(h, dw);
		break;
	case GUC_CONTROL_CTB:
		reply = ctb_enable(h, dw[1] & 1) ? failure(ERROR_INVALID_PARAMS) : success(0);
		break;
	case GUC_CLIENT_SOFT_RESET:
		submit_reset(h);
		reply = success(0);
		break;
	default:
		h->guc.unknown_actions++;
		h->guc.last_unknown_action = HXG_ACTION(dw[0]);
		reply = failure(ERROR_UNKNOWN_ACTION);
		break;
	}
	regs_set(&h->regs, MAILBOX, reply);
}

static void mailbox_write(struct vgpu_hw *h, const struct reg_def *d, uint32_t base, uint32_t val,
			  uint32_t old)
{
	h->guc.mailbox_new = val && !(val & HXG_ORIGIN_GUC);
}

static void doorbell(struct vgpu_hw *h, const struct reg_def *d, uint32_t base, uint32_t val,
		     uint32_t old)
{
	if (h->guc.mailbox_new) {
		h->guc.mailbox_new = false;
		mailbox_request(h);
	}
	ctb_receive(h);
}

static void lock_write(struct vgpu_hw *h, const struct reg_def *d, uint32_t base, uint32_t val,
		       uint32_t old)
{
	/* latched by the first write until the next reset of the function */
	regs_set(&h->regs, d->off, old & WOPCM_LOCK ? old : val | WOPCM_LOCK);
}

/* Reads the image the driver points at, page by page: a missing page shows in the witness. */
static bool fetch_image(struct vgpu_hw *h)
{
	uint64_t addr = regs_get(&h->regs, DMA_ADDR_0_LOW) |
			(uint64_t)(regs_get(&h->regs, DMA_ADDR_0_HIGH) & 0xffff) << 32;
	uint32_t size = regs_get(&h->regs, DMA_COPY_SIZE);
	char page[4096];

	if (!size || size > DMA_MAX)
		return false;
	while (size) {
		uint32_t n = size < sizeof(page) ? size : sizeof(page);
		int err;

		err = mem_read(h, &guc_origin, MEM_GGTT, addr, page, n);
		if (err)
			return false;
		addr += n;
		size -= n;
	}
	return true;
}

static void dma_ctrl_write(struct vgpu_hw *h, const struct reg_def *d, uint32_t base, uint32_t val,
			   uint32_t old)
{
	uint32_t set = val & val >> 16;

	if (!(set & DMA_START) || !fetch_image(h))
		return;
	if (set & DMA_UOS_MOVE)
		regs_set(&h->regs, GUC_STATUS, STATUS_READY);
}

#define ALL 0xffffffffu

const struct reg_def guc_regs[] = {
	{ .off = GUC_STATUS, .name = "GUC_STATUS", .reset = STATUS_RESET, .ro = ALL },
	{ .off = 0xc010, .name = "BOOT_HASH_CHK", .ro = ALL },
	{ .off = 0xc050, .name = "GUC_WOPCM_SIZE", .write = lock_write },
	{ .off = 0xc064, .name = "GUC_SHIM_CONTROL" },
	{ .off = 0xc1bc, .name = "SOFT_SCRATCH15", .self_clear = ALL },
	{ .off = DMA_ADDR_0_LOW, .name = "DMA_ADDR_0_LOW" },
	{ .off = DMA_ADDR_0_HIGH, .name = "DMA_ADDR_0_HIGH" },
	{ .off = 0xc308, .name = "DMA_ADDR_1_LOW" },
	{ .off = 0xc30c, .name = "DMA_ADDR_1_HIGH" },
	{ .off = DMA_COPY_SIZE, .name = "DMA_COPY_SIZE" },
	{ .off = DMA_CTRL, .name = "DMA_CTRL", .masked = true, .self_clear = DMA_START,
	  .write = dma_ctrl_write },
	{ .off = 0xc340, .name = "DMA_GUC_WOPCM_OFFSET", .write = lock_write },
	{ .off = 0xc398, .name = "GUC_SRAM_STATUS", .ro = ALL },
	{ .off = 0xc3e4, .name = "GUC_MAX_IDLE_COUNT" },
	{ .off = 0xcf7c, .name = "GUC_TLB_INV_DESC0", .self_clear = ALL },
	{ .off = 0xcf80, .name = "GUC_TLB_INV_DESC1" },
	{ .off = 0x1901f0, .name = "GUC_HOST_INTERRUPT", .self_clear = ALL, .write = doorbell },
	{ .off = MAILBOX, .name = "VF_SW_FLAG0", .write = mailbox_write },
	{ .off = MAILBOX + 4, .name = "VF_SW_FLAG1" },
	{ .off = MAILBOX + 8, .name = "VF_SW_FLAG2" },
	{ .off = MAILBOX + 12, .name = "VF_SW_FLAG3" },
};
const size_t nr_guc_regs = sizeof(guc_regs) / sizeof(guc_regs[0]);

int guc_init(struct vgpu_hw *h)
{
	ctb_init(&h->guc.ctb);
	return submit_init(&h->guc.submit);
}

void guc_fini(struct vgpu_hw *h)
{
	submit_fini(&h->guc.submit);
}

void guc_reset(struct vgpu_hw *h)
{
	ctb_enable(h, false);
	h->guc.ctb.mute = false;
	submit_reset(h);
	memset(h->guc.ctb.cfg, 0, sizeof(h->guc.ctb.cfg));
	slpc_reset(&h->guc.slpc);
	h->guc.mailbox_new = false;
	regs_set(&h->regs, GUC_STATUS, STATUS_RESET);
	/* the interrupt registers are not the GT's: what was raised stays raised */
}

/*
 * No translation is cached across the lock, so holding it alone once means that no access through
 * an older translation is left.
 */
static void tlb_invalidate(struct vgpu_hw *h, const uint32_t *p, size_t n)
{
	if (n < 1) {
		guc_protocol(h, "TLB invalidation without seqno");
		return;
	}
	pthread_rwlock_wrlock(&h->xlat);
	pthread_rwlock_unlock(&h->xlat);
	h->guc.tlb_invalidations++;
	guc_send_event(h, GUC_TLB_INVALIDATION_DONE, p, TLB_DONE_LEN);
}

/* Number of KLVs in @n dwords: header {key 31:16, length 15:0}, then length dwords. */
static uint32_t count_klvs(const uint32_t *p, size_t n)
{
	uint32_t count = 0;

	for (size_t i = 0; i < n; count++)
		i += 1 + (p[i] & 0xffff);
	return count;
}

void guc_dispatch(struct vgpu_hw *h, uint32_t fence, const uint32_t *msg, size_t n)
{
	const uint32_t *p = msg + 1;
	uint32_t data0 = 0;
	size_t np = n - 1;

	if (msg[0] & HXG_ORIGIN_GUC) {
		guc_protocol(h, "H2G message claims to come from the GuC: 0x%08x", msg[0]);
		return;
	}
	switch (HXG_ACTION(msg[0])) {
	case GUC_REGISTER_CONTEXT:
		submit_register(h, p, np);
		break;
	case GUC_DEREGISTER_CONTEXT:
		submit_deregister(h, p, np);
		break;
	case GUC_SCHED_MODE_SET:
		submit_mode_set(h, p, np);
		break;
	case GUC_SCHED_CONTEXT:
		submit_kick(h, p, np);
		break;
	case GUC_TLB_INVALIDATION:
	case GUC_TLB_INVALIDATION_ALL:
		tlb_invalidate(h, p, np);
		break;
	case GUC_SLPC_REQUEST:
		slpc_request(h, p, np);
		break;
	case GUC_PAGE_FAULT_RESPONSE:
		pagefault_reply(h, p, np);
		break;
	case GUC_SCHED_POLICIES_KLV:
		data0 = count_klvs(p, np);
		break;
	case GUC_CONTEXT_POLICIES:
	case GUC_GLOBAL_POLICY_CHANGE:
	case GUC_SETUP_GUCRC:
	case GUC_ENGINE_ACTIVITY:
	case GUC_FUNCTION_ACTIVITY:
	case GUC_OPT_IN_FEATURE:
		break; /* accepted; nothing in the model depends on them */
	default:
		/* bounded: a guest must not fill the host's disk */
		if (h->guc.unknown_actions++ < UNKNOWN_LOGGED)
			log_info("guc: unknown H2G action 0x%04x", HXG_ACTION(msg[0]));
		h->guc.last_unknown_action = HXG_ACTION(msg[0]);
		break;
	}
	if (HXG_TYPE(msg[0]) == HXG_REQUEST)
		guc_send(h, fence, success(data0), NULL, 0);
}
