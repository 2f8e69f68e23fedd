/* SPDX-License-Identifier: MIT */
/*
 * Recoverable page faults: a context of a user's address space that misses a page leaves its
 * engine, the driver is told, and its answer sends the context back to the same command or ends it.
 * Layout of both messages: struct xe_guc_pagefault_desc and _reply (xe_guc_fwif.h).
 */
#include "guc_pagefault.h"

#include "device.h"

#define ENG_INSTANCE(id) ((id) >> 4 & 0x3f)
#define ENG_CLASS(id)	 ((id) & 7)

#define REPLY_VALID	   (1u << 0)
#define REPLY_UNSUCCESSFUL (1u << 1)

/*
 * An answer "mapped" that changed nothing, so often at the same address: a driver that does this
 * would do it for ever.
 */
#define MAX_REPEATS 1000

/* The driver gives the 16 bits of PDATA back: they carry the context's number. */
static void describe(const struct guc_ctx *c, const struct mem_fault *f, uint32_t dw[4])
{
	uint32_t id = c->e->engine_id_reg, pdata = c->guc_id;

	dw[0] = f->level | ENG_INSTANCE(id) << 19 | ENG_CLASS(id) << 25 | (pdata & 0xf) << 28;
	dw[1] = (pdata >> 4 & 0xfff) | c->asid << 12;
	dw[2] = (f->write ? 1u : 0) | (f->read_only ? 1u << 2 : 0) | ((uint32_t)f->addr & ~0xfffu);
	dw[3] = (uint32_t)(f->addr >> 32);
}

bool pagefault_raise(struct vgpu_hw *h, struct guc_ctx *c, const struct mem_fault *f)
{
	uint32_t dw[4];

	if (!f->valid)
		return false;
	if (!c->asid) {
		c->fault = *f;
		return false; /* nobody to ask: the kernel's own address space is never missing pages */
	}
	if (f->addr >> 12 == c->fault.addr >> 12 && f->write == c->fault.write) {
		if (++c->fault_repeats > MAX_REPEATS)
			return false;
	} else {
		c->fault_repeats = 0;
	}
	c->fault = *f;
	describe(c, f, dw);
	if (!guc_send_event(h, GUC_PAGE_FAULT, dw, 4))
		return false;
	c->faulting = true;
	h->guc.page_faults++;
	h->guc.submit.faults_open[c->guc_id]++;
	return true;
}

void pagefault_reply(struct vgpu_hw *h, const uint32_t *p, size_t n)
{
	struct guc_submit *s = &h->guc.submit;
	struct guc_ctx *c;
	uint32_t id;

	if (n < 2 || !(p[0] & REPLY_VALID)) {
		guc_protocol(h, "page fault response of %zu dwords, 0x%x", n, n ? p[0] : 0);
		return;
	}
	id = p[1] >> 16;
	pthread_mutex_lock(&s->lock);
	if (!s->faults_open[id]) {
		pthread_mutex_unlock(&s->lock);
		guc_protocol(h, "page fault response nobody waits for: context %u, asid %u", id,
			     p[0] >> 12);
		return;
	}
	s->faults_open[id]--;
	c = s->ctx[id];
	/* the context may be gone, and another may have its number: that one is not faulting */
	if (c && c->faulting && !s->faults_open[id]) {
		c->faulting = false;
		if (p[0] & REPLY_UNSUCCESSFUL) {
			h->guc.page_faults_refused++;
			engine_context_lost(h, c, RUN_FAULT);
		} else {
			engine_queue(c);
		}
	}
	pthread_mutex_unlock(&s->lock);
}
