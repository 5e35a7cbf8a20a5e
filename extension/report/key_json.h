/*-------------------------------------------------------------------------
 *
 * key_json.h
 *	  Keys that come in as jsonb.
 *
 * {"id": 17}, and for a key of one column also 17: values of the key's types,
 * read by their input functions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_REPORT_KEY_JSON_H
#define ANDON_REPORT_KEY_JSON_H

#include "postgres.h"

#include "maintain/board_plan.h"
#include "utils/jsonb.h"

/* Fills key[plan->key->n]; ERROR 22023 if the JSON is no key of this board. */
extern void key_json_parse(const BoardPlan *plan, Jsonb *json, Datum *key);

/* Are two keys the same by the key's equality? */
extern bool key_json_equal(const BoardPlan *plan, const Datum *a, const Datum *b);

#endif							/* ANDON_REPORT_KEY_JSON_H */
