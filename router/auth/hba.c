/*-------------------------------------------------------------------------
 *
 * hba.c
 *	  Lines of pg_hba.conf, and which of them fits a client.
 *
 *	  local              database  user                   method
 *	  host[no]ssl, host  database  user  address [mask]   method
 *
 * The first error ends the reading, since a file half understood must not
 * decide who gets in; for the same reason nothing that PostgreSQL would act on
 * is skipped.  Where in PostgreSQL's hba.c the same question is decided, the
 * answer here is the same.
 *
 *-------------------------------------------------------------------------
 */
#include "auth/hba.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/hba_words.h"
#include "auth/read_file.h"
#include "base/memory.h"

typedef enum RuleType
{
	RULE_LOCAL,
	RULE_HOST,
	RULE_HOSTSSL,
	RULE_HOSTNOSSL
} RuleType;

static const char *const type_names[] = {
	[RULE_LOCAL] = "local", [RULE_HOST] = "host", [RULE_HOSTSSL] = "hostssl", [RULE_HOSTNOSSL] = "hostnossl"
};

typedef struct Rule
{
	RuleType	type;
	HbaField	databases;		/* owned, like users */
	HbaField	users;
	uint8_t		ip[16];
	uint8_t		mask[16];
	int			ip_len;			/* 4 or 16; 0: any address */
	AuthMethod	method;
	int			line;
} Rule;

struct Hba
{
	atomic_int	refs;
	Rule	   *rules;			/* owned */
	int			count;
	int			cap;
};

/* Where we are in the text, and what is wrong there. */
typedef struct Place
{
	const char *name;
	int			line;
	Error	   *error;
} Place;

static const struct
{
	const char *name;
	AuthMethod	method;
}			methods[] = {
	{"trust", AUTH_TRUST}, {"reject", AUTH_REJECT}, {"md5", AUTH_MD5},
	{"scram-sha-256", AUTH_SCRAM_SHA_256}, {"peer", AUTH_PEER}, {"cert", AUTH_CERT}
};

static bool parse_text(Hba *hba, Slice text, Place *place);
static size_t take_line(Slice text, Buf *line, int *lines);
static bool parse_line(Hba *hba, Slice line, Place *place);
static bool parse_fields(Rule *rule, HbaFields *fields, Place *place);
static bool parse_type(Rule *rule, const HbaField *field, Place *place);
static bool check_names(const HbaField *field, bool is_database, Place *place);
static bool parse_address(Rule *rule, const HbaFields *fields, int *next, Place *place);
static bool parse_mask_bits(Rule *rule, const char *text, Place *place);
static bool parse_mask(Rule *rule, const HbaFields *fields, int *next, Place *place);
static int	parse_ip(const char *text, uint8_t ip[16]);
static bool parse_method(Rule *rule, const HbaFields *fields, int next, Place *place);
static bool rule_fits(const Rule *rule, const HbaRequest *request);
static bool address_fits(const Rule *rule, const HbaRequest *request);
static bool database_fits(const HbaField *databases, const HbaRequest *request);
static bool user_fits(const HbaField *users, const char *user);
static bool fail_at(Place *place, const char *hint, const char *format,...)
			__attribute__((format(printf, 3, 4)));

#define HINT_LINE "Write: local DATABASE USER METHOD, or: host DATABASE USER ADDRESS/BITS METHOD."
#define HINT_METHODS "The router knows trust, reject, md5, scram-sha-256, peer and cert."
#define HINT_ADDRESS "Write an address with its mask, as 10.0.0.0/8 or fd00::/8, or all."

Hba *
hba_load(const char *path, Error *error)
{
	Buf			text = BUF_INIT;
	Hba		   *hba = NULL;

	if (read_file("auth_hba_file", path, HBA_MAX_FILE, &text, error))
		hba = hba_parse(buf_slice(&text), path, error);
	buf_release(&text);
	return hba;
}

Hba *
hba_parse(Slice text, const char *name, Error *error)
{
	Hba		   *hba = mem_alloc(sizeof(Hba));
	Place		place = {name, 1, error};

	atomic_init(&hba->refs, 1);
	if (parse_text(hba, text, &place))
		return hba;
	hba_unref(hba);
	return NULL;
}

