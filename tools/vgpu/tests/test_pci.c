// SPDX-License-Identifier: MIT
/* PCI function: configuration space, BAR0, MSI, reset, surprise removal, the window after remove(). */
#include "harness.h"

#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dma.h"
#include "hw_stub.h"
#include "pci.h"
#include "witness.h"

static uint32_t cfg(struct harness *h, uint32_t off, uint32_t len)
{
	uint32_t v = 0;

	vgpu_cfg_read(h->g, off, &v, len);
	return v;
}

static void cfg_set(struct harness *h, uint32_t off, uint32_t v, uint32_t len)
{
	vgpu_cfg_write(h->g, off, &v, len);
}

static uint32_t bar0(struct harness *h, uint32_t off)
{
	uint32_t v = 0;

	vgpu_bar0_read(h->g, off, &v, 4);
	return v;
}

static void identity(void **state)
{
	struct harness *h = *state;

	assert_int_equal(cfg(h, 0, 4), 0x64a08086);
	assert_int_equal(cfg(h, 8, 4), 0x03800004);
	assert_int_equal(cfg(h, 0x2c, 4), 0x12348086);
	assert_int_equal(cfg(h, 0x50, 2), 0x00c0);
	assert_int_equal(cfg(h, 0x3d, 1), 0); /* no INTx pin */
	assert_int_equal(cfg(h, 0x30, 4), 0); /* no ROM */
	assert_int_equal(cfg(h, 0x100, 4), 0); /* no extended capability */
}

static void capabilities(void **state)
{
	struct harness *h = *state;
	uint32_t at = cfg(h, 0x34, 1), seen = 0;

	for (int n = 0; at; n++) {
		assert_true(n < 16);
		/* the graphics control word lies between them untouched */
		assert_true(at > 0x51);
		seen |= 1u << cfg(h, at, 1);
		at = cfg(h, at + 1, 1);
	}
	/* power management, MSI and PCI Express, and no MSI-X */
	assert_int_equal(seen, 1u << 0x01 | 1u << 0x05 | 1u << 0x10);
	assert_int_equal(cfg(h, VGPU_CFG_MSI + 2, 2), 0x0080);
	assert_int_equal(cfg(h, VGPU_CFG_PCIE + 2, 2) >> 4 & 0xf, 0);
}

static void bar_sizing(void **state)
{
	struct harness *h = *state;

	assert_int_equal(cfg(h, 0x10, 4), 0x4);
	cfg_set(h, 0x10, 0xffffffff, 4);
	cfg_set(h, 0x14, 0xffffffff, 4);
	assert_int_equal(cfg(h, 0x10, 4), 0xff000004);
	assert_int_equal(cfg(h, 0x14, 4), 0xffffffff);
	for (uint32_t off = 0x18; off < 0x28; off += 4) {
		cfg_set(h, off, 0xffffffff, 4);
		assert_int_equal(cfg(h, off, 4), 0);
	}
}

static void read_only_fields(void **state)
{
	struct harness *h = *state;
	uint8_t ones[256];

	memset(ones, 0xff, sizeof(ones));
	ones[VGPU_CFG_PCIE + 9] = 0x7f; /* no reset, it would hide what is looked for */
	vgpu_cfg_write(h->g, 0, ones, sizeof(ones));
	identity(state);
	assert_int_equal(cfg(h, 0x06, 2), 0x0010);
	assert_int_equal(cfg(h, 0x34, 1), VGPU_CFG_PCIE);
	assert_int_equal(cfg(h, VGPU_CFG_MSI, 2), VGPU_CFG_PM << 8 | 0x05);
	assert_int_equal(cfg(h, VGPU_CFG_PM, 4), 0x00030001);
	assert_int_equal(cfg(h, 0x04, 2) & 1, 0); /* no I/O space */
	assert_int_equal(h->g->hw->resets[VGPU_RESET_FLR], 0);
}

static void write_beyond_first_page(void **state)
{
	struct harness *h = *state;

	cfg_set(h, 0xfe, 0xffffffff, 4);
	cfg_set(h, VGPU_CFG_SIZE - 4, 0xffffffff, 4);
	assert_int_equal(cfg(h, VGPU_CFG_SIZE - 4, 4), 0);
}

static void bus_master_gates_dma(void **state)
{
	struct harness *h = *state;
	uint32_t v = 1;

	ram32_set(h, 0, 0x1234);
	harness_bus_master(h, false);
	assert_int_equal(vgpu_dma_read32(h->g, HARNESS_RAM_IOVA, &v, NULL), DMA_NO_BUS_MASTER);
	assert_int_equal(v, 0);
	assert_int_equal(vgpu_dma_write32(h->g, HARNESS_RAM_IOVA, 7, NULL), DMA_NO_BUS_MASTER);
	assert_int_equal(ram32(h, 0), 0x1234);
	assert_int_equal(harness_witness(h, WITNESS_DMA_NO_BUS_MASTER), 2);
	harness_bus_master(h, true);
	assert_int_equal(vgpu_dma_read32(h->g, HARNESS_RAM_IOVA, &v, NULL), DMA_OK);
	assert_int_equal(v, 0x1234);
}

