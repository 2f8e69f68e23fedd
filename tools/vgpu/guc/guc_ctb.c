/* SPDX-License-Identifier: MIT */
/*
 * Command transport: two rings in GGTT memory. The driver pads the end of the H2G ring with zero
 * dwords before it wraps, and zeroes the ring at runtime resume, so a zero header is skipped one
 * dword at a time. G2H payload simply continues at the start (xe_guc_ct.c).
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "device.h"
#include "mem.h"
#include "witness.h"

#define DESC_HEAD   0
#define DESC_TAIL   4
#define DESC_STATUS 8
#define STATUS_OVERFLOW 1u
#define STATUS_MISMATCH 4u

#define KEY_FIRST   0x0902u
#define RING_MIN    64u
#define RING_MAX    (4u << 20)
#define PADDING	    1024u /* dwords of it that are looked at together */
#define H2G_BUDGET  65536 /* dwords handled in one go; xe's ring has 4096 */

enum { H2G_ADDR, H2G_DESC, H2G_SIZE, G2H_ADDR, G2H_DESC, G2H_SIZE };

const struct dma_origin guc_origin = { .engine = "guc", .guc_id = -1 };

void guc_protocol(struct vgpu_hw *h, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	vgpu_witness(h->g, WITNESS_CTB_PROTOCOL, &guc_origin, 0, 0, false, "%s", text);
}

void ctb_init(struct guc_ctb *ctb)
{
	memset(ctb, 0, sizeof(*ctb));
	pthread_mutex_init(&ctb->lock, NULL);
}

int ctb_config(struct guc_ctb *ctb, uint32_t key, uint64_t val)
{
	if (key < KEY_FIRST || key >= KEY_FIRST + 6)
		return 0;
	ctb->cfg[key - KEY_FIRST] = val;
	return 1;
}

static bool size_ok(uint64_t bytes)
{
	return bytes >= RING_MIN && bytes <= RING_MAX && !(bytes & (bytes - 1));
}

static int g_read32(struct vgpu_hw *h, uint64_t addr, uint32_t *val)
{
	return mem_read32(h, &guc_origin, MEM_GGTT, addr, val);
}

static void g_write32(struct vgpu_hw *h, uint64_t addr, uint32_t val)
{
	mem_write32(h, &guc_origin, MEM_GGTT, addr, val);
}

int ctb_enable(struct vgpu_hw *h, bool on)
{
	struct guc_ctb *ctb = &h->guc.ctb;
	int err = 0;

	pthread_mutex_lock(&ctb->lock);
	ctb->enabled = false;
	ctb->h2g_stalled = ctb->h2g_released = ctb->g2h_stalled = false;
	ctb->h2g_more = false;
	if (on) {
		if (!size_ok(ctb->cfg[H2G_SIZE]) || !size_ok(ctb->cfg[G2H_SIZE])) {
			err = -EINVAL;
		} else {
			ctb->h2g = (struct guc_ring){ .desc = ctb->cfg[H2G_DESC],
						      .buf = ctb->cfg[H2G_ADDR],
						      .size = (uint32_t)ctb->cfg[H2G_SIZE] / 4 };
			ctb->g2h = (struct guc_ring){ .desc = ctb->cfg[G2H_DESC],
						      .buf = ctb->cfg[G2H_ADDR],
						      .size = (uint32_t)ctb->cfg[G2H_SIZE] / 4 };
			ctb->enabled = true;
		}
	}
	pthread_mutex_unlock(&ctb->lock);
	if (err)
		guc_protocol(h, "CTB enabled with sizes %llu and %llu",
			     (unsigned long long)ctb->cfg[H2G_SIZE],
			     (unsigned long long)ctb->cfg[G2H_SIZE]);
	return err;
}

static void h2g_broken(struct vgpu_hw *h, const char *what, uint32_t val)
{
	struct guc_ring *r = &h->guc.ctb.h2g;

	r->broken = true;
	guc_protocol(h, "H2G %s (0x%x), head %u size %u", what, val, r->pos, r->size);
	g_write32(h, r->desc + DESC_STATUS, STATUS_MISMATCH);
}

/* Reads @n dwords at ring index @at, which may wrap. */
static int ring_read(struct vgpu_hw *h, const struct guc_ring *r, uint32_t at, uint32_t *buf,
		     uint32_t n)
{
	uint32_t first = r->size - at < n ? r->size - at : n;
	int err;

	err = mem_read(h, &guc_origin, MEM_GGTT, r->buf + 4ull * at, buf, 4ul * first);
	if (!err && first < n)
		err = mem_read(h, &guc_origin, MEM_GGTT, r->buf, buf + first, 4ul * (n - first));
	return err;
}

