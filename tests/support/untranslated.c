/*
 * untranslated.c
 *		Takes message translation out of a program that runs under ASan.
 *
 * An unmodified PostgreSQL server gets AddressSanitizer's runtime by LD_PRELOAD,
 * so that the extension's instrumented code finds it. A constructor of libp11-kit
 * (which libldap brings in) then leaves glibc's lock on translations held, and
 * the server waits for it forever in its first bindtextdomain(). Preloaded after
 * the runtime, these answer in glibc's place; messages stay in English, which is
 * what the tests expect anyway.
 */
extern char *bindtextdomain(const char *domain, const char *folder);
extern char *bind_textdomain_codeset(const char *domain, const char *codeset);
extern char *textdomain(const char *domain);
extern char *gettext(const char *text);
extern char *dgettext(const char *domain, const char *text);
extern char *dcgettext(const char *domain, const char *text, int category);
extern char *ngettext(const char *one, const char *many, unsigned long count);
extern char *dngettext(const char *domain, const char *one, const char *many, unsigned long count);
extern char *dcngettext(const char *domain, const char *one, const char *many, unsigned long count,
						int category);

char *
bindtextdomain(const char *domain, const char *folder)
{
	return (char *) folder;
}

char *
bind_textdomain_codeset(const char *domain, const char *codeset)
{
	return (char *) codeset;
}

char *
textdomain(const char *domain)
{
	return (char *) domain;
}

char *
gettext(const char *text)
{
	return (char *) text;
}

char *
dgettext(const char *domain, const char *text)
{
	return (char *) text;
}

char *
dcgettext(const char *domain, const char *text, int category)
{
	return (char *) text;
}

char *
ngettext(const char *one, const char *many, unsigned long count)
{
	return (char *) (count == 1 ? one : many);
}

char *
dngettext(const char *domain, const char *one, const char *many, unsigned long count)
{
	return (char *) (count == 1 ? one : many);
}

char *
dcngettext(const char *domain, const char *one, const char *many, unsigned long count, int category)
{
	return (char *) (count == 1 ? one : many);
}
