/* SPDX-License-Identifier: MIT */
/* Messages of the data port one by one: what is moved where, and how far a shader reaches. */
#include "eu_unit.h"

#include "eu_lsc.h"

/* Registers of the messages. */
enum { ADDRS = 20, DST = 40, SRC = 60 };

#define OP_LOAD 0
#define BYTES	4 /* data sizes beside D32 and D64: a byte or a word that fills a dword */
#define WORDS	5
#define SLM	14
#define UGM	15
#define BSS	(1u << 29)
#define SS	(2u << 29)
#define BTI	(3u << 29)
#define LOCAL	256u /* of the local memory */

static unsigned int regs_of(unsigned int bytes)
{
	return (bytes + EU_REG_BYTES - 1) / EU_REG_BYTES;
}

/* A load or store of @channels with as many registers as it needs. */
static struct eu_send message(uint32_t sfid, uint32_t op, uint32_t addr, uint32_t data,
			      uint32_t vector, uint32_t channels)
{
	unsigned int part = regs_of(channels * (data == D64 ? 8 : 4)) * (vector + 1);

	return (struct eu_send){ .sfid = sfid,
				 .desc = LSC(op, addr, data, vector, 0, 0, 0),
				 .dst = DST,
				 .dst_len = op == LSC_STORE ? 0 : part,
				 .src0 = ADDRS,
				 .src0_len = regs_of(channels * (addr == A64 ? 8 : 4)),
				 .src1 = SRC,
				 .src1_len = op == OP_LOAD ? 0 : part,
				 .channels = channels,
				 .mask = channels == 32 ? ~0u : (1u << channels) - 1 };
}

static void address(struct unit *u, unsigned int i, uint64_t va)
{
	memcpy(u->t->grf[ADDRS] + 8 * i, &va, 8);
}

static void address32(struct unit *u, unsigned int i, uint32_t va)
{
	memcpy(u->t->grf[ADDRS] + 4 * i, &va, 4);
}

static uint32_t *dst(struct unit *u, unsigned int i)
{
	return eu_reg(u->t, DST) + i;
}

/* Local memory in the middle of a larger piece, whose rest must stay 0xee. */
static uint8_t *local(struct unit *u)
{
	static uint8_t around[3 * LOCAL];

	memset(around, 0xee, sizeof(around));
	u->env.slm = around + LOCAL;
	u->env.slm_bytes = LOCAL;
	return u->env.slm;
}

static void assert_outside_untouched(const struct unit *u)
{
	for (unsigned int i = 0; i < LOCAL; i++) {
		assert_int_equal(*(u->env.slm - LOCAL + i), 0xee);
		assert_int_equal(u->env.slm[LOCAL + i], 0xee);
	}
}

/* Small elements fill a dword of a register, and only themselves in memory. */
static void small_elements(void **state)
{
	struct unit *u = *state;
	struct eu_send s;

	for (unsigned int i = 0; i < 64; i++)
		unit_mem(u, DATA)[i] = (uint8_t)(0x80 + i);
	for (uint32_t size = 1; size <= 2; size++) {
		s = message(UGM, OP_LOAD, A64, size == 1 ? BYTES : WORDS, 0, 16);
		for (unsigned int i = 0; i < 16; i++) {
			address(u, i, DATA + 2 * i);
			*dst(u, i) = ~0u;
		}
		assert_int_equal(unit_send(u, &s), EU_OK);
		for (unsigned int i = 0; i < 16; i++)
			assert_int_equal(*dst(u, i), size == 1 ? 0x80 + 2 * i : 0x8180 + 0x202 * i);
		s = message(UGM, LSC_STORE, A64, size == 1 ? BYTES : WORDS, 0, 2);
		address(u, 0, DATA + 0x100);
		address(u, 1, DATA + 0x108);
		eu_reg(u->t, SRC)[0] = eu_reg(u->t, SRC)[1] = 0x12345678;
		memset(unit_mem(u, DATA + 0x100), 0xaa, 16);
		assert_int_equal(unit_send(u, &s), EU_OK);
		assert_int_equal(unit_dword(u, DATA + 0x100), size == 1 ? 0xaaaaaa78 : 0xaaaa5678);
		assert_int_equal(unit_dword(u, DATA + 0x108), size == 1 ? 0xaaaaaa78 : 0xaaaa5678);
	}
}

