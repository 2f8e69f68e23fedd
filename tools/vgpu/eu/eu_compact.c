/* SPDX-License-Identifier: MIT */
/*
 * Compact instructions of 64 bits: indices into tables of the fields that occur often. Tables and
 * positions: Xe2 volume of the PRM, "EU compact instructions".
 */
#include "eu_inst.h"

#include <string.h>

/* Where the fields of a table's entry, from its lowest bit up, go to in the instruction. */
struct place {
	uint8_t to, bits;
};

static const uint32_t control[32] = {
	0x00004, 0x00800, 0x00084, 0x00000, 0x00804, 0x10004, 0x14004, 0x00802,
	0x00005, 0x00803, 0x0c800, 0x02004, 0x04004, 0x00801, 0x0c004, 0x04800,
	0x14802, 0x10800, 0x10802, 0x14800, 0x08004, 0x00124, 0x14803, 0x0011c,
	0x10803, 0x0010c, 0x00114, 0x00134, 0x0013c, 0x0012c, 0x00104, 0x14024,
};

static const uint32_t datatype[32] = {
	0xd6954, 0xd4954, 0x06954, 0x06844, 0x56d54, 0xd2954, 0xbe8ee, 0x00800,
	0x56954, 0x02a44, 0x2eccc, 0xd0954, 0x54954, 0x54d54, 0x02b54, 0x068cc,
	0x2ecee, 0x06866, 0x50954, 0xb68cc, 0x52954, 0x07044, 0x36cce, 0x2cccc,
	0xde976, 0x52d54, 0x96844, 0x02844, 0x0ec44, 0x02aac, 0x50d54, 0x04844,
};

static const uint16_t subreg[16] = {
	0x000, 0x080, 0x004, 0x400, 0x200, 0x008, 0x100, 0x500,
	0x600, 0x180, 0x010, 0x680, 0x300, 0x700, 0x580, 0x480,
};

static const uint16_t source0[8] = {
	0x100, 0x000, 0x200, 0x102, 0x300, 0x101, 0x002, 0x240,
};

static const uint16_t source1[16] = {
	0x0800, 0x0000, 0x8800, 0x0010, 0x0008, 0x0018, 0x0050, 0x0040,
	0x0020, 0x0078, 0x0038, 0x0028, 0x0058, 0x0048, 0x0070, 0x0030,
};

static const uint64_t control3[16] = {
	0x0128a8004, 0x0120a8004, 0x0128a8804, 0x0120a8804, 0x01b8ec004, 0x01b8ec084,
	0x01b0ec004, 0x0128a8005, 0x0120a8005, 0x0120aa004, 0x0128aa004, 0x01b0ec084,
	0x0128a8800, 0x012888004, 0x036998005, 0x01b0ec003,
};

static const uint32_t source3[16] = {
	0x160301, 0x160201, 0x120300, 0x120201, 0x120301, 0x100300, 0x100301, 0x160b01,
	0x140301, 0x140201, 0x100201, 0x120100, 0x120101, 0x160a01, 0x122301, 0x122201,
};

static const uint32_t subreg3[32] = {
	0x00000, 0x20000, 0x80000, 0x10000, 0xe0000, 0x50000, 0xb0000, 0x400c0,
	0x60000, 0xa0000, 0xc0000, 0x40000, 0x70180, 0xa0240, 0xd0300, 0x70000,
	0xf0000, 0x90000, 0x30000, 0x20080, 0x10040, 0x300c0, 0xd0000, 0x00040,
	0x05800, 0x04000, 0x00080, 0x00300, 0x00340, 0x06800, 0x00200, 0x003c0,
};

