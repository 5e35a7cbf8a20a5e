/*-------------------------------------------------------------------------
 *
 * utf8.h
 *	  Telling well-formed UTF-8 from other bytes.
 *
 * What peers send may be in any encoding or none; what we write into logs and
 * messages must be well formed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BASE_UTF8_H
#define ROUTER_BASE_UTF8_H

#include "base/slice.h"

/*
 * The length of the character the bytes begin with, 1 to 4; 0 when they begin
 * with none (RFC 3629: no overlong forms, no surrogates, up to U+10FFFF).
 */
extern size_t utf8_char_len(Slice bytes);

/* The length without a last character of which only the beginning is there. */
extern size_t utf8_trim_len(Slice bytes);

#endif							/* ROUTER_BASE_UTF8_H */
