/* SPDX-License-Identifier: MIT */
/* The loop of a thread: where it reads code, which channels go where, what a send says. */
#include "eu_unit.h"

#define PAGE  4096u

static uint32_t code[256], *p;

static int setup(void **state)
{
	p = code;
	return unit_setup(state);
}

/* Appends what adds 1 to dword @n of r30 each time it is executed. */
static void count(unsigned int n)
{
	p = asm2i(p, OP_ADD, W1, D(30, 4 * n), T_UD, S(30, 4 * n), 1, 0);
}

static uint32_t counted(struct unit *u, unsigned int n)
{
	return eu_reg(u->t, 30)[n];
}

/* An end: of the thread, by a message to the gateway. */
static void eot(void)
{
	p = asm_eot(p);
}

/* Starts the code at @va with the channels @mask and runs at most @budget instructions. */
static enum eu_status start(struct unit *u, uint32_t va, uint32_t mask, unsigned int budget)
{
	memcpy(unit_mem(u, va), code, (size_t)(p - code) * 4);
	eu_thread_init(u->t, &u->env, va, mask, EU_REGS_SMALL);
	return eu_run(u->t, budget);
}

static enum eu_status run_all(struct unit *u, uint32_t mask)
{
	return start(u, KERNEL, mask, 1000);
}

static void asm_sync(void)
{
	*p++ = OP_SYNC | W1;
	*p++ = 0;
	*p++ = 14u << 28;
	*p++ = 0;
}

/* Code up to the end of a page needs no next one; an instruction may lie in both. */
static void page_ends(void **state)
{
	struct unit *u = *state;

	count(0);
	eot();
	unit_page(u, KERNEL + PAGE, false, false);
	assert_int_equal(start(u, KERNEL + PAGE - (uint32_t)(p - code) * 4, 1, 100), EU_END);
	assert_int_equal(counted(u, 0), 1);
	assert_int_equal(harness_witness_total(u->h), 0);
	/* now the first one begins eight bytes before the end */
	assert_int_equal(start(u, KERNEL + PAGE - 8, 1, 100), EU_FAULT);
	assert_int_equal(u->t->instructions, 0);
	unit_page(u, KERNEL + PAGE, true, true);
	assert_int_equal(start(u, KERNEL + PAGE - 8, 1, 100), EU_END);
	assert_int_equal(counted(u, 0), 1);
	/* what the address of the start has below eight is not meant */
	assert_int_equal(start(u, KERNEL, 1, 100), EU_END);
	eu_thread_init(u->t, &u->env, KERNEL + 5, 1, EU_REGS_SMALL);
	assert_int_equal(eu_run(u->t, 100), EU_END);
	assert_int_equal(counted(u, 0), 1);
}

/* Between two runs the driver may have changed the code. */
static void code_is_read_anew(void **state)
{
	struct unit *u = *state;

	count(0);
	count(0);
	eot();
	assert_int_equal(start(u, KERNEL, 1, 1), EU_MORE);
	p = code;
	count(1);
	count(1);
	memcpy(unit_mem(u, KERNEL), code, (size_t)(p - code) * 4);
	assert_int_equal(eu_run(u->t, 1000), EU_END);
	assert_int_equal(counted(u, 0), 1);
	assert_int_equal(counted(u, 1), 1);
}

/* A thread without channels ends before its first instruction; one of a wanted engine waits there. */
static void nobody_is_there(void **state)
{
	struct unit *u = *state;

	count(0);
	eot();
	assert_int_equal(run_all(u, 0), EU_END);
	assert_int_equal(counted(u, 0), 0);
	atomic_store(&u->env.e->preempt, true);
	assert_int_equal(run_all(u, 1), EU_MORE);
	assert_int_equal(counted(u, 0), 0);
	atomic_store(&u->env.e->preempt, false);
	assert_int_equal(eu_run(u->t, 1000), EU_END);
	assert_int_equal(counted(u, 0), 1);
}

static enum eu_status wanted(struct eu_thread *t, const struct eu_send *s)
{
	atomic_store(&t->env->e->preempt, true);
	return EU_OK;
}

