/* SPDX-License-Identifier: MIT */
/* COMPUTE_WALKER: shaders run from a batch, end, wait, are stopped; grids that make no sense. */
#include "walker.h"

/* Each group of a grid runs once, with its numbers and the inline data. */
static void groups(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;
	uint32_t k[64], *p = k;

	g.x = 4;
	g.y = 3;
	g.post = 1;
	g.post_addr = DATA + 0x400;
	p = asm2(p, OP_ADD, W1, D(11, 0), T_UD, S(1, 8), S(0, 24), 0);
	p = put_store(p);
	run_kernel(h, &g, k, p);
	for (unsigned int y = 0; y < 3; y++)
		for (unsigned int x = 0; x < 8; x++)
			assert_int_equal(out(h, x + 8 * y), x < 4 ? 0x1111 + y : 0);
	assert_int_equal(out(h, 0x100), 0xabcd);
	assert_int_equal(harness_witness_total(h), 0);
}

/* The ids of 2 x 16 channels in a group of 16 x 4: emitted as words, x fastest. */
static void local_ids(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;
	uint32_t k[64], *p = k;

	g.threads = 2;
	g.simd = 2;
	g.emit = 3;
	/* r20: thread * 64 + data; then the x of the first 16 and the y of the last 16 */
	p = asm2i(p, OP_SHL, W1, D(20, 0), T_UD, S(0, 8), 7, 0);
	p = asm2(p, OP_ADD, W1, D(20, 0), T_UD, S(20, 0), S(3, 0), 0);
	p = asm1(p, OP_MOV, X(4), D(12, 0), T_UD, V(1, 0), T_UW);
	p = asm1(p, OP_MOV, X(4) | M(2), D(13, 0), T_UD, V(2, 32), T_UW);
	p = asm_send(p, W1, 15, LSC(4, A64, D32, 6, 1, 0, 1), 0, 0, 20, 12, 2, false);
	run_kernel(h, &g, k, p);
	for (unsigned int i = 0; i < 16; i++) {
		assert_int_equal(out(h, i), i);
		assert_int_equal(out(h, 16 + i), 1);
		assert_int_equal(out(h, 32 + i), i);
		assert_int_equal(out(h, 48 + i), 3);
	}
	assert_int_equal(harness_witness_total(h), 0);
}

/* Channels part and meet: those below 5 store one thing, the others another, all add one to it. */
static void channels_part(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;
	uint32_t k[192], *p = k;

	p = put_lanes(p);
	p = asm2i(p, OP_CMP, X(4), NULL_REG, T_UD, V(19, 0), 5, C_LT);
	p = asm_branch(p, OP_IF, X(4) | P, 16 * 3, 16 * 3);
	p = asm1i(p, OP_MOV, X(4), D(24, 0), T_UD, 100);
	p = asm_branch(p, OP_ELSE, X(4), 16 * 2, 16 * 2);
	p = asm1i(p, OP_MOV, X(4), D(24, 0), T_UD, 200);
	p = asm_branch(p, OP_ENDIF, X(4), 16, 0);
	/* a loop that each leaves after as many rounds as its number */
	p = asm1(p, OP_MOV, X(4), D(25, 0), T_UD, V(19, 0), T_UD);
	p = asm2i(p, OP_CMP, X(4), NULL_REG, T_UD, V(25, 0), 0, C_EQ);
	p = asm_branch(p, OP_BREAK, X(4) | P, 16 * 4, 16 * 3);
	p = asm2i(p, OP_ADD, X(4), D(25, 0), T_D, V(25, 0), 0xffffffff, 0);
	p = asm2i(p, OP_ADD, X(4), D(24, 0), T_UD, V(24, 0), 1, 0);
	p = asm_branch(p, OP_WHILE, X(4), -16 * 4, 0);
	/* goto over what none but the eighth does */
	p = asm2i(p, OP_CMP, X(4), NULL_REG, T_UD, V(19, 0), 8, C_NE);
	p = asm_branch(p, OP_GOTO, X(4) | P, 16 * 2, 16 * 2);
	p = asm1i(p, OP_MOV, X(4), D(24, 0), T_UD, 8888);
	p = asm_branch(p, OP_JOIN, X(4), 16, 0);
	p = asm_send(p, X(4), 15, STORE_A64(2), 0, 0, 20, 24, 1, false);
	run_kernel(h, &g, k, p);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(out(h, i), i == 8 ? 8888 : (i < 5 ? 100 : 200) + i);
	assert_int_equal(harness_witness_total(h), 0);
}

