/* SPDX-License-Identifier: MIT */
/* Instructions of the execution units, decoded. */
#ifndef VGPU_EU_INST_H
#define VGPU_EU_INST_H

#include <stdbool.h>
#include <stdint.h>

/* Opcodes, as in bits [6:0]. */
enum eu_op {
	OP_SYNC = 0x01,
	OP_JMPI = 0x20, OP_BRD, OP_IF, OP_BRC, OP_ELSE, OP_ENDIF,
	OP_WHILE = 0x27, OP_BREAK, OP_CONT, OP_HALT,
	OP_GOTO = 0x2e, OP_JOIN,
	OP_SEND = 0x31, OP_SENDC,
	OP_MATH = 0x38,
	OP_ADD = 0x40, OP_MUL, OP_AVG, OP_FRC, OP_RNDU, OP_RNDD, OP_RNDE, OP_RNDZ, OP_MAC, OP_MACH,
	OP_LZD, OP_FBH, OP_FBL, OP_CBIT, OP_ADDC, OP_SUBB,
	OP_ADD3 = 0x52, OP_MACL,
	OP_MAD = 0x5b,
	OP_NOP = 0x60, OP_MOV, OP_SEL, OP_MOVI, OP_NOT, OP_AND, OP_OR, OP_XOR, OP_SHR, OP_SHL,
	OP_BFN = 0x6b, OP_ASR,
	OP_ROR = 0x6e, OP_ROL, OP_CMP, OP_CMPN, OP_CSEL,
	OP_BFREV = 0x77, OP_BFE, OP_BFI1, OP_BFI2,
};

/* Data types, as in their fields. Immediates of the types of bytes are vectors of eight nibbles. */
enum eu_type {
	T_UB, T_UW, T_UD, T_UQ, T_B, T_W, T_D, T_Q, T_VF, T_HF, T_F, T_DF,
};

/* Condition modifiers. */
enum eu_cond { C_NONE, C_EQ, C_NE, C_GT, C_GE, C_LT, C_LE, C_OV = 8, C_UN };

/* Architecture registers: bits [7:4] of the register number. */
enum eu_arf {
	ARF_NULL, ARF_ADDR, ARF_ACC, ARF_FLAG, ARF_CE, ARF_STATE = 7, ARF_CONTROL, ARF_NOTIFY,
	ARF_IP, ARF_TIME = 12,
};

enum eu_file { FILE_ARF, FILE_GRF, FILE_IMM };

/* Strides and width count elements; @vs is VS_INDIRECT when each row has an address register. */
#define VS_INDIRECT 255
struct eu_operand {
	uint8_t file, type;
	uint8_t vs, width, hs;
	bool neg, abs, indirect;
	uint8_t reg;	/* or number of the address register */
	int16_t byte;	/* in the register, or offset to the address */
	uint64_t imm;
};

enum eu_form {
	FORM_BAD, /* no instruction this core knows */
	FORM_NONE, /* nop, sync: nothing to do */
	FORM_ALU1, FORM_ALU2, FORM_ALU3,
	FORM_JUMP, /* jmpi */
	FORM_BRANCH,
	FORM_SEND,
};

struct eu_inst {
	uint32_t dw[4]; /* native, also of a compact one */
	uint8_t op, form, bytes;
	uint8_t channels, first; /* execution size and channel offset */
	uint8_t pred, flag, cond; /* @flag: number of the half flag register */
	bool pred_inv, nomask, sat, branch_ctrl;
	struct eu_operand dst, src[3];
	int32_t jip, uip; /* bytes from this instruction */
};

/*
 * eu_inst_bytes - length of the instruction that begins with the dword @dw0: 8 or 16.
 */
unsigned int eu_inst_bytes(uint32_t dw0);
/*
 * eu_decode - @dw: two or four dwords, as eu_inst_bytes() says. Returns false, with @in->dw filled,
 * if this is not an instruction the core can execute. Looks at nothing but the bits: registers out
 * of range are for the access to find. Layouts: Xe2 volume of the PRM, EU ISA.
 */
bool eu_decode(const uint32_t *dw, struct eu_inst *in);
/* eu_expand - the native form of the compact instruction @dw; @three: of three sources. */
void eu_expand(const uint32_t dw[2], bool three, uint32_t out[4]);
/* eu_imm_expand - the 32 bits of an immediate of @type of which a compact form has 12. */
uint32_t eu_imm_expand(unsigned int type, uint32_t imm12);
/* eu_form_of - what kind of instruction @op is. */
enum eu_form eu_form_of(unsigned int op);
/* eu_type_bytes - size of an element of @type, 0 if the core does not know it. */
unsigned int eu_type_bytes(unsigned int type);

#endif
