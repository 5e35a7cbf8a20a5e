/*
 * target.h
 *		What every fuzz target has: its entry, and properties that must hold.
 */
#ifndef TESTS_FUZZ_TARGET_H
#define TESTS_FUZZ_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(): it must hold in every build. */
static inline void
require(bool condition)
{
	if (!condition)
		abort();
}

#endif							/* TESTS_FUZZ_TARGET_H */
