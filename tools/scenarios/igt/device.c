// SPDX-License-Identifier: MIT
/*
 * The PCI device in sysfs, see device.h.
 */
#include "device.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common.h"

#define DRIVER "/sys/bus/pci/drivers/xe"

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		err = errno;
	close(fd);
	return err;
}

/* The first entry of folder @path that begins with @prefix, into @out. 0 or -1. */
static int first_entry(const char *path, const char *prefix, char *out, size_t size)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int ret = -1;

	if (!d)
		return -1;
	while (ret && (e = readdir(d)))
		if (!strncmp(e->d_name, prefix, strlen(prefix)) && strlen(e->d_name) < size) {
			strcpy(out, e->d_name);
			ret = 0;
		}
	closedir(d);
	return ret;
}

int device_find(struct device *d, const char *name)
{
	static const char slot[] = "pci:slot=";
	char path[64];

	memset(d, 0, sizeof(*d));
	if (!name)
		return first_entry(DRIVER, "0", d->bdf, sizeof(d->bdf));
	if (!strncmp(name, slot, sizeof(slot) - 1))
		name += sizeof(slot) - 1;
	if (strlen(name) >= sizeof(d->bdf))
		return -1;
	strcpy(d->bdf, name);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", d->bdf);
	return access(path, F_OK);
}

int device_wait(struct device *d, unsigned int ms)
{
	uint64_t end = scn_now_ms() + ms;
	char path[64], node[20];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/drm", d->bdf);
	while (first_entry(path, "renderD", node, sizeof(node))) {
		if (scn_now_ms() > end)
			return -1;
		scn_sleep_ms(10);
	}
	snprintf(d->node, sizeof(d->node), "/dev/dri/%s", node);
	while (access(d->node, F_OK)) {
		if (scn_now_ms() > end)
			return -1;
		scn_sleep_ms(10);
	}
	return 0;
}

int device_unbind(const struct device *d)
{
	return write_file(DRIVER "/unbind", d->bdf);
}

int device_bind(const struct device *d)
{
	return write_file(DRIVER "/bind", d->bdf);
}

int device_remove(const struct device *d)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/remove", d->bdf);
	return write_file(path, "1");
}

int device_rescan(void)
{
	return write_file("/sys/bus/pci/rescan", "1");
}