/* Says that the thread is at the barrier, and waits there for its group. */
static uint32_t *put_barrier(uint32_t *p)
{
	p = asm_send(p, W1, 3, 4 | 1u << 25, 0, 0, 20, 0, 0, false);
	*p++ = OP_SYNC | W1;
	*p++ = 0;
	*p++ = 14u << 28;
	*p++ = 0;
	return p;
}

/* Shared local memory: what the first thread stores the second sees behind the barrier. */
static void barrier(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;
	uint32_t k[192], *p = k;

	g.threads = 2;
	g.slm = 1;
	g.x = 2;
	/* r20: 4 * thread, r21: of the other, r22: what is stored */
	p = asm2i(p, OP_SHL, W1, D(20, 0), T_UD, S(0, 8), 2, 0);
	p = asm2i(p, OP_XOR, W1, D(21, 0), T_UD, S(20, 0), 4, 0);
	p = asm2i(p, OP_ADD, W1, D(22, 0), T_UD, S(0, 8), 50, 0);
	p = asm_send(p, W1, 14, LSC(4, A32, D32, 0, 0, 0, 1), 0, 0, 20, 22, 1, false);
	p = put_barrier(p);
	p = asm_send(p, W1, 14, LSC(0, A32, D32, 0, 0, 1, 1), 0, 11, 21, 0, 0, false);
	p = asm2(p, OP_ADD, W1, D(10, 0), T_UD, S(20, 0), S(1, 0), 0);
	p = asm_send(p, W1, 15, STORE_A64(1), 0, 0, 10, 11, 1, false);
	run_kernel(h, &g, k, p);
	assert_int_equal(out(h, 0), 51);
	assert_int_equal(out(h, 1), 50);
	assert_int_equal(harness_witness_total(h), 0);
}

/* Runs a walker up to its fault on the second page of the data, told by @dw. */
static void run_into_fault(struct harness *h, const struct grid *g, uint32_t dw[4])
{
	go(h, g, CCS, ASID);
	page_present(h, DATA + 0x1000, false);
	ctx_enable(h, 1);
	expect_page_fault(h, 1, dw);
	assert_int_equal(dw[2] & ~0xfffu, DATA + 0x1000);
}

/* That page is there now; the walker ends. */
static void give_page(struct harness *h, const uint32_t dw[4])
{
	page_present(h, DATA + 0x1000, true);
	answer_fault(h, dw, true);
	wait32(h, MARK, 1);
}

/* put_lanes() of words half of which lie in the first page of the data. */
static uint32_t *put_border_lanes(uint32_t *p)
{
	p = put_lanes(p);
	p = asm2i(p, OP_ADD, W | X(4), D(20, 0), T_UQ, V(20, 0), 0x1000 - 32, 0);
	p[-2] = (p[-2] & 0xffffff) | T_D << 24;
	return p;
}

/* 16 channels add one to 16 words that lie in two pages, of which the second comes late. */
static uint32_t *put_adds(uint32_t *p)
{
	p = put_border_lanes(p);
	p = asm1i(p, OP_MOV, W | X(4), D(24, 0), T_UD, 1);
	p = asm_send(p, X(4), 15, LSC(12, A64, D32, 0, 0, 1, 2), 0, 26, 20, 24, 1, false);
	/* what they found says how often */
	p = asm_send(p, X(4), 15, STORE_A64(2), 0x800 << 12, 0, 20, 26, 1, false);
	return asm_eot(p);
}

static void page_fault_in_the_middle(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;
	uint32_t k[192], *p = put_adds(k), dw[4];

	kernel(h, k, p);
	run_into_fault(h, &g, dw);
	assert_int_equal(out(h, 0x3f8), 1); /* the first page's are through */
	assert_int_equal(ram32(h, MARK), 0);
	give_page(h, dw);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(out(h, 0x3f8 + i), 1); /* and not twice */
	assert_int_equal(harness_witness_total(h), 0);
	assert_int_equal(stat_of(h, "page_faults"), 1);
}

