// SPDX-License-Identifier: MIT
/* vfio-user protocol: everything that must be refused, then a great many mutilated messages. */
#define _GNU_SOURCE
#include "vu_client.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dma.h"
#include "hw_stub.h"
#include "pci.h"
#include "witness.h"

static void before_the_version(void **state)
{
	struct vu_client *f = *state;
	struct vu_device_info in = { .argsz = 16 };
	struct vu_dma_map map = { .argsz = 32, .flags = 3, .addr = 0x10000, .size = 0x1000 };
	int before = harness_open_fds();

	want_end(f, VU_DEVICE_GET_INFO, &in, sizeof(in), -1);
	want_end(f, VU_DMA_MAP, &map, sizeof(map), dup_ram(f));
	want_end(f, VU_DEVICE_RESET, NULL, 0, -1);
	want_end(f, 0, NULL, 0, -1);
	want_end(f, 999, NULL, 0, -1);
	assert_int_equal(harness_open_fds(), before);
	assert_int_equal(f->h->g->hw->resets[VGPU_RESET_FLR], 0);
}

static void bad_versions(void **state)
{
	struct vu_client *f = *state;
	static char big[65536 + 8];

	want_end(f, VU_VERSION, "\0\0\0", 3, -1);
	want_end(f, VU_VERSION, "\1\0\0\0{}", 7, -1);
	want_end(f, VU_VERSION, "\0\0\0\0{}", 6, -1); /* no 0 byte */
	want_end(f, VU_VERSION, "\0\0\0\0[]", 7, -1);
	want_end(f, VU_VERSION, "\0\0\0\0{\"capabilities\"", 20, -1);
	want_end(f, VU_VERSION, "\0\0\0\0", 5, -1);
	want_end(f, VU_VERSION, big, sizeof(big), -1);
	want_end(f, VU_VERSION, "\0\0\0\0{}", 7, dup_ram(f));
	memset(big + 4, '[', sizeof(big) - 5); /* deep nesting must not use up the stack */
	want_end(f, VU_VERSION, big, 65536, -1);
	assert_false(f->v.negotiated);
	version(f);
	want_end(f, VU_VERSION, "\0\0\0\0{}", 7, -1);
}

static void bad_headers(void **state)
{
	struct vu_client *f = *state;
	struct vu_header h = { .command = VU_DEVICE_RESET, .size = 16 };
	unsigned int n = f->replies;

	assert_true(send_raw(f, &h, 15, NULL, 0) < 0);
	h.size = 15;
	assert_true(send_raw(f, &h, 16, NULL, 0) < 0);
	h.size = 17;
	assert_true(send_raw(f, &h, 16, NULL, 0) < 0);
	h.size = 0xffffffff;
	assert_true(send_raw(f, &h, 16, NULL, 0) < 0);
	assert_non_null(vfio_user_check_header(&h));
	h.size = 16;
	h.flags = VU_TYPE_REPLY;
	assert_true(send_raw(f, &h, 16, NULL, 0) < 0);
	h.flags = 5;
	assert_true(send_raw(f, &h, 16, NULL, 0) < 0);
	assert_int_equal(f->replies, n);
	assert_int_equal(f->h->g->hw->resets[VGPU_RESET_FLR], 0);
	h.flags = 0;
	assert_null(vfio_user_check_header(&h));
	assert_int_equal(send_raw(f, &h, 16, NULL, 0), 0);
}

static void wrong_lengths(void **state)
{
	static const struct {
		unsigned int command;
		size_t len;
	} good[] = {
		{ VU_DMA_MAP, 32 },	      { VU_DMA_UNMAP, 24 },	 { VU_DEVICE_GET_INFO, 16 },
		{ VU_DEVICE_GET_REGION_INFO, 32 }, { VU_DEVICE_GET_IRQ_INFO, 16 },
		{ VU_DEVICE_SET_IRQS, 20 },   { VU_REGION_READ, 16 },	 { VU_REGION_WRITE, 16 },
		{ VU_REGION_WRITE_MULTI, 8 },
	};
	struct vu_client *f = *state;
	static uint8_t body[70000];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		for (size_t len = 0; len < good[i].len; len++)
			want_end(f, good[i].command, body, len, -1);
		want_end(f, good[i].command, body, sizeof(body), -1);
	}
	want_end(f, VU_DMA_MAP, body, 33, -1);
	want_end(f, VU_REGION_READ, body, 17, -1);
	want_end(f, VU_DEVICE_RESET, body, 1, -1);
	assert_int_equal(f->h->g->hw->resets[VGPU_RESET_FLR], 0);
}

