/* SPDX-License-Identifier: MIT */
/*
 * The smallest driver: boots the GuC, talks CTB, makes contexts and page tables in guest memory.
 * Guest memory offsets are used for everything; GGTT address = GPU_GGTT + offset.
 */
#ifndef VGPU_TESTS_GPU_H
#define VGPU_TESTS_GPU_H

#include "harness.h"

#include <string.h>
#include <time.h>

#include <stdlib.h>

#include "device.h"

#define GPU_GGTT  0x800000u
#define OFF_DESC  0x1000u /* H2G; G2H at + 0x800 */
#define OFF_H2G   0x2000u
#define OFF_G2H   0x3000u
#define CTB_BYTES 4096u
#define OFF_FW	  0x8000u
#define OFF_PT	  0x10000u  /* root, then one table a level */
#define OFF_LRC	  0x100000u /* 64 KiB a context */
#define OFF_DATA  0x800000u /* PPGTT VA 0..2 MiB leads here */
#define VA_BATCH  0x10000u  /* batches of the tests */
#define ASID	  0x12345u  /* of a user's address space: page faults can be answered */

#define RING_BYTES 0x4000u
#define MI_BBE	   0x05000000u
#define MI_UI	   0x01000000u
#define MI_SDI	   0x10000002u
#define MI_GGTT	   0x00400000u
#define MI_BBS	   0x18800101u /* PPGTT */

static inline uint32_t rd(struct harness *h, uint32_t off)
{
	return (uint32_t)vgpu_mmio_read(h->g, off, 4);
}

static inline void wr(struct harness *h, uint32_t off, uint32_t val)
{
	vgpu_mmio_write(h->g, off, val, 4);
}

static inline void sleep_us(long us)
{
	struct timespec ts = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&ts, NULL);
}

static inline void sleep_ms(long ms)
{
	sleep_us(1000 * ms);
}

#define POLL_US 50 /* how often the helpers look; a test waits for hundreds of things */

/* One request through the MMIO mailbox; returns flag 0 afterwards. */
static inline uint32_t mailbox(struct harness *h, uint32_t d0, uint32_t d1, uint32_t d2,
			       uint32_t d3)
{
	wr(h, 0x190240, d0);
	wr(h, 0x190244, d1);
	wr(h, 0x190248, d2);
	wr(h, 0x19024c, d3);
	wr(h, 0x1901f0, 0);
	return rd(h, 0x190240);
}

static inline void guc_load(struct harness *h)
{
	wr(h, 0x941c, 8);
	wr(h, 0xc300, GPU_GGTT + OFF_FW);
	wr(h, 0xc304, 8u << 16);
	wr(h, 0xc310, 0x4000);
	wr(h, 0xc314, 0x00110011);
}

static inline void ctb_cfg(struct harness *h, uint32_t key, uint32_t val)
{
	assert_int_equal(mailbox(h, 0x508, key << 16 | 2, val, 0), 0xf0000001);
}

static inline void ctb_on(struct harness *h)
{
	memset(h->ram + OFF_DESC, 0, 0x1000);
	ctb_cfg(h, 0x902, GPU_GGTT + OFF_H2G);
	ctb_cfg(h, 0x903, GPU_GGTT + OFF_DESC);
	ctb_cfg(h, 0x904, CTB_BYTES);
	ctb_cfg(h, 0x905, GPU_GGTT + OFF_G2H);
	ctb_cfg(h, 0x906, GPU_GGTT + OFF_DESC + 0x800);
	ctb_cfg(h, 0x907, CTB_BYTES);
	assert_int_equal(mailbox(h, 0x4509, 1, 0, 0), 0xf0000000);
}

/* GGTT, GuC, CTB and interrupts up. */
static inline void gpu_boot(struct harness *h)
{
	harness_ggtt(h, GPU_GGTT, 0, HARNESS_RAM_SIZE / 4096);
	guc_load(h);
	assert_int_equal(rd(h, 0xc000), 0x8000f0ec);
	ctb_on(h);
	wr(h, 0x190008, 1u << 31);
}

/* Puts @n dwords as they are on the H2G ring; @ring also rings. */
static inline void h2g_raw(struct harness *h, const uint32_t *dw, unsigned int n, bool ring)
{
	uint32_t tail = ram32(h, OFF_DESC + 4);

	for (unsigned int i = 0; i < n; i++) {
		ram32_set(h, OFF_H2G + 4 * tail, dw[i]);
		tail = (tail + 1) % (CTB_BYTES / 4);
	}
	ram32_set(h, OFF_DESC + 4, tail);
	if (ring)
		wr(h, 0x1901f0, 0);
}