/* Components of a vector lie side by side in memory and apart in registers. */
static void vectors(void **state)
{
	struct unit *u = *state;
	struct eu_send s = message(UGM, OP_LOAD, A64, D64, 1, 16);

	for (unsigned int i = 0; i < 16; i++) {
		address(u, i, DATA + 16 * (15 - i)); /* backwards: none follows the other */
		ram64_set(u->h, OFF_DATA + DATA + 16 * i, 0x1000 + i);
		ram64_set(u->h, OFF_DATA + DATA + 16 * i + 8, 0x2000 + i);
	}
	assert_int_equal(unit_send(u, &s), EU_OK);
	for (unsigned int i = 0; i < 16; i++) {
		assert_int_equal(*dst(u, 2 * i), 0x1000 + 15 - i);
		assert_int_equal(*dst(u, 32 + 2 * i), 0x2000 + 15 - i);
	}
	s = message(UGM, LSC_STORE, A64, D64, 1, 16);
	for (unsigned int i = 0; i < 64; i++)
		eu_reg(u->t, SRC)[i] = i;
	assert_int_equal(unit_send(u, &s), EU_OK);
	for (unsigned int i = 0; i < 16; i++) {
		assert_int_equal(unit_dword(u, DATA + 16 * (15 - i)), 2 * i);
		assert_int_equal(unit_dword(u, DATA + 16 * (15 - i) + 8), 32 + 2 * i);
	}
}

/* Whoever is off neither reads nor writes, also between others that follow each other. */
static void disabled_channels(void **state)
{
	struct unit *u = *state;
	struct eu_send s = message(UGM, OP_LOAD, A64, D32, 0, 16);

	s.mask = 0xff35;
	for (unsigned int i = 0; i < 16; i++) {
		address(u, i, DATA + 4 * i);
		ram32_set(u->h, OFF_DATA + DATA + 4 * i, 0x100 + i);
		*dst(u, i) = 0x55;
		eu_reg(u->t, SRC)[i] = 0x200 + i;
	}
	address(u, 7, 0x40000000); /* where nothing is */
	assert_int_equal(unit_send(u, &s), EU_OK);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(*dst(u, i), s.mask >> i & 1 ? 0x100 + i : 0x55);
	s = message(UGM, LSC_STORE, A64, D32, 0, 16);
	s.mask = 0xff35;
	assert_int_equal(unit_send(u, &s), EU_OK);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(unit_dword(u, DATA + 4 * i), s.mask >> i & 1 ? 0x200 + i : 0x100 + i);
}

/* Addresses with gaps, also when each is beyond the last. */
static void gaps(void **state)
{
	struct unit *u = *state;
	struct eu_send s = message(UGM, LSC_STORE, A64, D32, 0, 16);

	for (unsigned int i = 0; i < 16; i++) {
		address(u, i, DATA + 12 * i);
		eu_reg(u->t, SRC)[i] = 0x300 + i;
	}
	assert_int_equal(unit_send(u, &s), EU_OK);
	for (unsigned int i = 0; i < 16; i++) {
		assert_int_equal(unit_dword(u, DATA + 12 * i), 0x300 + i);
		assert_int_equal(unit_dword(u, DATA + 12 * i + 4), 0);
	}
}

/* An offset in the message, signed: of flat addresses and local ones. 32 bits wrap. */
static void offsets(void **state)
{
	struct unit *u = *state;
	struct eu_send s = message(UGM, OP_LOAD, A64, D32, 0, 1);

	ram32_set(u->h, OFF_DATA + DATA, 0x1234);
	address(u, 0, DATA + 4);
	s.exdesc = (uint32_t)-4 << 12;
	assert_int_equal(unit_send(u, &s), EU_OK);
	assert_int_equal(*dst(u, 0), 0x1234);
	memset(local(u), 0, LOCAL);
	u->env.slm[8] = 0x77;
	s = message(SLM, OP_LOAD, A32, D32, 0, 1);
	address32(u, 0, 0xfffffff8);
	s.exdesc = 16u << 12;
	assert_int_equal(unit_send(u, &s), EU_OK);
	assert_int_equal(*dst(u, 0), 0x77);
	s.desc |= BTI; /* which local memory has not */
	*dst(u, 0) = 0;
	assert_int_equal(unit_send(u, &s), EU_OK);
	assert_int_equal(*dst(u, 0), 0x77);
	/* with a surface these bits are its number */
	surface(u->h, 1);
	ram32_set(u->h, OFF_DATA + STATE, 4u << 29);
	ram32_set(u->h, OFF_DATA + STATE + 8, 15);
	ram32_set(u->h, OFF_DATA + STATE + 0x804, 0);
	s = message(UGM, OP_LOAD, A32, D32, 0, 1);
	s.desc |= BTI;
	s.exdesc = 1u << 24;
	address32(u, 0, 0);
	assert_int_equal(unit_send(u, &s), EU_OK);
	assert_int_equal(*dst(u, 0), 0x1234);
}

