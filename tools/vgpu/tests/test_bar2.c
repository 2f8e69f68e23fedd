// SPDX-License-Identifier: MIT
/* BAR2: what a client that maps it sees, one that does not, and what is found afterwards. */
#define _GNU_SOURCE
#include "vu_client.h"

#include <sys/mman.h>
#include <unistd.h>

#include "hw_stub.h"
#include "pci.h"

static struct vu_client client; /* its last reply */

/* One command as QEMU sends it; returns the error of the reply. */
static uint32_t call(struct harness *h, unsigned int command, const void *data, size_t len)
{
	client.h = h;
	assert_int_equal(vfio_user_init(&client.v, h->g, catch_reply, &client), 0);
	client.v.negotiated = true;
	assert_int_equal(ask(&client, command, data, len, -1), 0);
	vfio_user_fini(&client.v);
	return client.head.error;
}

static uint32_t region_read(struct harness *h, uint64_t off, uint32_t n)
{
	struct vu_region_access a = { .offset = off, .region = VU_REGION_BAR2, .count = n };

	return call(h, VU_REGION_READ, &a, sizeof(a));
}

static uint32_t region_write(struct harness *h, uint64_t off, const void *data, uint32_t n)
{
	struct {
		struct vu_region_access a;
		uint8_t data[64];
	} w = { { .offset = off, .region = VU_REGION_BAR2, .count = n }, { 0 } };

	memcpy(w.data, data, n);
	return call(h, VU_REGION_WRITE, &w, sizeof(w.a) + n);
}

/* The client's own mapping, as QEMU makes it. */
static uint8_t *client_map(struct harness *h)
{
	struct vu_region_info in = { .argsz = sizeof(in), .index = VU_REGION_BAR2 };
	uint8_t *p;

	assert_int_equal(call(h, VU_DEVICE_GET_REGION_INFO, &in, sizeof(in)), 0);
	assert_true(client.fd >= 0);
	p = mmap(NULL, STUB_BAR2_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, client.fd, 0);
	assert_true(p != MAP_FAILED);
	return p;
}

static void client_unmap(uint8_t *p)
{
	munmap(p, STUB_BAR2_SIZE);
}

static void region_is_memory(void **state)
{
	struct harness *h = *state;
	struct vu_region_info in = { .argsz = sizeof(in), .index = VU_REGION_BAR2 };
	const struct vu_region_info *out = (const void *)client.body;

	assert_int_equal(call(h, VU_DEVICE_GET_REGION_INFO, &in, sizeof(in)), 0);
	assert_int_equal(out->size, STUB_BAR2_SIZE);
	assert_int_equal(out->offset, 0);
	/* no capability: the whole region can be mapped */
	assert_int_equal(out->flags, VU_REGION_F_READ | VU_REGION_F_WRITE | VU_REGION_F_MMAP);
	assert_int_equal(client.fd, vgpu_vram_fd(h->g));
}

static void config_space(void **state)
{
	struct harness *h = *state;
	uint32_t v = 0xffffffff;

	vgpu_cfg_write(h->g, 0x18, &v, 4);
	vgpu_cfg_write(h->g, 0x1c, &v, 4);
	vgpu_cfg_read(h->g, 0x18, &v, 4);
	assert_int_equal(v, (uint32_t)-(int32_t)STUB_BAR2_SIZE | 0xc); /* 64 bits, prefetchable */
	vgpu_cfg_read(h->g, 0x1c, &v, 4);
	assert_int_equal(v, 0xffffffff);
}

static void one_memory(void **state)
{
	struct harness *h = *state;
	uint8_t *p = client_map(h);
	uint64_t q = 0x1122334455667788;

	memcpy(p + 0x1230, &q, 8);
	assert_int_equal(region_read(h, 0x1230, 8), 0);
	assert_memory_equal(client.body + sizeof(struct vu_region_access), &q, 8);
	for (uint32_t n = 1; n <= 16; n++) {
		uint8_t data[16];

		memset(data, (int)n, sizeof(data));
		assert_int_equal(region_write(h, 0x2000 + 32 * n, data, n), 0);
		assert_memory_equal(p + 0x2000 + 32 * n, data, n);
		assert_int_equal(p[0x2000 + 32 * n + n], 0);
	}
	assert_int_equal(region_write(h, STUB_BAR2_SIZE - 8, &q, 8), 0);
	assert_int_equal(region_write(h, 0x333, &q, 8), 0);
	assert_memory_equal(p + 0x333, &q, 8);
	assert_int_equal(h->g->mmio_memory, 1 + 16 + 2);
	assert_int_equal(harness_witness_total(h), 0);
	client_unmap(p);
}