/* The engine's wish is seen at once behind a message, and soon behind anything else. */
static void stops_when_wanted(void **state)
{
	struct unit *u = *state;

	u->env.send[EU_SF_SAMPLER] = wanted;
	p = asm_send(p, W1, EU_SF_SAMPLER, 1u << 25, 0, 0, 20, 0, 0, false);
	count(0);
	eot();
	assert_int_equal(run_all(u, 1), EU_MORE);
	assert_int_equal(counted(u, 0), 0);
	atomic_store(&u->env.e->preempt, false);
	p = code;
	p = asm_branch(p, OP_JMPI, W1, 0, 0);
	assert_int_equal(start(u, KERNEL, 1, 50), EU_MORE);
	assert_int_equal(u->t->instructions, 50);
	atomic_store(&u->env.e->preempt, true);
	assert_int_equal(eu_run(u->t, 100000), EU_MORE);
	assert_in_range(u->t->instructions, 50, 50 + 64);
	atomic_store(&u->env.e->preempt, false);
}

static void *wish_later(void *arg)
{
	struct engine *e = arg;

	sleep_ms(20);
	atomic_store(&e->preempt, true);
	return NULL;
}

/* Nor does a shader without messages run on while the engine is wanted. */
static void stops_in_a_long_run(void **state)
{
	struct unit *u = *state;
	pthread_t th;

	p = asm_branch(p, OP_JMPI, W1, 0, 0);
	assert_int_equal(start(u, KERNEL, 1, 1), EU_MORE);
	assert_int_equal(pthread_create(&th, NULL, wish_later, u->env.e), 0);
	assert_int_equal(eu_run(u->t, 100000000), EU_MORE);
	pthread_join(th, NULL);
	assert_true(u->t->instructions < 100000000);
	atomic_store(&u->env.e->preempt, false);
}

/* When all have gone elsewhere nobody is left to execute what is between, not even without mask. */
static void all_leave(void **state)
{
	struct unit *u = *state;

	p = asm_branch(p, OP_GOTO, X(4), 16 * 2, 16 * 2);
	count(0);
	p = asm_branch(p, OP_JOIN, X(4), 16, 0);
	count(1);
	eot();
	assert_int_equal(run_all(u, 0xffff), EU_END);
	assert_int_equal(counted(u, 0), 0);
	assert_int_equal(counted(u, 1), 1);
}

/* Two of sixteen channels were dispatched; they part and meet, and nobody else is waited for. */
static void only_live_channels(void **state)
{
	struct unit *u = *state;

	p = asm1i(p, OP_MOV, W1, ARF(D(FLAG(0), 0)), T_UD, 0xfffd);
	p = asm_branch(p, OP_GOTO, X(4) | P, 16 * 3, 16 * 3); /* channel 0 goes, 1 stays */
	count(0);
	count(1);
	p = asm_branch(p, OP_JOIN, X(4), 16, 0);
	count(2);
	/* the mask off: one value into all */
	p = asm1i(p, OP_MOV, W | X(4), D(31, 0), T_UD, 7);
	p = asm1i(p, OP_MOV, X(4), D(32, 0), T_UD, 7);
	eot();
	assert_int_equal(run_all(u, 3), EU_END);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(counted(u, i), 1);
	assert_int_equal(eu_reg(u->t, 31)[15], 7);
	assert_int_equal(eu_reg(u->t, 32)[1], 7);
	assert_int_equal(eu_reg(u->t, 32)[2], 0);
}

