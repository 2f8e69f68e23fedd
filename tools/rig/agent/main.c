// SPDX-License-Identifier: MIT
/* Process 1 of the guest. Never returns: its end would be a kernel panic. */
#include "agent.h"

#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <unistd.h>

int main(void)
{
	static const char *const applets[] = { "/bin/busybox", "--install", "-s", "/bin", NULL };

	/* khugepaged would swell thread stacks to 2 MiB each in the middle of a memory comparison. */
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	setup_mounts();
	if (!access("/bin/busybox", X_OK))
		setup_run(applets);
	if (setup_shell()) {
		sync();
		reboot(RB_POWER_OFF);
	}
	port_open();
	proc_init();
	kmsg_start();
	port_send(json_pack("{s:s, s:i, s:I}", "event", "ready", "version", 1, "now_ns",
			    (json_int_t)agent_now_ns()));
	port_loop(ops_handle);
	return 0;
}