Hba *
hba_ref(Hba *hba)
{
	atomic_fetch_add(&hba->refs, 1);
	return hba;
}

void
hba_unref(Hba *hba)
{
	if (hba == NULL || atomic_fetch_sub(&hba->refs, 1) > 1)
		return;
	for (int i = 0; i < hba->count; i++)
	{
		hba_field_release(&hba->rules[i].databases);
		hba_field_release(&hba->rules[i].users);
	}
	mem_free(hba->rules);
	mem_free(hba);
}

int
hba_count(const Hba *hba)
{
	return hba->count;
}

bool
hba_needs_secrets(const Hba *hba)
{
	for (int i = 0; i < hba->count; i++)
	{
		if (hba->rules[i].method == AUTH_MD5 || hba->rules[i].method == AUTH_SCRAM_SHA_256)
			return true;
	}
	return false;
}

/* ---------------------------------------------------------------- which line */

bool
hba_find(const Hba *hba, const HbaRequest *request, HbaAnswer *answer)
{
	for (int i = 0; i < hba->count; i++)
	{
		if (!rule_fits(&hba->rules[i], request))
			continue;
		answer->method = hba->rules[i].method;
		answer->line = hba->rules[i].line;
		return true;
	}
	return false;
}

static bool
rule_fits(const Rule *rule, const HbaRequest *request)
{
	if ((rule->type == RULE_LOCAL) != request->is_local)
		return false;
	if ((rule->type == RULE_HOSTSSL && !request->is_tls) || (rule->type == RULE_HOSTNOSSL && request->is_tls))
		return false;
	return (request->is_local || address_fits(rule, request)) &&
		database_fits(&rule->databases, request) && user_fits(&rule->users, request->user);
}

static bool
address_fits(const Rule *rule, const HbaRequest *request)
{
	if (rule->ip_len == 0)
		return true;
	if (rule->ip_len != request->ip_len)
		return false;
	for (int i = 0; i < rule->ip_len; i++)
	{
		if ((request->ip[i] ^ rule->ip[i]) & rule->mask[i])
			return false;
	}
	return true;
}

static bool
database_fits(const HbaField *databases, const HbaRequest *request)
{
	for (int i = 0; i < databases->count; i++)
	{
		const HbaWord *word = &databases->words[i];

		if (request->is_replication)
		{
			if (hba_word_is(word, "replication"))
				return true;
		}
		else if (hba_word_is(word, "all"))
			return true;
		else if (hba_word_is(word, "sameuser"))
		{
			if (strcmp(request->user, request->database) == 0)
				return true;
		}
		else if (!hba_word_is(word, "replication") && strcmp(word->text, request->database) == 0)
			return true;
	}
	return false;
}

static bool
user_fits(const HbaField *users, const char *user)
{
	for (int i = 0; i < users->count; i++)
	{
		if (hba_word_is(&users->words[i], "all") || strcmp(users->words[i].text, user) == 0)
			return true;
	}
	return false;
}

/* ---------------------------------------------------------------- reading */

static bool
parse_text(Hba *hba, Slice text, Place *place)
{
	Buf			line = BUF_INIT;
	bool		ok = true;

	if (text.len >= 3 && memcmp(text.data, "\xEF\xBB\xBF", 3) == 0)
		text = slice_skip(text, 3);
	while (ok && text.len > 0)
	{
		int			lines = 0;

		buf_clear(&line);
		text = slice_skip(text, take_line(text, &line, &lines));
		ok = parse_line(hba, buf_slice(&line), place);
		place->line += lines;
	}
	buf_release(&line);
	return ok;
}

