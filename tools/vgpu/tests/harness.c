// SPDX-License-Identifier: MIT
/* A device inside the test program. */
#define _GNU_SOURCE
#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "dma.h"
#include "events.h"
#include "pci.h"
#include "witness.h"

struct harness *harness_new_of(const char *personality)
{
	struct harness *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	/* tests provoke errors on purpose; -v of the program has no counterpart here */
	if (!getenv("VGPU_TEST_LOG"))
		vgpu_log_level = VGPU_LOG_NONE;
	h->g = vgpu_new(personality_find(personality));
	assert_non_null(h->g);
	h->ram_fd = memfd_create("ram", MFD_CLOEXEC);
	assert_true(h->ram_fd >= 0);
	assert_int_equal(ftruncate(h->ram_fd, HARNESS_RAM_SIZE), 0);
	h->ram = mmap(NULL, HARNESS_RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, h->ram_fd, 0);
	assert_true(h->ram != MAP_FAILED);
	assert_int_equal(vgpu_dma_map(h->g->dma, HARNESS_RAM_IOVA, HARNESS_RAM_SIZE, h->ram_fd, 0,
				      VGPU_DMA_READ | VGPU_DMA_WRITE),
			 0);
	h->msi_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_true(h->msi_fd >= 0);
	assert_int_equal(vgpu_msi_wire(h->g->pci, fcntl(h->msi_fd, F_DUPFD_CLOEXEC, 0)), 0);
	harness_bus_master(h, true);
	return h;
}

struct harness *harness_new(void)
{
	return harness_new_of("lnl");
}

void harness_free(struct harness *h)
{
	if (!h)
		return;
	vgpu_free(h->g);
	munmap(h->ram, HARNESS_RAM_SIZE);
	close(h->ram_fd);
	close(h->msi_fd);
	free(h);
}

int harness_setup(void **state)
{
	*state = harness_new();
	return 0;
}

int harness_setup_bmg(void **state)
{
	*state = harness_new_of("bmg");
	return 0;
}

int harness_teardown(void **state)
{
	harness_free(*state);
	return 0;
}

uint64_t harness_msis(struct harness *h)
{
	uint64_t n = 0;

	if (read(h->msi_fd, &n, sizeof(n)) != sizeof(n))
		return 0;
	return n;
}

bool harness_wait_msi(struct harness *h, int ms)
{
	struct pollfd p = { .fd = h->msi_fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

uint64_t harness_witness(struct harness *h, enum vgpu_witness_kind kind)
{
	return vgpu_witness_count(h->g->witness, kind);
}

uint64_t harness_witness_total(struct harness *h)
{
	uint64_t n = 0;

	for (int k = 0; k < WITNESS_KINDS; k++)
		n += harness_witness(h, (enum vgpu_witness_kind)k);
	return n;
}

void harness_bus_master(struct harness *h, bool on)
{
	uint16_t command = on ? 0x0006 : 0x0002;

	vgpu_cfg_write(h->g, 0x04, &command, sizeof(command));
}

void harness_ggtt(struct harness *h, uint64_t gpu, uint32_t off, unsigned int pages)
{
	uint64_t *table = h->g->ggtt;

	for (unsigned int i = 0; i < pages; i++)
		table[(gpu >> VGPU_PAGE_SHIFT) + i] =
			(HARNESS_RAM_IOVA + off + ((uint64_t)i << VGPU_PAGE_SHIFT)) | 1;
}

void harness_path_new(struct harness_path *p)
{
	const char *tmp = getenv("TMPDIR");
	int n = snprintf(p->dir, sizeof(p->dir), "%s/vgpu-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");

	assert_in_range(n, 1, sizeof(p->dir) - 1);
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/s", p->dir);
}

void harness_path_free(const struct harness_path *p)
{
	assert_int_equal(access(p->path, F_OK), -1);
	assert_int_equal(rmdir(p->dir), 0);
}

int harness_dial(const struct harness_path *p)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(a.sun_path, p->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

int harness_open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

bool harness_run_deferred(struct harness *h, int ms)
{
	struct pollfd p = { .fd = vgpu_events_fd(h->g->events), .events = POLLIN };

	if (poll(&p, 1, ms) != 1)
		return false;
	vgpu_events_ready(h->g);
	return true;
}

json_int_t harness_num(const json_t *o, const char *key)
{
	assert_true(json_is_integer(json_object_get(o, key)));
	return json_integer_value(json_object_get(o, key));
}

json_t *harness_control(struct harness *h, const char *line, bool ok)
{
	bool shutdown = false;
	json_t *r = control_execute(h->g, line, strlen(line), &shutdown);

	assert_true(json_is_object(r));
	assert_true(json_is_boolean(json_object_get(r, "ok")));
	assert_int_equal(json_is_true(json_object_get(r, "ok")), ok);
	if (!ok) {
		const char *why = json_string_value(json_object_get(r, "error"));

		assert_non_null(why);
		assert_true(*why && !strchr(why, '\n'));
	}
	assert_false(shutdown);
	return r;
}
