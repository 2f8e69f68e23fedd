// SPDX-License-Identifier: MIT
/* The sandbox, tried in children: what must fail fails, what a device needs still works. */
#define _GNU_SOURCE
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
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

static int opens(void)
{
	return open("/dev/null", O_RDONLY) >= 0 || errno != EPERM;
}

static int connects(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM;
}

static int executes(void)
{
	char *const argv[] = { (char *)"true", NULL };

	execv("/bin/true", argv);
	return errno != EPERM;
}

static int forks(void)
{
	pid_t pid = (pid_t)syscall(57 /* fork */);

	if (!pid)
		_exit(0);
	return pid > 0;
}

static int gets_privileges(void)
{
	return setuid(1) == 0 || chroot("/tmp") == 0;
}

static int escapes(void)
{
	/* a second filter or a debugger's view of the parent */
	return prctl(PR_SET_DUMPABLE, 1) == 0 || syscall(101 /* ptrace */, 16, getppid(), 0, 0) == 0;
}

static int works(void)
{
	struct timespec ts = { 0, 1000 };
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd[2] = { -1, -1 };

	if (p == MAP_FAILED || nanosleep(&ts, NULL) || munmap(p, 4096))
		return 1;
	return pipe(fd) == 0; /* not even that */
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
	(void)state;
	assert_int_equal(inside(opens), 0);
	assert_int_equal(inside(connects), 0);
	assert_int_equal(inside(executes), 0);
#ifdef __x86_64__
	assert_int_equal(inside(forks), 0);
	assert_int_equal(inside(escapes), 0);
#endif
	assert_int_equal(inside(gets_privileges), 0);
}

static void permitted(void **state)
{
	(void)state;
	descriptor = memfd_create("x", 0);
	assert_int_equal(inside(works), 0);
	assert_int_equal(inside(keeps_its_descriptors), 0);
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
		cmocka_unit_test(denied),
		cmocka_unit_test(permitted),
		cmocka_unit_test(threads_of_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
