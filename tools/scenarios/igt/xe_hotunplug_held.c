// SPDX-License-Identifier: MIT
/*
 * TEST: xe_hotunplug_held
 * Category: Core
 * Functionality: hot-unplug
 * Description: Check that the device can go whatever a process holds of it
 *
 * core_hotunplug closes its files first, or holds an idle one. Here each subtest
 * holds one state of real work in one process, takes the device away, checks what
 * the process still has, lets go of it in one of several orders and brings the
 * device back. The kernel log and DMA-API debugging are judged as well: most of
 * what goes wrong is in no return value.
 *
 * SUBTEST: %s-unbind          the driver is unbound; checks; everything closed; bound again
 * SUBTEST: %s-remove          the PCI device is removed; as above; rescan
 * SUBTEST: %s-*-lateclose     the driver is back before anything is closed
 * SUBTEST: %s-*-exit          the process ends by itself with everything in its hands
 * SUBTEST: %s-*-kill          the process is killed with everything in its hands
 * SUBTEST: %s-*-munmap        memory the device works on is unmapped before the close
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"
#include "device.h"
#include "igt.h"
#include "judge.h"

#define BACK_MS		20000	/* a driver that binds again is there within this */
#define SUBTEST_MS	90000	/* a subtest that takes longer hangs */
#define REMOVE_MS	4000	/* remove() that takes longer waits for a job timeout or worse */

enum way { UNBIND, REMOVE, WAYS };
enum order { CLOSE, LATECLOSE, EXIT, KILL, MUNMAP, ORDERS };

static const char *const way_names[] = { "unbind", "remove" };
static const char *const order_names[] = { "", "-lateclose", "-exit", "-kill", "-munmap" };
static const char *const order_texts[] = {
	"closed while the device is away", "closed when the driver is back",
	"left to the end of the process", "left to SIGKILL", "unmapped, then closed",
};

struct held {
	const struct scenario *scn;
	enum way way;
	enum order order;
};

static struct device device;

/* Run a step of the state; what it finds goes out as failed assertions. */
static int step(const char *what, int (*fn)(void))
{
	const char *why;

	if (scn_try(what, fn, &why) == SCN_PASS)
		return 0;
	igt_critical("%s: %s", what, why);
	return -1;
}

static int leave(const struct held *h)
{
	uint64_t began = scn_now_ms(), took;
	int err;

	scn_step("%s of the device", way_names[h->way]);
	err = h->way == UNBIND ? device_unbind(&device) : device_remove(&device);
	took = scn_now_ms() - began;
	if (err) {
		igt_critical("%s: %s", way_names[h->way], scn_errname(err));
		return -1;
	}
	if (took > REMOVE_MS) {
		igt_critical("%s took %llu ms", way_names[h->way], (unsigned long long)took);
		return -1;
	}
	return 0;
}

static int come_back(const struct held *h)
{
	int err = h->way == UNBIND ? device_bind(&device) : device_rescan();

	if (!err && !device_wait(&device, BACK_MS))
		return 0;
	igt_critical("the driver does not come back: %s", err ? scn_errname(err) : "no render node");
	return -1;
}

/* Hold, removal, checks and what the order says; the process that does it ends after. */
static int hold(const struct held *h)
{
	const char *why;
	int ret = 0;

	scn_select(h->scn);
	switch (scn_try_setup(device.node, &why)) {
	case SCN_SKIP:
		igt_requirement("%s", why);
		return IGT_EXIT_SKIP;
	case SCN_FAIL:
		igt_critical("hold: %s", why);
		return IGT_EXIT_FAILURE;
	}
	ret |= step("verify", h->scn->verify);
	ret |= leave(h);
	ret |= step("gone", h->scn->gone);
	if (h->order == LATECLOSE)
		ret |= come_back(h);
	if (h->order == MUNMAP)
		ret |= step("munmap", h->scn->unmap);
	if (h->order == KILL && !ret)
		raise(SIGKILL);
	if (h->order != EXIT && h->order != KILL)
		ret |= step("close", h->scn->close);
	return ret ? IGT_EXIT_FAILURE : IGT_EXIT_SUCCESS;
}

static bool killed_itself(const struct held *h, int status)
{
	return h->order == KILL && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* The end of @pid within @ms. 0 or -1; an oops in its context ends it with SIGKILL. */
static int wait_for(pid_t pid, int *status, unsigned int ms)
{
	uint64_t end = scn_now_ms() + ms;

	while (waitpid(pid, status, WNOHANG) == 0) {
		if (scn_now_ms() > end)
			return -1;
		scn_sleep_ms(5);
	}
	return 0;
}

/* In a process of its own: a kernel that has oopsed may never return from it. */
static int in_child(int (*fn)(const struct held *h), const struct held *h, int *status)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -1;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		exit(fn(h));
	}
	if (!wait_for(pid, status, SUBTEST_MS))
		return 0;
	kill(pid, SIGKILL);
	return -1;
}

