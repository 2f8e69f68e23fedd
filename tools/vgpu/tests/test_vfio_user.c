// SPDX-License-Identifier: MIT
/* vfio-user protocol on messages in memory: what QEMU sends. */
#define _GNU_SOURCE
#include "vu_client.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dma.h"
#include "hw_stub.h"
#include "pci.h"
#include "witness.h"

static void negotiation(void **state)
{
	struct vu_client *f = *state;
	json_t *text, *caps;

	version(f);
	assert_int_equal(((struct vu_version *)f->body)->major, 0);
	assert_int_equal(f->body[f->head.size - sizeof(f->head) - 1], 0);
	text = json_loads((char *)f->body + 4, 0, NULL);
	caps = json_object_get(text, "capabilities");
	assert_int_equal(json_integer_value(json_object_get(caps, "pgsizes")), 4096);
	/* QEMU takes no more than these */
	assert_in_range(json_integer_value(json_object_get(caps, "max_dma_maps")), 1, 65535);
	assert_in_range(json_integer_value(json_object_get(caps, "max_msg_fds")), 1, 16);
	assert_in_range(json_integer_value(json_object_get(caps, "max_data_xfer_size")), 4096, 1 << 26);
	json_decref(text);
}

static void negotiation_without_text(void **state)
{
	want_ok(*state, VU_VERSION, "\0\0\1\0", 4, -1);
}

static void device_info(void **state)
{
	struct vu_client *f = *state;
	struct vu_device_info in = { .argsz = 24 }, *out = (void *)f->body;

	want_ok(f, VU_DEVICE_GET_INFO, &in, sizeof(in), -1);
	assert_int_equal(out->num_regions, 9);
	assert_int_equal(out->num_irqs, 5);
	assert_int_equal(out->flags, 3);
}

static void region_info(void **state)
{
	struct vu_client *f = *state;
	struct vu_region_info in = { .argsz = 32 }, *out = (void *)f->body;
	struct vu_sparse_mmap *cap = (void *)(f->body + 32);
	struct vu_area *area = (void *)(cap + 1);
	void *p;

	/* the first question has no room for the capability and learns how much it takes */
	want_ok(f, VU_DEVICE_GET_REGION_INFO, &in, sizeof(in), -1);
	assert_int_equal(f->head.size, 16 + 32);
	assert_int_equal(out->argsz, 80);
	assert_int_equal(out->cap_offset, 32);
	assert_int_equal(out->size, 16 << 20);
	assert_int_equal(f->fd, -1);
	in.argsz = 80;
	want_ok(f, VU_DEVICE_GET_REGION_INFO, &in, sizeof(in), -1);
	assert_int_equal(f->head.size, 16 + 80);
	assert_true(cap->id == 1 && cap->version == 1 && cap->next == 0 && cap->nr_areas == 2);
	assert_true(area[0].offset == 0x130000 && area[0].size == 0x1000);
	assert_true(area[1].offset == 8 << 20 && area[1].size == 8 << 20);
	/* a client maps the area like this, and sees the table */
	p = mmap(NULL, area[1].size, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd,
		 (off_t)(out->offset + area[1].offset));
	assert_true(p != MAP_FAILED);
	*(uint64_t *)p = 0x1234567;
	assert_int_equal(*(uint64_t *)f->h->g->ggtt, 0x1234567);
	munmap(p, area[1].size);

	for (in.index = 1; in.index < VU_REGIONS; in.index++) {
		want_ok(f, VU_DEVICE_GET_REGION_INFO, &in, sizeof(in), -1);
		assert_int_equal(f->head.size, 16 + 32);
		assert_int_equal(out->index, in.index);
		assert_int_equal(out->size, in.index == VU_REGION_CONFIG ? 4096 : 0);
		assert_int_equal(out->flags, in.index == VU_REGION_CONFIG ? 3 : 0);
		assert_int_equal(f->fd, -1);
	}
	want_error(f, VU_DEVICE_GET_REGION_INFO, &in, sizeof(in), -1, EINVAL);
}

static void irq_info(void **state)
{
	struct vu_client *f = *state;
	struct vu_irq_info in = { .argsz = 16 }, *out = (void *)f->body;

	for (in.index = 0; in.index < VU_IRQS; in.index++) {
		want_ok(f, VU_DEVICE_GET_IRQ_INFO, &in, sizeof(in), -1);
		assert_int_equal(out->count, in.index == VU_IRQ_MSI);
	}
	want_error(f, VU_DEVICE_GET_IRQ_INFO, &in, sizeof(in), -1, EINVAL);
}

