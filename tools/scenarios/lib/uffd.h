/* SPDX-License-Identifier: MIT */
/*
 * Pages whose first access sleeps until somebody gives them content.
 */
#ifndef SCENARIOS_UFFD_H
#define SCENARIOS_UFFD_H

#include <stddef.h>

#define UFFD_PAGE 4096u

struct uffd {
	int fd;
	char *pages;
	unsigned int count;
};

/* @count such pages. 0, SCN_SKIP when the kernel gives no userfaultfd, or -1, reported. */
int uffd_open(struct uffd *u, unsigned int count);

void *uffd_page(const struct uffd *u, unsigned int i);

/* Wait up to @ms until somebody sleeps on page @i. 0 or -1, reported. */
int uffd_wait(struct uffd *u, unsigned int i, int ms);

/* Give page @i the content of the @bytes at @data, zeroes behind; who sleeps wakes up. */
int uffd_resolve(struct uffd *u, unsigned int i, const void *data, size_t bytes);

void uffd_close(struct uffd *u);

#endif
