/*-------------------------------------------------------------------------
 *
 * params.c
 *	  Which settings are followed, and the startup packet's part of them.
 *
 *-------------------------------------------------------------------------
 */
#include "session/params.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "base/memory.h"
#include "sql/classify_lists.h"

/* What is known of a set of settings (settings_note). */
#define LEX_KNOWN 0x01
#define LEX_UNSAFE 0x02
#define LEX_SETS_CONFORMING 0x04
#define LEX_SETS_ENCODING 0x08

/*
 * Settings that SET would not bring to another server as they were: who one is,
 * what replicas are protected by, what a server that nobody uses dies of, and
 * the router's own.
 */
static const char *const unfollowed_settings[] = {
	"andon.floor", "andon.route", "default_transaction_deferrable", "default_transaction_isolation",
	"default_transaction_read_only", "idle_session_timeout", "role", "seed", "session_authorization",
	"sort_mem", "vacuum_mem",	/* second names of others */
};

static unsigned lex_note(const Settings *settings);
static bool is_conforming(const char *value);
static bool is_safe_encoding(const char *encoding);
static bool add_param(Settings **settings, Slice name, Slice value, Error *error);
static bool add_options(Settings **settings, Slice options, Error *error);
static bool next_option_word(const char **at, const char *end, Buf *word);

bool
params_is_followed(const char *name)
{
	for (size_t i = 0; i < sizeof(unfollowed_settings) / sizeof(unfollowed_settings[0]); i++)
	{
		if (strcmp(unfollowed_settings[i], name) == 0)
			return false;
	}
	return !classify_is_transaction_setting(name);
}

Settings *
params_from_startup(SettingsPool *pool, const Startup *startup, Error *error)
{
	Settings   *settings = settings_empty(pool);

	for (int i = 0; i < startup->nparams; i++)
	{
		Slice		name = startup->params[i].name;
		Slice		value = startup->params[i].value;
		bool		ok;

		/* replication: one that is wanted comes to replication.c */
		if (slice_equals_string(name, "user") || slice_equals_string(name, "database") ||
			slice_equals_string(name, "replication") || (name.len >= 5 && memcmp(name.data, "_pq_.", 5) == 0))
			continue;
		if (slice_equals_string(name, "options"))
			ok = add_options(&settings, value, error);
		else
			ok = add_param(&settings, name, value, error);
		if (!ok)
		{
			settings_unref(settings);
			return NULL;
		}
	}
	return settings;
}

LexDefaults
params_lex_defaults(const char *conforming_strings, const char *encoding)
{
	return (LexDefaults) {
		.is_nonconforming = conforming_strings && !is_conforming(conforming_strings),
		.is_unsafe_encoding = encoding && !is_safe_encoding(encoding),
	};
}

/* Asked for each unit: found out once for each set. */
bool
params_are_unsafe_to_lex(const Settings *settings, const LexDefaults *defaults)
{
	unsigned	note = settings_note(settings);

	if (note == 0)
	{
		note = lex_note(settings);
		settings_set_note(settings, note);
	}
	return (note & LEX_UNSAFE) != 0 ||
		((note & LEX_SETS_CONFORMING) == 0 && defaults->is_nonconforming) ||
		((note & LEX_SETS_ENCODING) == 0 && defaults->is_unsafe_encoding);
}

static unsigned
lex_note(const Settings *settings)
{
	const char *conforming = settings_find(settings, "standard_conforming_strings");
	const char *encoding = settings_find(settings, "client_encoding");
	bool		is_unsafe = (conforming && !is_conforming(conforming)) || (encoding && !is_safe_encoding(encoding));

	return LEX_KNOWN | (is_unsafe ? LEX_UNSAFE : 0) | (conforming ? LEX_SETS_CONFORMING : 0) |
		(encoding ? LEX_SETS_ENCODING : 0);
}