/* A branch without mask takes those along who are here, not who waits elsewhere. */
static void branch_without_mask(void **state)
{
	struct unit *u = *state;

	p = asm1i(p, OP_MOV, W1, ARF(D(FLAG(0), 0)), T_UD, 0x1);
	p = asm_branch(p, OP_GOTO, X(4) | P, 16 * 6, 16 * 6); /* channel 0, to (b) */
	p = asm_branch(p, OP_GOTO, W | X(4), 16 * 2, 16 * 2); /* the others, to (a) */
	count(0);
	p = asm1i(p, OP_MOV, X(4), D(31, 0), T_UD, 1); /* (a) */
	p = asm_branch(p, OP_JOIN, X(4), 16, 0);
	count(1);
	p = asm2i(p, OP_ADD, X(4), D(31, 0), T_UD, V(31, 0), 16, 0); /* (b) */
	eot();
	assert_int_equal(run_all(u, 0xff), EU_END);
	assert_int_equal(counted(u, 0), 0);
	assert_int_equal(counted(u, 1), 1);
	assert_int_equal(eu_reg(u->t, 31)[0], 16);
	assert_int_equal(eu_reg(u->t, 31)[1], 17);
}

/* The upper half of the channels, by flags of the upper half. */
static void upper_half(void **state)
{
	struct unit *u = *state;

	p = asm1i(p, OP_MOV, W1, ARF(D(FLAG(0), 0)), T_UD, 0x00f00000);
	p = asm1i(p, OP_MOV, X(4) | M(2) | P, D(31, 0), T_UD, 5);
	p = asm_branch(p, OP_GOTO, X(4) | M(2) | P, 16 * 2, 16 * 2);
	p = asm1i(p, OP_MOV, X(4) | M(2), D(32, 0), T_UD, 6);
	p = asm_branch(p, OP_JOIN, X(4), 16, 0);
	eot();
	assert_int_equal(run_all(u, ~0u), EU_END);
	for (unsigned int i = 0; i < 16; i++) {
		assert_int_equal(eu_reg(u->t, 31)[i], i >= 4 && i < 8 ? 5 : 0);
		assert_int_equal(eu_reg(u->t, 32)[i], i >= 4 && i < 8 ? 0 : 6);
	}
}

/* Any and all of those who are here; not; each for itself. */
static void predicates(void **state)
{
	static const struct {
		uint32_t pred, flag, want; /* of the channels 0xff */
	} row[] = {
		{ 1u << 26, 0x0f, 0x0f },	{ 1u << 26 | NOT, 0x0f, 0xf0 },
		{ 2u << 26, 0x01, 0xff },	{ 2u << 26, 0xff00, 0 },
		{ 2u << 26 | NOT, 0x01, 0 },	{ 3u << 26, 0xff, 0xff },
		{ 3u << 26, 0xfe, 0 },		{ 3u << 26, 0xff7f, 0 },
		{ 3u << 26 | NOT, 0xfe, 0xff }, { 0, 0, 0xff },
	};
	struct unit *u = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		p = code;
		p = asm1i(p, OP_MOV, W1, ARF(D(FLAG(0), 0)), T_UD, row[i].flag);
		p = asm1i(p, OP_MOV, X(4) | row[i].pred, D(31, 0), T_UD, 1);
		/* who is not chosen gets the other operand */
		p = asm1i(p, OP_MOV, W | X(4), D(33, 0), T_UD, 2);
		p = asm2i(p, OP_SEL, X(4) | row[i].pred, D(32, 0), T_UD, V(33, 0), 3, 0);
		eot();
		assert_int_equal(run_all(u, 0xff), EU_END);
		for (unsigned int k = 0; k < 16; k++) {
			uint32_t yes = row[i].want >> k & 1;

			if (eu_reg(u->t, 31)[k] != yes)
				fail_msg("row %zu channel %u", i, k);
			assert_int_equal(eu_reg(u->t, 32)[k], k > 7 ? 0 : yes || !row[i].pred ? 2 : 3);
		}
	}
}

/* A jump is taken by all or none: the first channel says. */
static void jumps(void **state)
{
	struct unit *u = *state;

	for (uint32_t flag = 0; flag < 4; flag++) {
		p = code;
		p = asm1i(p, OP_MOV, W1, ARF(D(FLAG(0), 0)), T_UD, flag);
		p = asm_branch(p, OP_JMPI, X(4) | P, 16 * 2 + 3, 0); /* three bytes more are not meant */
		count(0);
		count(1);
		eot();
		assert_int_equal(run_all(u, 0xffff), EU_END);
		assert_int_equal(counted(u, 0), !(flag & 1));
		assert_int_equal(counted(u, 1), 1);
	}
}

