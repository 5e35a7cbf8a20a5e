/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  A set of session settings (GUCs): what a client wants, what a server has.
 *
 * Immutable and interned per worker, so that equal sets are the same pointer
 * and the common question "is this server set as this client wants" costs one
 * comparison.  Names are lower case.  One thread.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BACKEND_SETTINGS_H
#define ROUTER_BACKEND_SETTINGS_H

#include "base/buf.h"

typedef struct Settings Settings;
typedef struct SettingsPool SettingsPool;	/* the interned sets of one worker */

extern SettingsPool *settings_pool_create(void);
extern void settings_pool_destroy(SettingsPool *pool);	/* after all sets are unref'ed */

extern Settings *settings_empty(SettingsPool *pool);	/* a reference */
extern Settings *settings_ref(Settings *settings);
extern void settings_unref(Settings *settings);	/* NULL is fine */

/* The same set with name set to value (or without name); a reference to the result. */
extern Settings *settings_with(Settings *settings, Slice name, Slice value);
extern Settings *settings_without(Settings *settings, Slice name);
extern const char *settings_find(const Settings *settings, const char *name);	/* NULL: not in the set */
extern int	settings_count(const Settings *settings);
extern void settings_item(const Settings *settings, int i, const char **name, const char **value);

/* Those of them that decide what a statement means or how it is planned, as
 * one text: statements prepared under equal ones may be shared.  Lives as long
 * as the set. */
extern Slice settings_plan_text(Settings *settings);

/* A set never changes: what the layer above has found out about it may be kept
 * with it.  0 until it was set. */
extern unsigned settings_note(const Settings *settings);
extern void settings_set_note(const Settings *settings, unsigned note);

/* Append the SQL that turns a session set as from into one set as to:
 * RESET "b"; SET "a" TO 'x'.  Nothing appended: they are equal.  Values are
 * given as SHOW prints them. */
extern void settings_diff_sql(const Settings *from, const Settings *to, Buf *sql);

#endif							/* ROUTER_BACKEND_SETTINGS_H */