/* The delay of a message is over. The doorbell's lock is held, as for any other message. */
static void h2g_resume(struct vgpu *g, uint64_t arg)
{
	struct vgpu_hw *h = g->hw;

	pthread_mutex_lock(&h->regs.lock);
	if (h->guc.ctb.h2g_stalled) {
		h->guc.ctb.h2g_stalled = false;
		h->guc.ctb.h2g_released = true;
		ctb_receive(h);
	}
	pthread_mutex_unlock(&h->regs.lock);
}

/* Asks the triggers about message @msg. False: not to be handled now. */
static bool h2g_passes(struct vgpu_hw *h, uint32_t *msg, uint32_t len, bool *drop)
{
	struct guc_ctb *ctb = &h->guc.ctb;
	struct vgpu_verdict v;

	*drop = false;
	if (ctb->h2g_released) {
		ctb->h2g_released = false;
		return true;
	}
	vgpu_witness_recall(h->g->witness, EVENT_H2G, HXG_ACTION(msg[0]), 4 * len,
			    len > 1 ? msg[1] : 0);
	v = vgpu_event(h->g, EVENT_H2G, &guc_origin, HXG_ACTION(msg[0]), 4ull * len);
	switch (v.action) {
	case ACTION_DELAY:
		ctb->h2g_stalled = true;
		vgpu_defer(h->g, v.arg, h2g_resume, 0);
		return false;
	case ACTION_CORRUPT:
		msg[len > 1] ^= (uint32_t)v.arg;
		return true;
	case ACTION_DROP:
		*drop = true;
		return true;
	default:
		return !vgpu_is_dead(h->g);
	}
}

/*
 * Passes zeroes, with which the driver fills the end of a ring: many at a time, a hostile ring is
 * full of them. Returns how many, or -1 when they cannot be read.
 */
static int64_t skip_zeroes(struct vgpu_hw *h, struct guc_ring *r, uint32_t tail)
{
	uint32_t dw[PADDING], n, i = 0;
	int64_t passed = 0;

	while (r->pos != tail) {
		n = (tail > r->pos ? tail : r->size) - r->pos;
		n = n < PADDING ? n : PADDING;
		if (ring_read(h, r, r->pos, dw, n))
			return -1;
		for (i = 0; i < n && !dw[i]; i++)
			;
		r->pos = (r->pos + i) % r->size;
		passed += i;
		if (i < n || passed > H2G_BUDGET)
			break;
	}
	return passed;
}

/*
 * Handles the messages up to @tail, or until *@budget dwords are used up. Returns false when the
 * ring cannot be trusted any more.
 */
static bool receive_until(struct vgpu_hw *h, uint32_t tail, int64_t *budget)
{
	struct guc_ring *r = &h->guc.ctb.h2g;
	uint32_t msg[GUC_MSG_MAX], hdr, len, avail;
	int64_t zeroes;
	bool drop;

	while (h->guc.ctb.enabled && r->pos != tail && *budget > 0) {
		if (ring_read(h, r, r->pos, &hdr, 1))
			return false;
		if (!hdr) {
			zeroes = skip_zeroes(h, r, tail);
			if (zeroes < 0)
				return false;
			*budget -= zeroes + 1;
			continue;
		}
		len = hdr & 0xff;
		avail = (tail - r->pos + r->size) % r->size;
		if (hdr >> 12 & 0xf || !len || len + 1 > avail) {
			h2g_broken(h, "message header", hdr);
			return false;
		}
		if (ring_read(h, r, (r->pos + 1) % r->size, msg, len))
			return false;
		if (!h2g_passes(h, msg, len, &drop))
			return false;
		r->pos = (r->pos + 1 + len) % r->size;
		*budget -= 1 + len;
		h->guc.h2g_messages++;
		if (!drop)
			guc_dispatch(h, hdr >> 16, msg, len);
	}
	return true;
}

static void h2g_more(struct vgpu *g, uint64_t arg)
{
	struct vgpu_hw *h = g->hw;

	pthread_mutex_lock(&h->regs.lock);
	if (h->guc.ctb.h2g_more) {
		h->guc.ctb.h2g_more = false;
		ctb_receive(h);
	}
	pthread_mutex_unlock(&h->regs.lock);
}

