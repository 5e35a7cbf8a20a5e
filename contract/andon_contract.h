/*-------------------------------------------------------------------------
 *
 * andon_contract.h
 *	  What the extension and the router promise each other.
 *
 * Names and numbers that both halves spell the same.  Plain C without includes:
 * either half, and both test suites, can read it.  The shape of payloads is
 * shown by the files in contract/payloads/, one JSON text each.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ANDON_CONTRACT_H
#define ANDON_CONTRACT_H

/* Schema of everything the extension offers. */
#define ANDON_SCHEMA				"andon"

/*
 * ParameterStatus sent by the commit callback, and by
 * andon.enable_commit_lsn(): a pg_lsn as text, X/Y.
 */
#define ANDON_PARAMETER_COMMIT_LSN	"andon.commit_lsn"

/* Settings. */
#define ANDON_SETTING_REPORT_COMMIT_LSN "andon.report_commit_lsn"
#define ANDON_SETTING_ROUTE			"andon.route"
#define ANDON_SETTING_FLOOR			"andon.floor"

/* A board's channel is this and its name, unless options.channel says else. */
#define ANDON_CHANNEL_PREFIX		"andon_"

/* Deadlines are announced here; no board may have it. */
#define ANDON_CHANNEL_ALERT			"andon_alert"

/*
 * Told, without a payload, by each commit of DDL that may change what the router
 * has read of the catalog.  Not of the form of a board's channel.
 */
#define ANDON_CHANNEL_CATALOG		"andon.catalog"

/* The event trigger that does it. */
#define ANDON_CATALOG_TRIGGER		"andon_catalog"

/*
 * Payloads.  A JSON object with "v" (ANDON_PAYLOAD_VERSION), "board", "pos"
 * (text or null), "lsn" (text or null), and either "part", "of" and "changes",
 * or "resync": true.  What the feed's worker tells in parts has "safe_lsn" too.
 * On ANDON_CHANNEL_ALERT "alerts" stands for "changes", "pos" is null, and
 * "resync" means andon.alert.  A reader ignores members it does not know.
 */
#define ANDON_PAYLOAD_VERSION		1

/* Upper bound of a payload's length: NOTIFY takes fewer than 8000 bytes. */
#define ANDON_PAYLOAD_MAX_BYTES		7999

/* andon.changes(): the position is of no use any more, read the board again. */
#define ANDON_SQLSTATE_POSITION_TOO_OLD	"55N01"

#endif							/* ANDON_CONTRACT_H */
