/* SPDX-License-Identifier: MIT */
/* Each field of COMPUTE_WALKER and of the state before it: what a thread finds, what is refused. */
#define _GNU_SOURCE
#include "walker.h"

#include "pace.h"

#include <limits.h>

#define NOWHERE 0x40000000u /* no page is there */

/* The batch: bases, the walker; and where the walker is. */
static uint32_t batch[128], *w, *end;

static void make(struct harness *h, const struct grid *g)
{
	surface(h, 128);
	w = put_bases(batch);
	end = put_walker(w, g);
}

static void launch(struct harness *h, uint32_t class)
{
	*end = MI_BBE;
	batch_at(h, VA, batch, (unsigned int)(end + 1 - batch));
	ctx_make(h, 1, class, 1);
	RING(h, 1, MI_BBS, VA, 0, MI_SDI | MI_GGTT, GPU_GGTT + MARK, 0, 1, MI_UI);
}

/* Runs it to its end, and makes room for the next. */
static void finish(struct harness *h)
{
	launch(h, CCS);
	ctx_enable(h, 1);
	wait32(h, MARK, 1);
	ctx_disable(h, 1);
	ctx_free(h, 1);
	ram32_set(h, MARK, 0);
}

/* Stores 16 dwords from register @reg at the address in dword @n of register @at. */
static uint32_t *put_dump(uint32_t *p, uint32_t reg, uint32_t at, uint32_t n)
{
	p = asm1(p, OP_MOV, W1, D(20, 0), T_UQ, S(at, 4 * n), T_UD);
	return asm_send(p, W1, 15, LSC(4, A64, D32, 5, 1, 0, 1), 0, 0, 20, reg, 1, false);
}

/* A kernel that only stores 1 at DATA. */
static void storing_kernel(struct harness *h)
{
	uint32_t k[64], *p = k;

	p = asm1i(p, OP_MOV, W1, D(20, 0), T_UD, DATA);
	p = asm1i(p, OP_MOV, W1, D(20, 4), T_UD, 0);
	p = asm1i(p, OP_MOV, W1, D(21, 0), T_UD, 1);
	p = asm_send(p, W1, 15, STORE_A64(1), 0, 0, 20, 21, 1, false);
	kernel(h, k, asm_eot(p));
}

static void payload(struct harness *h, bool inline_data, bool ids, uint32_t at)
{
	struct grid g = GRID;
	uint32_t k[64], *p = k;

	p = asm1i(p, OP_MOV, W1, D(25, 0), T_UD, at);
	p = put_dump(p, 0, 25, 0);
	p = asm1i(p, OP_MOV, W1, D(25, 0), T_UD, at + 64);
	p = put_dump(p, 1, 25, 0);
	kernel(h, k, asm_eot(p));
	make(h, &g);
	w[3] = 0x123456ff;
	w[4] = (w[4] & ~(1u << 25)) | (inline_data ? 1u << 25 : 0) | 7u << 26 | (ids ? 1u << 29 : 0);
	w[6] = 15;
	w[22] = 0x0000027f;
	w[23] = 0xffe00800 | 31;
	w[7] = 6;
	w[8] = 7;
	w[9] = 8;
	w[10] = 5;
	w[11] = 6;
	w[12] = 7;
	finish(h);
}

static void thread_payload(void **state)
{
	static const uint32_t r0[8] = { 0x123456c0, 5, 0, 0x260, 0x800, 0, 6, 7 };
	struct harness *h = *state;

	payload(h, true, false, DATA);
	assert_memory_equal(h->ram + OFF_DATA + DATA, r0, sizeof(r0));
	assert_int_equal(out(h, 16), DATA); /* inline data, first thing behind it */
	payload(h, false, false, DATA + 0x100);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(out(h, 0x40 + 16 + i), 0);
	payload(h, false, true, DATA + 0x200);
	assert_int_equal(out(h, 0x80 + 16 + 1), 3 << 16 | 2); /* ids, two a dword */
	assert_int_equal(harness_witness_total(h), 0);
}