static void power(struct harness *h, uint32_t state)
{
	cfg_set(h, VGPU_CFG_PM + 4, state, 2);
}

/* D3hot: only the configuration space answers; what the device has, it keeps. */
static void asleep(void **state)
{
	struct harness *h = *state;
	uint32_t v = 1;

	assert_int_equal(cfg(h, VGPU_CFG_PM + 2, 2), 3); /* no PME, no D1, no D2 */
	power(h, 3);
	assert_int_equal(cfg(h, VGPU_CFG_PM + 4, 2), 0xb);
	assert_int_equal(cfg(h, 4, 2) & 4, 4); /* COMMAND stays */
	assert_int_equal(vgpu_dma_read32(h->g, HARNESS_RAM_IOVA, &v, NULL), DMA_NO_BUS_MASTER);
	assert_false(vgpu_msi(h->g));
	h->g->hw->n = 0;
	assert_int_equal(bar0(h, 0x100), 0xffffffff);
	vgpu_bar0_write(h->g, 0x100, &v, 4);
	assert_int_equal(h->g->hw->n, 0);
	assert_int_equal(harness_witness(h, WITNESS_MMIO_BAD_ACCESS), 2);
	power(h, 0);
	assert_int_equal(cfg(h, VGPU_CFG_PM + 4, 2), 8);
	assert_int_equal(vgpu_dma_read32(h->g, HARNESS_RAM_IOVA, &v, NULL), DMA_OK);
	assert_true(vgpu_msi(h->g));
	assert_int_equal(bar0(h, 0x100), 0);
	assert_int_equal(harness_witness(h, WITNESS_MMIO_BAD_ACCESS), 2);
}

static void no_such_power_state(void **state)
{
	struct harness *h = *state;

	for (uint32_t now = 0; now <= 3; now += 3) {
		power(h, now);
		power(h, 1);
		assert_int_equal(cfg(h, VGPU_CFG_PM + 4, 2), 8 | now);
		power(h, 2);
		assert_int_equal(cfg(h, VGPU_CFG_PM + 4, 2), 8 | now);
	}
	/* one byte behind is not the state */
	cfg_set(h, VGPU_CFG_PM + 5, 0, 1);
	assert_int_equal(cfg(h, VGPU_CFG_PM + 4, 2), 0xb);
}

static void bus_master_while_asleep(void **state)
{
	struct harness *h = *state;
	uint32_t v;

	power(h, 3);
	harness_bus_master(h, false);
	harness_bus_master(h, true);
	assert_int_equal(vgpu_dma_read32(h->g, HARNESS_RAM_IOVA, &v, NULL), DMA_NO_BUS_MASTER);
	harness_bus_master(h, false);
	power(h, 0);
	assert_int_equal(vgpu_dma_read32(h->g, HARNESS_RAM_IOVA, &v, NULL), DMA_NO_BUS_MASTER);
	power(h, 3);
	vgpu_function_reset(h->g);
	assert_false(vgpu_pci_asleep(h->g));
}

static void msi(void **state)
{
	struct harness *h = *state;

	assert_true(vgpu_msi(h->g));
	assert_true(vgpu_msi(h->g));
	assert_int_equal(harness_msis(h), 2);
	harness_bus_master(h, false);
	assert_false(vgpu_msi(h->g));
	harness_bus_master(h, true);
	assert_int_equal(vgpu_msi_wire(h->g->pci, -1), 0);
	assert_false(vgpu_msi(h->g));
	assert_int_equal(harness_msis(h), 0);
}

static void msi_full_counter_does_not_block(void **state)
{
	struct harness *h = *state;
	uint64_t full = UINT64_MAX - 1;
	int fd = eventfd(0, EFD_CLOEXEC); /* a blocking one */

	assert_int_equal(write(fd, &full, sizeof(full)), sizeof(full));
	assert_int_equal(vgpu_msi_wire(h->g->pci, fd), 0);
	alarm(5);
	assert_true(vgpu_msi(h->g));
	alarm(0);
}

static void msi_refuses_other_files(void **state)
{
	struct harness *h = *state;
	int p[2];

	assert_int_equal(pipe(p), 0);
	assert_true(vgpu_msi_wire(h->g->pci, p[1]) < 0);
	assert_true(vgpu_msi_wire(h->g->pci, h->ram_fd) < 0);
	/* the old wiring is still there */
	assert_true(vgpu_msi(h->g));
	assert_int_equal(harness_msis(h), 1);
	close(p[0]);
	assert_int_equal(close(p[1]), 0);
}