/* One message: @type, @action, @n data dwords. */
static inline void h2g(struct harness *h, uint32_t fence, uint32_t type, uint32_t action,
		       const uint32_t *data, unsigned int n)
{
	uint32_t dw[64];

	dw[0] = fence << 16 | (n + 1);
	dw[1] = type << 28 | action;
	memcpy(dw + 2, data, 4 * n);
	h2g_raw(h, dw, n + 2, true);
}

#define H2G(h, action, ...) \
	h2g(h, 0x8001, 2, action, (uint32_t[]){ __VA_ARGS__ }, \
	    sizeof((uint32_t[]){ __VA_ARGS__ }) / 4)

/* Takes the next G2H message within @ms; returns its dwords (0: none came). */
static inline unsigned int g2h(struct harness *h, uint32_t msg[16], long ms)
{
	uint32_t head = ram32(h, OFF_DESC + 0x800), n;

	for (long t = 0; head == ram32(h, OFF_DESC + 0x804); t += POLL_US) {
		if (t >= 1000 * ms)
			return 0;
		sleep_us(POLL_US);
	}
	n = (ram32(h, OFF_G2H + 4 * head) & 0xff) + 1;
	assert_in_range(n, 2, 16);
	for (uint32_t i = 0; i < n; i++) {
		msg[i] = ram32(h, OFF_G2H + 4 * head);
		head = (head + 1) % (CTB_BYTES / 4);
	}
	ram32_set(h, OFF_DESC + 0x800, head);
	return n;
}

/* The next G2H message must be event @action with exactly these data. */
static inline void expect_event(struct harness *h, uint32_t action, const uint32_t *data,
				unsigned int n)
{
	uint32_t msg[16];

	assert_int_equal(g2h(h, msg, 3000), n + 2);
	assert_int_equal(msg[0], n + 1);
	assert_int_equal(msg[1], 0x90000000 | action);
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(msg[2 + i], data[i]);
}

#define EXPECT_EVENT(h, action, ...) \
	expect_event(h, action, (uint32_t[]){ __VA_ARGS__ }, \
		     sizeof((uint32_t[]){ __VA_ARGS__ }) / 4)

static inline void expect_silence(struct harness *h)
{
	uint32_t msg[16];

	assert_int_equal(g2h(h, msg, 20), 0);
}

/* Page tables for VA 0..2 MiB on to OFF_DATA; @leaf flags beside present (1) and writable (2). */
static inline uint64_t ppgtt_make(struct harness *h)
{
	/* never through a state in between: contexts may be running on these tables */
	for (uint32_t level = 0; level < 4; level++) {
		for (uint32_t i = 1; i < 512; i++)
			ram64_set(h, OFF_PT + 4096 * level + 8 * i, 0);
		ram64_set(h, OFF_PT + 4096 * level,
			  (HARNESS_RAM_IOVA + OFF_PT + 4096 * (level + 1)) | 3);
	}
	for (uint32_t i = 0; i < 512; i++)
		ram64_set(h, OFF_PT + 4 * 4096 + 8 * i, (HARNESS_RAM_IOVA + OFF_DATA + 4096 * i) | 3);
	return HARNESS_RAM_IOVA + OFF_PT;
}

/* Offset of the entry of @va's page in these tables. */
static inline uint32_t off_leaf(uint32_t va)
{
	return OFF_PT + 4 * 4096 + va / 4096 * 8;
}

/* Takes the page of @va away, or brings it back. */
static inline void page_present(struct harness *h, uint32_t va, bool present)
{
	uint64_t entry = ram64(h, off_leaf(va));

	ram64_set(h, off_leaf(va), present ? entry | 1 : entry & ~1ull);
}

static inline uint32_t lrc_off(uint32_t id)
{
	return OFF_LRC + 0x10000 * id;
}

static inline uint32_t lrc_get(struct harness *h, uint32_t id, uint32_t dw)
{
	return ram32(h, lrc_off(id) + RING_BYTES + 0x1000 + 4 * dw);
}

static inline void lrc_set(struct harness *h, uint32_t id, uint32_t dw, uint32_t val)
{
	ram32_set(h, lrc_off(id) + RING_BYTES + 0x1000 + 4 * dw, val);
}

