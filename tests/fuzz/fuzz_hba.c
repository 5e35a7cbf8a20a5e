/*
 * fuzz_hba.c
 *		The text of an auth_hba_file.
 *
 * Properties: an error names the file; what decides for a client is a line of
 * the text; a line put before it that fits everybody decides instead; and
 * with a comment behind it the text means the same.
 */
#include "auth/hba.h"
#include "base/buf.h"
#include "tests/fuzz/target.h"

/* The line that decides; 0: none. */
static int
decide(const Hba *hba, const HbaRequest *request, AuthMethod *method)
{
	HbaAnswer	answer;

	if (!hba_find(hba, request, &answer))
		return 0;
	require(answer.line >= 1 && answer.method != AUTH_HBA);
	*method = answer.method;
	return answer.line;
}

static Hba *
parse_with(const char *before, Slice text, const char *after)
{
	Buf			whole = BUF_INIT;
	Error		error;
	Hba		   *hba;

	buf_append_string(&whole, before);
	buf_append(&whole, text);
	buf_append_string(&whole, after);
	hba = hba_parse(buf_slice(&whole), "whole", &error);
	buf_release(&whole);
	return hba;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Slice		text = slice_make((const char *) data, size);
	Error		error;
	Hba		   *hba = hba_parse(text, "fuzz", &error);
	Hba		   *behind;
	Hba		   *commented;

	if (hba == NULL)
	{
		require(strncmp(error.message, "fuzz:", 5) == 0 && error.hint[0] != '\0');
		return 0;
	}
	if (size >= 3 && data[0] == 0xEF)	/* the mark of UTF-8 is one at the start only */
	{
		hba_unref(hba);
		return 0;
	}
	behind = parse_with("local all all reject\nhost all all all reject\n", text, "");
	commented = parse_with("", text, "\n# the end");
	require(behind != NULL && commented != NULL);
	require(hba_count(behind) == hba_count(hba) + 2 && hba_count(commented) == hba_count(hba));
	for (int i = 0; i < 8; i++)
	{
		HbaRequest	request = {.database = i & 1 ? "mes" : "anna",.user = "anna",.is_tls = i & 2,.is_local = i == 4};
		AuthMethod	method = AUTH_TRUST;
		AuthMethod	again = AUTH_TRUST;
		int			line;

		request.ip_len = request.is_local ? 0 : i & 4 ? 16 : 4;
		if (size >= 16 && request.ip_len > 0)
			memcpy(request.ip, data + size - 16, 16);
		line = decide(hba, &request, &method);
		require(line == decide(commented, &request, &again) && method == again);
		require(decide(behind, &request, &again) == (request.is_local ? 1 : 2) && again == AUTH_REJECT);
	}
	hba_unref(commented);
	hba_unref(behind);
	hba_unref(hba);
	return 0;
}