/* A load into the register of its addresses, cut by a page fault, finds them as they were. */
static void fault_leaves_addresses(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;
	uint32_t k[192], *p = k, dw[4];

	p = put_border_lanes(p);
	p = asm_send(p, X(4), 15, LSC(0, A64, D32, 0, 0, 1, 2), 0, 20, 20, 0, 0, false);
	p = asm1(p, OP_MOV, W | X(4), D(28, 0), T_UD, V(20, 0), T_UD);
	p = put_lanes(p);
	p = asm_send(p, X(4), 15, STORE_A64(2), 0, 0, 20, 28, 1, false);
	p = asm_eot(p);
	kernel(h, k, p);
	for (uint32_t i = 0; i < 16; i++)
		ram32_set(h, OFF_DATA + DATA + 0xfe0 + 4 * i, 0x900 + i);
	run_into_fault(h, &g, dw);
	give_page(h, dw);
	for (uint32_t i = 0; i < 16; i++)
		assert_int_equal(out(h, i), 0x900 + i);
	assert_int_equal(harness_witness_total(h), 0);
}

static void refused_page_ends_the_context(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;
	uint32_t k[192], *p = put_adds(k), dw[4];

	kernel(h, k, p);
	run_into_fault(h, &g, dw);
	answer_fault(h, dw, false);
	EXPECT_EVENT(h, 0x6000, 1);
	assert_int_equal(h->g->hw->walks, 0);
	assert_int_equal(harness_witness(h, WITNESS_PPGTT_FAULT), 1);
}

static void kernel_is_missing(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;

	g.kernel = 0x40000000;
	go(h, &g, CCS, 0);
	ctx_enable(h, 1);
	EXPECT_EVENT(h, 0x6000, 1);
	assert_int_equal(h->g->hw->walks, 0);
}

/* Jumps to itself. */
static void endless(struct harness *h, uint32_t threads)
{
	struct grid g = GRID;
	uint32_t k[16], *p = asm_branch(k, OP_JMPI, W1, 0, 0);

	g.threads = threads;
	kernel(h, k, p);
	go(h, &g, CCS, 0);
	ctx_enable(h, 1);
	wait_walks(h, 1);
}

static void endless_shader_stops(void **state)
{
	struct harness *h = *state;

	endless(h, 64);
	ctx_disable(h, 1);
	assert_non_null(h->g->hw->guc.submit.ctx[1]->walk);
	/* its position stays; the context can be run again, and go */
	ctx_enable(h, 1);
	ctx_disable(h, 1);
	ctx_free(h, 1);
	assert_int_equal(h->g->hw->walks, 0);
}

/* A head that somebody moved makes what was under way void. */
static void moved_head_drops_a_walk(void **state)
{
	struct harness *h = *state;

	endless(h, 2);
	ctx_disable(h, 1);
	assert_int_equal(h->g->hw->walks, 1);
	lrc_set(h, 1, 0x05, lrc_get(h, 1, 0x07));
	ctx_enable(h, 1);
	wait_walks(h, 0);
}

/* Of so many walkers under way the next one waits until there is room. */
static void too_many_walkers_wait(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;
	uint32_t k[16];

	kernel(h, k, asm_eot(k));
	h->g->hw->walks = EU_WALKS_MAX;
	go(h, &g, CCS, 0);
	ctx_enable(h, 1);
	sleep_ms(30);
	assert_int_equal(ram32(h, MARK), 0);
	assert_int_equal(h->g->hw->walks, EU_WALKS_MAX);
	h->g->hw->walks = 0;
	wait32(h, MARK, 1);
	assert_int_equal(h->g->hw->walks, 0);
}

/* Others have their share, and the fixture frees the device with the shader running. */
static void endless_shader_shares(void **state)
{
	struct harness *h = *state;

	endless(h, 1);
	ctx_make(h, 2, CCS, 1);
	RING(h, 2, MI_SDI | MI_GGTT, GPU_GGTT + 0x7800, 0, 1, MI_UI);
	ctx_enable(h, 2);
	wait32(h, 0x7800, 1);
}

