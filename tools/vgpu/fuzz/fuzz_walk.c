// SPDX-License-Identifier: MIT
/*
 * Address translation: the input is page tables of both kinds and the addresses to access. Eight
 * bytes of address and length, then 64-bit entries dealt out over the five levels and the GGTT.
 */
#include "../tests/gpu.h"

#include "fuzz.h"
#include "mem.h"

static struct harness *h;
static unsigned long long moved, failed;

static void access_all(struct mem_space sp, uint64_t addr, uint32_t len)
{
	static const struct dma_origin who = { .engine = "bcs0", .guc_id = 1 };
	static uint8_t buf[MEM_PIECE];
	uint32_t v;

	len = len % MEM_PIECE + 1;
	if (mem_read(h->g->hw, &who, sp, addr, buf, len))
		failed++;
	else
		moved += len;
	if (mem_write(h->g->hw, &who, sp, addr, buf, len))
		failed++;
	mem_read32(h->g->hw, &who, sp, addr, &v);
	mem_write32(h->g->hw, &who, sp, addr, v);
	mem_write64(h->g->hw, &who, sp, addr & ~7ull, v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct mem_space sp = { .root = HARNESS_RAM_IOVA + OFF_PT };
	uint64_t addr, pte, *ggtt;
	uint32_t n;

	if (!h) {
		h = harness_new();
		harness_ggtt(h, GPU_GGTT, 0, HARNESS_RAM_SIZE / 4096);
	}
	ppgtt_make(h);
	if (len < 12)
		return 0;
	memcpy(&addr, data, 8);
	memcpy(&n, data + 8, 4);
	for (size_t i = 12, k = 0; i + 10 <= len; i += 10, k++) {
		uint32_t index = (data[i] | (uint32_t)data[i + 1] << 8) % (6 * 512);

		memcpy(&pte, data + i + 2, 8);
		if (index < 5 * 512) {
			ram64_set(h, OFF_PT + 8 * index, pte);
		} else {
			ggtt = (uint64_t *)h->g->ggtt + 0x1000 + index % 512;
			__atomic_store_n(ggtt, pte, __ATOMIC_RELEASE);
		}
	}
	access_all(sp, addr, n);
	access_all((struct mem_space){ .root = addr }, n, n);
	access_all(MEM_GGTT, 0x1000000 + addr % 0x300000, n);
	access_all(MEM_GGTT, addr, n);
	return 0;
}

size_t fuzz_make(uint8_t *buf, size_t max)
{
	size_t n = 12;

	for (size_t i = 0; i < 12; i++)
		buf[i] = (uint8_t)(i < 3 || i == 8 || i == 9 ? rand() : 0);
	if (rand() % 4 == 0)
		buf[3 + rand() % 5] = (uint8_t)rand();
	for (int k = rand() % 40; k >= 0 && n + 10 <= max; k--, n += 10) {
		uint64_t pte = HARNESS_RAM_IOVA + (uint64_t)(rand() % 0x2100) * 4096;

		pte |= (uint64_t)rand() & 0xfff;
		if (rand() % 3)
			pte |= 3;
		if (rand() % 8 == 0)
			pte ^= 1ull << rand() % 64;
		buf[n] = (uint8_t)(rand() % 3 ? 0 : rand());
		buf[n + 1] = (uint8_t)(2 * (rand() % 6));
		memcpy(buf + n + 2, &pte, 8);
	}
	return n;
}

void fuzz_report(void)
{
	fprintf(stderr, "%llu bytes read, %llu accesses failed\n", moved, failed);
}