static int restore(const struct held *h)
{
	return come_back(h) ? IGT_EXIT_FAILURE : IGT_EXIT_SUCCESS;
}

/* What happened to the process that held the state. */
static int holder_verdict(const struct held *h, int status)
{
	if (killed_itself(h, status))
		return IGT_EXIT_SUCCESS;
	if (WIFSIGNALED(status)) {
		igt_critical("the process was killed by signal %d", WTERMSIG(status));
		return IGT_EXIT_FAILURE;
	}
	return WEXITSTATUS(status) == IGT_EXIT_SUCCESS || WEXITSTATUS(status) == IGT_EXIT_SKIP ?
	       WEXITSTATUS(status) : IGT_EXIT_FAILURE;
}

static int run(const struct igt_subtest *s)
{
	const struct held *h = s->data;
	int status, ret = IGT_EXIT_FAILURE;
	struct judge j;
	bool lost;

	if (device_wait(&device, BACK_MS)) {
		igt_requirement("a device with a render node");
		return IGT_EXIT_SKIP;
	}
	if (judge_begin(&j)) {
		igt_requirement("the kernel log can be read");
		return IGT_EXIT_SKIP;
	}
	lost = in_child(hold, h, &status);
	if (lost)
		igt_critical("the process does not end within %d s", SUBTEST_MS / 1000);
	else
		ret = holder_verdict(h, status);
	/* Nothing has left a device that was never taken away. */
	if (!lost && !judge_kernel_died(&j) && device_wait(&device, 0)) {
		if (in_child(restore, h, &status) || !WIFEXITED(status) || WEXITSTATUS(status))
			lost = true;
	}
	if (judge_end(&j) && ret != IGT_EXIT_SKIP)
		ret = IGT_EXIT_FAILURE;
	return lost || judge_kernel_died(&j) ? IGT_EXIT_ABORT : ret;
}

/* Best effort: where it is missing, the subtests that need it skip. */
static void modprobe(const char *module)
{
	char *argv[] = { "modprobe", "-q", (char *)module, NULL };
	pid_t pid;

	if (!posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ))
		waitpid(pid, NULL, 0);
}

static int fixture(const char *name)
{
	modprobe("xe");
	modprobe("vgem");
	judge_prepare();
	if (!device_find(&device, name) && !device_wait(&device, BACK_MS)) {
		igt_info("Opened device: %s\n", device.node);
		return IGT_EXIT_SUCCESS;
	}
	igt_requirement("a device driven by xe%s%s", name ? ": " : "", name ? name : "");
	return IGT_EXIT_SKIP;
}

/* All states in all ways and orders; -munmap only where there is such memory. */
static unsigned int name_subtests(struct igt_subtest *list, struct held *held)
{
	const struct scenario *const *e;
	unsigned int n = 0;

	for (e = SCN_STATES_BEGIN; e < SCN_STATES_END; e++)
		for (unsigned int i = 0; i < WAYS * ORDERS; i++) {
			struct held h = { *e, i / ORDERS, i % ORDERS };

			if (h.order == MUNMAP && !h.scn->user_memory)
				continue;
			held[n] = h;
			list[n].data = &held[n];
			snprintf(list[n].name, sizeof(list[n].name), "%s-%s%s", h.scn->name,
				 way_names[h.way], order_names[h.order]);
			snprintf(list[n].describe, sizeof(list[n].describe), "%s; %s; %s",
				 h.scn->summary, way_names[h.way], order_texts[h.order]);
			n++;
		}
	return n;
}

int main(int argc, char **argv)
{
	static struct igt_test test = {
		.name = "xe_hotunplug_held",
		.describe = "Check that the device can go whatever a process holds of it.",
		.fixture = fixture,
		.run = run,
	};
	size_t most = (SCN_STATES_END - SCN_STATES_BEGIN) * WAYS * ORDERS;
	struct igt_subtest *list = calloc(most, sizeof(*list));
	struct held *held = calloc(most, sizeof(*held));

	if (!list || !held)
		return IGT_EXIT_FAILURE;
	test.list = list;
	test.count = name_subtests(list, held);
	return igt_main(argc, argv, &test);
}