static void dma_map_and_unmap(void **state)
{
	struct vu_client *f = *state;
	struct vu_dma_map map = { .argsz = 32, .flags = 3, .addr = 0x10000, .size = 0x3000,
				  .offset = 0x5000 };
	struct vu_dma_unmap un = { .argsz = 24, .addr = 0x10000, .size = 0x3000 };
	int before = harness_open_fds();
	uint32_t v;

	ram32_set(f->h, 0x6000, 0xfeed);
	want_ok(f, VU_DMA_MAP, &map, sizeof(map), dup_ram(f));
	assert_int_equal(f->head.size, 16);
	assert_int_equal(harness_open_fds(), before);
	assert_int_equal(vgpu_dma_read32(f->h->g, 0x11000, &v, NULL), DMA_OK);
	assert_int_equal(v, 0xfeed);
	want_error(f, VU_DMA_MAP, &map, sizeof(map), dup_ram(f), EEXIST);
	want_ok(f, VU_DMA_UNMAP, &un, sizeof(un), -1);
	assert_int_equal(f->head.size, 16 + sizeof(un));
	assert_memory_equal(f->body, &un, sizeof(un));
	/* QEMU also unmaps what was never mapped */
	want_ok(f, VU_DMA_UNMAP, &un, sizeof(un), -1);
	assert_int_equal(vgpu_dma_read32(f->h->g, 0x11000, &v, NULL), DMA_AFTER_UNMAP);
	/* without memory behind it */
	want_ok(f, VU_DMA_MAP, &map, sizeof(map), -1);
	un = (struct vu_dma_unmap){ .argsz = 24, .flags = VU_UNMAP_F_ALL };
	want_ok(f, VU_DMA_UNMAP, &un, sizeof(un), -1);
	assert_int_equal(vgpu_dma_read32(f->h->g, HARNESS_RAM_IOVA, &v, NULL), DMA_AFTER_UNMAP);
	assert_int_equal(harness_open_fds(), before);
}

static void registers(void **state)
{
	struct vu_client *f = *state;
	struct {
		struct vu_region_access a;
		uint32_t v;
	} w = { { .offset = 0x44, .region = 0, .count = 4 }, 0x99 }, *r = (void *)f->body;

	want_ok(f, VU_REGION_WRITE, &w, 20, -1);
	assert_int_equal(f->head.size, 16 + 16);
	want_ok(f, VU_REGION_READ, &w, 16, -1);
	assert_int_equal(f->head.size, 16 + 20);
	assert_int_equal(r->v, 0x99);
	assert_int_equal(f->h->g->mmio_reads, 1);
	assert_int_equal(f->h->g->mmio_writes, 1);
	w.a = (struct vu_region_access){ .offset = 0, .region = VU_REGION_CONFIG, .count = 4 };
	want_ok(f, VU_REGION_READ, &w, 16, -1);
	assert_int_equal(r->v, 0x64a08086);
}

static void posted_write_has_no_reply(void **state)
{
	struct vu_client *f = *state;
	struct {
		struct vu_header h;
		struct vu_region_access a;
		uint32_t v;
	} w = { { 1, VU_REGION_WRITE, 36, VU_NO_REPLY, 0 }, { 0x44, 0, 4 }, 0x98 };
	unsigned int n = f->replies;

	assert_int_equal(send_raw(f, &w, 36, NULL, 0), 0);
	w.a.region = 5; /* not even if it fails */
	assert_int_equal(send_raw(f, &w, 36, NULL, 0), 0);
	assert_int_equal(f->replies, n);
	assert_int_equal(f->h->g->hw->n, 1);
	assert_int_equal(f->h->g->hw->log[0].val, 0x98);
}