/* Orders in which the dimensions of a group are walked. */
static void walk_orders(void **state)
{
	/* size 2 by 3 by 4: the ids of channel 7, of 16 */
	static const uint8_t want[6][3] = { { 1, 0, 1 }, { 1, 0, 3 }, { 0, 1, 1 },
					    { 0, 1, 2 }, { 1, 0, 3 }, { 0, 1, 3 } };
	struct harness *h = *state;

	for (uint32_t order = 0; order < 6; order++) {
		struct grid g = GRID;
		uint32_t k[64], *p = k, *got = (uint32_t *)(void *)(h->ram + OFF_DATA + DATA);

		for (uint32_t dim = 0; dim < 3; dim++) {
			p = asm1i(p, OP_MOV, W1, D(25, 0), T_UD, DATA + 64 * dim);
			p = put_dump(p, 1 + dim, 25, 0);
		}
		kernel(h, k, asm_eot(p));
		g.emit = 7;
		make(h, &g);
		w[4] |= order << 22;
		w[6] = 1 | 2 << 10 | 3 << 20;
		finish(h);
		for (uint32_t dim = 0; dim < 3; dim++)
			if ((got[16 * dim + 3] >> 16) != want[order][dim])
				fail_msg("order %u dimension %u: %u", order, dim, got[16 * dim + 3] >> 16);
	}
}

/* A grid that does not begin at 0 begins there again in each row and layer. */
static void grid_begins_elsewhere(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;
	uint32_t k[64], *p = k;

	/* adds one to dword x + 8 * (y + 4 * z) */
	p = asm2i(p, OP_SHL, W1, D(10, 0), T_UD, S(0, 28), 2, 0);
	p = asm2(p, OP_ADD, W1, D(10, 0), T_UD, S(10, 0), S(0, 24), 0);
	p = asm2i(p, OP_SHL, W1, D(10, 0), T_UD, S(10, 0), 3, 0);
	p = asm2(p, OP_ADD, W1, D(10, 0), T_UD, S(10, 0), S(0, 4), 0);
	p = asm2i(p, OP_SHL, W1, D(10, 0), T_UD, S(10, 0), 2, 0);
	p = asm2(p, OP_ADD, W1, D(10, 0), T_UD, S(10, 0), S(1, 0), 0);
	p = asm1i(p, OP_MOV, W1, D(10, 4), T_UD, 0);
	p = asm_send(p, W1, 15, LSC(8, A64, D32, 0, 0, 0, 1), 0, 0, 10, 0, 0, false);
	kernel(h, k, asm_eot(p));
	g.x = 4;
	g.y = g.z = 3;
	make(h, &g);
	w[10] = 2;
	w[11] = 1;
	w[12] = 1;
	finish(h);
	for (unsigned int z = 0; z < 4; z++)
		for (unsigned int y = 0; y < 4; y++)
			for (unsigned int x = 0; x < 8; x++)
				assert_int_equal(out(h, x + 8 * (y + 4 * z)),
						 x >= 2 && x < 4 && y >= 1 && y < 3 && z >= 1 && z < 3);
	assert_int_equal(harness_witness_total(h), 0);
}

/* Of no size in one direction, or beginning behind its end: nothing runs, but the end is told. */
static void no_groups(void **state)
{
	struct harness *h = *state;

	for (unsigned int dim = 0; dim < 3; dim++)
		for (int behind = 0; behind < 2; behind++) {
			struct grid g = GRID;

			g.kernel = NOWHERE;
			g.post = 1;
			g.post_addr = DATA + 0x400;
			make(h, &g);
			w[7 + dim] = behind;
			w[10 + dim] = behind;
			finish(h);
			assert_int_equal(out(h, 0x100), 0xabcd);
			ram32_set(h, OFF_DATA + DATA + 0x400, 0);
		}
	assert_int_equal(harness_witness_total(h), 0);
}

