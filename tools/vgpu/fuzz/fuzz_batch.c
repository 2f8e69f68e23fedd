// SPDX-License-Identifier: MIT
/*
 * Ring and batch interpreter: the input is executed on one of the engines. First byte: engine
 * (bits 0-1), whether the dwords are the ring itself or a batch, whether faults are recoverable,
 * whether they are the end of the context's image, too.
 */
#include "on_engine.h"

#include "eu_walker.h"
#include "fuzz.h"
#include "render_copy.h"

#define TICK_US	   2000
#define BATCH_MAX  0x8000u
#define IMAGE_FREE 0x34u /* first dword of the image behind what every context has */
#define IMAGE_END  0x44u

static unsigned long long commands;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct guc_ctx c;
	struct engine *e;
	uint32_t n;

	start(TICK_US);
	if (len < 5)
		return 0;
	e = &h->g->hw->engines[data[0] & 3];
	context(&c, 3, e);
	lrc_set(h, ID, 0x2f, data[0] >> 3 & 1);
	n = (uint32_t)(len - 1) / 4;
	lrc_set(h, ID, 0x01, 0x11080000 | (2 * 0x19 - 1));
	lrc_set(h, ID, IMAGE_END, MI_BBE);
	for (uint32_t i = 0; data[0] & 16 && i < n && IMAGE_FREE + i < LRC_REGS_END; i++) {
		uint32_t dw;

		memcpy(&dw, data + 1 + 4 * i, 4);
		lrc_set(h, ID, IMAGE_FREE + i, dw);
	}
	if (data[0] & 4) {
		n = n < RING_BYTES / 4 - 2 ? n : RING_BYTES / 4 - 2;
		memcpy(h->ram + lrc_off(ID), data + 1, 4 * n);
		lrc_set(h, ID, 0x07, (4 * n) & ~7u);
	} else {
		n = n < BATCH_MAX / 4 ? n : BATCH_MAX / 4;
		memcpy(h->ram + OFF_DATA + VA_BATCH, data + 1, 4 * n);
		ram32_set(h, OFF_DATA + VA_BATCH + 4 * n, MI_BBE);
		RING(h, ID, MI_BBS, VA_BATCH, 0, MI_UI);
	}
	run(e, &c);
	eu_walk_drop(&c);
	commands += e->commands;
	e->commands = 0;
	/* what the run may have overwritten: ring, tables and images come new next time, these not */
	ctb_on(h);
	return 0;
}

static const uint32_t heads[] = {
	0x00000000, 0x01000000, 0x02800000, 0x05000000, 0x0d000003, 0x0e000002, 0x0e00c002,
	0x10000002, 0x10200003, 0x100003fe, 0x11000001, 0x11080003, 0x12000002, 0x12480002,
	0x13004002, 0x13204003, 0x14800002, 0x15000001, 0x17000003, 0x17800501, 0x17840709,
	0x17804e09, 0x18800101, 0x18c00101, 0x18800001, 0x1b000002, 0x7a000004, 0x50800008,
	0x50804008, 0x50a00008, 0x50400014, 0x5110000e, 0x52000003, 0x56800008, 0x568a0008,
	0x56c20005, 0x56c00005, 0x72080026, 0x61050001, 0x79170010, 0x61010020, 0xdeadbeef,
	0x69040300, 0x61010014, 0x7820000a, 0x78090005, 0x78080003, 0x7b000005,
};

static uint32_t value(void)
{
	static const uint32_t nasty[] = { 0, 0, 0, 1, 3, 0xff, 0x1000, 0x5000, 0x1ff000, 0x200000,
					  VA_BATCH, 0xffffffff, 0x7fffffff, 0x2600, 0x22600, 0x600,
					  0x00400040, 0x03000400, 0x10000, 0x6210, 0x6204, 0x83a8 };

	return rand() % 6 ? nasty[(size_t)rand() % (sizeof(nasty) / sizeof(nasty[0]))] :
			    (uint32_t)rand() << 16 ^ (uint32_t)rand();
}

/* A render copy with some dwords of its commands, its state and its shader changed. */
static size_t make_render_copy(uint8_t *buf, size_t max)
{
	const struct copy_surface src = { 0x40000, 64, 40, 512, (uint32_t)rand() & 3, 0xc0 };
	struct render_copy c = { .va = VA_BATCH, .src = src, .dst = src, .w = 64, .h = 40, .u1 = 1, .v1 = 1 };
	uint32_t page[COPY_BYTES / 4], n;

	if (max < 1 + COPY_BYTES)
		return 0;
	c.dst.addr = 0x80000;
	c.dst.tile = (uint32_t)rand() & 3;
	n = render_copy(page, &c);
	page[n] = MI_BBE;
	for (int m = rand() % 6; m; m--) {
		uint32_t *dw = &page[rand() % 2 ? (uint32_t)rand() % n :
						  COPY_STATE / 4 + (uint32_t)rand() % 160];

		*dw = rand() % 2 ? value() : *dw ^ 1u << rand() % 32;
	}
	buf[0] = (uint8_t)(rand() % 8 ? RCS0 | (rand() & 8) : rand());
	memcpy(buf + 1, page, sizeof(page));
	return 1 + COPY_BYTES;
}

size_t fuzz_make(uint8_t *buf, size_t max)
{
	uint32_t dw[2048], n = 0;

	if (rand() % 4 == 0 && (n = (uint32_t)make_render_copy(buf, max)))
		return n;
	buf[0] = (uint8_t)rand();
	for (int m = rand() % 24; m >= 0 && n < 900; m--) {
		uint32_t head = heads[(size_t)rand() % (sizeof(heads) / sizeof(heads[0]))], words;

		words = cmd_length(head);
		if (rand() % 8 == 0)
			head ^= 1u << rand() % 32;
		dw[n++] = head;
		while (words-- > 1)
			dw[n++] = value();
	}
	memcpy(buf + 1, dw, 4 * n);
	return 1 + 4 * n < max ? 1 + 4 * n : max;
}

void fuzz_report(void)
{
	fprintf(stderr, "%llu commands executed\n", commands);
}
