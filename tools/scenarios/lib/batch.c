// SPDX-License-Identifier: MIT
/*
 * GPU command buffers, see batch.h.
 */
#include "batch.h"

#include "common.h"

#define MI_ARB_CHECK		(0x05u << 23)
#define MI_BATCH_BUFFER_END	(0x0au << 23)
#define MI_STORE_DATA_IMM	(0x20u << 23)
#define MI_COPY_MEM_MEM		(0x2eu << 23)
#define MI_BATCH_BUFFER_START	(0x31u << 23)
#define   MI_BBS_PPGTT		(1u << 8)
#define XY_FAST_COPY_BLT	(2u << 29 | 0x42u << 22)
#define   FAST_COPY_32BPP	(3u << 24)

#define BLIT_PITCH 4096u

void batch_begin(struct batch *b, void *map, size_t bytes, uint64_t va)
{
	b->cs = map;
	b->n = 0;
	b->max = bytes / 4;
	b->va = va;
}

uint64_t batch_here(const struct batch *b)
{
	return b->va + b->n * 4;
}

/* Keeps counting when full: batch_check() tells. */
static void emit(struct batch *b, uint32_t dw)
{
	if (b->n < b->max)
		b->cs[b->n] = dw;
	b->n++;
}

static void emit_address(struct batch *b, uint64_t va)
{
	emit(b, (uint32_t)va);
	emit(b, (uint32_t)(va >> 32));
}

void batch_store(struct batch *b, uint64_t dst, uint32_t value)
{
	emit(b, MI_STORE_DATA_IMM | 2);
	emit_address(b, dst);
	emit(b, value);
}

void batch_copy_dwords(struct batch *b, uint64_t dst, uint64_t src, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 4) {
		emit(b, MI_COPY_MEM_MEM | 3);
		emit_address(b, dst + i);
		emit_address(b, src + i);
	}
}

void batch_copy_blit(struct batch *b, uint64_t dst, uint64_t src, size_t bytes)
{
	uint32_t width = bytes < BLIT_PITCH ? bytes / 4 : BLIT_PITCH / 4;
	uint32_t rows = bytes < BLIT_PITCH ? 1 : bytes / BLIT_PITCH;

	emit(b, XY_FAST_COPY_BLT | 8);
	emit(b, FAST_COPY_32BPP | BLIT_PITCH);
	emit(b, 0);			/* top left corner of the destination */
	emit(b, rows << 16 | width);	/* its bottom right corner */
	emit_address(b, dst);
	emit(b, 0);			/* top left corner of the source */
	emit(b, BLIT_PITCH);
	emit_address(b, src);
}

void batch_preempt(struct batch *b)
{
	emit(b, MI_ARB_CHECK);
}

void batch_jump(struct batch *b, uint64_t va)
{
	emit(b, MI_BATCH_BUFFER_START | MI_BBS_PPGTT | 1);
	emit_address(b, va);
}

void batch_end(struct batch *b)
{
	emit(b, MI_BATCH_BUFFER_END);
}

int batch_check(const struct batch *b)
{
	if (b->n > b->max)
		return scn_fail("batch of %zu dwords does not fit into %zu", b->n, b->max);
	return 0;
}
