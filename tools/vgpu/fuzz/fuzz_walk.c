// SPDX-License-Identifier: MIT
/*
 * Address translation: the input is page tables of both kinds and the addresses to access. Eight
 * bytes of address and length, then 64-bit entries dealt out over the five levels and the GGTT.
 * A GPU without local memory gets them, and a card, whose tables lie in its own memory at the
 * offsets that guest memory has for the other.
 */
#include "gpu.h"

#include "fuzz.h"
#include "mem.h"

static struct harness *integrated, *card;
static unsigned long long moved, failed;

static void access_all(struct harness *h, struct mem_space sp, uint64_t addr, uint32_t len)
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

/* An entry that leads to guest memory, made to lead to the card's; others stay what they are. */
static uint64_t on_card(uint64_t pte)
{
	uint64_t off = (pte & 0x000ffffffffff000) - HARNESS_RAM_IOVA;

	return off < HARNESS_RAM_SIZE ? off | (pte & ~0x000ffffffffff000ull) : pte;
}

/* Tables as ppgtt_make() makes them, copied on to the card. */
static void card_tables(void)
{
	uint64_t *to = (uint64_t *)(card->g->hw->vram.mem + OFF_PT);

	ppgtt_make(card);
	for (uint32_t i = 0; i < 5 * 512; i++)
		__atomic_store_n(to + i, on_card(ram64(card, OFF_PT + 8 * i)), __ATOMIC_RELEASE);
}

static void store(uint32_t index, uint64_t pte)
{
	struct harness *const both[] = { integrated, card };
	uint64_t *ggtt, *vram = (uint64_t *)(card->g->hw->vram.mem + OFF_PT);

	if (index < 5 * 512) {
		ram64_set(integrated, OFF_PT + 8 * index, pte);
		__atomic_store_n(vram + index, on_card(pte), __ATOMIC_RELEASE);
		return;
	}
	for (int i = 0; i < 2; i++) {
		ggtt = (uint64_t *)both[i]->g->ggtt + 0x1000 + index % 512;
		__atomic_store_n(ggtt, pte, __ATOMIC_RELEASE);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint64_t addr, pte;
	uint32_t n;

	if (!integrated) {
		integrated = harness_new();
		harness_ggtt(integrated, GPU_GGTT, 0, HARNESS_RAM_SIZE / 4096);
		card = harness_new_of("bmg");
		harness_ggtt(card, GPU_GGTT, 0, HARNESS_RAM_SIZE / 4096);
	}
	ppgtt_make(integrated);
	card_tables();
	if (len < 12)
		return 0;
	memcpy(&addr, data, 8);
	memcpy(&n, data + 8, 4);
	for (size_t i = 12, k = 0; i + 10 <= len; i += 10, k++) {
		uint32_t index = (data[i] | (uint32_t)data[i + 1] << 8) % (6 * 512);

		memcpy(&pte, data + i + 2, 8);
		store(index, pte);
	}
	for (int i = 0; i < 2; i++) {
		struct harness *h = i ? card : integrated;
		uint64_t root = OFF_PT + (i ? 0 : HARNESS_RAM_IOVA);

		access_all(h, (struct mem_space){ .root = root }, addr, n);
		access_all(h, (struct mem_space){ .root = addr }, n, n);
		access_all(h, MEM_GGTT, 0x1000000 + addr % 0x300000, n);
		access_all(h, MEM_GGTT, addr, n);
	}
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
