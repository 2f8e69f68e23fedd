/* SPDX-License-Identifier: MIT */
/*
 * The PCI device under test: found in sysfs, taken away, brought back.
 */
#ifndef SCENARIOS_IGT_DEVICE_H
#define SCENARIOS_IGT_DEVICE_H

#include <stdbool.h>
#include <stddef.h>

struct device {
	char bdf[16];		/* "0000:03:00.0" */
	char node[32];		/* its render node, valid while bound */
};

/*
 * The device called @name ("0000:03:00.0" or "pci:slot=0000:03:00.0"), or the
 * first one xe drives when @name is NULL. 0, or -1.
 */
int device_find(struct device *d, const char *name);

/* Render node of the device once it is there, waiting up to @ms. 0, or -1 (errno). */
int device_wait(struct device *d, unsigned int ms);

/* Writes to sysfs; 0 or an errno value. */
int device_unbind(const struct device *d);
int device_bind(const struct device *d);
int device_remove(const struct device *d);
int device_rescan(void);

#endif
