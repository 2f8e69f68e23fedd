// SPDX-License-Identifier: MIT
/*
 * A state without a device, for tests of the frame (../common.c): its options say
 * which step fails, how often, and which one sleeps.
 */
#include <errno.h>

#include "common.h"

static uint64_t fail_setup, fail_verify, skip_setup, misuse_setup, sleep_gone, bytes;

static const struct scn_option options[] = {
	{ "fail-setup", &fail_setup, 0, 9, "failures of the set-up" },
	{ "fail-verify", &fail_verify, 0, 9, "failures of verify" },
	{ "skip-setup", &skip_setup, 0, 1, "skip" },
	{ "misuse-setup", &misuse_setup, 0, 1, "an option is wrong on this machine" },
	{ "bytes", &bytes, 0, 1ull << 40, "of nothing", .whole_pages = true },
	{ "sleep-gone", &sleep_gone, 0, 1ull << 20, "milliseconds gone sleeps" },
	{ 0 }
};

static int setup(const char *device)
{
	if (skip_setup)
		return scn_skip("as asked, %s", device);
	if (misuse_setup)
		return scn_misuse("not so, on %s", device);
	for (uint64_t i = 0; i < fail_setup; i++)
		scn_fail_errno(ENODEV, "number %d", (int)i);
	for (int i = 0; i < 3; i++)
		scn_boundary();
	scn_fact("fact", 1);
	scn_fact_str("text", "a \"quoted\" \\ \n line");
	return 0;
}

static int verify(void)
{
	for (uint64_t i = 0; i < fail_verify; i++)
		scn_fail("always the same");
	return 0;
}

static int gone(void)
{
	scn_step("long sleep");
	scn_sleep_ms(sleep_gone);
	return 0;
}

static const struct scenario scn = {
	.name = "frame",
	.summary = "a state without a device",
	.options = options,
	.setup = setup,
	.verify = verify,
	.gone = gone,
};
SCENARIO(scn);