/* Times of begin and end, of the context and of the clock. */
static void post_sync_times(void **state)
{
	struct harness *h = *state;
	const uint32_t base = 0x40000000, second = 19200000;
	struct grid g = GRID;
	uint32_t now;

	storing_kernel(h);
	g.post = 3;
	g.post_addr = (DATA + 0x400) | 5; /* eight bytes are the least it can be aligned to */
	make(h, &g);
	launch(h, CCS);
	lrc_set(h, 1, 0x23, base);
	ctx_enable(h, 1);
	wait32(h, MARK, 1);
	now = (uint32_t)hw_ticks();
	assert_in_range(out(h, 0x100), base, base + 10 * second);
	assert_in_range(out(h, 0x102), out(h, 0x100), base + 10 * second);
	assert_true(now - out(h, 0x101) < 10 * second);
	assert_true(out(h, 0x103) - out(h, 0x101) < 10 * second);
	assert_int_equal(out(h, 0x104), 0);
}

/* What is told at the end of a walker cannot be told: the context is lost, not its neighbour. */
static void post_sync_nowhere(void **state)
{
	struct harness *h = *state;

	for (uint32_t post = 1; post <= 3; post += 2) {
		struct grid g = GRID;

		storing_kernel(h);
		g.post = post;
		g.post_addr = NOWHERE;
		make(h, &g);
		launch(h, CCS);
		ctx_enable(h, 1);
		EXPECT_EVENT(h, 0x6000, 1);
		assert_int_equal(ram32(h, MARK), 0);
		assert_int_equal(h->g->hw->walks, 0);
		ctx_free(h, 1);
	}
}

/* 48 bits, in units of 64 bytes. */
static void kernel_pointer(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;

	storing_kernel(h);
	make(h, &g);
	w[19] |= 0x3f;
	w[20] = 0xffff0000;
	finish(h);
	assert_int_equal(out(h, 0), 1);
	make(h, &g);
	w[20] = 1;
	launch(h, CCS);
	ctx_enable(h, 1);
	EXPECT_EVENT(h, 0x6000, 1);
}

/* A load through each base that a batch sets, of which no two are the same. */
static void bases(void **state)
{
	static const struct {
		uint32_t model, exdesc, want;
	} row[] = { { 3, 255u << 24, 0x111 }, { 1, 0x80, 0x222 }, { 2, 0x80, 0x333 }, { 3, 1u << 24, 0x444 } };
	struct harness *h = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		static const uint32_t heap[3] = { 0x71000, 0x72000, 0x73000 };
		struct grid g = GRID;
		uint32_t k[64], *p = k;

		p = asm1i(p, OP_MOV, W1, D(22, 0), T_UD, 0x40);
		p = asm_send(p, W1, 15, LSC(0, A32, D32, 0, 0, 1, 1) | row[i].model << 29, row[i].exdesc, 11, 22,
			     0, 0, false);
		p = put_store(p);
		kernel(h, k, asm_eot(p));
		make(h, &g);
		ram32_set(h, OFF_DATA + 0x70040, 0x111);
		/* buffers: bindless, surface heap twice; the table in a pool of its own */
		for (uint32_t n = 0; n < 3; n++) {
			uint32_t *s = (uint32_t *)(void *)(h->ram + OFF_DATA + (n ? 0x75000 + 0x80 * n : 0x74080));

			s[0] = 4u << 29;
			s[2] = 127;
			s[8] = heap[n];
			ram32_set(h, OFF_DATA + heap[n] + 0x40, 0x222 + 0x111 * n);
		}
		ram32_set(h, OFF_DATA + 0x76000 + 0x800 + 4, 0x100);
		/* STATE_BASE_ADDRESS behind STATE_COMPUTE_MODE, then the pool */
		batch[3 + 1] = 0x70000 | 1;
		batch[3 + 4] = 0x75000 | 1;
		batch[3 + 16] = 0x74000 | 1;
		batch[3 + 22 + 1] = 0x76000;
		w[23] = 0xffe0081f; /* of which some bits are the pointer */
		finish(h);
		if (out(h, 0) != row[i].want)
			fail_msg("row %zu: 0x%x", i, out(h, 0));
	}
	assert_int_equal(harness_witness_total(h), 0);
}

