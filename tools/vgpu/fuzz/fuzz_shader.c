// SPDX-License-Identifier: MIT
/*
 * Shaders: the input is a kernel that a walker runs, with the walker's and a surface's dwords that
 * matter. It is stopped in random places, goes on some times, and is then dropped where it is.
 */
#include "on_engine.h"

#include "eu_asm.h"
#include "eu_walker.h"
#include "fuzz.h"

#define TICK_US	   1000
#define RUNS	   3
#define STATE	   0x50000u
#define DATA	   0x40000u
#define KERNEL	   0x60000u
#define KERNEL_MAX 0x8000u
#define HEAD	   (4u + 64u) /* bytes in front of the kernel: what the walker is like, a surface */

static unsigned long long instructions, walks;

/* @data: threads and size, grid, local memory, flags. */
static void put_batch(const uint8_t *data)
{
	uint32_t b[80] = { 0 }, *p = b;

	*p++ = 0x61050001;
	*p++ = data[3] & 1 ? 0x80008000 : 0x80000000; /* registers a thread */
	p++;
	p[0] = 0x61010014;
	p[4] = STATE | 1;
	p[6] = STATE | 1;
	p[10] = 1;
	p[16] = STATE | 1;
	p += 22;
	p[0] = 0x79190002;
	p[1] = STATE;
	p[3] = 0x1000;
	p += 4;
	p[0] = 0x72080026;
	p[4] = (data[0] & 1 ? 2u : 1u) << 30 | 1u << 29 | (data[0] >> 1 & 7) << 26 | 1u << 25 |
	       (uint32_t)(data[3] >> 1 & 7) << 22;
	p[5] = ~0u;
	p[6] = 15 | 3 << 10 | 1 << 20;
	p[7] = data[1] & 15;
	p[8] = data[1] >> 4;
	p[9] = 1;
	p[19] = KERNEL;
	p[23] = 0x800;
	p[24] = ((uint32_t)(data[0] >> 4) & 7) + 1;
	p[24] |= (uint32_t)(data[2] & 31) << 16;
	p[27] = data[2] >> 5 & 3;
	p[28] = DATA;
	p[32] = DATA;
	p += 40;
	*p++ = MI_BBE;
	batch_at(h, VA_BATCH, b, (unsigned int)(p - b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct guc_ctx c;
	struct engine *e;
	size_t n;

	start(TICK_US);
	if (len < HEAD)
		return 0;
	n = len - HEAD < KERNEL_MAX ? len - HEAD : KERNEL_MAX;
	e = &h->g->hw->engines[data[3] & 0x10 ? RCS0 : CCS0];
	context(&c, 4, e);
	put_batch(data);
	memset(h->ram + OFF_DATA + STATE, 0, 0x1000);
	memcpy(h->ram + OFF_DATA + STATE, data + 4, 64);
	memset(h->ram + OFF_DATA + KERNEL, 0, n + 64);
	memcpy(h->ram + OFF_DATA + KERNEL, data + HEAD, n);
	RING(h, ID, MI_BBS, VA_BATCH, 0, MI_UI);
	for (int i = 0; i < RUNS && run(e, &c) == RUN_SLICE; i++)
		;
	walks += c.walk != NULL;
	instructions += e->instructions;
	e->instructions = 0;
	eu_walk_drop(&c);
	ctb_on(h);
	return 0;
}

static uint32_t any(void)
{
	return (uint32_t)rand() << 16 ^ (uint32_t)rand();
}

static uint32_t reg(void)
{
	return rand() % 8 ? (uint32_t)rand() % 40 : (uint32_t)rand() % 256;
}

static uint32_t *put_alu(uint32_t *p)
{
	static const uint8_t ops[] = { OP_ADD, OP_MUL, OP_AND, OP_OR, OP_XOR, OP_SHL, OP_SHR, OP_ASR,
				       OP_CMP, OP_SEL, OP_MACL, OP_MACH, OP_ROL, OP_MATH, OP_ADDC };
	uint32_t op = ops[(size_t)rand() % sizeof(ops)], type = (uint32_t)rand() % 12;
	uint32_t ctrl = X(rand() % 6) | (rand() % 2 ? W : 0) | (rand() % 4 ? 0 : P);
	uint32_t cond = op == OP_CMP || !(rand() % 4) ? (uint32_t)rand() % 10 : 0;

	switch (rand() % 4) {
	case 0:
		return asm2(p, op, ctrl, D(reg(), any() % 64), type, V(reg(), 0), S(reg(), 0), cond);
	case 1:
		return asm2i(p, op, ctrl, D(reg(), 0), type, V(reg(), 0), any() % 64, cond);
	case 2:
		return asm3(p, rand() % 2 ? OP_MAD : OP_ADD3, ctrl, D(reg(), 0), type, S(reg(), 0),
			    S(reg(), 0), S(reg(), 0), rand() % 2);
	default:
		return asm1(p, OP_MOV, ctrl, D(reg(), 0), type, any() & 0xffffff, any() % 12);
	}
}

static uint32_t *put_message(uint32_t *p)
{
	static const uint8_t sfids[] = { 15, 15, 15, 14, 14, 13, 13, 3 };
	uint32_t desc = LSC(any() % 32, rand() % 4 ? A64 : A32, any() % 4, any() % 8, any() % 2,
			    any() % 5, any() % 5);

	if (!(rand() % 4))
		desc |= (any() % 4) << 29;
	return asm_send(p, X(rand() % 6) | (rand() % 2 ? W : 0), sfids[(size_t)rand() % sizeof(sfids)],
			desc, rand() % 4 ? 0 : any() & ~0x7e0u, reg(), reg(), reg(), any() % 5, false);
}

static uint32_t *put_branch(uint32_t *p)
{
	static const uint8_t ops[] = { OP_JMPI, OP_IF, OP_ELSE, OP_ENDIF, OP_WHILE, OP_BREAK, OP_CONT,
				       OP_GOTO, OP_JOIN, OP_BRD, OP_HALT };
	int32_t jip = 16 * (rand() % 12 - 4);

	return asm_branch(p, ops[(size_t)rand() % sizeof(ops)], X(rand() % 6) | (rand() % 2 ? P : 0),
			  jip, jip + 16 * (rand() % 4));
}

size_t fuzz_make(uint8_t *buf, size_t max)
{
	uint32_t k[4 * 128], *p = k, surface[16] = { 0 };
	size_t n;

	for (int i = 0; i < 4; i++)
		buf[i] = (uint8_t)rand();
	surface[0] = (rand() % 2 ? 1u : 4u) << 29 | (any() % 4) << 12;
	surface[2] = any() & 0x1ff00ff;
	surface[3] = rand() % 2 ? 127 : any() & 0x3ffff;
	surface[8] = DATA;
	memcpy(buf + 4, surface, sizeof(surface));
	/* addresses that lead somewhere, for the channels of the messages */
	p = asm1(p, OP_MOV, W | X(4), D(2, 0), T_UQ, S(4, 0), T_UD);
	p = asm1(p, OP_MOV, W | X(4), D(6, 0), T_UQ, S(1, 0), T_UD);
	for (int i = rand() % 60; i >= 0; i--) {
		switch (rand() % 6) {
		case 0:
		case 1:
			p = put_message(p);
			break;
		case 2:
			p = put_branch(p);
			break;
		default:
			p = put_alu(p);
		}
		if (!(rand() % 12))
			p[-1 - rand() % 4] ^= 1u << rand() % 32;
	}
	p = asm_eot(p);
	n = HEAD + 4 * (size_t)(p - k);
	n = n < max ? n : max;
	memcpy(buf + HEAD, k, n - HEAD);
	return n;
}

void fuzz_report(void)
{
	fprintf(stderr, "%llu instructions executed, %llu walkers dropped halfway\n", instructions, walks);
}
