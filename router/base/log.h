/*-------------------------------------------------------------------------
 *
 * log.h
 *	  One line an event on standard error, as text or JSON.
 *
 * Event names are stable words (client_login_failed); variable parts are
 * fields.  No secrets, no parameters, no literals of statements.  Any thread
 * may log: a line is one write(2) of at most LOG_LINE_SIZE bytes, so that lines
 * of threads do not mix, not in a pipe either; longer values are cut and end
 * in "...".  Whatever bytes a peer made us log, a line stays one line of valid
 * UTF-8.  The format and level are set before threads start, and by a reload.
 *
 *	  2026-11-21T22:00:00.123Z INFO event key=value other="with spaces"
 *	  {"ts":"2026-11-21T22:00:00.123Z","level":"info","event":"event","key":"value"}
 *
 *	  LOG_WARN("server_login_failed", LF_STR("node", name), LF_INT("attempt", n));
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_BASE_LOG_H
#define ROUTER_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define LOG_LINE_SIZE 4096		/* PIPE_BUF: what a pipe takes in one piece */

typedef enum LogLevel
{
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_ERROR
} LogLevel;

typedef enum LogFormat
{
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON
} LogFormat;

typedef struct LogField
{
	const char *name;
	const char *string;			/* NULL: number holds the value */
	int64_t		number;
} LogField;

static inline LogField
log_string_field(const char *name, const char *value)
{
	return (LogField) {name, value != NULL ? value : "", 0};
}

#define LF_STR(name, value) log_string_field((name), (value))
#define LF_INT(name, value) ((LogField) {(name), NULL, (int64_t) (value)})

extern void log_configure(LogLevel level, LogFormat format);
extern bool log_enabled(LogLevel level);
extern COLD void log_write(LogLevel level, const char *event, const LogField *fields, int nfields);

#define LOG_AT(level, event, ...) \
	do { \
		if (log_enabled(level)) \
		{ \
			const LogField log_fields_[] = {{NULL, NULL, 0}, ##__VA_ARGS__}; \
			log_write(level, event, log_fields_ + 1, (int) (sizeof(log_fields_) / sizeof(LogField)) - 1); \
		} \
	} while (0)
#define LOG_DEBUG(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define LOG_INFO(...) LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_WARN(...) LOG_AT(LOG_LEVEL_WARNING, __VA_ARGS__)
#define LOG_ERROR(...) LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)

#endif							/* ROUTER_BASE_LOG_H */