/* execution size, flag, offset, predication, mask, atomic, saturation, condition */
static const struct place control_to[] = {
	{ 18, 3 }, { 21, 3 }, { 24, 2 }, { 26, 2 }, { 28, 1 }, { 31, 1 }, { 32, 1 }, { 34, 1 },
	{ 92, 4 }, { 0, 0 },
};
/* how the destination is addressed, types, files, stride of the destination */
static const struct place datatype_to[] = {
	{ 35, 1 }, { 36, 4 }, { 40, 4 }, { 46, 1 }, { 47, 1 }, { 48, 2 }, { 50, 1 }, { 66, 1 },
	{ 88, 4 }, { 98, 1 }, { 0, 0 },
};
static const struct place subreg_to[] = { { 33, 1 }, { 51, 5 }, { 67, 5 }, { 87, 1 }, { 0, 0 } };
static const struct place source0_to[] = {
	{ 44, 2 }, { 64, 2 }, { 80, 1 }, { 81, 3 }, { 84, 3 }, { 0, 0 },
};
static const struct place source1_to[] = {
	{ 96, 2 }, { 99, 5 }, { 112, 1 }, { 113, 3 }, { 116, 3 }, { 120, 2 }, { 0, 0 },
};
static const struct place control3_to[] = {
	{ 18, 3 }, { 21, 3 }, { 24, 2 }, { 26, 2 }, { 28, 1 }, { 31, 1 }, { 32, 1 }, { 34, 1 },
	{ 36, 3 }, { 39, 1 }, { 40, 3 }, { 48, 2 }, { 50, 1 }, { 80, 3 }, { 88, 3 }, { 92, 4 },
	{ 0, 0 },
};
static const struct place source3_to[] = {
	{ 35, 1 }, { 43, 1 }, { 44, 2 }, { 46, 1 }, { 47, 1 }, { 64, 2 }, { 66, 1 }, { 83, 1 },
	{ 84, 2 }, { 86, 2 }, { 91, 1 }, { 96, 2 }, { 98, 1 }, { 112, 2 }, { 114, 1 }, { 0, 0 },
};
static const struct place subreg3_to[] = { { 51, 5 }, { 67, 5 }, { 99, 5 }, { 115, 5 }, { 0, 0 } };

static uint32_t bits(uint64_t inst, unsigned int hi, unsigned int lo)
{
	return (uint32_t)(inst >> lo & ((1ull << (hi - lo + 1)) - 1));
}

/* No field of any table crosses a dword. */
static void put(uint32_t out[4], unsigned int at, uint32_t val)
{
	out[at / 32] |= val << at % 32;
}

static void spread(uint32_t out[4], uint64_t entry, const struct place *p)
{
	for (; p->bits; p++) {
		put(out, p->to, (uint32_t)(entry & ((1u << p->bits) - 1)));
		entry >>= p->bits;
	}
}

uint32_t eu_imm_expand(unsigned int type, uint32_t imm)
{
	uint32_t sign = imm & 0x800 ? 0xfffff000 : 0;

	switch (type) {
	case T_F:
		return imm << 20;
	case T_HF:
		return imm << 20 | imm << 4;
	case T_UW:
		return imm << 16 | imm;
	case T_D:
		return imm | sign;
	case T_W:
		return (imm | sign) << 16 | ((imm | sign) & 0xffff);
	default:
		return imm;
	}
}

void eu_expand(const uint32_t dw[2], bool three, uint32_t out[4])
{
	uint64_t c = dw[0] | (uint64_t)dw[1] << 32;
	uint32_t high = bits(c, 31, 30) << 3 | bits(c, 28, 26);
	bool imm0, imm1;

	memset(out, 0, 4 * sizeof(*out));
	out[0] = dw[0] & 0x3ffff; /* opcode, dependencies */
	put(out, 56, bits(c, 39, 32));
	put(out, 72, bits(c, 47, 40));
	if (three) {
		spread(out, control3[bits(c, 21, 18)], control3_to);
		spread(out, source3[bits(c, 25, 22)], source3_to);
		spread(out, subreg3[high], subreg3_to);
		put(out, 120, bits(c, 55, 48));
		put(out, 104, bits(c, 63, 56));
		return;
	}
	spread(out, control[bits(c, 22, 18)], control_to);
	spread(out, datatype[high], datatype_to);
	spread(out, subreg[bits(c, 51, 48)], subreg_to);
	spread(out, source0[bits(c, 25, 23)], source0_to);
	imm0 = out[1] >> 14 & 1;
	imm1 = out[1] >> 15 & 1;
	if (imm0 || imm1) {
		out[3] = eu_imm_expand(imm0 ? out[1] >> 8 & 15 : out[2] >> 24 & 15, bits(c, 63, 52));
	} else {
		spread(out, source1[bits(c, 55, 52)], source1_to);
		put(out, 104, bits(c, 63, 56));
	}
}
