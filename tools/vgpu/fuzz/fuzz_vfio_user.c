// SPDX-License-Identifier: MIT
/*
 * The whole device under hostile input, through the transport seam: a byte stream of vfio-user
 * messages. A byte stream has no descriptors: every DMA_MAP gets one of a small memory file.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dma.h"
#include "fuzz.h"
#include "pci.h"
#include "transport.h"

#define RAM_SIZE (4u << 20)

struct input {
	const uint8_t *data;
	size_t len, pos;
	size_t msg; /* where the first message not yet received begins */
	int ram_fd;
};

static ssize_t input_recv(void *ctx, void *buf, size_t len, int *fds, unsigned int *nfds)
{
	struct input *in = ctx;
	size_t n = in->len - in->pos;

	if (n > len)
		n = len;
	memcpy(buf, in->data + in->pos, n);
	in->pos += n;
	while (in->msg < in->pos && in->len - in->msg >= sizeof(struct vu_header)) {
		struct vu_header h;

		memcpy(&h, in->data + in->msg, sizeof(h));
		in->msg += h.size > sizeof(h) ? h.size : sizeof(h);
		if (h.command == VU_DMA_MAP && *nfds < VGPU_VU_MAX_FDS)
			fds[(*nfds)++] = fcntl(in->ram_fd, F_DUPFD_CLOEXEC, 0);
	}
	return (ssize_t)n;
}

static int input_send(void *ctx, const void *buf, size_t len, int fd)
{
	(void)ctx;
	(void)buf;
	(void)len;
	(void)fd;
	return 0;
}

static const struct transport_ops input_ops = { input_recv, input_send };

/* With and without local memory; the length of an input says which it is for. */
static struct vgpu *devices[2];

/* One session; the device is power cycled after it, as when a client leaves. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in = { .data = data, .len = len };
	struct vgpu *device = devices[len & 1];
	struct connection c;

	vgpu_log_level = VGPU_LOG_NONE; /* refusals are what this is about */
	if (!device)
		device = devices[len & 1] = vgpu_new(personality_find(len & 1 ? "bmg" : "lnl"));
	if (!device)
		abort();
	in.ram_fd = memfd_create("ram", MFD_CLOEXEC);
	if (in.ram_fd < 0 || ftruncate(in.ram_fd, RAM_SIZE) ||
	    connection_init(&c, device, &input_ops, &in))
		abort();
	while (connection_pump(&c, 1000) >= 0)
		;
	connection_fini(&c);
	close(in.ram_fd);
	vgpu_power_cycle(device);
	return 0;
}

/* ---- sessions of our own ------------------------------------------------------------ */

static uint8_t *session;
static size_t session_len, session_max;

static void put(unsigned int command, const void *body, size_t len)
{
	struct vu_header h = { .command = (uint16_t)command, .size = (uint32_t)(sizeof(h) + len) };

	if (session_len + h.size > session_max)
		return;
	/* few messages lie about themselves: most must get past the validator */
	if (rand() % 400 == 0)
		h.size += (uint32_t)(rand() % 9 - 4);
	memcpy(session + session_len, &h, sizeof(h));
	if (len)
		memcpy(session + session_len + sizeof(h), body, len);
	session_len += sizeof(h) + len;
}

static void put_write(unsigned int region, uint64_t off, uint64_t val, uint32_t size)
{
	struct {
		struct vu_region_access a;
		uint64_t val;
	} m = { { off, region, size }, val };

	put(VU_REGION_WRITE, &m, sizeof(m.a) + size);
}

/* Registers behind which something happens: doorbell, mailbox, interrupts, resets, firmware, power. */
static uint64_t pick_register(void)
{
	static const uint32_t hot[] = {
		0x1901f0, 0x190240, 0x190244, 0x190248, 0x19024c, 0x190008, 0x190010, 0x190018,
		0x19001c, 0x190060, 0x190064, 0x190070, 0x190074, 0x190030, 0x941c,   0xc300,
		0xc304,	  0xc308,   0xc30c,   0xc310,	0xc314,	  0xc000,   0xc050,   0xc340,
		0xa188,	  0xa278,   0x138124, 0x101010, 0x101018, 0x2358,   0xcee8,   0xcf7c,
	};

	return rand() % 4 ? hot[(size_t)rand() % (sizeof(hot) / sizeof(hot[0]))] :
			    (uint64_t)rand() % VGPU_GGTT_OFFSET & ~3ull;
}

static uint64_t pick_value(void)
{
	static const uint64_t nasty[] = {
		0,	    1,		0xffffffff,  0x80000000, 0x00010001, 0x7fffffff,
		0x10001000, 0x40000000, 0x140000001, 0x4502,	 0x10004503, 0x1000,
		0x4100,	    0x508,	0x4509,	     0x5507,
	};

	return rand() % 2 ? nasty[(size_t)rand() % (sizeof(nasty) / sizeof(nasty[0]))] :
			    (uint64_t)rand() << 20 ^ (uint64_t)rand();
}

size_t fuzz_make(uint8_t *buf, size_t max)
{
	struct vu_dma_map map = { 32, 3, 0, 0x40000000, RAM_SIZE };
	unsigned int n = (unsigned int)rand() % 400;

	session = buf;
	session_max = max;
	session_len = 0;
	put(VU_VERSION, "\0\0\0\0", 4);
	put(VU_DMA_MAP, &map, sizeof(map));
	put_write(VU_REGION_CONFIG, 4, 6, 2);
	while (n--) {
		struct vu_dma_unmap un = { 24, 0, 0x40000000 + (uint64_t)(rand() % 1100) * 4096, 4096 };
		struct vu_region_access rd = { pick_register(), 0, 1u << rand() % 4 };

		switch (rand() % 17) {
		case 0:
			put(VU_DMA_UNMAP, &un, sizeof(un));
			break;
		case 1:
			map = (struct vu_dma_map){ 32, (uint32_t)rand() % 4,
						   (uint64_t)(rand() % 1024) * 4096, un.addr, 4096 };
			put(VU_DMA_MAP, &map, sizeof(map));
			break;
		case 2:
		case 3:
			put_write(VU_REGION_BAR0, VGPU_GGTT_OFFSET + (uint64_t)(rand() % 4096) * 8,
				  un.addr | 1, 8);
			break;
		case 4:
			put(VU_REGION_READ, &rd, sizeof(rd));
			break;
		case 5:
			put_write(VU_REGION_CONFIG, (uint64_t)rand() % 256, pick_value(),
				  1u << rand() % 3);
			break;
		case 7:
			rd.region = VU_REGION_BAR2;
			rd.offset = rand() % 4 ? un.addr & 0xfffffff : pick_value();
			if (rand() % 2)
				put_write(VU_REGION_BAR2, rd.offset, pick_value(), 1u << rand() % 4);
			else
				put(VU_REGION_READ, &rd, sizeof(rd));
			break;
		case 6:
			if (rand() % 8 == 0)
				put(VU_DEVICE_RESET, NULL, 0);
			break;
		default:
			put_write(VU_REGION_BAR0, pick_register(), pick_value(), 4);
		}
	}
	for (int k = rand() % 6; k > 0; k--)
		session[(size_t)rand() % session_len] = (uint8_t)rand();
	return session_len;
}

void fuzz_report(void)
{
	unsigned long long writes = 0, reads = 0;

	for (int i = 0; i < 2; i++) {
		writes += devices[i] ? devices[i]->mmio_writes : 0;
		reads += devices[i] ? devices[i]->mmio_reads : 0;
	}
	fprintf(stderr, "%llu register writes, %llu reads\n", writes, reads);
}
