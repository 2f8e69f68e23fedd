/* SPDX-License-Identifier: MIT */
/* Makes native instructions of the execution units, for tests. */
#ifndef VGPU_TESTS_EU_ASM_H
#define VGPU_TESTS_EU_ASM_H

#include <stdint.h>

#include "eu_inst.h"

/* Controls, to be or'ed: execution size as logarithm, channel offset in eights, mask off, ... */
#define X(log)	  ((uint32_t)(log) << 18)
#define M(eights) ((uint32_t)(eights) << 24)
#define W	  0x80000000u
#define P	  (1u << 26)		     /* predicated by the flag */
#define NOT	  (1u << 28)
#define F(half)	  ((uint32_t)(half) << 21) /* half flag register */
#define W1	  (W | X(0))

/* A destination of dense elements; @byte in the register. */
#define D(reg, byte) ((uint32_t)(reg) << 8 | (uint32_t)(byte) >> 1 << 3 | 4 | 1)
#define D_STRIDE2(reg, byte) ((uint32_t)(reg) << 8 | (uint32_t)(byte) >> 1 << 3 | 4 | 2)
/* Sources: one element for all; one after the other. */
#define S(reg, byte) ((uint32_t)(reg) << 8 | (uint32_t)(byte) >> 1 << 3 | 4)
#define V(reg, byte) (S(reg, byte) | 1u << 20)
/* Architecture registers: the same without the bit of the file. */
#define ARF(field) ((field) & ~4u)
#define NULL_REG   ARF(D(0, 0))
#define FLAG(n)	   0x30u + (n)
#define ACC(n)	   0x20u + (n)
#define ADDR	   0x10u

/* One source. */
static inline uint32_t *asm1(uint32_t *p, uint32_t op, uint32_t ctrl, uint32_t dst, uint32_t type,
			     uint32_t src, uint32_t src_type)
{
	*p++ = op | ctrl;
	*p++ = type << 4 | src_type << 8 | dst << 16;
	*p++ = src;
	*p++ = 0;
	return p;
}

static inline uint32_t *asm1i(uint32_t *p, uint32_t op, uint32_t ctrl, uint32_t dst, uint32_t type,
			      uint32_t imm)
{
	*p++ = op | ctrl;
	*p++ = type << 4 | type << 8 | 1u << 14 | dst << 16;
	*p++ = 0;
	*p++ = imm;
	return p;
}

/* Two sources of @type; @cond 0: none. */
static inline uint32_t *asm2(uint32_t *p, uint32_t op, uint32_t ctrl, uint32_t dst, uint32_t type,
			     uint32_t src0, uint32_t src1, uint32_t cond)
{
	*p++ = op | ctrl;
	*p++ = type << 4 | type << 8 | dst << 16;
	*p++ = src0 | type << 24 | cond << 28;
	*p++ = src1;
	return p;
}

static inline uint32_t *asm2i(uint32_t *p, uint32_t op, uint32_t ctrl, uint32_t dst, uint32_t type,
			      uint32_t src0, uint32_t imm, uint32_t cond)
{
	*p++ = op | ctrl;
	*p++ = type << 4 | type << 8 | 1u << 15 | dst << 16;
	*p++ = src0 | type << 24 | cond << 28;
	*p++ = imm;
	return p;
}

/* Three sources of @type: the first two <1;0> if @dense, else one element; the third likewise. */
static inline uint32_t *asm3(uint32_t *p, uint32_t op, uint32_t ctrl, uint32_t dst, uint32_t type,
			     uint32_t src0, uint32_t src1, uint32_t src2, bool dense)
{
	*p++ = op | ctrl;
	*p++ = (type & 7) << 4 | (type >> 3) << 7 | (type & 7) << 8 | (dense ? 8u : 0) |
	       (dst & ~3u) << 16;
	*p++ = (src0 & 0xfffc) | (type & 7) << 16 | (dense ? 1u << 19 : 0) | (type & 7) << 24;
	*p++ = (src1 & 0xfffc) | ((src2 & 0xfffc) | (dense ? 1 : 0)) << 16;
	return p;
}

/* Jumps and branches: bytes from the instruction itself. */
static inline uint32_t *asm_branch(uint32_t *p, uint32_t op, uint32_t ctrl, int32_t jip,
				   int32_t uip)
{
	*p++ = op | ctrl;
	*p++ = 1u << 14 | (op == OP_JMPI ? 0 : 1u << 15);
	*p++ = (uint32_t)uip;
	*p++ = (uint32_t)jip;
	return p;
}

/* A message; registers 0 with length 0 are none. */
static inline uint32_t *asm_send(uint32_t *p, uint32_t ctrl, uint32_t sfid, uint32_t desc,
				 uint32_t exdesc, uint32_t dst, uint32_t src0, uint32_t src1,
				 uint32_t src1_len, bool eot)
{
	bool has_dst = desc >> 20 & 31, has_src0 = desc >> 25 & 15;

	exdesc |= src1_len << 6;
	*p++ = OP_SEND | ctrl;
	*p++ = (eot ? 4u : 0) | (exdesc >> 11 & 0x1fff) << 3 | (has_dst ? 1u << 18 : 0) |
	       (desc >> 20 & 31) << 19 | dst << 24;
	*p++ = (exdesc >> 24 & 3) | (has_src0 ? 4u : 0) | (desc >> 25 & 31) << 3 | src0 << 8 |
	       (desc & 0x7ff) << 17 | sfid << 28;
	*p++ = (exdesc >> 26 & 3) | (src1_len ? 4u : 0) | (exdesc >> 6 & 31) << 3 | src1 << 8 |
	       (desc >> 11 & 0x1ff) << 17 | (desc >> 30) << 26 | (exdesc >> 28) << 28;
	return p;
}

/* The end of a compute thread. */
static inline uint32_t *asm_eot(uint32_t *p)
{
	p = asm1(p, OP_MOV, W | X(3), D(112, 0), T_UD, V(0, 0), T_UD);
	return asm_send(p, W | X(3), 3, 0x02000000, 0, 0, 112, 0, 0, true);
}

/* Untyped data port: descriptor of @op for @addr and @data sizes (codes) and lengths. */
#define LSC(op, addr, data, vector, transposed, dst_len, src0_len)                                \
	((uint32_t)(op) | (addr) << 7 | (data) << 9 | (vector) << 12 | (transposed) << 15 |          \
	 (uint32_t)(dst_len) << 20 | (uint32_t)(src0_len) << 25)
#define A32 2
#define A64 3
#define D32 2
#define D64 3

#endif
