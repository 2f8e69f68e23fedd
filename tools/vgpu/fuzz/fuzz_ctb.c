// SPDX-License-Identifier: MIT
/*
 * Command transport: the GuC is up and a few contexts exist, the input is what the driver writes to
 * ring and descriptor. First byte: how the tail is set; then dwords for the ring.
 */
#include "gpu.h"

#include "fuzz.h"

static struct harness *h;
static unsigned long long handled;

static void reboot(void)
{
	if (!h)
		h = harness_new();
	memset(h->ram + OFF_DESC, 0, 0x3000);
	gpu_boot(h);
	for (uint32_t id = 0; id < 3; id++) {
		ctx_make(h, id, id ? 3 : 0, 1);
		lrc_set(h, id, 0x2f, id);
		/* one works, one faults, one never ends */
		BATCH(h, VA_BATCH, MI_SDI, 0x5000, 0, 1, MI_BBS, VA_BATCH, 0);
		if (id == 0)
			RING(h, id, MI_SDI, 0x5000, 0, 1, MI_UI);
		else if (id == 1)
			RING(h, id, MI_SDI, 0x40000000, 0, 1, MI_UI);
		else
			RING(h, id, MI_BBS, VA_BATCH, 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint32_t tail, n;

	reboot();
	if (len < 5)
		return 0;
	n = (uint32_t)(len - 1) / 4;
	if (n > CTB_BYTES / 4)
		n = CTB_BYTES / 4;
	tail = ram32(h, OFF_DESC + 4);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t dw;

		memcpy(&dw, data + 1 + 4 * i, 4);
		ram32_set(h, OFF_H2G + 4 * ((tail + i) % (CTB_BYTES / 4)), dw);
	}
	tail = (tail + n) % (CTB_BYTES / 4);
	/* most tails are honest */
	if (data[0] > 250)
		tail = data[0] * 0x01010101u;
	else if (data[0] > 240)
		tail += CTB_BYTES / 4;
	else if (data[0] > 230)
		ram32_set(h, OFF_DESC + 0x800, data[0] * 0x00ffffffu); /* G2H head */
	ram32_set(h, OFF_DESC + 4, tail);
	wr(h, 0x1901f0, 0);
	handled += h->g->hw->guc.h2g_messages;
	h->g->hw->guc.h2g_messages = 0;
	return 0;
}

static const uint32_t actions[] = {
	0x0506, 0x0508, 0x0509, 0x1000, 0x1001, 0x1002, 0x1008, 0x100b, 0x3003, 0x3004, 0x4100,
	0x4502, 0x4503, 0x4509, 0x4600, 0x5507, 0x550c, 0x550e, 0x6003, 0x7000, 0x7002, 0xffff,
};

static uint32_t value(void)
{
	static const uint32_t nasty[] = { 0, 1, 2, 3, 0xffff, 0x10000, 0xffffffff, 0x80000000,
					  GPU_GGTT, GPU_GGTT + OFF_LRC + RING_BYTES, 0x600 };

	return rand() % 8 ? nasty[(size_t)rand() % (sizeof(nasty) / sizeof(nasty[0]))] :
			    (uint32_t)rand() << 16 ^ (uint32_t)rand();
}

size_t fuzz_make(uint8_t *buf, size_t max)
{
	uint32_t dw[512], n = 0;

	buf[0] = (uint8_t)(rand() % 8 ? 0 : rand());
	for (int m = rand() % 20; m >= 0; m--) {
		uint32_t words = (uint32_t)rand() % 14, at = n;

		dw[n++] = (uint32_t)rand() << 16 | (words + 1);
		dw[n++] = (uint32_t)(rand() % 4) << 28 |
			  actions[(size_t)rand() % (sizeof(actions) / sizeof(actions[0]))];
		while (words--)
			dw[n++] = value();
		if (rand() % 30 == 0) /* lies about its length */
			dw[at] ^= (uint32_t)rand() & 0xff;
	}
	memcpy(buf + 1, dw, 4 * n);
	return 1 + 4 * n < max ? 1 + 4 * n : max;
}

void fuzz_report(void)
{
	fprintf(stderr, "%llu messages handled\n", handled);
}