static void too_small_argsz(void **state)
{
	struct vu_client *f = *state;
	uint32_t body[8] = { 0 };

	body[0] = 31;
	want_end(f, VU_DMA_MAP, body, 32, -1);
	want_end(f, VU_DEVICE_GET_REGION_INFO, body, 32, -1);
	body[0] = 23;
	want_end(f, VU_DMA_UNMAP, body, 24, -1);
	body[0] = 15;
	want_end(f, VU_DEVICE_GET_INFO, body, 16, -1);
	want_end(f, VU_DEVICE_GET_IRQ_INFO, body, 16, -1);
	body[0] = 19;
	body[1] = VU_IRQ_DATA_NONE | VU_IRQ_ACTION_TRIGGER;
	want_end(f, VU_DEVICE_SET_IRQS, body, 20, -1);
}

static void unknown_commands(void **state)
{
	struct vu_client *f = *state;

	want_error(f, 0, NULL, 0, -1, ENOTSUP);
	want_error(f, VU_DEVICE_GET_REGION_IO_FDS, "abcd", 4, -1, ENOTSUP);
	want_error(f, VU_DMA_READ, NULL, 0, -1, ENOTSUP);
	want_error(f, VU_COMMANDS, NULL, 0, -1, ENOTSUP);
	want_error(f, 65535, NULL, 0, dup_ram(f), ENOTSUP);
}

static void descriptors_nobody_wants(void **state)
{
	struct vu_client *f = *state;
	struct {
		struct vu_header h;
		struct vu_dma_map m;
	} m = { { 1, VU_DMA_MAP, 48, 0, 0 }, { 32, 3, 0, 0x10000, 0x1000 } };
	int before = harness_open_fds(), fds[2] = { dup_ram(f), dup_ram(f) };
	struct vu_region_access a = { .count = 4 };

	assert_true(send_raw(f, &m, sizeof(m), fds, 2) < 0);
	want_end(f, VU_DEVICE_RESET, NULL, 0, dup_ram(f));
	want_end(f, VU_REGION_READ, &a, sizeof(a), dup_ram(f));
	assert_int_equal(harness_open_fds(), before);
}

static void bad_dma_numbers(void **state)
{
	struct vu_client *f = *state;
	struct vu_dma_map good = { .argsz = 32, .flags = 3, .addr = 0x10000, .size = 0x1000 }, map;
	struct vu_dma_unmap un = { .argsz = 24, .addr = 1, .size = 0x1000 };
	int before = harness_open_fds();

	map = good, map.flags = 4;
	want_end(f, VU_DMA_MAP, &map, sizeof(map), dup_ram(f));
	map = good, map.size = 0;
	want_error(f, VU_DMA_MAP, &map, sizeof(map), dup_ram(f), EINVAL);
	map = good, map.offset = UINT64_MAX - 0xfff;
	want_error(f, VU_DMA_MAP, &map, sizeof(map), dup_ram(f), EINVAL);
	map = good, map.addr = UINT64_MAX - 0xfff;
	want_error(f, VU_DMA_MAP, &map, sizeof(map), dup_ram(f), EINVAL);
	map = good, map.size = 1ull << 63;
	want_error(f, VU_DMA_MAP, &map, sizeof(map), dup_ram(f), EINVAL);
	want_error(f, VU_DMA_UNMAP, &un, sizeof(un), -1, EINVAL);
	un = (struct vu_dma_unmap){ .argsz = 24, .flags = VU_UNMAP_F_DIRTY };
	want_end(f, VU_DMA_UNMAP, &un, sizeof(un), -1);
	un = (struct vu_dma_unmap){ .argsz = 24, .flags = VU_UNMAP_F_ALL, .size = 0x1000 };
	want_error(f, VU_DMA_UNMAP, &un, sizeof(un), -1, EINVAL);
	assert_int_equal(harness_open_fds(), before);
}

