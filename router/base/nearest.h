/*-------------------------------------------------------------------------
 *
 * nearest.h
 *	  The name that was probably meant, for "did you mean".
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BASE_NEAREST_H
#define ROUTER_BASE_NEAREST_H

/* The most similar of names (NULL-terminated) if it is similar at all, or NULL. */
extern const char *nearest_find(const char *name, const char *const *names);

#endif							/* ROUTER_BASE_NEAREST_H */
