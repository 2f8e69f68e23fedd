// SPDX-License-Identifier: MIT
/* Mounts and the other things an init does before it can serve. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

uint64_t agent_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

static void mount_one(const char *type, const char *what, const char *where, unsigned long flags,
		      const char *data)
{
	mkdir(where, 0755);
	if (mount(what, where, type, flags, data) && errno != EBUSY)
		fprintf(stderr, "agent: mount %s on %s: %s\n", what, where, strerror(errno));
}

/* XE_UNPLUG_9P is "tag:path[:ro],..."; the kernel hands unknown NAME=value parameters to init. */
static void mount_shares(void)
{
	const char *list = getenv("XE_UNPLUG_9P");
	char *copy, *save = NULL;

	if (!list)
		return;
	copy = strdup(list);
	for (char *item = strtok_r(copy, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		char *path = strchr(item, ':'), *mode;

		if (!path)
			continue;
		*path++ = 0;
		mode = strchr(path, ':');
		if (mode)
			*mode++ = 0;
		mount_one("9p", item, path, mode ? MS_RDONLY : 0,
			  "trans=virtio,version=9p2000.L,msize=262144,cache=loose");
	}
	free(copy);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "agent: %s: %s\n", path, strerror(errno));
	close(fd);
}

void setup_mounts(void)
{
	umask(022);
	mount_one("devtmpfs", "dev", "/dev", 0, NULL);
	mount_one("proc", "proc", "/proc", 0, NULL);
	mount_one("sysfs", "sys", "/sys", 0, NULL);
	mount_one("debugfs", "debug", "/sys/kernel/debug", 0, NULL);
	mount_one("configfs", "config", "/sys/kernel/config", 0, NULL);
	mount_one("tmpfs", "tmp", "/tmp", 0, NULL);
	mount_one("tmpfs", "run", "/run", 0, NULL);
	mount_one("tmpfs", "shm", "/dev/shm", 0, NULL);
	mount_shares();
	/* Without this the kernel prints the first DMA-API error of a boot and hides the rest. */
	write_file("/sys/kernel/debug/dma-api/all_errors", "1");
	/* Lists of free pages per processor grow to tens of MiB that MemFree does not count. */
	write_file("/proc/sys/vm/percpu_pagelist_high_fraction", "1000000");
	/*
	 * Pages that the kernel moves on its own (compaction, khugepaged): the notifier of a userptr
	 * then waits for all jobs of its VM. With endless ones that is a minute and more, in which
	 * exec sleeps, in a cell about something else. userptr-moved moves pages when it is asked to.
	 */
	write_file("/proc/sys/vm/compaction_proactiveness", "0");
	write_file("/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs", "4294967295");
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	setenv("HOME", "/", 1);
}

int setup_run(const char *const argv[])
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool setup_shell(void)
{
	const char *tty = getenv("XE_UNPLUG_SHELL");
	char path[64];
	pid_t pid;

	if (!tty)
		return false;
	snprintf(path, sizeof(path), "/dev/%s", tty);
	pid = fork();
	if (!pid) {
		int fd;

		setsid();
		fd = open(path, O_RDWR);
		if (fd < 0)
			_exit(127);
		ioctl(fd, TIOCSCTTY, 1);
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		if (fd > 2)
			close(fd);
		setenv("TERM", "vt220", 1);
		setenv("PS1", "guest:\\w# ", 1);
		execl("/bin/sh", "sh", "/etc/shell.rc", (char *)NULL);
		_exit(127);
	}
	for (;;) {
		pid_t got = wait(NULL);

		if (got == pid || (got < 0 && errno == ECHILD))
			return true;
	}
}