/* A line with those that a backslash at its end goes on in; returns how many bytes it took. */
static size_t
take_line(Slice text, Buf *line, int *lines)
{
	size_t		taken = 0;

	while (taken < text.len)
	{
		Slice		rest = slice_skip(text, taken);
		const char *newline = memchr(rest.data, '\n', rest.len);
		size_t		len = newline == NULL ? rest.len : (size_t) (newline - rest.data);

		taken += newline == NULL ? len : len + 1;
		(*lines)++;
		if (len > 0 && rest.data[len - 1] == '\r')
			len--;
		if (len == 0 || rest.data[len - 1] != '\\')
		{
			buf_append(line, slice_make(rest.data, len));
			break;
		}
		buf_append(line, slice_make(rest.data, len - 1));
	}
	return taken;
}

static bool
parse_line(Hba *hba, Slice line, Place *place)
{
	HbaFields	fields;
	Rule		rule = {.line = place->line};
	const char *why = NULL;
	bool		ok = hba_split(line, &fields, &why);

	if (!ok)
		fail_at(place, HINT_LINE, "%s", why);
	else if (fields.count > 0)
	{
		ok = parse_fields(&rule, &fields, place);
		if (ok)
		{
			if (hba->count == hba->cap)
			{
				hba->cap = hba->cap == 0 ? 16 : hba->cap * 2;
				hba->rules = mem_realloc(hba->rules, (size_t) hba->cap * sizeof(Rule));
			}
			rule.databases = fields.items[1];
			rule.users = fields.items[2];
			fields.items[1] = fields.items[2] = (HbaField) {NULL, 0};
			hba->rules[hba->count++] = rule;
		}
	}
	hba_fields_release(&fields);
	return ok;
}

static bool
parse_fields(Rule *rule, HbaFields *fields, Place *place)
{
	int			next = 3;

	if (!parse_type(rule, &fields->items[0], place))
		return false;
	if (fields->count < 4)
		return fail_at(place, HINT_LINE, "the line ends too early");
	if (!check_names(&fields->items[1], true, place) || !check_names(&fields->items[2], false, place))
		return false;
	if (rule->type != RULE_LOCAL && !parse_address(rule, fields, &next, place))
		return false;
	return parse_method(rule, fields, next, place);
}

static bool
parse_type(Rule *rule, const HbaField *field, Place *place)
{
	const char *word = field->words[0].text;

	if (field->count > 1)
		return fail_at(place, HINT_LINE, "the connection type is a list");
	for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++)
	{
		if (strcmp(word, type_names[i]) != 0)
			continue;
		rule->type = (RuleType) i;
		return true;
	}
	if (strcmp(word, "hostgssenc") == 0 || strcmp(word, "hostnogssenc") == 0)
		return fail_at(place, "Use host, hostssl or hostnossl: the router does not encrypt by GSSAPI.",
					   "the connection type \"%s\" is not supported", word);
	if (strncmp(word, "include", strlen("include")) == 0)
		return fail_at(place, "Write the lines into this file.", "\"%s\" is not supported", word);
	return fail_at(place, HINT_LINE, "unknown connection type \"%s\"", word);
}

/* What PostgreSQL would not take as a plain name, and neither do we. */
static bool
check_names(const HbaField *field, bool is_database, Place *place)
{
	const char *what = is_database ? "database" : "user";

	for (int i = 0; i < field->count; i++)
	{
		const HbaWord *word = &field->words[i];

		if (word->is_quoted)
			continue;
		if (word->text[0] == '@')
			return fail_at(place, "Write the names into this file.", "a file of names, \"%s\", is not supported",
						   word->text);
		if (word->text[0] == '/')
			return fail_at(place, "Name each one, or put the name into double quotes.",
						   "a regular expression, \"%s\", is not supported", word->text);
		if (word->text[0] == '+')
			return fail_at(place, "The router does not know who is a member of what: name each user.",
						   "the members of a role, \"%s\", are not supported as a %s", word->text, what);
		if (is_database && (hba_word_is(word, "samerole") || hba_word_is(word, "samegroup")))
			return fail_at(place, "The router does not know who is a member of what: name each database.",
						   "\"%s\" is not supported", word->text);
	}
	return true;
}