/* Local memory ends with its last byte, for each channel on its own, and begins with its first. */
static void local_memory_has_edges(void **state)
{
	struct unit *u = *state;
	struct eu_send s;

	for (unsigned int at = 0; at <= 8; at++) {
		s = message(SLM, OP_LOAD, A32, D32, 0, 16);
		memset(local(u), 0x11, LOCAL);
		for (unsigned int i = 0; i < 16; i++) {
			address32(u, i, LOCAL - 32 + at + 4 * i);
			*dst(u, i) = ~0u;
			eu_reg(u->t, SRC)[i] = 0x22222222;
		}
		assert_int_equal(unit_send(u, &s), EU_OK);
		for (unsigned int i = 0; i < 16; i++)
			assert_int_equal(*dst(u, i), 4 + 4 * i + at <= 32 ? 0x11111111 : 0);
		s = message(SLM, LSC_STORE, A32, D32, 0, 16);
		assert_int_equal(unit_send(u, &s), EU_OK);
		assert_outside_untouched(u);
		for (unsigned int i = 0; i < LOCAL; i++)
			assert_int_equal(u->env.slm[i],
					 i < LOCAL - 32 + at || i >= LOCAL - (32 - at) % 4 ? 0x11 : 0x22);
	}
	/* as a whole in front of it, in many ways */
	for (unsigned int i = 1; i <= 64; i++) {
		memset(local(u), 0x11, LOCAL);
		address32(u, 0, 0u - i);
		s = message(SLM, LSC_STORE, A32, D64, 0, 1);
		assert_int_equal(unit_send(u, &s), EU_OK);
		s = message(SLM, LSC_ADD, A32, D64, 0, 1);
		assert_int_equal(unit_send(u, &s), EU_OK);
		assert_int_equal(*dst(u, 0), 0);
		assert_outside_untouched(u);
	}
}

/* What lsc_read() and lsc_write() themselves check, at both ends of the numbers. */
static void bounded_targets(void **state)
{
	struct unit *u = *state;
	struct lsc_target to = { .bounded = true, .base = DATA, .size = 16 };
	static const struct {
		uint64_t addr;
		size_t len;
		bool in;
	} row[] = {
		{ 0, 16, true },	{ 12, 4, true },	{ 13, 4, false },  { 16, 4, false },
		{ 17, 4, false },	{ 8, 16, false },	{ 0, 17, false },  { ~0ull, 4, false },
		{ ~0ull - 3, 4, false }, { ~0ull - 7, 8, false }, { 1ull << 32, 4, false },
	};
	uint8_t buf[32];

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		memset(unit_mem(u, DATA - 64), 0x11, 128);
		memset(buf, 0x22, sizeof(buf));
		assert_true(lsc_write(u->t, &to, row[i].addr, buf, row[i].len));
		assert_int_equal(unit_mem(u, DATA)[row[i].in ? row[i].addr : 0], row[i].in ? 0x22 : 0x11);
		for (int k = 1; k <= 48; k++) {
			assert_int_equal(unit_mem(u, DATA)[-k], 0x11);
			assert_int_equal(unit_mem(u, DATA)[15 + k], 0x11);
		}
		memset(unit_mem(u, DATA), 0x33, 64);
		assert_true(lsc_read(u->t, &to, row[i].addr, buf, row[i].len));
		for (size_t k = 0; k < row[i].len; k++)
			assert_int_equal(buf[k], row[i].in ? 0x33 : 0);
		assert_int_equal(buf[row[i].len], 0x22);
	}
	assert_int_equal(harness_witness_total(u->h), 0);
}

