// SPDX-License-Identifier: MIT
/*
 * vfio-user protocol on messages in memory: what QEMU sends, then everything
 * that must be refused, then a great many mutilated messages.
 */
#define _GNU_SOURCE
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dma.h"
#include "hw_stub.h"
#include "pci.h"
#include "vfio_user.h"
#include "witness.h"

struct fixture {
	struct harness *h;
	struct vfio_user v;
	/* the last reply */
	unsigned int replies;
	struct vu_header head;
	uint8_t body[VGPU_VU_MAX_MSG] __attribute__((aligned(8)));
	int fd; /* -1: none came */
	int send_error;
};

static int catch_reply(void *ctx, const void *data, size_t len, int fd)
{
	struct fixture *f = ctx;

	assert_true(len >= sizeof(f->head));
	memcpy(&f->head, data, sizeof(f->head));
	assert_int_equal(f->head.size, len);
	memcpy(f->body, (const uint8_t *)data + sizeof(f->head), len - sizeof(f->head));
	f->fd = fd;
	f->replies++;
	return f->send_error;
}

static int send_raw(struct fixture *f, const void *data, size_t len, const int *fds, unsigned int nfds)
{
	static uint8_t space[VGPU_VU_MAX_MSG + 64] __attribute__((aligned(8)));
	struct vu_message m = { .data = space, .len = len, .nfds = nfds };

	memcpy(space, data, len);
	for (unsigned int i = 0; i < nfds; i++)
		m.fds[i] = fds[i];
	return vfio_user_handle(&f->v, &m);
}

/* Sends one command; @fd -1: without a descriptor. Descriptors are given away. */
static int ask(struct fixture *f, unsigned int command, const void *body, size_t len, int fd)
{
	static uint8_t space[VGPU_VU_MAX_MSG + 64];
	struct vu_header h = { .id = 77, .command = (uint16_t)command };

	h.size = (uint32_t)(sizeof(h) + len);
	memcpy(space, &h, sizeof(h));
	if (len)
		memcpy(space + sizeof(h), body, len);
	return send_raw(f, space, h.size, &fd, fd >= 0);
}

/* Must be done. */
static void want_ok(struct fixture *f, unsigned int command, const void *body, size_t len, int fd)
{
	unsigned int n = f->replies;

	assert_int_equal(ask(f, command, body, len, fd), 0);
	assert_int_equal(f->replies, n + 1);
	assert_int_equal(f->head.id, 77);
	assert_int_equal(f->head.command, command);
	assert_int_equal(f->head.flags, VU_TYPE_REPLY);
	assert_int_equal(f->head.error, 0);
}

/* Must be refused with @err, and the connection goes on. */
static void want_error(struct fixture *f, unsigned int command, const void *body, size_t len, int fd,
		       int err)
{
	unsigned int n = f->replies;

	assert_int_equal(ask(f, command, body, len, fd), 0);
	assert_int_equal(f->replies, n + 1);
	assert_int_equal(f->head.flags, VU_TYPE_REPLY | VU_ERROR);
	assert_int_equal(f->head.error, err);
	assert_int_equal(f->head.size, sizeof(f->head));
}

/* Must end the connection, without a reply. */
static void want_end(struct fixture *f, unsigned int command, const void *body, size_t len, int fd)
{
	unsigned int n = f->replies;

	assert_true(ask(f, command, body, len, fd) < 0);
	assert_int_equal(f->replies, n);
}

static void version(struct fixture *f)
{
	static const char text[] = "\0\0\0\0{\"capabilities\":{\"max_msg_fds\":8}}";

	want_ok(f, VU_VERSION, text, sizeof(text), -1);
}

static int setup_raw(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->h = harness_new();
	assert_int_equal(vfio_user_init(&f->v, f->h->g, catch_reply, f), 0);
	*state = f;
	return 0;
}

static int setup(void **state)
{
	setup_raw(state);
	version(*state);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	vfio_user_fini(&f->v);
	harness_free(f->h);
	free(f);
	return 0;
}

static int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int dup_ram(struct fixture *f)
{
	return fcntl(f->h->ram_fd, F_DUPFD_CLOEXEC, 0);
}

/* ---- what must work ---------------------------------------------------------------- */

static void negotiation(void **state)
{
	struct fixture *f = *state;
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
	struct fixture *f = *state;
	struct vu_device_info in = { .argsz = 24 }, *out = (void *)f->body;

	want_ok(f, VU_DEVICE_GET_INFO, &in, sizeof(in), -1);
	assert_int_equal(out->num_regions, 9);
	assert_int_equal(out->num_irqs, 5);
	assert_int_equal(out->flags, 3);
}

static void region_info(void **state)
{
	struct fixture *f = *state;
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
	struct fixture *f = *state;
	struct vu_irq_info in = { .argsz = 16 }, *out = (void *)f->body;

	for (in.index = 0; in.index < VU_IRQS; in.index++) {
		want_ok(f, VU_DEVICE_GET_IRQ_INFO, &in, sizeof(in), -1);
		assert_int_equal(out->count, in.index == VU_IRQ_MSI);
	}
	want_error(f, VU_DEVICE_GET_IRQ_INFO, &in, sizeof(in), -1, EINVAL);
}

static void dma_map_and_unmap(void **state)
{
	struct fixture *f = *state;
	struct vu_dma_map map = { .argsz = 32, .flags = 3, .addr = 0x10000, .size = 0x3000,
				  .offset = 0x5000 };
	struct vu_dma_unmap un = { .argsz = 24, .addr = 0x10000, .size = 0x3000 };
	int before = open_fds();
	uint32_t v;

	ram32_set(f->h, 0x6000, 0xfeed);
	want_ok(f, VU_DMA_MAP, &map, sizeof(map), dup_ram(f));
	assert_int_equal(f->head.size, 16);
	assert_int_equal(open_fds(), before);
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
	assert_int_equal(open_fds(), before);
}

