/*-------------------------------------------------------------------------
 *
 * transition_rule.h
 *	  Writing down which changes of status a board allows.
 *
 * Behind andon.set_transitions(), and for board_ddl.c, which writes the rule
 * again when the type of the status has changed its names.  Looked at by
 * transition.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_MAINTAIN_TRANSITION_RULE_H
#define ANDON_MAINTAIN_TRANSITION_RULE_H

#include "postgres.h"

#include "utils/array.h"

/*
 * Writes a board's rule down, as the extension's owner; NULL: no rule.  SPI is
 * connected.
 */
extern void transition_store_rule(Oid relid, ArrayType *rule);

#endif							/* ANDON_MAINTAIN_TRANSITION_RULE_H */