static void bad_region_accesses(void **state)
{
	static const struct vu_region_access out[] = {
		{ VGPU_BAR0_SIZE, 0, 4 },	 { VGPU_BAR0_SIZE - 3, 0, 4 },
		{ UINT64_MAX, 0, 4 },		 { UINT64_MAX - 3, 0, 4 },
		{ 4096, VU_REGION_CONFIG, 1 },	 { 4095, VU_REGION_CONFIG, 2 },
		{ 0, 1, 4 },			 { 0, VU_REGION_BAR2, 4 },
		{ 0, 8, 1 },			 { 0, 9, 4 },
		{ 0, UINT32_MAX, 4 },		 { 0, VU_REGION_CONFIG, 4097 },
	};
	struct vu_client *f = *state;
	uint8_t body[16 + 4097] = { 0 };
	struct vu_region_access *a = (void *)body;

	for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++) {
		*a = out[i];
		want_error(f, VU_REGION_READ, body, 16, -1, EINVAL);
		want_error(f, VU_REGION_WRITE, body, 16 + out[i].count, -1, EINVAL);
	}
	*a = (struct vu_region_access){ 0, 0, VGPU_VU_MAX_DATA + 1 };
	want_end(f, VU_REGION_READ, body, 16, -1);
	*a = (struct vu_region_access){ 0, 0, 5 };
	want_end(f, VU_REGION_WRITE, body, 20, -1);
	want_end(f, VU_REGION_WRITE, body, 22, -1);
	assert_int_equal(f->h->g->hw->n, 0);
	/* the largest that is allowed, and none at all */
	*a = (struct vu_region_access){ VGPU_GGTT_OFFSET, 0, VGPU_VU_MAX_DATA };
	want_ok(f, VU_REGION_READ, body, 16, -1);
	assert_int_equal(f->head.size, VGPU_VU_MAX_MSG);
	*a = (struct vu_region_access){ VGPU_BAR0_SIZE, 0, 0 };
	want_ok(f, VU_REGION_READ, body, 16, -1);
	want_ok(f, VU_REGION_WRITE, body, 16, -1);
}

static void bad_interrupts(void **state)
{
	const struct vu_irq_set good = { .argsz = 20, .index = VU_IRQ_MSI, .count = 1,
					 .flags = VU_IRQ_DATA_EVENTFD | VU_IRQ_ACTION_TRIGGER };
	struct vu_client *f = *state;
	struct vu_irq_set s;
	uint8_t body[24];
	int before = harness_open_fds(), p[2];

	s = good, s.index = VU_IRQS;
	want_error(f, VU_DEVICE_SET_IRQS, &s, 20, -1, EINVAL);
	s = good, s.index = VU_IRQ_INTX;
	want_error(f, VU_DEVICE_SET_IRQS, &s, 20, -1, EINVAL);
	s = good, s.start = 1;
	want_error(f, VU_DEVICE_SET_IRQS, &s, 20, -1, EINVAL);
	s = good, s.start = UINT32_MAX;
	want_error(f, VU_DEVICE_SET_IRQS, &s, 20, -1, EINVAL);
	s = good, s.count = UINT32_MAX;
	want_error(f, VU_DEVICE_SET_IRQS, &s, 20, -1, EINVAL);
	s = good, s.flags = VU_IRQ_DATA_EVENTFD; /* no action */
	want_error(f, VU_DEVICE_SET_IRQS, &s, 20, -1, EINVAL);
	s = good, s.flags |= 0x08; /* two actions */
	want_error(f, VU_DEVICE_SET_IRQS, &s, 20, -1, EINVAL);
	s = good, s.flags = VU_IRQ_ACTION_TRIGGER; /* no data */
	want_end(f, VU_DEVICE_SET_IRQS, &s, 20, -1);
	s = good, s.flags |= VU_IRQ_DATA_NONE; /* two kinds of it */
	want_end(f, VU_DEVICE_SET_IRQS, &s, 20, -1);
	s = good, s.count = 2; /* fewer descriptors than announced */
	want_end(f, VU_DEVICE_SET_IRQS, &s, 20, dup_ram(f));
	s = good, s.count = 0;
	want_end(f, VU_DEVICE_SET_IRQS, &s, 20, dup_ram(f));
	s = good, s.flags = VU_IRQ_DATA_BOOL | VU_IRQ_ACTION_TRIGGER;
	want_end(f, VU_DEVICE_SET_IRQS, &s, 20, -1);
	memcpy(body, &s, 20);
	body[20] = body[21] = 0;
	want_end(f, VU_DEVICE_SET_IRQS, body, 22, -1);
	want_ok(f, VU_DEVICE_SET_IRQS, body, 21, -1);
	assert_int_equal(harness_msis(f->h), 0);
	body[20] = 1;
	want_ok(f, VU_DEVICE_SET_IRQS, body, 21, -1);
	assert_int_equal(harness_msis(f->h), 1);
	/* a descriptor that is no eventfd: writing there could block */
	assert_int_equal(pipe(p), 0);
	want_error(f, VU_DEVICE_SET_IRQS, &good, 20, p[1], EINVAL);
	close(p[0]);
	assert_int_equal(harness_open_fds(), before);
	assert_true(vgpu_msi(f->h->g));
}