static void registers(void **state)
{
	struct fixture *f = *state;
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
	struct fixture *f = *state;
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
	struct fixture *f = *state;
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
	struct fixture *f = *state;
	struct vu_irq_set s = { .argsz = 20, .flags = VU_IRQ_DATA_EVENTFD | VU_IRQ_ACTION_TRIGGER,
				.index = VU_IRQ_MSI, .count = 1 };
	int efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), before = open_fds();
	uint64_t v = 0;

	want_ok(f, VU_DEVICE_SET_IRQS, &s, sizeof(s), fcntl(efd, F_DUPFD_CLOEXEC, 0));
	assert_true(vgpu_msi(f->h->g));
	assert_int_equal(read(efd, &v, 8), 8);
	assert_int_equal(v, 1);
	/* the one before was closed: no more open than at the start */
	assert_int_equal(open_fds(), before);
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
	struct fixture *f = *state;

	want_ok(f, VU_DEVICE_RESET, NULL, 0, -1);
	assert_int_equal(f->h->g->hw->resets[VGPU_RESET_FLR], 1);
	assert_false(vgpu_dma_bus_master(f->h->g->dma));
}

static void dead_device_still_speaks(void **state)
{
	struct fixture *f = *state;
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

/* ---- what must be refused ------------------------------------------------------------ */

static void before_the_version(void **state)
{
	struct fixture *f = *state;
	struct vu_device_info in = { .argsz = 16 };
	struct vu_dma_map map = { .argsz = 32, .flags = 3, .addr = 0x10000, .size = 0x1000 };
	int before = open_fds();

	want_end(f, VU_DEVICE_GET_INFO, &in, sizeof(in), -1);
	want_end(f, VU_DMA_MAP, &map, sizeof(map), dup_ram(f));
	want_end(f, VU_DEVICE_RESET, NULL, 0, -1);
	want_end(f, 0, NULL, 0, -1);
	want_end(f, 999, NULL, 0, -1);
	assert_int_equal(open_fds(), before);
	assert_int_equal(f->h->g->hw->resets[VGPU_RESET_FLR], 0);
}

static void bad_versions(void **state)
{
	struct fixture *f = *state;
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
	struct fixture *f = *state;
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
	struct fixture *f = *state;
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
	struct fixture *f = *state;
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
	struct fixture *f = *state;

	want_error(f, 0, NULL, 0, -1, ENOTSUP);
	want_error(f, VU_DEVICE_GET_REGION_IO_FDS, "abcd", 4, -1, ENOTSUP);
	want_error(f, VU_DMA_READ, NULL, 0, -1, ENOTSUP);
	want_error(f, VU_COMMANDS, NULL, 0, -1, ENOTSUP);
	want_error(f, 65535, NULL, 0, dup_ram(f), ENOTSUP);
}

static void descriptors_nobody_wants(void **state)
{
	struct fixture *f = *state;
	struct {
		struct vu_header h;
		struct vu_dma_map m;
	} m = { { 1, VU_DMA_MAP, 48, 0, 0 }, { 32, 3, 0, 0x10000, 0x1000 } };
	int before = open_fds(), fds[2] = { dup_ram(f), dup_ram(f) };
	struct vu_region_access a = { .count = 4 };

	assert_true(send_raw(f, &m, sizeof(m), fds, 2) < 0);
	want_end(f, VU_DEVICE_RESET, NULL, 0, dup_ram(f));
	want_end(f, VU_REGION_READ, &a, sizeof(a), dup_ram(f));
	assert_int_equal(open_fds(), before);
}

static void bad_dma_numbers(void **state)
{
	struct fixture *f = *state;
	struct vu_dma_map good = { .argsz = 32, .flags = 3, .addr = 0x10000, .size = 0x1000 }, map;
	struct vu_dma_unmap un = { .argsz = 24, .addr = 1, .size = 0x1000 };
	int before = open_fds();

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
	assert_int_equal(open_fds(), before);
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
	struct fixture *f = *state;
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
	struct fixture *f = *state;
	struct vu_irq_set s;
	uint8_t body[24];
	int before = open_fds(), p[2];

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
	assert_int_equal(open_fds(), before);
	assert_true(vgpu_msi(f->h->g));
}

static void send_failure_ends(void **state)
{
	struct fixture *f = *state;

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
	struct fixture *f = *state;
	unsigned int went_on = 0, ended = 0;
	int before;

	vgpu_msi_wire(f->h->g->pci, -1);
	before = open_fds();

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
	assert_int_equal(open_fds(), before);
}

int main(void)
{
#define T(f)   cmocka_unit_test_setup_teardown(f, setup, teardown)
#define RAW(f) cmocka_unit_test_setup_teardown(f, setup_raw, teardown)
	const struct CMUnitTest tests[] = {
		RAW(negotiation),
		RAW(negotiation_without_text),
		T(device_info),
		T(region_info),
		T(irq_info),
		T(dma_map_and_unmap),
		T(registers),
		T(posted_write_has_no_reply),
		T(gathered_writes),
		T(interrupts),
		T(reset),
		T(dead_device_still_speaks),
		RAW(before_the_version),
		RAW(bad_versions),
		T(bad_headers),
		T(wrong_lengths),
		T(too_small_argsz),
		T(unknown_commands),
		T(descriptors_nobody_wants),
		T(bad_dma_numbers),
		T(bad_region_accesses),
		T(bad_interrupts),
		T(send_failure_ends),
		T(mutilated_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