/* Of the two targets of a branch each uses its own; what they have below eight is not meant. */
static void targets(void **state)
{
	struct unit *u = *state;

	p = asm1i(p, OP_MOV, W1, ARF(D(FLAG(0), 0)), T_UD, 1);
	p = asm_branch(p, OP_IF, X(1) | P, 16 * 3 + 1, 16 * 9);
	count(0); /* channel 0 */
	p = asm_branch(p, OP_ELSE, X(1), 16 * 1, 16 * 3 + 2);
	count(1); /* channel 1 */
	p = asm1i(p, OP_MOV, X(1), D(33, 0), T_UD, 1);
	p = asm_branch(p, OP_ENDIF, X(1), 16, 0);
	p = asm_branch(p, OP_CONT, X(1) | P, 16 * 1, 16 * 3 + 4);
	count(2);
	count(3);
	p = asm_branch(p, OP_JOIN, X(1), 16, 0);
	p = asm_branch(p, OP_BRD, X(1) | P, 16 * 2 + 5, 16 * 1);
	p = asm1i(p, OP_MOV, X(1), D(31, 0), T_UD, 1);
	p = asm_branch(p, OP_JOIN, X(1), 16, 0);
	eot();
	assert_int_equal(run_all(u, 3), EU_END);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(counted(u, i), 1);
	assert_int_equal(eu_reg(u->t, 31)[0], 0);
	assert_int_equal(eu_reg(u->t, 31)[1], 1);
	assert_int_equal(eu_reg(u->t, 33)[0], 0);
	assert_int_equal(eu_reg(u->t, 33)[1], 1);
	assert_int_equal(harness_witness_total(u->h), 0);
}

/* break leads behind the while, which may be a compact one, wherever its other target points. */
static void breaks(void **state)
{
	struct unit *u = *state;

	p = asm1i(p, OP_MOV, W1, ARF(D(FLAG(0), 0)), T_UD, 1);
	p = asm_branch(p, OP_BREAK, X(1) | P, 16 * 1, 16 * 2 + 6);
	count(0);
	*p++ = OP_WHILE | 1u << 29; /* never executed: all have left, or will */
	*p++ = 0;
	count(1);
	eot();
	/* the second channel leaves before the while, too */
	code[4 * 2] = OP_BREAK | X(1);
	code[4 * 2 + 1] = 1u << 14 | 1u << 15;
	code[4 * 2 + 2] = 16;
	code[4 * 2 + 3] = 16;
	assert_int_equal(run_all(u, 3), EU_END);
	assert_int_equal(counted(u, 1), 1);
	assert_int_equal(harness_witness_total(u->h), 0);
}

/* The while behind which a break goes may lie where no page is. */
static void break_into_nothing(void **state)
{
	struct unit *u = *state;

	p = asm_branch(p, OP_BREAK, X(1), 16, (int32_t)(0x10 * PAGE));
	eot();
	unit_page(u, KERNEL + 0x10 * PAGE, false, false);
	assert_int_equal(run_all(u, 3), EU_FAULT);
	assert_int_equal(u->t->parked, 0);
	assert_int_equal(u->t->ip, KERNEL);
}

/* ---- messages ------------------------------------------------------------------------ */

static struct eu_send got;
static unsigned int gots;

static enum eu_status note(struct eu_thread *t, const struct eu_send *s)
{
	got = *s;
	gots++;
	return EU_OK;
}

static int setup_notes(void **state)
{
	setup(state);
	for (unsigned int i = 1; i < EU_SF_COUNT; i++)
		((struct unit *)*state)->env.send[i] = note;
	gots = 0;
	return 0;
}

/* The instruction behind some that set a0.0 and a0.2, which are dwords. */
static enum eu_status send_behind(struct unit *u, uint32_t a0, uint32_t a2, const uint32_t send[4])
{
	p = code;
	p = asm1i(p, OP_MOV, W1, ARF(D(ADDR, 0)), T_UD, a0);
	p = asm1i(p, OP_MOV, W1, ARF(D(ADDR, 8)), T_UD, a2);
	memcpy(p, send, 16);
	p += 4;
	eot();
	return start(u, KERNEL, 0xffff, 3);
}