static void buffer(struct unit *u, uint32_t va, uint32_t type, uint64_t bytes)
{
	uint32_t *s = (uint32_t *)(void *)unit_mem(u, va);
	uint64_t last = bytes - 1;

	memset(s, 0, 64);
	s[0] = type << 29;
	s[2] = (last & 0x7f) | (uint32_t)(last >> 7 & 0x3fff) << 16;
	s[3] = (uint32_t)(last >> 21) << 21;
	s[8] = DATA;
}

/* The four ways to name a surface, and how large it is. */
static void targets(void **state)
{
	struct unit *u = *state;
	struct eu_send s = message(UGM, OP_LOAD, A32, D32, 0, 1);
	static const uint64_t size[] = { 1, 128, 129, 0x12345, 1u << 21, (1ull << 32) - 5 };
	struct lsc_target to;

	assert_int_equal(lsc_target(u->t, &s, &to), EU_OK);
	assert_false(to.bounded || to.slm);
	assert_int_equal(to.base, 0);
	u->env.general = 0x123000;
	u->env.bindless = 0x70000;
	s.desc |= BTI;
	s.exdesc = 255u << 24;
	assert_int_equal(lsc_target(u->t, &s, &to), EU_OK);
	assert_false(to.bounded);
	assert_int_equal(to.base, 0x123000);
	for (size_t i = 0; i < sizeof(size) / sizeof(size[0]); i++) {
		buffer(u, STATE + 0x100, 4, size[i]);
		ram32_set(u->h, OFF_DATA + STATE + 0x80c, 0x100);
		s.exdesc = 3u << 24;
		assert_int_equal(lsc_target(u->t, &s, &to), EU_OK);
		assert_true(to.bounded);
		assert_int_equal(to.base, DATA);
		assert_true(to.size == size[i]);
	}
	buffer(u, 0x70000 + 0x40, 4, 77);
	buffer(u, STATE + 0x40, 4, 99);
	s.desc = (s.desc & ~BTI) | BSS;
	s.exdesc = 0x40;
	assert_int_equal(lsc_target(u->t, &s, &to), EU_OK);
	assert_int_equal(to.size, 77);
	s.desc = (s.desc & ~BTI) | SS;
	assert_int_equal(lsc_target(u->t, &s, &to), EU_OK);
	assert_int_equal(to.size, 99);
}

static void no_such_target(void **state)
{
	struct unit *u = *state;
	struct eu_send s = message(UGM, OP_LOAD, A32, D32, 0, 1);
	static const uint32_t model[] = { BSS, SS, BTI };
	struct lsc_target to;

	/* of another type than a buffer */
	for (uint32_t type = 0; type < 8; type++) {
		buffer(u, STATE, type, 64);
		ram32_set(u->h, OFF_DATA + STATE + 0x800, 0);
		s.desc = (s.desc & ~BTI) | BTI;
		assert_int_equal(lsc_target(u->t, &s, &to), type == 4 ? EU_OK : EU_UNKNOWN);
	}
	/* state, then table, in a page that is missing */
	u->env.surfaces = u->env.bindless = 0x40000000;
	for (size_t i = 0; i < 3; i++) {
		s.desc = (s.desc & ~BTI) | model[i];
		assert_int_equal(lsc_target(u->t, &s, &to), EU_FAULT);
		assert_int_equal(unit_send(u, &s), EU_FAULT);
	}
	u->env.surfaces = STATE;
	buffer(u, STATE, 4, 64);
	assert_int_equal(lsc_target(u->t, &s, &to), EU_OK);
	u->env.bindings = 0x40000000;
	assert_int_equal(lsc_target(u->t, &s, &to), EU_FAULT);
}

/* A block by one channel: of dwords and quadwords only. */
static void blocks(void **state)
{
	struct unit *u = *state;
	struct eu_send s = message(UGM, OP_LOAD, A64, D32, 0, 1);

	for (unsigned int i = 0; i < 64; i++)
		ram32_set(u->h, OFF_DATA + DATA + 4 * i, 0x400 + i);
	address(u, 0, DATA);
	s.desc = LSC(OP_LOAD, A64, D32, 6, 1, 0, 0); /* 32 of them */
	s.dst_len = 2;
	s.mask = 1;
	assert_int_equal(unit_send(u, &s), EU_OK);
	for (unsigned int i = 0; i < 32; i++)
		assert_int_equal(*dst(u, i), 0x400 + i);
	assert_int_equal(*dst(u, 32), 0);
	s.desc = LSC(LSC_STORE, A64, D64, 4, 1, 0, 0); /* 8 of them */
	s.dst_len = 0;
	s.src1_len = 1;
	assert_int_equal(unit_send(u, &s), EU_OK);
	for (unsigned int i = 0; i < 20; i++)
		assert_int_equal(unit_dword(u, DATA + 4 * i), i < 16 ? 0 : 0x400 + i);
}

