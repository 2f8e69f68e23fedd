// SPDX-License-Identifier: MIT
/* The list of personalities: the linker gathers it, see PERSONALITY(). */
#include "personality.h"

#include <string.h>

extern const struct personality *const __start_personalities[];
extern const struct personality *const __stop_personalities[];

const struct personality *personality_at(size_t i)
{
	const size_t n = (size_t)(__stop_personalities - __start_personalities);

	return i < n ? __start_personalities[i] : NULL;
}

const struct personality *personality_find(const char *name)
{
	const struct personality *p;

	for (size_t i = 0; (p = personality_at(i)); i++)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}