static void descriptors(void **state)
{
	struct unit *u = *state;
	uint32_t dw[4];

	/* all bits of both, in the instruction */
	asm_send(dw, X(4), EU_SF_RENDER, 0xc2fabcde, 0xf5a5a000, 10, 20, 30, 3, false);
	assert_int_equal(send_behind(u, 0, 0, dw), EU_MORE);
	assert_int_equal(got.desc, 0xc2fabcde);
	assert_int_equal(got.exdesc, 0xf5a5a0c0);
	assert_int_equal(got.sfid, EU_SF_RENDER);
	assert_int_equal(got.dst, 10);
	assert_int_equal(got.dst_len, 15);
	assert_int_equal(got.src0, 20);
	assert_int_equal(got.src0_len, 1);
	assert_int_equal(got.src1, 30);
	assert_int_equal(got.src1_len, 3);
	assert_int_equal(got.channels, 16);
	assert_int_equal(got.mask, 0xffff);
	assert_false(got.eot || got.conditional);
	/* 31 registers are 32; a source has up to 15 */
	dw[0] = (dw[0] & ~0x7fu) | OP_SENDC;
	asm_send(dw, X(4), EU_SF_SAMPLER, 31u << 20 | 15u << 25, 0, 10, 60, 0, 0, false);
	dw[0] = (dw[0] & ~0x7fu) | OP_SENDC;
	assert_int_equal(send_behind(u, 0, 0, dw), EU_MORE);
	assert_int_equal(got.dst_len, 32);
	assert_int_equal(got.src0_len, 15);
	assert_int_equal(got.src1_len, 0);
	assert_true(got.conditional);
	/* both in address registers; the length of the second source in the one or the other */
	for (uint32_t k = 0; k < 3; k++) {
		asm_send(dw, X(4), k == 1 ? EU_SF_UGM : EU_SF_RENDER, 1u << 25, 0, 0, 20, 30, 5, false);
		dw[1] |= 1u << 16 | 1u << 17 | 2u << 8 | (k == 2 ? 1u << 7 : 0);
		assert_int_equal(send_behind(u, 2u << 25 | 0x123, 0x777 << 12 | 4u << 6, dw), EU_MORE);
		assert_int_equal(got.desc, 2u << 25 | 0x123);
		assert_int_equal(got.exdesc, 0x777 << 12 | 4u << 6);
		assert_int_equal(got.src1_len, k ? 5 : 4);
	}
	/* what names no register has none */
	asm_send(dw, X(4), EU_SF_RENDER, 4u << 20 | 4u << 25, 0, 126, 126, 126, 4, false);
	dw[1] &= ~(1u << 18);
	dw[2] &= ~4u;
	dw[3] &= ~4u;
	assert_int_equal(send_behind(u, 0, 0, dw), EU_MORE);
	assert_int_equal(got.dst_len + got.src0_len + got.src1_len, 0);
	assert_int_equal(harness_witness_total(u->h), 0);
}

/* A message that has a register behind the last in any of its three ranges reaches nobody. */
static void ranges_end(void **state)
{
	struct unit *u = *state;
	uint32_t dw[4];

	for (uint32_t which = 0; which < 3; which++)
		for (uint32_t len = 1; len <= 15; len++)
			for (int over = 0; over < 2; over++) {
				uint32_t reg = 128 - len + (uint32_t)over;
				uint64_t was = harness_witness(u->h, WITNESS_UNKNOWN_COMMAND);

				asm_send(dw, X(4), EU_SF_RENDER,
					 (which == 0 ? len << 20 : 0) | (which == 1 ? len << 25 : 0), 0, reg,
					 reg, reg, which == 2 ? len : 0, false);
				gots = 0;
				assert_int_equal(send_behind(u, 0, 0, dw), over ? EU_END : EU_MORE);
				assert_int_equal(gots, !over);
				assert_int_equal(harness_witness(u->h, WITNESS_UNKNOWN_COMMAND), was + (uint64_t)over);
			}
}