static void no_such_blocks(void **state)
{
	struct unit *u = *state;
	struct eu_send s = message(UGM, OP_LOAD, A64, D32, 0, 1);

	address(u, 0, DATA);
	s.dst_len = s.src1_len = 8;
	for (uint32_t data = 0; data < 8; data++)
		for (uint32_t op = OP_LOAD; op <= LSC_STORE; op += LSC_STORE) {
			s.desc = LSC(op, A64, data, 0, 1, 0, 0);
			assert_int_equal(unit_send(u, &s), data == D32 || data == D64 ? EU_OK : EU_UNKNOWN);
		}
	/* the registers of the other direction do not count */
	s.desc = LSC(OP_LOAD, A64, D64, 7, 1, 0, 0);
	s.dst_len = 7;
	assert_int_equal(unit_send(u, &s), EU_UNKNOWN);
	s.desc = LSC(LSC_STORE, A64, D64, 7, 1, 0, 0);
	s.dst_len = 8;
	s.src1_len = 7;
	assert_int_equal(unit_send(u, &s), EU_UNKNOWN);
	/* memory that is missing, or not to be written */
	s.src1_len = 8;
	unit_page(u, DATA, true, false);
	assert_int_equal(unit_send(u, &s), EU_FAULT);
	unit_page(u, DATA, false, false);
	s.desc = LSC(OP_LOAD, A64, D64, 7, 1, 0, 0);
	*dst(u, 0) = 0x55;
	assert_int_equal(unit_send(u, &s), EU_FAULT);
	assert_int_equal(*dst(u, 0), 0x55);
}

/* Elements that no register holds, operations that are none. */
static void no_such_accesses(void **state)
{
	struct unit *u = *state;
	struct eu_send s;

	for (unsigned int i = 0; i < 16; i++)
		address(u, i, DATA + 8 * i);
	for (uint32_t data = 0; data < 8; data++)
		for (uint32_t op = OP_LOAD; op <= LSC_STORE; op += LSC_STORE) {
			s = message(UGM, op, A64, data, 0, 16);
			s.dst_len = s.src1_len = 8;
			assert_int_equal(unit_send(u, &s),
					 data >= D32 && data <= WORDS ? EU_OK : EU_UNKNOWN);
		}
	for (uint32_t op = 0; op < 64; op++) {
		bool known = op == OP_LOAD || op == LSC_STORE || (op >= LSC_INC && op <= LSC_CAS) ||
			     (op >= LSC_AND && op <= LSC_XOR) || op == LSC_FENCE;

		if (op == LSC_LOAD_2D || op == LSC_STORE_2D)
			continue;
		s = message(UGM, op, A64, D32, 0, 16);
		s.src1_len = 4;
		assert_int_equal(unit_send(u, &s), known ? EU_OK : EU_UNKNOWN);
	}
}

static void fences(void **state)
{
	struct unit *u = *state;
	struct eu_send s = { .sfid = UGM, .desc = LSC_FENCE, .dst = DST, .channels = 1, .mask = 1 };

	*dst(u, 0) = *dst(u, 16) = 0x55;
	assert_int_equal(unit_send(u, &s), EU_OK);
	assert_int_equal(*dst(u, 0), 0x55);
	s.dst_len = 1;
	assert_int_equal(unit_send(u, &s), EU_OK);
	assert_int_equal(*dst(u, 0), 0);
	assert_int_equal(*dst(u, 16), 0x55);
}

