/*
 * fuzz_scram.c
 *		Messages of a SCRAM exchange, one a line, to either role.
 *
 * The first byte says who we are: 'c' the client, else the server.  A line of
 * a server that begins with "@" gets "r=" and the client's nonce in its place,
 * so that the search can get past the nonce.  Properties: nobody is let in who
 * does not know the password, and nothing is answered but to go on.
 */
#include "scram/scram_internal.h"
#include "tests/fuzz/target.h"

#define MAX_DIGITS 4			/* of iterations: more only takes time */

static Slice
take_line(Slice *rest)
{
	const char *newline = rest->len == 0 ? NULL : memchr(rest->data, '\n', rest->len);
	Slice		line = *rest;

	if (newline != NULL)
		line.len = (size_t) (newline - line.data);
	*rest = slice_skip(*rest, newline == NULL ? line.len : line.len + 1);
	return line;
}

static bool
takes_too_long(Slice line)
{
	const char *at = line.len < 2 ? NULL : memmem(line.data, line.len, ",i=", 3);

	return at != NULL && line.data + line.len - at > 3 + MAX_DIGITS;
}

static void
be_server(Slice rest)
{
	static const ScramVerifier verifier = {.iterations = 1, .salt = "salt", .salt_len = 4};
	ScramServer *scram = scram_server_create_with_nonce(&verifier, false, "server");
	Buf			out = BUF_INIT;
	ScramStatus status = SCRAM_CONTINUE;

	while (status == SCRAM_CONTINUE && rest.len > 0)
	{
		buf_clear(&out);
		status = scram_server_step(scram, take_line(&rest), &out);
		require(status != SCRAM_DONE);
		require((buf_len(&out) > 0) == (status == SCRAM_CONTINUE));
	}
	scram_server_destroy(scram);
	buf_release(&out);
}

static void
be_client(Slice rest)
{
	ScramClient *scram = scram_client_create("pencil");
	Buf			first = BUF_INIT;
	Buf			line = BUF_INIT;
	Buf			out = BUF_INIT;
	Error		error;
	ScramStatus status = SCRAM_CONTINUE;

	require(scram_client_first(scram, &first, &error));
	while (status == SCRAM_CONTINUE && rest.len > 0)
	{
		Slice		text = take_line(&rest);

		buf_clear(&line);
		if (text.len > 0 && text.data[0] == '@')
		{
			buf_append_string(&line, "r=");
			buf_append(&line, slice_skip(buf_slice(&first), strlen("n,,n=,r=")));
			text = slice_skip(text, 1);
		}
		buf_append(&line, text);
		if (takes_too_long(buf_slice(&line)))
			break;
		buf_clear(&out);
		status = scram_client_step(scram, buf_slice(&line), &out);
		require(status != SCRAM_DONE);
		require((buf_len(&out) > 0) == (status == SCRAM_CONTINUE));
	}
	scram_client_destroy(scram);
	buf_release(&first);
	buf_release(&line);
	buf_release(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Slice		input = slice_make((const char *) data, size);
	ScramVerifier verifier;
	char	   *text;

	if (size == 0)
		return 0;
	if (data[0] == 'c')
		be_client(slice_skip(input, 1));
	else
		be_server(slice_skip(input, 1));

	text = strndup(input.data, input.len);
	if (text != NULL && scram_parse_verifier(text, &verifier))
		require(verifier.iterations >= 1 && verifier.salt_len >= 1 && verifier.salt_len <= 64);
	free(text);
	return 0;
}
