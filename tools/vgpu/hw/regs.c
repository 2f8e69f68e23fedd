/* SPDX-License-Identifier: MIT */
/* Register file: lookup, access rules, count of unknown registers. */
#include "regs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MAX_UNKNOWN 4096
/* In regs.index: the number behind it is one of regs.unknown, not of regs.slots. */
#define UNKNOWN	    0x8000u

static void *map_zero(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int regs_init(struct regs *r, const struct range_set *const *ranges, size_t nr_ranges)
{
	memset(r, 0, sizeof(*r));
	r->cells = map_zero(REGS_SPACE);
	r->index = map_zero(REGS_SPACE / 4 * sizeof(*r->index));
	if (!r->cells || !r->index) {
		regs_fini(r);
		return -ENOMEM;
	}
	r->ranges = ranges;
	r->nr_ranges = nr_ranges;
	pthread_mutex_init(&r->lock, NULL);
	return 0;
}

void regs_fini(struct regs *r)
{
	if (r->cells)
		munmap(r->cells, REGS_SPACE);
	if (r->index)
		munmap(r->index, REGS_SPACE / 4 * sizeof(*r->index));
	free(r->slots);
	free(r->unknown);
	memset(r, 0, sizeof(*r));
}

int regs_add(struct regs *r, const struct reg_def *defs, size_t n, uint32_t base)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t off = base + defs[i].off;

		if (off >= REGS_SPACE || off & 3 || r->index[off / 4] || r->nr_slots >= UNKNOWN - 1)
			return -EINVAL;
		if (r->nr_slots == r->max_slots) {
			size_t max = r->max_slots ? 2 * r->max_slots : 128;
			struct reg_slot *s = reallocarray(r->slots, max, sizeof(*s));

			if (!s)
				return -ENOMEM;
			r->slots = s;
			r->max_slots = max;
		}
		r->slots[r->nr_slots] = (struct reg_slot){ .def = &defs[i], .base = base,
							    .reset = defs[i].reset };
		r->index[off / 4] = (uint16_t)++r->nr_slots;
		r->cells[off / 4] = defs[i].reset;
	}
	return 0;
}

int regs_power_on_value(struct regs *r, uint32_t off, uint32_t val)
{
	unsigned int i = off < REGS_SPACE ? r->index[off / 4] : 0;

	if (!i || i & UNKNOWN)
		return -EINVAL;
	r->slots[i - 1].reset = val;
	r->cells[off / 4] = val;
	return 0;
}

void regs_reset(struct regs *r)
{
	/* dropping the pages is cheaper than clearing 8 MiB, most of which was never touched */
	if (madvise(r->cells, REGS_SPACE, MADV_DONTNEED))
		memset(r->cells, 0, REGS_SPACE);
	for (size_t i = 0; i < r->nr_slots; i++) {
		const struct reg_slot *s = &r->slots[i];

		r->cells[(s->base + s->def->off) / 4] = s->reset;
	}
}

uint32_t regs_get(const struct regs *r, uint32_t off)
{
	return r->cells[off / 4];
}

void regs_set(struct regs *r, uint32_t off, uint32_t val)
{
	r->cells[off / 4] = val;
}

static const struct reg_slot *slot_at(const struct regs *r, uint32_t off)
{
	unsigned int i = r->index[off / 4];

	return i && !(i & UNKNOWN) ? &r->slots[i - 1] : NULL;
}

bool regs_is_active(const struct regs *r, uint32_t off)
{
	const struct reg_slot *s = slot_at(r, off);

	return s && (s->def->read || s->def->write || s->def->ro || s->def->w1c ||
		     s->def->self_clear || s->def->masked);
}

static const struct reg_range *range_at(const struct regs *r, uint32_t off)
{
	for (size_t i = 0; i < r->nr_ranges; i++) {
		const struct range_set *set = r->ranges[i];

		for (size_t k = 0; set && k < set->n; k++)
			if (off >= set->ranges[k].start && off < set->ranges[k].end)
				return &set->ranges[k];
	}
	return NULL;
}

const char *regs_name(const struct regs *r, uint32_t off)
{
	const struct reg_slot *s = slot_at(r, off);
	const struct reg_range *range;

	if (s)
		return s->def->name;
	range = range_at(r, off);
	return range ? range->name : NULL;
}

/* A guest may go through all of them: no search, and the list has an end. */
static void count_unknown(struct regs *r, uint32_t off)
{
	uint16_t *i = &r->index[off / 4];

	if (*i) {
		r->unknown[*i & ~UNKNOWN].count++;
		return;
	}
	if (r->nr_unknown == r->max_unknown) {
		size_t max = r->max_unknown ? 2 * r->max_unknown : 64;
		struct reg_unknown *u = NULL;

		if (max <= MAX_UNKNOWN)
			u = reallocarray(r->unknown, max, sizeof(*u));
		if (!u) {
			r->unknown_overflow++;
			return;
		}
		r->unknown = u;
		r->max_unknown = max;
	}
	*i = (uint16_t)(UNKNOWN | r->nr_unknown);
	r->unknown[r->nr_unknown++] = (struct reg_unknown){ .off = off, .count = 1 };
}

uint32_t regs_read(struct vgpu_hw *h, struct regs *r, uint32_t off)
{
	const struct reg_slot *s = slot_at(r, off);
	uint32_t val = r->cells[off / 4];

	if (!s) {
		const struct reg_range *range = range_at(r, off);

		if (!range)
			count_unknown(r, off);
		return range && range->reads_as ? range->reads_as : val;
	}
	return s->def->read ? s->def->read(h, s->def, s->base, val) : val;
}

void regs_write(struct vgpu_hw *h, struct regs *r, uint32_t off, uint32_t val)
{
	const struct reg_slot *s = slot_at(r, off);
	uint32_t old = r->cells[off / 4], new = val;
	const struct reg_def *d;

	if (!s) {
		if (!range_at(r, off))
			count_unknown(r, off);
		r->cells[off / 4] = val;
		return;
	}
	d = s->def;
	if (d->masked)
		new = (old & ~(val >> 16)) | (val & (val >> 16));
	new = (new & ~d->ro) | (old & d->ro);
	new = (new & ~d->w1c) | (old & d->w1c & ~val);
	r->cells[off / 4] = new & ~d->self_clear;
	if (d->write)
		d->write(h, d, s->base, val, old);
}