static void bar0_widths(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 4, 8 };
	struct harness *h = *state;
	uint64_t v = 0x1122334455667788;

	for (int i = 0; i < 4; i++) {
		vgpu_bar0_write(h->g, 0x100, &v, sizes[i]);
		assert_int_equal(h->g->hw->log[i].size, sizes[i]);
		assert_int_equal(h->g->hw->log[i].off, 0x100);
	}
	assert_int_equal(h->g->hw->log[3].val, v);
	assert_int_equal(h->g->hw->log[1].val, 0x7788);
	assert_int_equal(harness_witness(h, WITNESS_MMIO_BAD_ACCESS), 0);
}

static void bar0_unaligned_is_split_and_witnessed(void **state)
{
	struct harness *h = *state;
	uint8_t v[7] = { 1, 2, 3, 4, 5, 6, 7 };
	struct stub_access *l = h->g->hw->log;

	vgpu_bar0_write(h->g, 0x101, v, 7);
	assert_int_equal(h->g->hw->n, 3);
	assert_true(l[0].off == 0x101 && l[0].size == 1 && l[0].val == 1);
	assert_true(l[1].off == 0x102 && l[1].size == 2 && l[1].val == 0x0302);
	assert_true(l[2].off == 0x104 && l[2].size == 4 && l[2].val == 0x07060504);
	assert_int_equal(harness_witness(h, WITNESS_MMIO_BAD_ACCESS), 1);
	vgpu_bar0_read(h->g, 0x106, v, 4);
	assert_int_equal(harness_witness(h, WITNESS_MMIO_BAD_ACCESS), 2);
}

static void bar0_crosses_into_the_table(void **state)
{
	struct harness *h = *state;
	uint64_t v = 0x1111111122222222;

	vgpu_bar0_write(h->g, VGPU_GGTT_OFFSET - 4, &v, 8);
	assert_int_equal(h->g->hw->n, 1);
	assert_int_equal(*(uint32_t *)h->g->ggtt, 0x11111111);
	assert_int_equal(bar0(h, VGPU_GGTT_OFFSET), 0x11111111);
	/* the very last entry */
	vgpu_bar0_write(h->g, VGPU_BAR0_SIZE - 8, &v, 8);
	v = 0;
	vgpu_bar0_read(h->g, VGPU_BAR0_SIZE - 8, &v, 8);
	assert_int_equal(v, 0x1111111122222222);
	/* no client that maps the table does any of this */
	assert_int_equal(h->g->mmio_memory, 4);
	bar0(h, 0x100);
	assert_int_equal(h->g->mmio_memory, 4);
}

static void dead(void **state)
{
	struct harness *h = *state;
	uint32_t v = 5;
	unsigned int n;

	ram32_set(h, 0, 77);
	vgpu_set_dead(h->g, true);
	n = h->g->hw->n;
	assert_int_equal(h->g->hw->quiesced, 1);
	assert_int_equal(cfg(h, 0, 4), 0xffffffff);
	assert_int_equal(bar0(h, 0x100), 0xffffffff);
	assert_int_equal(bar0(h, VGPU_GGTT_OFFSET), 0xffffffff);
	vgpu_bar0_write(h->g, 0x100, &v, 4);
	vgpu_bar0_write(h->g, VGPU_GGTT_OFFSET, &v, 4);
	cfg_set(h, 4, 0, 2);
	cfg_set(h, VGPU_CFG_PCIE + 8, 0x8000, 2);
	assert_int_equal(h->g->hw->n, n);
	assert_false(vgpu_msi(h->g));
	assert_int_equal(vgpu_dma_read32(h->g, HARNESS_RAM_IOVA, &v, NULL), DMA_DEAD);
	assert_int_equal(v, 0);
	assert_int_equal(vgpu_dma_write32(h->g, HARNESS_RAM_IOVA, 9, NULL), DMA_DEAD);
	assert_int_equal(ram32(h, 0), 77);
	/* what a driver does to a dead device is no violation */
	assert_int_equal(harness_witness_total(h), 0);
	vgpu_function_reset(h->g);
	assert_int_equal(h->g->hw->resets[VGPU_RESET_FLR], 0);

	vgpu_set_dead(h->g, false);
	assert_int_equal(h->g->hw->quiesced, 0);
	assert_int_equal(h->g->hw->resets[VGPU_RESET_POWER_ON], 1);
	assert_int_equal(cfg(h, 0, 4), 0x64a08086);
	assert_int_equal(cfg(h, 4, 2), 0); /* a new card, not set up */
	assert_int_equal(*(uint32_t *)h->g->ggtt, 0);
}