static void reset_drops_a_walk(void **state)
{
	struct harness *h = *state;

	endless(h, 8);
	vgpu_hw_reset(h->g, VGPU_RESET_FLR);
	assert_int_equal(h->g->hw->walks, 0);
}

/* 2^32 groups in each direction are no reason not to stop. */
static void grid_without_end(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;
	uint32_t k[16], *p = asm_eot(k);

	g.x = g.y = g.z = ~0u;
	kernel(h, k, p);
	go(h, &g, CCS, 0);
	ctx_enable(h, 1);
	sleep_ms(20);
	ctx_disable(h, 1);
	assert_int_equal(harness_witness_total(h), 0);
}

static void empty_grid(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;

	g.y = 0;
	g.kernel = 0x40000000; /* nobody looks there */
	run(h, &g);
	assert_int_equal(harness_witness_total(h), 0);
}

static void senseless_walkers(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;
	uint32_t k[16];

	kernel(h, k, asm_eot(k));
	g.threads = 0;
	expect_skipped(h, &g);
	g.threads = 65;
	expect_skipped(h, &g);
	g.threads = 1023;
	expect_skipped(h, &g);
	g.threads = 1;
	g.simd = 0;
	expect_skipped(h, &g);
	g.simd = 3;
	expect_skipped(h, &g);
}

static void copy_engine_has_no_units(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;

	go(h, &g, 3, 0);
	ctx_enable(h, 1);
	wait32(h, MARK, 1);
	assert_int_equal(harness_witness(h, WITNESS_UNKNOWN_COMMAND), 1);
}

static void walker_too_short(void **state)
{
	struct harness *h = *state;
	uint32_t b[64] = { 0x72080000, 0, 0x72080025, [41] = MI_BBE };

	batch_at(h, VA, b, 42);
	ctx_make(h, 1, CCS, 1);
	RING(h, 1, MI_BBS, VA, 0, MI_SDI | MI_GGTT, GPU_GGTT + MARK, 0, 1, MI_UI);
	ctx_enable(h, 1);
	wait32(h, MARK, 1);
	assert_int_equal(harness_witness(h, WITNESS_UNKNOWN_COMMAND), 2);
}

/* One unknown instruction is one event, however many threads would come to it. */
static void unknown_instruction(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;
	uint32_t k[8] = { 0x7f };

	g.threads = 16;
	g.x = 100;
	kernel(h, k, k + 4);
	expect_skipped(h, &g);
}

static void barrier_nobody_opens(void **state)
{
	struct harness *h = *state;
	struct grid g = GRID;
	uint32_t k[64], *p = k;

	g.threads = 2;
	/* the second thread ends at once */
	p = asm2i(p, OP_CMP, W1, NULL_REG, T_UD, S(0, 8), 1, C_EQ);
	p = asm_branch(p, OP_JMPI, W1 | P, 16 * 3, 0);
	p = put_barrier(p);
	p = asm_eot(p);
	kernel(h, k, p);
	go(h, &g, CCS, 0);
	ctx_enable(h, 1);
	EXPECT_EVENT(h, 0x1008, 1);
	assert_int_equal(h->g->hw->walks, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GPU_TEST(groups),
		GPU_TEST(local_ids),
		GPU_TEST(channels_part),
		GPU_TEST(barrier),
		GPU_TEST(page_fault_in_the_middle),
		GPU_TEST(fault_leaves_addresses),
		GPU_TEST(endless_shader_shares),
		GPU_TEST(empty_grid),
		BAD(GPU_TEST(refused_page_ends_the_context)),
		BAD(GPU_TEST(moved_head_drops_a_walk)),
		BAD(GPU_TEST(too_many_walkers_wait)),
		BAD(GPU_TEST(kernel_is_missing)),
		BAD(GPU_TEST(endless_shader_stops)),
		BAD(GPU_TEST(reset_drops_a_walk)),
		BAD(GPU_TEST(grid_without_end)),
		BAD(GPU_TEST(senseless_walkers)),
		BAD(GPU_TEST(copy_engine_has_no_units)),
		BAD(GPU_TEST(walker_too_short)),
		BAD(GPU_TEST(unknown_instruction)),
		BAD(GPU_TEST(barrier_nobody_opens)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
