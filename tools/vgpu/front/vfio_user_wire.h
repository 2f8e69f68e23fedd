/* SPDX-License-Identifier: MIT */
/*
 * vfio-user on the wire, as its specification (version 0.x) describes it: a
 * 16 byte header and a body, little endian, file descriptors beside it.
 */
#ifndef VGPU_VFIO_USER_WIRE_H
#define VGPU_VFIO_USER_WIRE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the wire structs are used in place"
#endif

enum vu_command {
	VU_VERSION = 1,
	VU_DMA_MAP = 2,
	VU_DMA_UNMAP = 3,
	VU_DEVICE_GET_INFO = 4,
	VU_DEVICE_GET_REGION_INFO = 5,
	VU_DEVICE_GET_REGION_IO_FDS = 6,
	VU_DEVICE_GET_IRQ_INFO = 7,
	VU_DEVICE_SET_IRQS = 8,
	VU_REGION_READ = 9,
	VU_REGION_WRITE = 10,
	VU_DMA_READ = 11,
	VU_DMA_WRITE = 12,
	VU_DEVICE_RESET = 13,
	VU_DIRTY_PAGES = 14,
	VU_REGION_WRITE_MULTI = 15,
	VU_COMMANDS
};

#define VU_TYPE_MASK	0xfu
#define VU_TYPE_COMMAND 0u
#define VU_TYPE_REPLY	1u
#define VU_NO_REPLY	0x10u
#define VU_ERROR	0x20u

struct vu_header {
	uint16_t id;
	uint16_t command;
	uint32_t size; /* of the whole message */
	uint32_t flags;
	uint32_t error;
};
static_assert(sizeof(struct vu_header) == 16, "header");

struct vu_version {
	uint16_t major, minor;
	/* JSON text, ends with a 0 byte */
};
static_assert(sizeof(struct vu_version) == 4, "version");

#define VU_DMA_F_READ  1u
#define VU_DMA_F_WRITE 2u

struct vu_dma_map {
	uint32_t argsz, flags;
	uint64_t offset, addr, size;
};
static_assert(sizeof(struct vu_dma_map) == 32, "dma map");

#define VU_UNMAP_F_DIRTY 1u
#define VU_UNMAP_F_ALL	 2u

struct vu_dma_unmap {
	uint32_t argsz, flags;
	uint64_t addr, size;
};
static_assert(sizeof(struct vu_dma_unmap) == 24, "dma unmap");

#define VU_DEVICE_F_RESET 1u
#define VU_DEVICE_F_PCI	  2u

struct vu_device_info {
	uint32_t argsz, flags, num_regions, num_irqs;
};
static_assert(sizeof(struct vu_device_info) == 16, "device info");

#define VU_REGION_F_READ  1u
#define VU_REGION_F_WRITE 2u
#define VU_REGION_F_MMAP  4u
#define VU_REGION_F_CAPS  8u

struct vu_region_info {
	uint32_t argsz, flags, index, cap_offset;
	uint64_t size, offset;
};
static_assert(sizeof(struct vu_region_info) == 32, "region info");

#define VU_CAP_SPARSE_MMAP 1u

struct vu_area {
	uint64_t offset, size;
};
static_assert(sizeof(struct vu_area) == 16, "area");

/* Capability after the region info: areas the client may map. */
struct vu_sparse_mmap {
	uint16_t id, version;
	uint32_t next, nr_areas, reserved;
	/* areas */
};
static_assert(sizeof(struct vu_sparse_mmap) == 16, "sparse mmap");

#define VU_IRQ_F_EVENTFD  1u
#define VU_IRQ_F_NORESIZE 8u

struct vu_irq_info {
	uint32_t argsz, flags, index, count;
};
static_assert(sizeof(struct vu_irq_info) == 16, "irq info");

#define VU_IRQ_DATA_NONE      0x01u
#define VU_IRQ_DATA_BOOL      0x02u
#define VU_IRQ_DATA_EVENTFD   0x04u
#define VU_IRQ_ACTION_TRIGGER 0x20u

struct vu_irq_set {
	uint32_t argsz, flags, index, start, count;
	/* DATA_BOOL: one byte an interrupt */
};
static_assert(sizeof(struct vu_irq_set) == 20, "irq set");

struct vu_region_access {
	uint64_t offset;
	uint32_t region, count;
	/* data */
};
static_assert(sizeof(struct vu_region_access) == 16, "region access");

/* One of the writes gathered in VU_REGION_WRITE_MULTI; a 64-bit number of them comes first. */
struct vu_write_one {
	uint64_t offset;
	uint32_t region, count;
	uint8_t data[8];
};
static_assert(sizeof(struct vu_write_one) == 24, "write one");

/* Regions and interrupts of a vfio PCI device. */
enum { VU_REGION_BAR0 = 0, VU_REGION_BAR2 = 2, VU_REGION_CONFIG = 7, VU_REGIONS = 9 };
enum { VU_IRQ_INTX = 0, VU_IRQ_MSI = 1, VU_IRQS = 5 };

#endif