static void beyond_the_end(void **state)
{
	static const struct {
		uint64_t off;
		uint32_t n;
	} bad[] = {
		{ STUB_BAR2_SIZE, 1 }, { STUB_BAR2_SIZE - 3, 4 }, { STUB_BAR2_SIZE - 1, 2 },
		{ ~0ull, 1 }, { ~0ull - 3, 8 }, { 1ull << 32, 4 }, { 2ull * STUB_BAR2_SIZE - 4, 4 },
		{ 0, 64 + STUB_BAR2_SIZE },
	};
	struct harness *h = *state;
	uint8_t data[64] = { 1 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (bad[i].n <= VGPU_VU_MAX_DATA)
			assert_int_equal(region_read(h, bad[i].off, bad[i].n), EINVAL);
		if (bad[i].n <= sizeof(data))
			assert_int_equal(region_write(h, bad[i].off, data, bad[i].n), EINVAL);
	}
	assert_int_equal(region_read(h, STUB_BAR2_SIZE, 0), 0);
}

static void asleep_does_not_answer(void **state)
{
	struct harness *h = *state;
	uint8_t *p = client_map(h);
	uint32_t v = 3, got;

	vgpu_cfg_write(h->g, VGPU_CFG_PM + 4, &v, 4);
	assert_int_equal(region_write(h, 0x1000, &v, 4), 0);
	assert_int_equal(region_read(h, 0x1000, 4), 0);
	memcpy(&got, client.body + sizeof(struct vu_region_access), 4);
	assert_int_equal(got, 0xffffffff);
	assert_int_equal(p[0x1000], 0);
	assert_int_equal(harness_witness(h, WITNESS_MMIO_BAD_ACCESS), 2);
	client_unmap(p);
}

static void integrated_has_none(void **state)
{
	struct harness *h = *state;
	struct vu_region_info in = { .argsz = sizeof(in), .index = VU_REGION_BAR2 };
	const struct vu_region_info *out = (const void *)client.body;
	uint32_t v = 0xffffffff;

	assert_int_equal(call(h, VU_DEVICE_GET_REGION_INFO, &in, sizeof(in)), 0);
	assert_int_equal(out->size, 0);
	assert_int_equal(out->flags, 0);
	assert_int_equal(client.fd, -1);
	assert_int_equal(region_read(h, 0, 4), EINVAL);
	assert_int_equal(region_write(h, 0, &v, 4), EINVAL);
	vgpu_cfg_write(h->g, 0x18, &v, 4);
	vgpu_cfg_read(h->g, 0x18, &v, 4);
	assert_int_equal(v, 0);
	vgpu_set_gone(h->g, true);
	vgpu_set_dead(h->g, true);
	vgpu_set_dead(h->g, false);
	vgpu_set_gone(h->g, false);
	assert_int_equal(h->g->bar2.dead_pages, 0);
}

static void dead_reads_ones(void **state)
{
	struct harness *h = *state;
	uint8_t *p = client_map(h);
	uint64_t q = 5;

	p[0] = 1;
	vgpu_set_dead(h->g, true);
	for (uint32_t i = 0; i < STUB_BAR2_SIZE; i++)
		assert_int_equal(p[i], 0xff);
	assert_int_equal(region_read(h, 0x1000, 8), 0);
	memcpy(&q, client.body + sizeof(struct vu_region_access), 8);
	assert_true(q == ~0ull);
	/* what lies behind the window is nobody's business */
	assert_int_equal(pread(vgpu_vram_fd(h->g), &q, 8, STUB_BAR2_SIZE), 8);
	assert_int_equal(q, 0);
	client_unmap(p);
}

static void dead_drops_trapped_writes(void **state)
{
	struct harness *h = *state;
	uint8_t *p = client_map(h);
	uint32_t v = 7;

	vgpu_set_dead(h->g, true);
	assert_int_equal(region_write(h, 0x1000, &v, 4), 0);
	assert_int_equal(p[0x1000], 0xff);
	vgpu_set_dead(h->g, false);
	assert_int_equal(h->g->bar2.dead_pages, 0);
	client_unmap(p);
}

static void dead_counts_mapped_writes(void **state)
{
	struct harness *h = *state;
	uint8_t *p = client_map(h);

	vgpu_set_dead(h->g, true);
	p[0x1000] = 0;
	p[0x1fff] = 0;
	p[STUB_BAR2_SIZE - 1] = 0xfe;
	p[0x5000] = 0xff; /* no difference, none is seen */
	vgpu_set_dead(h->g, false);
	assert_int_equal(h->g->bar2.dead_pages, 2);
	client_unmap(p);
}

static void killed_by_an_access(void **state)
{
	struct harness *h = *state;
	uint8_t *p = client_map(h);

	/* a trigger kills in the middle of something; the answer to it must find BAR2 dead */
	vgpu_kill(h->g);
	region_read(h, 0, 4);
	assert_int_equal(p[0x3000], 0xff);
	client_unmap(p);
}

