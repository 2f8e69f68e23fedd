/* SPDX-License-Identifier: MIT */
/* Native instructions of 128 bits into operands. */
#include "eu_inst.h"

#include <string.h>

#define BITS(dw, hi, lo) ((dw) >> (lo) & (0xffffffffu >> (31 - ((hi) - (lo)))))
#define COMPACT		 (1u << 29)

static const uint8_t form_of[128] = {
	[OP_SYNC] = FORM_NONE, [OP_NOP] = FORM_NONE,
	[OP_JMPI] = FORM_JUMP,
	[OP_BRD] = FORM_BRANCH, [OP_IF] = FORM_BRANCH, [OP_ELSE] = FORM_BRANCH,
	[OP_ENDIF] = FORM_BRANCH, [OP_WHILE] = FORM_BRANCH, [OP_BREAK] = FORM_BRANCH,
	[OP_CONT] = FORM_BRANCH, [OP_HALT] = FORM_BRANCH, [OP_GOTO] = FORM_BRANCH,
	[OP_JOIN] = FORM_BRANCH,
	[OP_SEND] = FORM_SEND, [OP_SENDC] = FORM_SEND,
	[OP_MOV] = FORM_ALU1, [OP_NOT] = FORM_ALU1, [OP_FRC] = FORM_ALU1, [OP_RNDU] = FORM_ALU1,
	[OP_RNDD] = FORM_ALU1, [OP_RNDE] = FORM_ALU1, [OP_RNDZ] = FORM_ALU1, [OP_LZD] = FORM_ALU1,
	[OP_FBH] = FORM_ALU1, [OP_FBL] = FORM_ALU1, [OP_CBIT] = FORM_ALU1, [OP_BFREV] = FORM_ALU1,
	[OP_MATH] = FORM_ALU2, [OP_ADD] = FORM_ALU2, [OP_MUL] = FORM_ALU2, [OP_AVG] = FORM_ALU2,
	[OP_MAC] = FORM_ALU2, [OP_MACH] = FORM_ALU2, [OP_MACL] = FORM_ALU2, [OP_ADDC] = FORM_ALU2,
	[OP_SUBB] = FORM_ALU2, [OP_SEL] = FORM_ALU2, [OP_AND] = FORM_ALU2, [OP_OR] = FORM_ALU2,
	[OP_XOR] = FORM_ALU2, [OP_SHR] = FORM_ALU2, [OP_SHL] = FORM_ALU2, [OP_ASR] = FORM_ALU2,
	[OP_ROR] = FORM_ALU2, [OP_ROL] = FORM_ALU2, [OP_CMP] = FORM_ALU2, [OP_CMPN] = FORM_ALU2,
	[OP_BFI1] = FORM_ALU2,
	[OP_ADD3] = FORM_ALU3, [OP_MAD] = FORM_ALU3, [OP_BFN] = FORM_ALU3, [OP_CSEL] = FORM_ALU3,
	[OP_BFE] = FORM_ALU3, [OP_BFI2] = FORM_ALU3,
};

enum eu_form eu_form_of(unsigned int op)
{
	return (enum eu_form)form_of[op & 0x7f];
}

unsigned int eu_type_bytes(unsigned int type)
{
	static const uint8_t bytes[16] = { 1, 2, 4, 8, 1, 2, 4, 8, 0, 2, 4, 8 };

	return bytes[type & 15];
}

unsigned int eu_inst_bytes(uint32_t dw0)
{
	return dw0 & COMPACT ? 8 : 16;
}

/* 0, 1, 2, 4, ... from their field */
static uint8_t stride(uint32_t field)
{
	return field ? (uint8_t)(1u << (field - 1)) : 0;
}

static void decode_mods(struct eu_operand *o, uint32_t mods)
{
	o->abs = mods & 1;
	o->neg = mods & 2;
}