/* Nobody who sends is no message, unless it is the last. */
static void nobody_sends(void **state)
{
	struct unit *u = *state;
	uint32_t dw[4];

	asm_send(dw, X(4) | P, EU_SF_RENDER, 1u << 25, 0, 0, 20, 0, 0, false);
	assert_int_equal(send_behind(u, 0, 0, dw), EU_MORE);
	assert_int_equal(gots, 0);
	asm_send(dw, X(4) | P, EU_SF_RENDER, 1u << 25, 0, 0, 20, 0, 0, true);
	assert_int_equal(send_behind(u, 0, 0, dw), EU_END);
	assert_int_equal(gots, 1);
	assert_int_equal(got.mask, 0);
	assert_true(got.eot);
	/* some */
	p = code;
	p = asm1i(p, OP_MOV, W1, ARF(D(FLAG(0), 0)), T_UD, 0x30);
	p = asm_send(p, X(4) | P, EU_SF_RENDER, 1u << 25, 0, 0, 20, 0, 0, true);
	assert_int_equal(run_all(u, 0xffff), EU_END);
	assert_int_equal(got.mask, 0x30);
}

/* What is kept of an interrupted message is not the next one's. */
static void atomics_in_a_row(void **state)
{
	struct unit *u = *state;

	for (int i = 0; i < 2; i++)
		p = asm_send(p, X(4), EU_SF_UGM, LSC(8, A64, D32, 0, 0, 1, 2), 0, 40, 20, 0, 0, false);
	eot();
	u->env.send[EU_SF_UGM] = eu_send_ugm;
	memcpy(unit_mem(u, KERNEL), code, (size_t)(p - code) * 4);
	eu_thread_init(u->t, &u->env, KERNEL, 0xffff, EU_REGS_SMALL);
	for (unsigned int i = 0; i < 16; i++)
		eu_reg(u->t, 20)[2 * i] = DATA;
	assert_int_equal(eu_run(u->t, 100), EU_END);
	assert_int_equal(unit_dword(u, DATA), 32);
}

/* A barrier is waited for by whoever has told that it came, at the instruction itself. */
static void waits_at_the_barrier(void **state)
{
	struct unit *u = *state;

	u->env.send[EU_SF_GATEWAY] = eu_send_gateway;
	asm_sync(); /* nothing was told: not for this one */
	count(0);
	p = asm_send(p, W1, 3, 4 | 1u << 25, 0, 0, 20, 0, 0, false);
	count(1);
	asm_sync();
	count(2);
	eot();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(i ? eu_run(u->t, 1000) : run_all(u, 1), EU_BARRIER);
		assert_true(u->t->waits && u->t->barrier);
		assert_int_equal(counted(u, 0) + counted(u, 1), 2);
		assert_int_equal(counted(u, 2), 0);
	}
	u->t->barrier = false;
	assert_int_equal(eu_run(u->t, 1000), EU_END);
	assert_int_equal(counted(u, 2), 1);
	assert_false(u->t->waits);
}

int main(void)
{
#define T(f)	 cmocka_unit_test_setup_teardown(f, setup, unit_teardown)
#define NOTES(f) cmocka_unit_test_setup_teardown(f, setup_notes, unit_teardown)
	const struct CMUnitTest tests[] = {
		BAD(T(page_ends)),
		BAD(T(code_is_read_anew)),
		BAD(T(nobody_is_there)),
		T(stops_when_wanted),
		BAD(T(stops_in_a_long_run)),
		T(all_leave),
		T(only_live_channels),
		T(branch_without_mask),
		T(upper_half),
		T(predicates),
		T(jumps),
		T(targets),
		T(breaks),
		BAD(T(break_into_nothing)),
		NOTES(descriptors),
		BAD(NOTES(ranges_end)),
		BAD(NOTES(nobody_sends)),
		NOTES(atomics_in_a_row),
		NOTES(waits_at_the_barrier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
