/* SPDX-License-Identifier: MIT */
/* A walker with its state in a batch, and a kernel made with eu_asm.h. */
#ifndef VGPU_TESTS_WALKER_H
#define VGPU_TESTS_WALKER_H

#include "gpu.h"

#include "eu_asm.h"
#include "eu_walker.h"

#define VA	VA_BATCH
#define DATA	0x40000u /* what shaders write */
#define STATE	0x50000u /* surfaces, binding table */
#define KERNEL	0x60000u
#define MARK	0x7000u	 /* in guest memory: the ring got behind the batch */
#define CCS	4u

#define STORE_A64(len0) LSC(4, A64, D32, 0, 0, 0, len0)

/* The parts of a walker the tests change. */
struct grid {
	uint32_t x, y, z, threads, simd, mask, slm, emit;
	uint32_t post, post_addr;
	uint32_t kernel;
};

#define GRID (struct grid){ .x = 1, .y = 1, .z = 1, .threads = 1, .simd = 1, .mask = ~0u, .kernel = KERNEL }

static inline uint32_t *put_walker(uint32_t *p, const struct grid *g)
{
	memset(p, 0, 4 * 40);
	p[0] = 0x72080026;
	p[4] = g->simd << 30 | 1u << 25 | g->emit << 26 | (g->emit ? 1u << 29 : 0);
	p[5] = g->mask;
	p[6] = 15 | 3 << 10;
	p[7] = g->x;
	p[8] = g->y;
	p[9] = g->z;
	p[19] = g->kernel;
	p[23] = 0x800; /* binding table */
	p[24] = g->threads | g->slm << 16;
	p[27] = g->post;
	p[28] = g->post_addr;
	p[30] = 0xabcd;
	p[32] = DATA; /* inline: the first dwords of the register behind the ids */
	p[34] = 0x1111;
	return p + 40;
}

static inline uint32_t *put_bases(uint32_t *p)
{
	*p++ = 0x61050000 | 1;
	*p++ = 0;
	*p++ = 0;
	memset(p, 0, 4 * 22);
	p[0] = 0x61010014;
	p[1] = 1;
	p[4] = STATE | 1;
	p[6] = STATE | 1;
	p[10] = 1;
	p += 22;
	*p++ = 0x79190002;
	*p++ = STATE;
	*p++ = 0;
	*p++ = 0x1000;
	return p;
}

/* A linear surface of rows of 64 bytes, number 0 of the binding table. */
static inline void surface(struct harness *h, uint32_t rows)
{
	uint32_t *s = (uint32_t *)(void *)(h->ram + OFF_DATA + STATE);

	memset(s, 0, 64);
	s[0] = 1u << 29;
	s[2] = 15 | (rows - 1) << 16;
	s[3] = 63;
	s[8] = DATA;
	ram32_set(h, OFF_DATA + STATE + 0x800, 0);
}

static inline void kernel(struct harness *h, const uint32_t *from, const uint32_t *to)
{
	batch_at(h, KERNEL, from, (unsigned int)(to - from));
}

/* Starts a walker on context 1; fault mode if @asid. */
static inline void go(struct harness *h, const struct grid *g, uint32_t class, uint32_t asid)
{
	uint32_t b[128], *p = b;

	surface(h, 128);
	p = put_bases(p);
	p = put_walker(p, g);
	*p++ = MI_BBE;
	batch_at(h, VA, b, (unsigned int)(p - b));
	ctx_make(h, 1, class, 1);
	lrc_set(h, 1, 0x2f, asid);
	RING(h, 1, MI_BBS, VA, 0, MI_SDI | MI_GGTT, GPU_GGTT + MARK, 0, 1, MI_UI);
}

static inline void run(struct harness *h, const struct grid *g)
{
	go(h, g, CCS, 0);
	ctx_enable(h, 1);
	wait32(h, MARK, 1);
	assert_null(h->g->hw->guc.submit.ctx[1]->walk);
	assert_int_equal(h->g->hw->walks, 0);
}

/* The same of the kernel at @from, which gets its end at @to. */
static inline void run_kernel(struct harness *h, const struct grid *g, uint32_t *from, uint32_t *to)
{
	kernel(h, from, asm_eot(to));
	run(h, g);
}

/* Waits until @n walkers are under way; fails the test after 3 s. */
static inline void wait_walks(struct harness *h, uint32_t n)
{
	for (int i = 0; i < 3000 && h->g->hw->walks != n; i++)
		sleep_ms(1);
	assert_int_equal(h->g->hw->walks, n);
}

static inline uint32_t out(struct harness *h, unsigned int i)
{
	return ram32(h, OFF_DATA + DATA + 4 * i);
}

/* r10: address of dword (x + 8 * y) of the data; r11: what is stored there. */
static inline uint32_t *put_store(uint32_t *p)
{
	p = asm2i(p, OP_SHL, W1, D(10, 0), T_UD, S(0, 24), 3, 0);
	p = asm2(p, OP_ADD, W1, D(10, 0), T_UD, S(10, 0), S(0, 4), 0);
	p = asm2i(p, OP_SHL, W1, D(10, 0), T_UD, S(10, 0), 2, 0);
	p = asm2(p, OP_ADD, W1, D(10, 0), T_UD, S(10, 0), S(1, 0), 0);
	return asm_send(p, W1, 15, STORE_A64(1), 0, 0, 10, 11, 1, false);
}

/* r20.. : 16 quadwords, data + 4 * channel. */
static inline uint32_t *put_lanes(uint32_t *p)
{
	p = asm1i(p, OP_MOV, W | X(3), D(18, 0), T_UW, 0x76543210);
	p[-3] = T_UW << 4 | T_UB << 8 | 1u << 14 | D(18, 0) << 16; /* a vector of nibbles */
	p = asm2i(p, OP_ADD, W | X(3), D(18, 16), T_UW, V(18, 0), 8, 0);
	p = asm1(p, OP_MOV, W | X(4), D(19, 0), T_UD, V(18, 0), T_UW); /* the channel's number */
	p = asm2i(p, OP_SHL, W | X(4), D(22, 0), T_UD, V(19, 0), 2, 0);
	p = asm2(p, OP_ADD, W | X(4), D(22, 0), T_UD, V(22, 0), S(1, 0), 0);
	return asm1(p, OP_MOV, W | X(4), D(20, 0), T_UQ, V(22, 0), T_UD);
}

/* The walker is skipped, which is one event, and nothing else happens. */
static inline void expect_skipped(struct harness *h, const struct grid *g)
{
	uint64_t was = harness_witness(h, WITNESS_UNKNOWN_COMMAND);

	run(h, g);
	assert_int_equal(harness_witness(h, WITNESS_UNKNOWN_COMMAND), was + 1);
	ctx_disable(h, 1);
	ctx_free(h, 1);
	ram32_set(h, MARK, 0);
}

#endif
