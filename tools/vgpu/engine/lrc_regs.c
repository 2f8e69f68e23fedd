/* SPDX-License-Identifier: MIT */
/* Registers that belong to a context. */
#include "lrc_regs.h"

#include "device.h"

#define MI_OP(dw)  ((dw) >> 23)
#define NOOP	   0x00u
#define BATCH_END  0x0au
#define LRI	   0x22u
#define LRI_CS	   (1u << 19) /* the ring's own registers, which the driver lays out */
#define LRI_LEN(n) (2 * (n) - 1)
#define MASKED_ALL 0xffff0000u

/* Only the render engine has a pipeline to keep the state of. */
static const struct reg_set *table(const struct engine *e)
{
	return e->id == RCS0 ? e->h->p->context_regs : NULL;
}

static int find(const struct engine *e, uint32_t off)
{
	const struct reg_set *t = table(e);

	for (size_t i = 0; t && i < t->n && i < LRC_REGS_MAX; i++)
		if (t->defs[i].off == off)
			return (int)i;
	return -1;
}

uint32_t lrc_reg_get(const struct engine *e, const struct guc_ctx *c, uint32_t off)
{
	int i = find(e, off);

	return i < 0 ? 0 : c->regs.val[i];
}

static bool store(const struct engine *e, struct lrc_regs *r, uint32_t off, uint32_t val)
{
	int i = find(e, off);

	if (i < 0)
		return false;
	if (table(e)->defs[i].masked)
		val = (r->val[i] & ~(val >> 16)) | (val & val >> 16);
	r->val[i] = val;
	r->set |= 1u << i;
	return true;
}

void lrc_reg_set(const struct engine *e, struct guc_ctx *c, uint32_t off, uint32_t val)
{
	if (store(e, &c->regs, off, val))
		c->regs.changed = true;
}

void lrc_regs_load(const struct engine *e, struct guc_ctx *c, const uint32_t *img, uint32_t n)
{
	struct lrc_regs r = { .at = 0 };
	uint32_t i = 0, len;
	bool end = false;

	while (i < n && !end) {
		len = (img[i] & 0xff) + 2;
		switch (MI_OP(img[i])) {
		case NOOP:
			i++;
			break;
		case LRI:
			if (img[i] & LRI_CS) {
				i += len;
				break;
			}
			for (uint32_t k = i + 1; k + 1 < i + len && k + 1 < n; k += 2)
				store(e, &r, img[k], img[k + 1]);
			/* fall through */
		case BATCH_END:
			r.at = i;
			end = true;
			break;
		default:
			i = n; /* not the image of a driver we know: nothing is saved there */
			break;
		}
	}
	if (r.at + LRC_REGS_DWORDS > LRC_REGS_END)
		r.at = 0;
	c->regs = r;
}

uint32_t lrc_regs_save(const struct engine *e, struct guc_ctx *c, uint32_t *out)
{
	const struct reg_set *t = table(e);
	uint32_t n = 1;

	if (!t || !c->regs.changed || !c->regs.set || !c->regs.at)
		return 0;
	for (uint32_t i = 0; i < t->n && i < LRC_REGS_MAX; i++) {
		if (!(c->regs.set >> i & 1))
			continue;
		out[n++] = t->defs[i].off;
		out[n++] = c->regs.val[i] | (t->defs[i].masked ? MASKED_ALL : 0);
	}
	out[0] = LRI << 23 | LRI_LEN((n - 1) / 2);
	out[n++] = BATCH_END << 23;
	c->regs.changed = false;
	return n;
}
