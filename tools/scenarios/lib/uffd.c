// SPDX-License-Identifier: MIT
/*
 * Missing pages by userfaultfd, see uffd.h.
 */
#define _GNU_SOURCE
#include "uffd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common.h"

int uffd_open(struct uffd *u, unsigned int count)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	u->fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (u->fd < 0)
		return scn_skip("userfaultfd: %s", scn_errname(errno));
	u->count = count;
	u->pages = mmap(NULL, count * UFFD_PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (u->pages == MAP_FAILED) {
		u->pages = NULL;
		return scn_fail_errno(errno, "mmap of %u pages", count);
	}
	reg.range.start = (uintptr_t)u->pages;
	reg.range.len = count * UFFD_PAGE;
	if (ioctl(u->fd, UFFDIO_API, &api) || ioctl(u->fd, UFFDIO_REGISTER, &reg))
		return scn_fail_errno(errno, "registration with userfaultfd");
	return 0;
}

void *uffd_page(const struct uffd *u, unsigned int i)
{
	return u->pages + i * UFFD_PAGE;
}

int uffd_wait(struct uffd *u, unsigned int i, int ms)
{
	struct pollfd p = { .fd = u->fd, .events = POLLIN };
	uintptr_t page = (uintptr_t)uffd_page(u, i);
	uint64_t end = scn_now_ms() + ms, now;

	while ((now = scn_now_ms()) < end) {
		struct uffd_msg m;

		if (poll(&p, 1, end - now) != 1 || read(u->fd, &m, sizeof(m)) != sizeof(m))
			continue;
		if (m.event == UFFD_EVENT_PAGEFAULT &&
		    m.arg.pagefault.address / UFFD_PAGE == page / UFFD_PAGE)
			return 0;
	}
	return scn_fail("nobody sleeps on page %u within %d ms", i, ms);
}

int uffd_resolve(struct uffd *u, unsigned int i, const void *data, size_t bytes)
{
	static char page[UFFD_PAGE] __attribute__((aligned(UFFD_PAGE)));
	struct uffdio_copy c = {
		.dst = (uintptr_t)uffd_page(u, i),
		.src = (uintptr_t)page,
		.len = UFFD_PAGE,
	};

	memset(page, 0, sizeof(page));
	memcpy(page, data, bytes);
	if (ioctl(u->fd, UFFDIO_COPY, &c) && errno != EEXIST)
		return scn_fail_errno(errno, "content for page %u", i);
	return 0;
}

void uffd_close(struct uffd *u)
{
	if (u->fd > 0)
		close(u->fd);
	if (u->pages)
		munmap(u->pages, u->count * UFFD_PAGE);
	memset(u, 0, sizeof(*u));
}