static void atomic_operations(void **state)
{
	static const struct {
		uint32_t op, size;
		uint64_t old, a, b, want;
	} row[] = {
		{ LSC_INC, D32, 0xffffffff, 0, 0, 0 },
		{ LSC_DEC, D32, 0, 0, 0, 0xffffffff },
		{ LSC_DEC, D64, 5, 0, 0, 4 },
		{ LSC_ATOMIC_LOAD, D32, 5, 9, 0, 5 },
		{ LSC_ATOMIC_STORE, D32, 5, 9, 0, 9 },
		{ LSC_ADD, D64, 0xffffffff, 3, 0, 0x100000002 },
		{ LSC_SUB, D32, 5, 3, 0, 2 },
		{ LSC_SMIN, D32, 1, 0xffffffff, 0, 0xffffffff },
		{ LSC_SMIN, D32, 0xffffffff, 1, 0, 0xffffffff },
		{ LSC_SMAX, D32, 1, 0xffffffff, 0, 1 },
		{ LSC_SMAX, D32, 0xffffffff, 1, 0, 1 },
		{ LSC_SMIN, D64, 0x100000000, 1, 0, 1 },
		{ LSC_SMAX, D64, 0x100000000, 1, 0, 0x100000000 },
		{ LSC_SMAX, D64, ~0ull, 1, 0, 1 },
		{ LSC_UMIN, D32, 1, 0xffffffff, 0, 1 },
		{ LSC_UMIN, D32, 5, 4, 0, 4 },
		{ LSC_UMAX, D32, 1, 0xffffffff, 0, 0xffffffff },
		{ LSC_UMAX, D32, 5, 4, 0, 5 },
		{ LSC_CAS, D32, 5, 5, 9, 9 },
		{ LSC_CAS, D32, 6, 5, 9, 6 },
		{ LSC_CAS, D64, 1ull << 40, 1ull << 40, 9, 9 },
		{ LSC_AND, D32, 0xff0, 0x0ff, 0, 0x0f0 },
		{ LSC_OR, D32, 0xff0, 0x0ff, 0, 0xfff },
		{ LSC_XOR, D32, 0xff0, 0x0ff, 0, 0xf0f },
	};
	struct unit *u = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		unsigned int size = row[i].size == D64 ? 8 : 4, ops = row[i].op == LSC_CAS ? 2 : 1;
		struct eu_send s = message(UGM, row[i].op, A64, row[i].size, 0, 16);
		unsigned int part = regs_of(16 * size);

		/* the second channel; of the others one is off and has the same address */
		s.mask = 2;
		s.src1_len = ops * part;
		memset(u->t->grf[DST], 0x55, 2 * EU_REG_BYTES);
		memset(u->t->old, 0xff, sizeof(u->t->old));
		address(u, 0, DATA);
		address(u, 1, DATA);
		ram64_set(u->h, OFF_DATA + DATA, row[i].old);
		memcpy(u->t->grf[SRC] + size, &row[i].a, size);
		memcpy(u->t->grf[SRC + part] + size, &row[i].b, size);
		u->t->done = 0;
		assert_int_equal(unit_send(u, &s), EU_OK);
		if (memcmp(unit_mem(u, DATA), &row[i].want, size))
			fail_msg("row %zu: 0x%llx", i, (unsigned long long)ram64(u->h, OFF_DATA + DATA));
		assert_memory_equal(u->t->grf[DST] + size, &row[i].old, size);
		assert_int_equal(*dst(u, 0), 0x55555555);
		assert_int_equal(*dst(u, 2 * size / 4), 0x55555555);
	}
}

/* An operation without an answer, and one that only looks, where nobody may write. */
static void atomics_without(void **state)
{
	struct unit *u = *state;
	struct eu_send s = message(UGM, LSC_ATOMIC_LOAD, A64, D32, 0, 1);

	ram32_set(u->h, OFF_DATA + DATA, 7);
	address(u, 0, DATA);
	unit_page(u, DATA, true, false);
	s.src1_len = 0;
	assert_int_equal(unit_send(u, &s), EU_OK);
	assert_int_equal(*dst(u, 0), 7);
	u->t->done = 0;
	unit_page(u, DATA, true, true);
	s = message(UGM, LSC_INC, A64, D32, 0, 1);
	s.dst_len = 0;
	*dst(u, 0) = 0x55;
	assert_int_equal(unit_send(u, &s), EU_OK);
	assert_int_equal(unit_dword(u, DATA), 8);
	assert_int_equal(*dst(u, 0), 0x55);
	/* the bit of blocks means nothing to it */
	u->t->done = 0;
	s = message(UGM, LSC_INC, A64, D32, 0, 2);
	s.desc |= 1u << 15;
	s.mask = 1;
	assert_int_equal(unit_send(u, &s), EU_OK);
	assert_int_equal(unit_dword(u, DATA), 9);
}

