// SPDX-License-Identifier: MIT
/*
 * Runs a fuzz target without libFuzzer:
 *
 *   fuzz_X FILE...		these inputs
 *   fuzz_X < FILE		one input, as afl gives it
 *   fuzz_X -n COUNT [-s SEED]	inputs the target makes; one can be repeated alone with -n 1 -s SEED+I
 *   fuzz_X -s SEED -o FILE	writes such an input instead
 *
 * Nothing is checked but that the device survives: build with sanitizers (make fuzz).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "vgpu.h"

static uint8_t input[1 << 16];

static void run_stream(FILE *f)
{
	LLVMFuzzerTestOneInput(input, fread(input, 1, sizeof(input), f));
}

static int run_files(char **paths)
{
	for (; *paths; paths++) {
		FILE *f = fopen(*paths, "r");

		if (!f) {
			perror(*paths);
			return 2;
		}
		run_stream(f);
		fclose(f);
	}
	return 0;
}

static int write_input(const char *path, unsigned long seed)
{
	FILE *f = fopen(path, "w");
	size_t n;

	srand((unsigned int)seed);
	n = fuzz_make(input, sizeof(input));
	if (!f || fwrite(input, 1, n, f) != n || fclose(f)) {
		perror(path);
		return 2;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *out = NULL;
	unsigned long count = 0, seed = 1;
	int opt;

	vgpu_log_level = VGPU_LOG_NONE;
	while ((opt = getopt(argc, argv, "n:s:o:")) != -1) {
		if (opt == 'n') {
			count = strtoul(optarg, NULL, 0);
		} else if (opt == 's') {
			seed = strtoul(optarg, NULL, 0);
		} else if (opt == 'o') {
			out = optarg;
		} else {
			fprintf(stderr, "usage: %s [-n COUNT] [-s SEED] [-o FILE] | FILE...\n", argv[0]);
			return 2;
		}
	}
	if (out)
		return write_input(out, seed);
	if (optind < argc)
		return run_files(argv + optind);
	if (!count)
		run_stream(stdin);
	for (unsigned long i = 0; i < count; i++) {
		size_t n;

		srand((unsigned int)(seed + i));
		n = fuzz_make(input, sizeof(input));
		LLVMFuzzerTestOneInput(input, n);
	}
	if (count) {
		fprintf(stderr, "  %-16s %lu inputs, no error; ", strrchr(argv[0], '/') ?
			strrchr(argv[0], '/') + 1 : argv[0], count);
		fuzz_report();
	}
	return 0;
}