/* Makes the image of context @id and registers it. GuC class and logical mask as in the message. */
static inline void ctx_make(struct harness *h, uint32_t id, uint32_t class, uint32_t mask)
{
	uint64_t root = ppgtt_make(h);
	uint32_t lrca = GPU_GGTT + lrc_off(id) + RING_BYTES;

	memset(h->ram + lrc_off(id), 0, 0x10000);
	lrc_set(h, id, 0x09, GPU_GGTT + lrc_off(id));
	lrc_set(h, id, 0x0b, (RING_BYTES - 4096) | 1);
	lrc_set(h, id, 0x31, (uint32_t)(root >> 32));
	lrc_set(h, id, 0x33, (uint32_t)root);
	H2G(h, 0x4502, 0, id, class, mask, 0, 0, 0, 0, 0, lrca | 0x119, 0);
}

/* The same of a user's address space. */
static inline void ctx_make_user(struct harness *h, uint32_t id, uint32_t class)
{
	ctx_make(h, id, class, 1);
	lrc_set(h, id, 0x2f, ASID);
}

/* The next G2H message must be a page fault of context @id; @dw gets its four dwords. */
static inline void expect_page_fault(struct harness *h, uint32_t id, uint32_t dw[4])
{
	uint32_t msg[16];

	assert_int_equal(g2h(h, msg, 3000), 6);
	assert_int_equal(msg[1], 0x90006002);
	memcpy(dw, msg + 2, 16);
	assert_int_equal((dw[0] >> 28) | (dw[1] & 0xfff) << 4, id);
	assert_int_equal(dw[1] >> 12, ASID);
}

/* Answers the page fault @dw: the page is there, or never will be. */
static inline void answer_fault(struct harness *h, const uint32_t dw[4], bool good)
{
	uint32_t pdata = dw[0] >> 28 | (dw[1] & 0xfff) << 4;

	H2G(h, 0x6003, 1 | !good << 1 | 2 << 10 | (dw[1] & ~0xfffu), pdata << 16);
}

/* Appends to the ring of @id and moves its tail; does not tell the GuC. */
static inline void ring_add(struct harness *h, uint32_t id, const uint32_t *dw, unsigned int n)
{
	uint32_t tail = lrc_get(h, id, 0x07);

	for (unsigned int i = 0; i < n || tail & 7; i++) {
		ram32_set(h, lrc_off(id) + tail, i < n ? dw[i] : 0);
		tail = (tail + 4) % RING_BYTES;
	}
	lrc_set(h, id, 0x07, tail);
}

#define RING(h, id, ...) \
	ring_add(h, id, (uint32_t[]){ __VA_ARGS__ }, sizeof((uint32_t[]){ __VA_ARGS__ }) / 4)

/* Writes a batch at PPGTT address @va. */
static inline void batch_at(struct harness *h, uint32_t va, const uint32_t *dw, unsigned int n)
{
	memcpy(h->ram + OFF_DATA + va, dw, 4 * n);
}

#define BATCH(h, va, ...) \
	batch_at(h, va, (uint32_t[]){ __VA_ARGS__ }, sizeof((uint32_t[]){ __VA_ARGS__ }) / 4)

static inline void ctx_enable(struct harness *h, uint32_t id)
{
	H2G(h, 0x1001, id, 1);
	EXPECT_EVENT(h, 0x1002, id, 1);
}

static inline void ctx_disable(struct harness *h, uint32_t id)
{
	H2G(h, 0x1001, id, 0);
	EXPECT_EVENT(h, 0x1002, id, 0);
}

/* Deregisters context @id, whatever it does; it can be made anew then. */
static inline void ctx_free(struct harness *h, uint32_t id)
{
	H2G(h, 0x4503, id);
	EXPECT_EVENT(h, 0x4600, id);
}

/* Waits until guest memory at @off is @val; fails the test after 3 s. */
static inline void wait32(struct harness *h, uint32_t off, uint32_t val)
{
	for (long t = 0; t < 3000000 && ram32(h, off) != val; t += POLL_US)
		sleep_us(POLL_US);
	assert_int_equal(ram32(h, off), val);
}

static inline json_int_t stat_of(struct harness *h, const char *key)
{
	json_t *o = json_object();
	json_int_t v;

	vgpu_hw_stats(h->g, o);
	v = json_integer_value(json_object_get(o, key));
	json_decref(o);
	return v;
}

/* Waits until @n contexts have work: a job's last store is seen before the job has ended. 3 s. */
static inline void wait_running(struct harness *h, json_int_t n)
{
	for (int t = 0; t < 3000 && stat_of(h, "jobs_running") != n; t++)
		sleep_ms(1);
	assert_int_equal(stat_of(h, "jobs_running"), n);
}

static inline int gpu_setup(void **state)
{
	*state = harness_new();
	gpu_boot(*state);
	return 0;
}

#define GPU_TEST(f) cmocka_unit_test_setup_teardown(f, gpu_setup, harness_teardown)

#endif
