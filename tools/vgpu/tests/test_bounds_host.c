/* SPDX-License-Identifier: MIT */
/* What a client, a driver's configuration accesses or the rig may say, one further than it goes. */
#define _GNU_SOURCE
#include "gpu.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

#include "dma.h"
#include "dma_tree.h"
#include "events.h"
#include "pci.h"
#include "transport.h"
#include "trigger.h"

static const struct dma_origin who = { .engine = "test", .guc_id = -1 };

static void configuration_space_ends(void **state)
{
	struct harness *h = *state;
	uint8_t ones[64], was[256], now[256], beyond[64];

	memset(ones, 0xff, sizeof(ones));
	vgpu_cfg_read(h->g, 0, was, 256);
	for (uint32_t off = 240; off < 1024; off += 13)
		vgpu_cfg_write(h->g, off, ones, sizeof(ones));
	vgpu_cfg_write(h->g, VGPU_CFG_SIZE - 64, ones, sizeof(ones));
	vgpu_cfg_read(h->g, 0, now, 256);
	assert_memory_equal(was, now, 240);
	vgpu_cfg_read(h->g, 256, beyond, sizeof(beyond));
	for (size_t i = 0; i < sizeof(beyond); i++)
		assert_int_equal(beyond[i], 0);
	assert_true(vgpu_dma_bus_master(h->g->dma));
	assert_true(vgpu_msi(h->g));
	harness_bus_master(h, false);
	assert_false(vgpu_msi(h->g));
}

/* Long accesses with a trigger that falsifies what is written: eight bytes of it, if that much. */
static void falsified_writes(void **state)
{
	const struct trigger t = { .kinds = 1u << EVENT_MMIO_WRITE, .action = ACTION_CORRUPT, .n = 1,
				   .arg = 0xffffffff };
	struct harness *h = *state;
	uint8_t buf[512], got[512];

	memset(buf, 0x11, sizeof(buf));
	for (uint32_t len = 1; len <= sizeof(buf); len *= 2) {
		assert_true(vgpu_trigger_arm(h->g, &t) > 0);
		vgpu_bar0_write(h->g, VGPU_GGTT_OFFSET, buf, len);
		vgpu_bar0_read(h->g, VGPU_GGTT_OFFSET, got, len);
		assert_int_equal(got[0], len <= 8 ? 0xee : 0x11);
		assert_int_equal(got[len - 1], len == 8 ? 0x11 : got[0]);
		assert_int_equal(vgpu_trigger_disarm(h->g, 0), 0);
	}
}

/* As many files as the table has numbers for, and one more. */
static void files_end(void **state)
{
	struct harness *h = *state;
	struct vgpu_dma_stats s;
	int fd, err = 0;

	vgpu_dma_get_stats(h->g->dma, &s);
	for (uint64_t i = s.files; i < DMA_TREE_MAX_FILES; i++) {
		fd = memfd_create("file", MFD_CLOEXEC);
		assert_true(fd >= 0);
		assert_int_equal(ftruncate(fd, 4096), 0);
		err = vgpu_dma_map(h->g->dma, 0x10000000000 + 4096 * i, 4096, fd, 0, VGPU_DMA_READ);
		close(fd);
		assert_int_equal(err, i == DMA_TREE_MAX_FILES - 1 ? -ENOSPC : 0);
	}
	vgpu_dma_get_stats(h->g->dma, &s);
	assert_int_equal(s.files, DMA_TREE_MAX_FILES - 1);
	vgpu_dma_unmap_all(h->g->dma);
}

/* The last page of the bus, and what would be behind it. */
static void addresses_end(void **state)
{
	const uint64_t limit = 1ull << VGPU_DMA_ADDR_BITS;
	struct harness *h = *state;
	struct vgpu_dma_stats was, now;
	uint32_t val;

	vgpu_dma_get_stats(h->g->dma, &was);
	assert_int_equal(vgpu_dma_map(h->g->dma, limit - 4096, 4096, -1, 0, VGPU_DMA_READ), 0);
	assert_int_equal(vgpu_dma_map(h->g->dma, limit - 4096, 8192, -1, 0, VGPU_DMA_READ), -EINVAL);
	assert_int_equal(vgpu_dma_map(h->g->dma, limit, 4096, -1, 0, VGPU_DMA_READ), -EINVAL);
	/* nothing, and behind the end: no page of anybody's goes */
	assert_int_equal(vgpu_dma_unmap(h->g->dma, limit - 4096, 0), 0);
	assert_int_equal(vgpu_dma_unmap(h->g->dma, limit, 4096), 0);
	assert_int_equal(vgpu_dma_unmap(h->g->dma, limit + HARNESS_RAM_IOVA, 4096), 0);
	vgpu_dma_get_stats(h->g->dma, &now);
	assert_int_equal(now.live_pages, was.live_pages + 1);
	/* it may say more than there is */
	assert_int_equal(vgpu_dma_unmap(h->g->dma, limit - 4096, 0x10000), 0);
	vgpu_dma_get_stats(h->g->dma, &now);
	assert_int_equal(now.live_pages, was.live_pages);
	/* a number that begins again at 0 behind the last bit the table has */
	assert_int_equal(vgpu_dma_read32(h->g, limit + HARNESS_RAM_IOVA, &val, &who), DMA_NEVER_MAPPED);
	assert_int_equal(vgpu_dma_read32(h->g, (1ull << (DMA_TREE_BITS + 12)) | HARNESS_RAM_IOVA, &val, &who),
			 DMA_NEVER_MAPPED);
}

/* More runs in a copy than are gathered before they are moved. */
static void runs_without_end(void **state)
{
	struct dma_seg segs[100] = { 0 };
	struct harness *h = *state;

	for (unsigned int i = 0; i < 100; i++) {
		memset(h->ram + 0x100000 + 256 * i, (int)i + 1, 64);
		segs[i] = (struct dma_seg){ .dst.iova = HARNESS_RAM_IOVA + 0x200000 + 512 * (99 - i),
					    .src.iova = HARNESS_RAM_IOVA + 0x100000 + 256 * i,
					    .len = 64 };
	}
	for (unsigned int n = 1; n <= 100; n++) {
		memset(h->ram + 0x200000, 0, 512 * 100);
		assert_true(vgpu_dma_copy(h->g, segs, n));
		for (unsigned int i = 0; i < 100; i++)
			assert_int_equal(h->ram[0x200000 + 512 * (99 - i) + 63], i < n ? i + 1 : 0);
	}
}

/* A name as long as its room, and one longer. */
static void socket_names_end(void **state)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];

	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = 0;
	assert_int_equal(unix_listen(path), -ENAMETOOLONG);
	path[1] = '/'; /* a folder that is not there */
	path[2] = 'n';
	path[3] = '/';
	path[sizeof(path) - 2] = 0;
	assert_int_equal(unix_listen(path), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BAD(TEST(configuration_space_ends)),
		BAD(TEST(falsified_writes)),
		BAD(TEST(files_end)),
		BAD(TEST(addresses_end)),
		BAD(TEST(runs_without_end)),
		BAD(cmocka_unit_test(socket_names_end)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