static void atomics_that_cannot_be(void **state)
{
	struct unit *u = *state;
	struct eu_send s;

	ram32_set(u->h, OFF_DATA + DATA, 7);
	for (unsigned int i = 0; i < 32; i++)
		address(u, i, DATA);
	/* an answer longer than its registers */
	s = message(UGM, LSC_INC, A64, D32, 0, 32);
	s.dst_len = 1;
	assert_int_equal(unit_send(u, &s), EU_UNKNOWN);
	/* one operand where there are two */
	s = message(UGM, LSC_CAS, A64, D32, 0, 32);
	s.src1_len = 3;
	assert_int_equal(unit_send(u, &s), EU_UNKNOWN);
	s.src1_len = 4;
	s.mask = 0;
	assert_int_equal(unit_send(u, &s), EU_OK);
	/* sizes that are none */
	for (uint32_t data = 0; data < 8; data++) {
		s = message(UGM, LSC_INC, A64, data, 0, 16);
		s.mask = 0;
		s.dst_len = s.src1_len = 8;
		assert_int_equal(unit_send(u, &s), data == D32 || data == D64 ? EU_OK : EU_UNKNOWN);
	}
	/* where nobody may write, and what was found is not told */
	unit_page(u, DATA, true, false);
	s = message(UGM, LSC_INC, A64, D32, 0, 1);
	*dst(u, 0) = 0x55;
	assert_int_equal(unit_send(u, &s), EU_FAULT);
	assert_int_equal(*dst(u, 0), 0x55);
	assert_int_equal(u->t->done, 0);
	assert_int_equal(unit_dword(u, DATA), 7);
}

/* Sources and destinations that are a register short of what the channels need. */
static void too_few_registers(void **state)
{
	struct unit *u = *state;
	struct eu_send s;

	for (unsigned int i = 0; i < 32; i++)
		address(u, i, DATA);
	for (uint32_t vector = 0; vector < 8; vector++)
		for (uint32_t op = OP_LOAD; op <= LSC_STORE; op += LSC_STORE) {
			unsigned int need = 2 * (vector + 1);

			s = message(UGM, op, A64, D32, vector, 32);
			s.dst_len = op == OP_LOAD ? need : 0;
			s.src1_len = op == OP_LOAD ? 0 : need;
			assert_int_equal(unit_send(u, &s), vector < 4 ? EU_OK : EU_UNKNOWN);
			s.dst_len -= op == OP_LOAD;
			s.src1_len -= op != OP_LOAD;
			assert_int_equal(unit_send(u, &s), EU_UNKNOWN);
		}
	/* addresses */
	s = message(UGM, OP_LOAD, A64, D32, 0, 17);
	s.src0_len = 2;
	assert_int_equal(unit_send(u, &s), EU_UNKNOWN);
	s = message(UGM, OP_LOAD, A32, D32, 0, 17);
	s.src0_len = 1;
	assert_int_equal(unit_send(u, &s), EU_UNKNOWN);
	for (uint32_t addr = 0; addr < A32; addr++) {
		s = message(UGM, OP_LOAD, addr, D32, 0, 16);
		s.src0_len = 8;
		assert_int_equal(unit_send(u, &s), EU_UNKNOWN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(small_elements),
		UNIT_TEST(vectors),
		UNIT_TEST(disabled_channels),
		UNIT_TEST(gaps),
		UNIT_TEST(offsets),
		UNIT_TEST(targets),
		UNIT_TEST(blocks),
		UNIT_TEST(fences),
		UNIT_TEST(atomic_operations),
		UNIT_TEST(atomics_without),
		BAD(UNIT_TEST(local_memory_has_edges)),
		BAD(UNIT_TEST(bounded_targets)),
		BAD(UNIT_TEST(no_such_target)),
		BAD(UNIT_TEST(no_such_blocks)),
		BAD(UNIT_TEST(no_such_accesses)),
		BAD(UNIT_TEST(atomics_that_cannot_be)),
		BAD(UNIT_TEST(too_few_registers)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
