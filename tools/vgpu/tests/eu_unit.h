/* SPDX-License-Identifier: MIT */
/* Threads of a shader without an engine: single instructions, and (struct unit) messages and code. */
#ifndef VGPU_TESTS_EU_UNIT_H
#define VGPU_TESTS_EU_UNIT_H

#include "walker.h"

#include "eu.h"
#include "eu_alu.h"

/* A thread of 32 channels that touches no memory; free() it. */
static inline struct eu_thread *unit_thread(void)
{
	struct eu_thread *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	eu_thread_init(t, NULL, 0, ~0u, EU_REGS_SMALL);
	return t;
}

/* Executes one instruction on the channels @mask; false if the core refuses it. */
static inline bool unit_alu(struct eu_thread *t, const uint32_t *dw, uint32_t mask, uint32_t chosen)
{
	struct eu_inst in;

	if (!eu_decode(dw, &in) || in.form < FORM_ALU1 || in.form > FORM_ALU3)
		return false;
	return eu_alu(t, &in, mask & (in.channels == 32 ? ~0u : (1u << in.channels) - 1), chosen);
}

/* The same on all of them. */
static inline bool unit_exec(struct eu_thread *t, const uint32_t *dw, uint32_t chosen)
{
	return unit_alu(t, dw, ~0u, chosen);
}

static inline uint32_t float_bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

/* A thread with memory: VA 0..2 MiB leads to OFF_DATA, as everywhere. */
struct unit {
	struct harness *h;
	struct guc_ctx c;
	struct eu_env env;
	struct eu_thread *t;
};

static inline int unit_setup(void **state)
{
	struct unit *u = calloc(1, sizeof(*u));

	assert_non_null(u);
	u->h = harness_new();
	u->c.e = &u->h->g->hw->engines[CCS0];
	u->c.root = ppgtt_make(u->h);
	u->c.who = (struct dma_origin){ .engine = "ccs0", .guc_id = 1 };
	u->env = (struct eu_env){ .e = u->c.e,
				  .c = &u->c,
				  .surfaces = STATE,
				  .bindings = STATE + 0x800,
				  .send = { [EU_SF_GATEWAY] = eu_send_gateway,
					    [EU_SF_SLM] = eu_send_slm,
					    [EU_SF_UGM] = eu_send_ugm,
					    [EU_SF_TGM] = eu_send_tgm } };
	u->t = unit_thread();
	u->t->env = &u->env;
	*state = u;
	return 0;
}

static inline int unit_teardown(void **state)
{
	struct unit *u = *state;

	harness_free(u->h);
	free(u->t);
	free(u);
	return 0;
}

#define UNIT_TEST(f) cmocka_unit_test_setup_teardown(f, unit_setup, unit_teardown)

static inline uint8_t *unit_mem(struct unit *u, uint32_t va)
{
	return u->h->ram + OFF_DATA + va;
}

static inline uint32_t unit_dword(struct unit *u, uint32_t va)
{
	return ram32(u->h, OFF_DATA + va);
}

/* Makes the page of @va present or not, and writable or not. */
static inline void unit_page(struct unit *u, uint32_t va, bool present, bool writable)
{
	uint32_t pte = off_leaf(va);

	ram64_set(u->h, pte, (ram64(u->h, pte) & ~3ull) | (present ? 1 : 0) | (writable ? 2 : 0));
}

/* Sends a message to who answers for @s->sfid. */
static inline enum eu_status unit_send(struct unit *u, const struct eu_send *s)
{
	return u->env.send[s->sfid](u->t, s);
}

#endif