static void gathered_writes(void **state)
{
	struct vu_client *f = *state;
	struct {
		uint64_t n;
		struct vu_write_one w[3];
	} m = { 2, { { 0x10, 0, 4, { 1 } }, { 0x20, 0, 8, { 2 } }, { 0x30, 0, 4, { 3 } } } };

	want_ok(f, VU_REGION_WRITE_MULTI, &m, sizeof(m), -1);
	assert_int_equal(f->h->g->hw->n, 2);
	assert_true(f->h->g->hw->log[1].off == 0x20 && f->h->g->hw->log[1].size == 8);
	m.n = 4;
	want_end(f, VU_REGION_WRITE_MULTI, &m, sizeof(m), -1);
	m.n = 1ull << 61;
	want_end(f, VU_REGION_WRITE_MULTI, &m, sizeof(m), -1);
	m.n = 3;
	m.w[2].count = 9;
	want_end(f, VU_REGION_WRITE_MULTI, &m, sizeof(m), -1);
	assert_int_equal(f->h->g->hw->n, 2);
	m.w[2].count = 8;
	m.w[0].offset = VGPU_BAR0_SIZE;
	want_error(f, VU_REGION_WRITE_MULTI, &m, sizeof(m), -1, EINVAL);
	assert_int_equal(f->h->g->hw->n, 4);
}

static void interrupts(void **state)
{
	struct vu_client *f = *state;
	struct vu_irq_set s = { .argsz = 20, .flags = VU_IRQ_DATA_EVENTFD | VU_IRQ_ACTION_TRIGGER,
				.index = VU_IRQ_MSI, .count = 1 };
	int efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), before = harness_open_fds();
	uint64_t v = 0;

	want_ok(f, VU_DEVICE_SET_IRQS, &s, sizeof(s), fcntl(efd, F_DUPFD_CLOEXEC, 0));
	assert_true(vgpu_msi(f->h->g));
	assert_int_equal(read(efd, &v, 8), 8);
	assert_int_equal(v, 1);
	/* the one before was closed: no more open than at the start */
	assert_int_equal(harness_open_fds(), before);
	want_ok(f, VU_DEVICE_SET_IRQS, &s, sizeof(s), -1);
	assert_false(vgpu_msi(f->h->g));
	want_ok(f, VU_DEVICE_SET_IRQS, &s, sizeof(s), fcntl(efd, F_DUPFD_CLOEXEC, 0));
	/* tested by the client itself */
	s.flags = VU_IRQ_DATA_NONE | VU_IRQ_ACTION_TRIGGER;
	want_ok(f, VU_DEVICE_SET_IRQS, &s, sizeof(s), -1);
	assert_int_equal(read(efd, &v, 8), 8);
	s.count = 0; /* disable */
	want_ok(f, VU_DEVICE_SET_IRQS, &s, sizeof(s), -1);
	assert_false(vgpu_msi(f->h->g));
	s.index = VU_IRQ_INTX;
	want_ok(f, VU_DEVICE_SET_IRQS, &s, sizeof(s), -1);
	close(efd);
}

static void reset(void **state)
{
	struct vu_client *f = *state;

	want_ok(f, VU_DEVICE_RESET, NULL, 0, -1);
	assert_int_equal(f->h->g->hw->resets[VGPU_RESET_FLR], 1);
	assert_false(vgpu_dma_bus_master(f->h->g->dma));
}

static void dead_device_still_speaks(void **state)
{
	struct vu_client *f = *state;
	struct vu_region_access a = { .region = 0, .offset = 0x40, .count = 4 };
	struct vu_dma_map map = { .argsz = 32, .flags = 3, .addr = 0x10000, .size = 0x1000 };

	vgpu_set_dead(f->h->g, true);
	want_ok(f, VU_REGION_READ, &a, sizeof(a), -1);
	assert_int_equal(*(uint32_t *)(f->body + 16), 0xffffffff);
	want_ok(f, VU_DMA_MAP, &map, sizeof(map), dup_ram(f));
	want_ok(f, VU_DEVICE_RESET, NULL, 0, -1);
	assert_int_equal(f->h->g->hw->resets[VGPU_RESET_FLR], 0);
	assert_int_equal(f->h->g->hw->n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		VU_RAW_TEST(negotiation),
		VU_RAW_TEST(negotiation_without_text),
		VU_TEST(device_info),
		VU_TEST(region_info),
		VU_TEST(irq_info),
		VU_TEST(dma_map_and_unmap),
		VU_TEST(registers),
		VU_TEST(posted_write_has_no_reply),
		VU_TEST(gathered_writes),
		VU_TEST(interrupts),
		VU_TEST(reset),
		BAD(VU_TEST(dead_device_still_speaks)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