/* Words PostgreSQL takes for on; a shortened one is taken for off here, to be safe. */
static bool
is_conforming(const char *value)
{
	return strcasecmp(value, "on") == 0 || strcasecmp(value, "true") == 0 ||
		strcmp(value, "1") == 0 || strcasecmp(value, "yes") == 0;
}

static bool
is_safe_encoding(const char *encoding)
{
	static const char *const safe_encodings[] = {"utf8", "unicode", "sqlascii", "latin", "euc", "iso8859", "win125", "koi8"};
	char		plain[32];
	size_t		len = 0;

	/* as PostgreSQL compares encoding names: letters and digits only */
	for (const char *c = encoding; *c && len < sizeof(plain) - 1; c++)
	{
		if (isalnum((unsigned char) *c))
			plain[len++] = (char) tolower((unsigned char) *c);
	}
	plain[len] = '\0';
	for (size_t i = 0; i < sizeof(safe_encodings) / sizeof(safe_encodings[0]); i++)
	{
		if (strncmp(plain, safe_encodings[i], strlen(safe_encodings[i])) == 0)
			return true;
	}
	return false;
}

static bool
add_param(Settings **settings, Slice name, Slice value, Error *error)
{
	char		lower[64];
	Settings   *with;

	for (size_t i = 0; i < name.len && i < sizeof(lower); i++)
		lower[i] = (char) tolower((unsigned char) name.data[i]);
	if (name.len >= sizeof(lower))
		return error_set(error, SQLSTATE_FEATURE_NOT_SUPPORTED, "startup parameter name is too long");
	lower[name.len] = '\0';

	/* known to the router itself, or to libraries only */
	if (strncmp(lower, "andon.", 6) == 0)
		return true;
	if (!params_is_followed(lower))
	{
		error_set(error, SQLSTATE_FEATURE_NOT_SUPPORTED, "unsupported startup parameter: %s", lower);
		error_set_hint(error, "The router follows only settings it can give to any server;"
					   " set this one with SET after connecting.");
		return false;
	}
	with = settings_with(*settings, slice_make(lower, name.len), value);
	settings_unref(*settings);
	*settings = with;
	return true;
}

/* "-c name=value --name=value": as PostgreSQL splits it, a backslash quotes. */
static bool
add_options(Settings **settings, Slice options, Error *error)
{
	const char *at = options.data;
	const char *end = options.data + options.len;
	Buf			word = BUF_INIT;
	bool		expects_setting = false;
	bool		ok = true;

	while (ok && next_option_word(&at, end, &word))
	{
		Slice		text = buf_slice(&word);
		const char *equals;

		if (slice_equals_string(text, "-c"))
		{
			expects_setting = true;
			continue;
		}
		if (!expects_setting && text.len > 2 && text.data[0] == '-' && (text.data[1] == 'c' || text.data[1] == '-'))
			text = slice_skip(text, 2);
		else if (!expects_setting)
		{
			ok = error_set(error, SQLSTATE_FEATURE_NOT_SUPPORTED,
						   "unsupported startup option: %.*s", (int) text.len, text.data);
			break;
		}
		expects_setting = false;
		equals = memchr(text.data, '=', text.len);
		if (equals == NULL)
			ok = error_set(error, SQLSTATE_FEATURE_NOT_SUPPORTED,
						   "startup option without a value: %.*s", (int) text.len, text.data);
		else
		{
			size_t		name_len = (size_t) (equals - text.data);

			ok = add_param(settings, slice_make(text.data, name_len), slice_skip(text, name_len + 1), error);
		}
	}
	buf_release(&word);
	return ok;
}

static bool
next_option_word(const char **at, const char *end, Buf *word)
{
	buf_clear(word);
	while (*at < end && isspace((unsigned char) **at))
		(*at)++;
	if (*at >= end)
		return false;
	while (*at < end && !isspace((unsigned char) **at))
	{
		if (**at == '\\' && *at + 1 < end)
			(*at)++;
		buf_append_u8(word, (uint8_t) *(*at)++);
	}
	return true;
}