/* @field: 24 bits. */
static void decode_source(struct eu_operand *o, uint32_t field, uint32_t type, uint32_t mods)
{
	uint32_t vs = BITS(field, 22, 20);

	decode_mods(o, mods);
	o->type = (uint8_t)type;
	o->hs = stride(BITS(field, 1, 0));
	o->width = (uint8_t)(1u << BITS(field, 19, 17));
	o->vs = vs == 7 ? VS_INDIRECT : stride(vs);
	o->indirect = field >> 16 & 1;
	if (o->indirect) {
		o->file = FILE_GRF;
		o->reg = (uint8_t)BITS(field, 15, 12);
		/* ten bits, signed */
		o->byte = (int16_t)((int16_t)((BITS(field, 11, 3) << 1 | field >> 23) << 6) >> 6);
	} else {
		o->file = field >> 2 & 1 ? FILE_GRF : FILE_ARF;
		o->reg = (uint8_t)BITS(field, 15, 8);
		o->byte = (int16_t)(BITS(field, 7, 3) << 1 | field >> 23);
	}
}

static void decode_imm(struct eu_operand *o, uint32_t type, uint64_t imm)
{
	o->file = FILE_IMM;
	o->type = (uint8_t)type;
	o->imm = imm;
}

static void decode_dst(struct eu_operand *o, const uint32_t *dw)
{
	uint32_t field = dw[1] >> 16, low = dw[1] >> 1 & 1;

	o->type = (uint8_t)BITS(dw[1], 7, 4);
	o->hs = stride(field & 3) ?: 1;
	o->indirect = dw[1] >> 3 & 1;
	if (o->indirect) {
		o->file = FILE_GRF;
		o->reg = (uint8_t)BITS(field, 15, 12);
		o->byte = (int16_t)((int16_t)((BITS(field, 11, 3) << 1 | low) << 6) >> 6);
	} else {
		o->file = field >> 2 & 1 ? FILE_GRF : FILE_ARF;
		o->reg = (uint8_t)BITS(field, 15, 8);
		o->byte = (int16_t)(BITS(field, 7, 3) << 1 | low);
	}
}

static void decode_two(struct eu_inst *in)
{
	const uint32_t *dw = in->dw;
	uint32_t type0 = BITS(dw[1], 11, 8);
	bool imm0 = dw[1] >> 14 & 1, wide = imm0 && eu_type_bytes(type0) == 8;

	decode_dst(&in->dst, dw);
	in->sat = dw[1] >> 2 & 1;
	/* an immediate of 64 bits lies where the condition would be */
	in->cond = wide ? C_NONE : (uint8_t)(dw[2] >> 28);
	if (imm0)
		decode_imm(&in->src[0], type0, wide ? dw[3] | (uint64_t)dw[2] << 32 : dw[3]);
	else
		decode_source(&in->src[0], dw[2] & 0xffffff, type0, BITS(dw[1], 13, 12));
	if (in->form == FORM_ALU1)
		return;
	if (dw[1] >> 15 & 1)
		decode_imm(&in->src[1], BITS(dw[2], 27, 24), dw[3]);
	else
		decode_source(&in->src[1], dw[3] & 0xffffff, BITS(dw[2], 27, 24),
			      BITS(dw[3], 25, 24));
}

/* @field: 16 bits; @vs: two. Sources of three have no width: their rows follow from the strides. */
static void decode_third(struct eu_operand *o, uint32_t field, uint32_t type, uint32_t mods,
			 uint32_t vs, bool imm)
{
	static const uint8_t vstride[4] = { 0, 1, 4, 8 };

	if (imm) {
		decode_imm(o, type, field);
		return;
	}
	decode_mods(o, mods);
	o->type = (uint8_t)type;
	o->file = field >> 2 & 1 ? FILE_GRF : FILE_ARF;
	o->reg = (uint8_t)BITS(field, 15, 8);
	o->byte = (int16_t)(BITS(field, 7, 3) << 1);
	o->hs = stride(field & 3);
	o->vs = vstride[vs];
	o->width = o->hs && o->vs > o->hs ? o->vs / o->hs : 1;
}