/* Local memory is empty when a group begins; a size that is none is none. */
static void local_memory(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;
	uint32_t k[96], *p = k;

	/* loads it, stores what it was, puts something there */
	p = asm1i(p, OP_MOV, W1, D(22, 0), T_UD, 0x3fc);
	p = asm_send(p, W1, 14, LSC(0, A32, D32, 0, 0, 1, 1), 0, 11, 22, 0, 0, false);
	p = asm2i(p, OP_ADD, W1, D(11, 0), T_UD, S(11, 0), 7, 0);
	p = asm_send(p, W1, 14, LSC(4, A32, D32, 0, 0, 0, 1), 0, 0, 22, 11, 1, false);
	p = asm_send(p, W1, 14, LSC(0, A32, D32, 0, 0, 1, 1), 0, 11, 22, 0, 0, false);
	p = put_store(p);
	kernel(h, k, asm_eot(p));
	g.x = 2;
	g.slm = 1;
	make(h, &g);
	finish(h);
	assert_int_equal(out(h, 0), 7);
	assert_int_equal(out(h, 1), 7);
	for (g.slm = 15; g.slm < 32; g.slm++) {
		ram32_set(h, OFF_DATA + DATA, 5);
		make(h, &g);
		finish(h);
		assert_int_equal(out(h, 0), 0);
	}
	assert_int_equal(harness_witness_total(h), 0);
}

/* A thread has 128 registers, or 256 from the command on that says so with its mask. */
static void registers_of_a_thread(void **state)
{
	static const struct {
		uint32_t head, val;
		bool large;
	} row[] = { { 0x61050001, 0x80008000, true }, { 0x61050001, 0x00008000, false },
		    { 0x61050001, 0x80000000, false }, { 0x61050001, 0, false } };
	struct harness *h = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct grid g = GRID;
		uint32_t k[64], *p = k;
		uint64_t was = harness_witness(h, WITNESS_UNKNOWN_COMMAND);

		p = asm1i(p, OP_MOV, W1, D(255, 0), T_UD, 0x99);
		p = asm1(p, OP_MOV, W1, D(11, 0), T_UD, S(255, 0), T_UD);
		p = put_store(p);
		kernel(h, k, asm_eot(p));
		ram32_set(h, OFF_DATA + DATA, 0);
		make(h, &g);
		batch[0] = row[i].head;
		batch[1] = row[i].val;
		finish(h);
		assert_int_equal(out(h, 0), row[i].large ? 0x99 : 0);
		assert_int_equal(harness_witness(h, WITNESS_UNKNOWN_COMMAND), was + !row[i].large);
	}
}

/* Valid but for one thing, with a kernel that would leave a trace. */
static void skipped(struct harness *h, uint32_t dw, uint32_t clear, uint32_t set)
{
	uint64_t was = harness_witness(h, WITNESS_UNKNOWN_COMMAND);
	struct grid g = GRID;

	storing_kernel(h);
	g.post = 1;
	g.post_addr = DATA + 0x400;
	make(h, &g);
	w[dw] = (w[dw] & ~clear) | set;
	finish(h);
	assert_int_equal(harness_witness(h, WITNESS_UNKNOWN_COMMAND), was + 1);
	assert_int_equal(out(h, 0), 0);
	assert_int_equal(out(h, 0x100), 0);
}

static void walkers_that_cannot_be(void **state)
{
	struct harness *h = *state;

	skipped(h, 0, 0, 1u << 10);	  /* dimensions from registers */
	skipped(h, 0, 0xff, 0x25);	  /* a dword short; the last one is a NOOP */
	skipped(h, 4, 3u << 30, 3u << 30); /* more channels than a thread can have */
	skipped(h, 24, 0x3ff, 65);
	skipped(h, 24, 0x3ff, 0);
	/* the length of the first half: what comes next is commands */
	{
		struct grid g = GRID;

		make(h, &g);
		w[0] = 0x72080000 | (20 - 2);
		memset(w + 20, 0, 80);
		finish(h);
		assert_int_equal(out(h, 0), 0);
	}
}

