/*
 * fuzz_startup.c
 *		The first packet of a connection.
 *
 * Properties: a packet is within its limits and not there one byte earlier;
 * parameters lie within it, are not repeated and are found by name; written
 * back, a session of protocol 3.0 is the same bytes.
 */
#include "base/memory.h"
#include "tests/fuzz/target.h"
#include "wire/build.h"
#include "wire/startup.h"

static void
check_session(const Startup *startup, Slice packet)
{
	char	   *strings[2 * STARTUP_MAX_PARAMS + 1];
	Buf			built = BUF_INIT;
	int			count = 0;

	require(startup->version >> 16 == 3 && startup->nparams <= STARTUP_MAX_PARAMS);
	for (int i = 0; i < startup->nparams; i++)
	{
		const StartupParam *param = &startup->params[i];

		require(param->name.len > 0 && param->name.data > packet.data);
		require(param->value.data + param->value.len < packet.data + packet.len);
		strings[count++] = mem_strndup(param->name);
		strings[count++] = mem_strndup(param->value);
		require(startup_find_param(startup, strings[count - 2]).data == param->value.data);
	}
	strings[count] = NULL;

	build_startup(&built, (const char *const *) strings);
	if (startup->version == 3U << 16)
		require(slice_equals(buf_slice(&built), packet));
	buf_release(&built);
	while (count > 0)
		mem_free(strings[--count]);
}

static void
check_cancel(const Startup *startup, Slice packet)
{
	Buf			built = BUF_INIT;

	require(startup->cancel_key.len >= 4 && startup->cancel_key.len <= 256);
	build_cancel(&built, startup->cancel_pid, startup->cancel_key);
	require(slice_equals(buf_slice(&built), packet));
	buf_release(&built);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Slice		input = slice_make((const char *) data, size);
	Startup		startup;
	Startup		shorter;
	StartupKind kind = startup_parse(input, &startup);

	require(kind == startup.kind);
	if (kind == STARTUP_MALFORMED)
		require(startup.why != NULL);
	if (kind == STARTUP_PARTIAL || kind == STARTUP_MALFORMED)
		return 0;

	require(startup.total_len >= 8 && startup.total_len <= size &&
			startup.total_len <= STARTUP_MAX_LEN);
	require(startup_parse(slice_make(input.data, startup.total_len - 1), &shorter) == STARTUP_PARTIAL);
	input.len = startup.total_len;
	if (kind == STARTUP_SESSION)
		check_session(&startup, input);
	if (kind == STARTUP_CANCEL)
		check_cancel(&startup, input);
	return 0;
}
