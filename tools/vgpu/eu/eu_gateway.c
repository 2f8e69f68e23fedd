/* SPDX-License-Identifier: MIT */
/* The message gateway: barriers, and the end of compute threads. */
#include "eu.h"

#define FUNCTION(desc) ((desc) & 7)
#define BARRIER	       4

enum eu_status eu_send_gateway(struct eu_thread *t, const struct eu_send *s)
{
	if (s->eot)
		return EU_OK;
	if (FUNCTION(s->desc) != BARRIER)
		return EU_UNKNOWN;
	/* who starts the threads clears it when all of the group have come as far */
	t->barrier = true;
	return EU_OK;
}