static void nor_on_a_copy_engine(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;

	storing_kernel(h);
	make(h, &g);
	launch(h, 3);
	ctx_enable(h, 1);
	wait32(h, MARK, 1);
	assert_int_equal(harness_witness(h, WITNESS_UNKNOWN_COMMAND), 1);
	assert_int_equal(out(h, 0), 0);
}

/* The batch of the switch-in is no place for it either: nothing there may take long. */
static void nor_at_switch_in(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;

	storing_kernel(h);
	make(h, &g);
	launch(h, CCS);
	memcpy(h->ram + 0x7000 + 0x400, batch, sizeof(batch));
	lrc_set(h, 1, 0x07, 0); /* nothing in the ring */
	lrc_set(h, 1, 0x13, (GPU_GGTT + 0x7000 + 0x400) | 1);
	ctx_enable(h, 1);
	for (int i = 0; i < 3000 && !harness_witness(h, WITNESS_UNKNOWN_COMMAND); i++)
		sleep_ms(1);
	assert_int_equal(harness_witness(h, WITNESS_UNKNOWN_COMMAND), 1);
	assert_int_equal(out(h, 0), 0);
}

/* But behind it, as ever. */
static void behind_a_switch_in(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;

	storing_kernel(h);
	make(h, &g);
	launch(h, CCS);
	ram32_set(h, 0x7000 + 0x400, MI_BBE);
	lrc_set(h, 1, 0x13, (GPU_GGTT + 0x7000 + 0x400) | 1);
	ctx_enable(h, 1);
	wait32(h, MARK, 1);
	assert_int_equal(out(h, 0), 1);
	assert_int_equal(harness_witness_total(h), 0);
}

/* A command that was changed while its context was stopped is another one. */
static void changed_while_stopped(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;
	uint32_t k[16];

	kernel(h, k, asm_branch(k, OP_JMPI, W1, 0, 0));
	make(h, &g);
	launch(h, CCS);
	ctx_enable(h, 1);
	wait_walks(h, 1);
	ctx_disable(h, 1);
	assert_int_equal(h->g->hw->walks, 1);
	batch_at(h, KERNEL + 0x1000, k, (unsigned int)(asm_eot(k) - k));
	w[19] = KERNEL + 0x1000;
	batch_at(h, VA, batch, (unsigned int)(end + 1 - batch));
	ctx_enable(h, 1);
	wait32(h, MARK, 1);
	assert_int_equal(h->g->hw->walks, 0);
}

/* What goes on for long sleeps in between: threads that never end, groups that never do. */
static void long_walks_are_paced(void **state)
{
	struct harness *h = *state;

	for (int groups = 0; groups < 2; groups++) {
		struct grid g = GRID;
		uint32_t k[16];
		long was, now;

		kernel(h, k, groups ? asm_eot(k) : asm_branch(k, OP_JMPI, W1, 0, 0));
		if (groups)
			g.x = g.y = g.z = ~0u;
		make(h, &g);
		launch(h, CCS);
		ctx_enable(h, 1);
		was = now = voluntary_switches();
		for (int i = 0; i < 100 && now - was < 50; i++) {
			sleep_ms(100);
			now = voluntary_switches();
		}
		assert_in_range(now - was, 50, LONG_MAX);
		ctx_disable(h, 1);
		ctx_free(h, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GPU_TEST(thread_payload),
		GPU_TEST(walk_orders),
		GPU_TEST(grid_begins_elsewhere),
		BAD(GPU_TEST(no_groups)),
		GPU_TEST(post_sync_times),
		BAD(GPU_TEST(post_sync_nowhere)),
		BAD(GPU_TEST(kernel_pointer)),
		GPU_TEST(bases),
		GPU_TEST(local_memory),
		BAD(GPU_TEST(registers_of_a_thread)),
		BAD(GPU_TEST(walkers_that_cannot_be)),
		BAD(GPU_TEST(nor_on_a_copy_engine)),
		BAD(GPU_TEST(nor_at_switch_in)),
		GPU_TEST(behind_a_switch_in),
		BAD(GPU_TEST(changed_while_stopped)),
		BAD(GPU_TEST(long_walks_are_paced)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