static void decode_three(struct eu_inst *in)
{
	const uint32_t *dw = in->dw;
	uint32_t is_float = BITS(dw[1], 7, 7) << 3, mods1 = BITS(dw[2], 23, 22);
	uint32_t mods2 = BITS(dw[2], 21, 20);
	struct eu_operand *src2 = &in->src[2];

	if (in->op == OP_BFN) /* the table of the function lies there */
		mods1 = mods2 = 0;
	in->sat = dw[1] >> 2 & 1;
	in->cond = in->op == OP_BFN ? C_NONE : (uint8_t)(dw[2] >> 28);
	in->dst.type = (uint8_t)(BITS(dw[1], 6, 4) | is_float);
	in->dst.file = dw[1] >> 18 & 1 ? FILE_GRF : FILE_ARF;
	in->dst.reg = (uint8_t)(dw[1] >> 24);
	in->dst.byte = (int16_t)(BITS(dw[1], 23, 19) << 1);
	in->dst.hs = (uint8_t)(1u << BITS(dw[1], 17, 16));
	decode_third(&in->src[0], dw[2] & 0xffff, BITS(dw[1], 10, 8) | is_float,
		     BITS(dw[1], 13, 12), (dw[1] >> 3 & 1) | (dw[1] >> 11 & 1) << 1,
		     dw[1] >> 14 & 1);
	decode_third(&in->src[1], dw[3] & 0xffff, BITS(dw[2], 26, 24) | is_float, mods1,
		     (dw[2] >> 19 & 1) | (dw[2] >> 27 & 1) << 1, false);
	decode_third(src2, dw[3] >> 16, BITS(dw[2], 18, 16) | is_float, mods2, 0, dw[1] >> 15 & 1);
	/* the third has one stride only */
	src2->vs = src2->hs;
	src2->width = 1;
}

static bool types_known(const struct eu_inst *in)
{
	unsigned int n = in->form - FORM_ALU1 + 1;

	if (!eu_type_bytes(in->dst.type))
		return false;
	for (unsigned int i = 0; i < n; i++)
		if (!eu_type_bytes(in->src[i].type) &&
		    !(in->src[i].file == FILE_IMM && in->src[i].type == T_VF))
			return false;
	return true;
}

bool eu_decode(const uint32_t *dw, struct eu_inst *in)
{
	uint32_t size;

	memset(in, 0, sizeof(*in));
	in->op = dw[0] & 0x7f;
	in->form = eu_form_of(in->op);
	in->bytes = (uint8_t)eu_inst_bytes(dw[0]);
	if (in->bytes == 8)
		eu_expand(dw, in->form == FORM_ALU3, in->dw);
	else
		memcpy(in->dw, dw, sizeof(in->dw));
	dw = in->dw;
	size = BITS(dw[0], 20, 18);
	if (in->form == FORM_BAD || size > 5)
		return false;
	in->channels = (uint8_t)(1u << size);
	in->flag = (uint8_t)BITS(dw[0], 23, 21);
	in->first = (uint8_t)(8 * BITS(dw[0], 25, 24));
	in->pred = (uint8_t)BITS(dw[0], 27, 26);
	in->pred_inv = dw[0] >> 28 & 1;
	in->nomask = dw[0] >> 31;
	if (in->first + in->channels > 32)
		return false;
	switch (in->form) {
	case FORM_ALU1:
	case FORM_ALU2:
		decode_two(in);
		return types_known(in);
	case FORM_ALU3:
		decode_three(in);
		return types_known(in);
	case FORM_JUMP:
		/* from a register, too, but nobody has been seen to do it */
		in->jip = (int32_t)dw[3];
		return dw[1] >> 14 & 1;
	case FORM_BRANCH:
		in->branch_ctrl = dw[1] >> 1 & 1;
		in->jip = (int32_t)dw[3];
		in->uip = (int32_t)dw[2];
		return dw[1] >> 14 & 1;
	default:
		return true;
	}
}