static void reset_by_config(void **state)
{
	struct harness *h = *state;

	cfg_set(h, 0x10, 0xe0000000, 4);
	cfg_set(h, VGPU_CFG_PCIE + 8, 0x8000, 2);
	assert_int_equal(h->g->hw->resets[VGPU_RESET_FLR], 1);
	assert_false(h->g->hw->reset_while_running);
	assert_int_equal(h->g->hw->quiesced, 0);
	assert_int_equal(cfg(h, 0x10, 4), 4);
	assert_int_equal(cfg(h, VGPU_CFG_PCIE + 8, 2), 0);
	assert_false(vgpu_dma_bus_master(h->g->dma));
	/* mappings are the client's, not the function's */
	harness_bus_master(h, true);
	assert_int_equal(vgpu_dma_write32(h->g, HARNESS_RAM_IOVA, 9, NULL), DMA_OK);
	assert_true(vgpu_msi(h->g));
}

static void power_cycle_forgets_all(void **state)
{
	struct harness *h = *state;
	uint32_t v;

	vgpu_set_dead(h->g, true);
	vgpu_set_gone(h->g, true);
	vgpu_power_cycle(h->g);
	assert_false(h->g->hw->quiesced);
	assert_false(h->g->hw->reset_while_running);
	assert_false(vgpu_is_dead(h->g));
	assert_false(h->g->gone);
	assert_false(vgpu_msi(h->g));
	assert_int_equal(cfg(h, 4, 2), 0);
	harness_bus_master(h, true);
	assert_int_equal(vgpu_dma_read32(h->g, HARNESS_RAM_IOVA, &v, NULL), DMA_NEVER_MAPPED);
	assert_int_equal(h->g->hw->resets[VGPU_RESET_POWER_ON], 1);
}

static void gone_window(void **state)
{
	struct harness *h = *state;
	uint32_t v = 0;

	bar0(h, 0x44);
	assert_int_equal(harness_witness_total(h), 0);
	vgpu_set_gone(h->g, true);
	cfg(h, 0, 4);
	cfg_set(h, 4, 0x6, 2);
	assert_int_equal(harness_witness_total(h), 0); /* configuration space is the core's */
	bar0(h, 0x44);
	vgpu_bar0_write(h->g, 0x44, &v, 4);
	assert_int_equal(harness_witness(h, WITNESS_MMIO_AFTER_REMOVE), 2);
	assert_int_equal(vgpu_dma_read32(h->g, HARNESS_RAM_IOVA, &v, NULL), DMA_OK);
	assert_int_equal(harness_witness(h, WITNESS_DMA_AFTER_REMOVE), 1);
	vgpu_set_gone(h->g, false);
	bar0(h, 0x44);
	vgpu_dma_read32(h->g, HARNESS_RAM_IOVA, &v, NULL);
	assert_int_equal(harness_witness_total(h), 3);
}

static void gone_sees_mapped_table_writes(void **state)
{
	struct harness *h = *state;
	uint64_t *table = h->g->ggtt;

	table[5] = 1;
	vgpu_set_gone(h->g, true);
	vgpu_gone_check(h->g);
	assert_int_equal(harness_witness(h, WITNESS_MMIO_AFTER_REMOVE), 0);
	table[7] = 1;
	vgpu_gone_check(h->g);
	vgpu_gone_check(h->g);
	assert_int_equal(harness_witness(h, WITNESS_MMIO_AFTER_REMOVE), 1);
	table[5] = 0;
	vgpu_set_gone(h->g, false);
	assert_int_equal(harness_witness(h, WITNESS_MMIO_AFTER_REMOVE), 2);
	table[9] = 1;
	vgpu_set_gone(h->g, true);
	vgpu_set_gone(h->g, false);
	assert_int_equal(harness_witness(h, WITNESS_MMIO_AFTER_REMOVE), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(identity),
		TEST(capabilities),
		TEST(bar_sizing),
		BAD(TEST(read_only_fields)),
		BAD(TEST(write_beyond_first_page)),
		BAD(TEST(bus_master_gates_dma)),
		BAD(TEST(asleep)),
		BAD(TEST(no_such_power_state)),
		BAD(TEST(bus_master_while_asleep)),
		TEST(msi),
		BAD(TEST(msi_full_counter_does_not_block)),
		BAD(TEST(msi_refuses_other_files)),
		TEST(bar0_widths),
		BAD(TEST(bar0_unaligned_is_split_and_witnessed)),
		BAD(TEST(bar0_crosses_into_the_table)),
		BAD(TEST(dead)),
		TEST(reset_by_config),
		TEST(power_cycle_forgets_all),
		BAD(TEST(gone_window)),
		BAD(TEST(gone_sees_mapped_table_writes)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