static void send_failure_ends(void **state)
{
	struct vu_client *f = *state;

	f->send_error = -EPIPE;
	assert_int_equal(ask(f, VU_DEVICE_RESET, NULL, 0, -1), -EPIPE);
}

/* Good messages with a few bytes changed: whatever happens, it happens in bounds (ASan looks on). */
static void mutilated_messages(void **state)
{
	static const struct {
		uint16_t command;
		uint32_t words[8];
		size_t len;
		bool fd;
	} seeds[] = {
		{ VU_VERSION, { 0, 0x7d7b }, 8, false },
		{ VU_DMA_MAP, { 32, 3, 0, 0, 0x10000, 0, 0x1000, 0 }, 32, true },
		{ VU_DMA_UNMAP, { 24, 0, 0x10000, 0, 0x1000, 0 }, 24, false },
		{ VU_DEVICE_GET_INFO, { 16 }, 16, false },
		{ VU_DEVICE_GET_REGION_INFO, { 64 }, 32, false },
		{ VU_DEVICE_GET_IRQ_INFO, { 16, 0, 1 }, 16, false },
		{ VU_DEVICE_SET_IRQS, { 20, 0x24, 1, 0, 1 }, 20, true },
		{ VU_REGION_READ, { 0x44, 0, 0, 4 }, 16, false },
		{ VU_REGION_WRITE, { 0x44, 0, 0, 4, 1 }, 20, false },
		{ VU_REGION_WRITE_MULTI, { 1, 0, 0x44, 0, 0, 4, 1, 0 }, 32, false },
		{ VU_DEVICE_RESET, { 0 }, 0, false },
	};
	struct vu_client *f = *state;
	unsigned int went_on = 0, ended = 0;
	int before;

	vgpu_msi_wire(f->h->g->pci, -1);
	before = harness_open_fds();

	srand(2);
	for (int n = 0; n < 60000; n++) {
		size_t i = (size_t)rand() % (sizeof(seeds) / sizeof(seeds[0]));
		uint8_t m[64] = { 0 };
		struct vu_header *h = (void *)m;
		size_t len = 16 + seeds[i].len;
		int fd = seeds[i].fd && rand() % 4 ? dup_ram(f) : -1;

		*h = (struct vu_header){ .command = seeds[i].command, .size = (uint32_t)len };
		memcpy(m + 16, seeds[i].words, seeds[i].len);
		for (int k = rand() % 4; k; k--) {
			static const uint8_t nasty[] = { 0, 1, 0x7f, 0x80, 0xff, 0x10 };
			size_t at = (size_t)rand() % len;

			m[at] = rand() % 2 ? nasty[rand() % 6] : (uint8_t)rand();
		}
		if (rand() % 8 == 0)
			len = (size_t)rand() % 65;
		if (rand() % 2 && len >= 16)
			h->size = (uint32_t)len;
		f->v.negotiated = rand() % 16 != 0;
		if (send_raw(f, m, len, &fd, fd >= 0))
			ended++;
		else
			went_on++;
	}
	assert_true(went_on > 1000 && ended > 1000);
	vgpu_msi_wire(f->h->g->pci, -1);
	assert_int_equal(harness_open_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BAD(VU_RAW_TEST(before_the_version)),
		BAD(VU_RAW_TEST(bad_versions)),
		BAD(VU_TEST(bad_headers)),
		BAD(VU_TEST(wrong_lengths)),
		BAD(VU_TEST(too_small_argsz)),
		BAD(VU_TEST(unknown_commands)),
		BAD(VU_TEST(descriptors_nobody_wants)),
		BAD(VU_TEST(bad_dma_numbers)),
		BAD(VU_TEST(bad_region_accesses)),
		BAD(VU_TEST(bad_interrupts)),
		BAD(VU_TEST(send_failure_ends)),
		BAD(VU_TEST(mutilated_messages)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