void ctb_receive(struct vgpu_hw *h)
{
	struct guc_ctb *ctb = &h->guc.ctb;
	struct guc_ring *r = &ctb->h2g;
	int64_t budget = H2G_BUDGET;
	uint32_t tail;
	bool good = true;

	while (good && budget > 0) {
		if (!ctb->enabled || r->broken || ctb->mute || ctb->h2g_stalled)
			return;
		if (g_read32(h, r->desc + DESC_TAIL, &tail))
			return;
		if (tail >= r->size) {
			h2g_broken(h, "tail beyond the ring", tail);
			return;
		}
		if (tail == r->pos)
			return;
		good = receive_until(h, tail, &budget);
		if (ctb->enabled)
			g_write32(h, r->desc + DESC_HEAD, r->pos);
	}
	/* a driver that moves the tail for ever must not hold the loop thread: others have their turn */
	if (good && ctb->enabled && !ctb->h2g_more) {
		ctb->h2g_more = true;
		vgpu_defer(h->g, 0, h2g_more, 0);
	}
}

/* Caller holds ctb->lock. */
static void ring_put(struct vgpu_hw *h, struct guc_ring *r, uint32_t dw)
{
	g_write32(h, r->buf + 4ull * r->pos, dw);
	r->pos = (r->pos + 1) % r->size;
}

static void g2h_resume(struct vgpu *g, uint64_t arg)
{
	struct vgpu_hw *h = g->hw;
	struct guc_ctb *ctb = &h->guc.ctb;
	bool due;

	pthread_mutex_lock(&ctb->lock);
	due = ctb->g2h_stalled && ctb->enabled;
	ctb->g2h_stalled = false;
	if (due)
		g_write32(h, ctb->g2h.desc + DESC_TAIL, ctb->g2h.pos);
	pthread_mutex_unlock(&ctb->lock);
	if (due)
		irq_raise(h, IRQ_GUC, IRQ_VEC_GUC2HOST);
}

void ctb_mute(struct guc_ctb *ctb)
{
	pthread_mutex_lock(&ctb->lock);
	ctb->mute = true;
	pthread_mutex_unlock(&ctb->lock);
}

bool guc_send(struct vgpu_hw *h, uint32_t fence, uint32_t hdr, const uint32_t *data, size_t n)
{
	struct guc_ctb *ctb = &h->guc.ctb;
	struct guc_ring *r = &ctb->g2h;
	uint32_t head, room, action, flip = 0;
	struct vgpu_verdict v;
	bool sent = false, taken = false;

	pthread_mutex_lock(&ctb->lock);
	if (!ctb->enabled || r->broken || ctb->mute)
		goto out;
	action = HXG_TYPE(hdr) == HXG_EVENT ? HXG_ACTION(hdr) : GUC_RESPONSE;
	vgpu_witness_recall(h->g->witness, EVENT_G2H, action, 4 * ((unsigned int)n + 1),
			    n ? data[0] : hdr);
	v = vgpu_event(h->g, EVENT_G2H, &guc_origin, action, 4 * (n + 1));
	taken = true;
	if (v.action == ACTION_DROP || vgpu_is_dead(h->g))
		goto out;
	if (v.action == ACTION_CORRUPT)
		flip = (uint32_t)v.arg;
	if (v.action == ACTION_DELAY) {
		ctb->g2h_stalled = true;
		vgpu_defer(h->g, v.arg, g2h_resume, 0);
	}
	if (g_read32(h, r->desc + DESC_HEAD, &head))
		goto out;
	room = head < r->size ? (head - r->pos - 1 + r->size) % r->size : 0;
	if (room < n + 2) {
		r->broken = true;
		taken = false;
		guc_protocol(h, "G2H ring full or head wrong: head %u tail %u size %u", head,
			     r->pos, r->size);
		g_write32(h, r->desc + DESC_STATUS, STATUS_OVERFLOW);
		goto out;
	}
	ring_put(h, r, fence << 16 | (uint32_t)(n + 1));
	ring_put(h, r, n ? hdr : hdr ^ flip);
	for (size_t i = 0; i < n; i++)
		ring_put(h, r, i ? data[i] : data[i] ^ flip);
	h->guc.g2h_messages++;
	if (ctb->g2h_stalled)
		goto out; /* those behind a late message are late, too */
	/* a release store: the driver sees the message before the tail */
	g_write32(h, r->desc + DESC_TAIL, r->pos);
	sent = true;
out:
	pthread_mutex_unlock(&ctb->lock);
	if (sent)
		irq_raise(h, IRQ_GUC, IRQ_VEC_GUC2HOST);
	return taken;
}

bool guc_send_event(struct vgpu_hw *h, enum guc_action action, const uint32_t *data, size_t n)
{
	return guc_send(h, 0, HXG_ORIGIN_GUC | (uint32_t)HXG_EVENT << 28 | action, data, n);
}
