// SPDX-License-Identifier: MIT
/* The sandbox, tried in children: what must fail fails, what a device needs still works. */
#define _GNU_SOURCE
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sandbox.h"

#define UNSUPPORTED 77

/* Runs @fn in a child behind the sandbox; its exit status. */
static int inside(int (*fn)(void))
{
	pid_t pid = fork();
	int status = 0, err;

	if (!pid) {
		if (sandbox_drop_privileges())
			_exit(100);
		err = sandbox_enter();
		/* raw exits: the sanitizers' own work at exit is not allowed in there */
		_exit(err == -ENOSYS || err == -EINVAL ? UNSUPPORTED : err ? 101 : fn());
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == UNSUPPORTED)
		skip();
	return WEXITSTATUS(status);
}

/* Calls that give what the process must not have: each is refused, not just unsuccessful. */
static const struct call {
	const char *what;
	long nr, args[6];
} refused[] = {
	{ "open", SYS_openat, { AT_FDCWD, (long)"/dev/null", O_RDONLY } },
	{ "create", SYS_openat, { AT_FDCWD, (long)"x", O_CREAT | O_WRONLY, 0600 } },
	{ "open how", SYS_openat2, { AT_FDCWD, (long)"/dev/null", 0, 24 } },
	{ "remove", SYS_unlinkat, { AT_FDCWD, (long)"/nowhere/x", 0 } },
	{ "remove a folder", SYS_unlinkat, { AT_FDCWD, (long)"/nowhere", AT_REMOVEDIR } },
	{ "rename", SYS_renameat2, { AT_FDCWD, (long)"/nowhere/x", AT_FDCWD, (long)"/nowhere/y", 0 } },
	{ "link", SYS_linkat, { AT_FDCWD, (long)"/nowhere/x", AT_FDCWD, (long)"/nowhere/y", 0 } },
	{ "make a folder", SYS_mkdirat, { AT_FDCWD, (long)"/nowhere/x", 0700 } },
	{ "mode", SYS_fchmodat, { AT_FDCWD, (long)"/nowhere", 0777 } },
	{ "truncate", SYS_ftruncate, { 2, 0 } },
	{ "socket", SYS_socket, { AF_INET, SOCK_STREAM, 0 } },
	{ "connect", SYS_connect, { 0, 0, 0 } },
	{ "bind", SYS_bind, { 0, 0, 0 } },
	{ "new memory file", SYS_memfd_create, { (long)"x", 0 } },
	{ "execute", SYS_execve, { (long)"/bin/true", 0, 0 } },
	{ "execute a descriptor", SYS_execveat, { AT_FDCWD, (long)"/bin/true", 0, 0, 0 } },
	{ "clone", SYS_clone, { SIGCHLD } },
	{ "clone 3", SYS_clone3, { 0, 64 } },
	{ "code", SYS_mmap, { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1 } },
	{ "code that can be written", SYS_mmap,
	  { 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1 } },
	{ "code later", SYS_mprotect, { 0, 4096, PROT_READ | PROT_EXEC } },
	{ "code with a key", SYS_pkey_mprotect, { 0, 4096, PROT_EXEC, -1 } },
	{ "another's memory", SYS_process_vm_readv, { 1, 0, 0, 0, 0, 0 } },
	{ "debug", SYS_ptrace, { 16, 1, 0, 0 } },
	{ "signal", SYS_kill, { 1, 0 } },
	{ "signal a thread", SYS_tgkill, { 1, 1, 0 } },
	{ "owner of a descriptor", SYS_fcntl, { 0, F_SETOWN, 1 } },
	{ "signals of a descriptor", SYS_fcntl, { 0, F_SETFL, O_ASYNC } },
	{ "copy of a descriptor", SYS_fcntl, { 0, F_DUPFD, 0 } },
	{ "another copy", SYS_dup, { 0 } },
	{ "device control", SYS_ioctl, { 0, 0, 0 } },
	{ "user", SYS_setuid, { 1 } },
	{ "root", SYS_chroot, { (long)"/tmp" } },
	{ "mount", SYS_mount, { 0, 0, 0, 0, 0 } },
	{ "name space", SYS_unshare, { 0x10000000 } },
	{ "process control", SYS_prctl, { PR_SET_DUMPABLE, 1 } },
	{ "program of the kernel", SYS_bpf, { 0, 0, 0 } },
	{ "ring of calls", SYS_io_uring_setup, { 1, 0 } },
	{ "limits", SYS_prlimit64, { 0, 7, 0, 0 } },
};

#define NR_REFUSED (sizeof(refused) / sizeof(refused[0]))

/* 0, or 1 + the first that was not refused. */
static int all_refused(void)
{
	for (size_t i = 0; i < NR_REFUSED; i++) {
		const long *a = refused[i].args;

		if (syscall(refused[i].nr, a[0], a[1], a[2], a[3], a[4], a[5]) != -1 || errno != EPERM)
			return (int)i + 1;
	}
	return 0;
}

static int opens(void)
{
	return open("/dev/null", O_RDONLY) >= 0 || errno != EPERM;
}

/* abort() needs it, for itself. */
static int signals_itself(void)
{
	return syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), 0) != 0;
}

static int works(void)
{
	struct timespec ts = { 0, 1000 };
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd[2] = { -1, -1 };

	if (p == MAP_FAILED || nanosleep(&ts, NULL) || munmap(p, 4096))
		return 1;
	return pipe(fd) == 0 || fcntl(0, F_GETFL) < 0; /* not even a pipe */
}

static int descriptor;

static int keeps_its_descriptors(void)
{
	char c = 0;

	return lseek(descriptor, 0, SEEK_SET) || write(descriptor, "x", 1) != 1 ||
	       lseek(descriptor, 0, SEEK_SET) || read(descriptor, &c, 1) != 1 || c != 'x';
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *open_later(void *arg)
{
	pthread_mutex_lock(&gate);
	*(int *)arg = opens();
	pthread_mutex_unlock(&gate);
	return NULL;
}

static void denied(void **state)
{
	int bad = inside(all_refused);

	(void)state;
	if (bad)
		fail_msg("not refused: %s", bad <= (int)NR_REFUSED ? refused[bad - 1].what : "(no sandbox)");
}

static void permitted(void **state)
{
	(void)state;
	descriptor = memfd_create("x", 0);
	assert_int_equal(inside(works), 0);
	assert_int_equal(inside(keeps_its_descriptors), 0);
	assert_int_equal(inside(signals_itself), 0);
	close(descriptor);
}

/* A thread that was there before is behind it, too. */
static void threads_of_before(void **state)
{
	pid_t pid = fork();
	int status = 0;

	(void)state;
	if (!pid) {
		int bad = 1;
		pthread_t t;

		pthread_mutex_lock(&gate);
		if (pthread_create(&t, NULL, open_later, &bad))
			_exit(102);
		usleep(20000); /* it has come into the world by then */
		if (sandbox_drop_privileges())
			_exit(100);
		if (sandbox_enter())
			_exit(UNSUPPORTED);
		pthread_mutex_unlock(&gate);
		for (int i = 0; i < 1000 && bad; i++) {
			struct timespec ts = { 0, 1000000 };

			nanosleep(&ts, NULL);
			pthread_mutex_lock(&gate);
			pthread_mutex_unlock(&gate);
		}
		_exit(bad);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == UNSUPPORTED)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BAD(cmocka_unit_test(denied)),
		cmocka_unit_test(permitted),
		BAD(cmocka_unit_test(threads_of_before)),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
