/*-------------------------------------------------------------------------
 *
 * compiler.h
 *	  What the compiler is told about a function's place in the code.
 *
 * What every statement runs stays close together, with small frames, when
 * what is rarely needed is kept out of it (GCC's and clang's attributes).
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BASE_COMPILER_H
#define ROUTER_BASE_COMPILER_H

/* Called often, but not by most: its frame is not its caller's. */
#define NOINLINE __attribute__((noinline))

/* Hardly ever called: laid out apart, and so is what leads to it. */
#define COLD __attribute__((cold, noinline))

#endif							/* ROUTER_BASE_COMPILER_H */