static void gone_sees_trapped_access(void **state)
{
	struct harness *h = *state;
	uint32_t v = 0;

	vgpu_set_gone(h->g, true);
	region_read(h, 0x1000, 4);
	region_write(h, 0x1000, &v, 4);
	region_read(h, 0, 0); /* nothing is accessed */
	assert_int_equal(harness_witness(h, WITNESS_MMIO_AFTER_REMOVE), 2);
	vgpu_set_gone(h->g, false);
	region_read(h, 0x1000, 4);
	assert_int_equal(harness_witness(h, WITNESS_MMIO_AFTER_REMOVE), 2);
}

static void gone_finds_mapped_writes(void **state)
{
	struct harness *h = *state;
	uint8_t *p = client_map(h);

	p[0x7123] = 3;
	vgpu_set_gone(h->g, true);
	p[0x7123] = 4;
	p[0x200000] = 1; /* a page that had no memory */
	vgpu_gone_check(h->g);
	assert_int_equal(harness_witness(h, WITNESS_MMIO_AFTER_REMOVE), 1);
	vgpu_gone_check(h->g); /* told once */
	assert_int_equal(harness_witness(h, WITNESS_MMIO_AFTER_REMOVE), 1);
	p[0x200000] = 0; /* back is a change, too */
	vgpu_set_gone(h->g, false);
	assert_int_equal(harness_witness(h, WITNESS_MMIO_AFTER_REMOVE), 2);
	p[0x300000] = 1;
	vgpu_gone_check(h->g);
	assert_int_equal(harness_witness(h, WITNESS_MMIO_AFTER_REMOVE), 2);
	client_unmap(p);
}

static void gone_ignores_reads(void **state)
{
	struct harness *h = *state;
	uint8_t *p = client_map(h);
	volatile uint8_t sink;

	p[0] = 1;
	vgpu_set_gone(h->g, true);
	for (uint32_t i = 0; i < STUB_BAR2_SIZE; i += 4096)
		sink = p[i]; /* makes pages of zeroes where there were none */
	(void)sink;
	p[0] = 1;
	vgpu_set_gone(h->g, false);
	assert_int_equal(harness_witness_total(h), 0);
	client_unmap(p);
}

static void gone_then_dead(void **state)
{
	struct harness *h = *state;
	uint8_t *p = client_map(h);

	vgpu_set_gone(h->g, true);
	vgpu_set_dead(h->g, true); /* the ones are not the driver's */
	p[0x1000] = 9;
	vgpu_gone_check(h->g);
	vgpu_set_dead(h->g, false);
	vgpu_gone_check(h->g);
	vgpu_set_gone(h->g, false);
	assert_int_equal(harness_witness(h, WITNESS_MMIO_AFTER_REMOVE), 0);
	client_unmap(p);
}

static void dead_then_gone(void **state)
{
	struct harness *h = *state;
	uint8_t *p = client_map(h);

	vgpu_set_dead(h->g, true);
	vgpu_set_gone(h->g, true);
	p[0x1000] = 9;
	vgpu_set_dead(h->g, false);
	p[0x1000] = 8;
	vgpu_set_gone(h->g, false);
	assert_int_equal(harness_witness(h, WITNESS_MMIO_AFTER_REMOVE), 0);
	assert_int_equal(h->g->bar2.dead_pages, 1);
	client_unmap(p);
}

static void power_cycle_forgets(void **state)
{
	struct harness *h = *state;
	uint8_t *p = client_map(h);

	vgpu_set_gone(h->g, true);
	vgpu_power_cycle(h->g);
	p[0x1000] = 9;
	vgpu_gone_check(h->g);
	assert_null(h->g->bar2.sums);
	assert_int_equal(harness_witness(h, WITNESS_MMIO_AFTER_REMOVE), 0);
	client_unmap(p);
}

#define T(f) cmocka_unit_test_setup_teardown(f, harness_setup_bmg, harness_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(region_is_memory),
		T(config_space),
		T(one_memory),
		BAD(T(beyond_the_end)),
		BAD(T(asleep_does_not_answer)),
		BAD(TEST(integrated_has_none)),
		BAD(T(dead_reads_ones)),
		BAD(T(dead_drops_trapped_writes)),
		BAD(T(dead_counts_mapped_writes)),
		BAD(T(killed_by_an_access)),
		BAD(T(gone_sees_trapped_access)),
		BAD(T(gone_finds_mapped_writes)),
		T(gone_ignores_reads),
		BAD(T(gone_then_dead)),
		BAD(T(dead_then_gone)),
		T(power_cycle_forgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
