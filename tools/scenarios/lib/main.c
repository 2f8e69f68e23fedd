// SPDX-License-Identifier: MIT
/*
 * main() of a program that holds one state: the only one linked into it.
 */
#include "common.h"

int main(int argc, char **argv)
{
	return scn_main(argc, argv, SCN_STATES_BEGIN[0]);
}