static bool
parse_address(Rule *rule, const HbaFields *fields, int *next, Place *place)
{
	const HbaField *field = &fields->items[(*next)++];
	const HbaWord *word = &field->words[0];
	const char *slash = strchr(word->text, '/');
	char	   *address;

	if (field->count > 1)
		return fail_at(place, HINT_ADDRESS, "the address is a list");
	if (hba_word_is(word, "all"))
		return true;
	if (hba_word_is(word, "samehost") || hba_word_is(word, "samenet"))
		return fail_at(place, HINT_ADDRESS, "the address \"%s\" is not supported", word->text);

	address = mem_strndup(slash ? slice_make(word->text, (size_t) (slash - word->text)) : slice_from_string(word->text));
	rule->ip_len = parse_ip(address, rule->ip);
	mem_free(address);
	if (rule->ip_len == 0)
		return fail_at(place, HINT_ADDRESS, "\"%s\" is not an IP address; host names are not supported", word->text);
	return slash ? parse_mask_bits(rule, slash + 1, place) : parse_mask(rule, fields, next, place);
}

static bool
parse_mask_bits(Rule *rule, const char *text, Place *place)
{
	size_t		len = strlen(text);
	int			bits = len > 0 && len <= 3 && strspn(text, "0123456789") == len ? atoi(text) : -1;

	if (bits < 0 || bits > rule->ip_len * 8)
		return fail_at(place, HINT_ADDRESS, "invalid CIDR mask \"/%s\"", text);
	for (int i = 0; i < rule->ip_len; i++)
	{
		int			here = bits - i * 8;

		rule->mask[i] = here >= 8 ? 0xff : here <= 0 ? 0 : (uint8_t) (0xff << (8 - here));
	}
	return true;
}

/* A mask in the next field. */
static bool
parse_mask(Rule *rule, const HbaFields *fields, int *next, Place *place)
{
	const HbaField *field;
	int			len;

	if (*next + 1 >= fields->count)
		return fail_at(place, HINT_ADDRESS, "the address has no mask");
	field = &fields->items[(*next)++];
	len = field->count == 1 ? parse_ip(field->words[0].text, rule->mask) : 0;
	if (len == 0)
		return fail_at(place, HINT_ADDRESS, "\"%s\" is not a mask", field->words[0].text);
	if (len != rule->ip_len)
		return fail_at(place, HINT_ADDRESS, "address and mask are not of the same kind");
	return true;
}

/* How many bytes it has; 0: it is not an address. */
static int
parse_ip(const char *text, uint8_t ip[16])
{
	memset(ip, 0, 16);
	if (inet_pton(AF_INET, text, ip) == 1)
		return 4;
	return inet_pton(AF_INET6, text, ip) == 1 ? 16 : 0;
}

static bool
parse_method(Rule *rule, const HbaFields *fields, int next, Place *place)
{
	const char *name;

	if (next >= fields->count)
		return fail_at(place, HINT_METHODS, "the line has no method");
	name = fields->items[next].words[0].text;
	if (fields->items[next].count > 1)
		return fail_at(place, HINT_METHODS, "the method is a list");
	if (next + 1 < fields->count)
		return fail_at(place, "Leave the option out.", "options of a method, \"%s\", are not supported",
					   fields->items[next + 1].words[0].text);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
	{
		if (strcmp(name, methods[i].name) != 0)
			continue;
		rule->method = methods[i].method;
		if (rule->method == AUTH_PEER && rule->type != RULE_LOCAL)
			return fail_at(place, "Use peer with local.", "peer is only possible through the unix socket");
		if (rule->method == AUTH_CERT && rule->type != RULE_HOSTSSL)
			return fail_at(place, "Use cert with hostssl.", "cert is only possible with hostssl");
		return true;
	}
	return fail_at(place, HINT_METHODS, "the method \"%s\" is not supported", name);
}

static bool
fail_at(Place *place, const char *hint, const char *format,...)
{
	char		what[ERROR_MESSAGE_SIZE];
	va_list		args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	error_set(place->error, SQLSTATE_CONFIG_FILE_ERROR, "%s:%d: %s", place->name, place->line, what);
	error_set_hint(place->error, "%s", hint);
	return false;
}
