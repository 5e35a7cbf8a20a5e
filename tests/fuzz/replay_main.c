/*
 * replay_main.c
 *		Runs a fuzz target over the files named on the command line.
 *
 * libFuzzer brings its own main and needs clang; the quick check needs neither.
 * Each fuzz target is linked with this file too and run over its corpus, under
 * whatever compiler and sanitizers the build uses. A target that finds a broken
 * property aborts, and the file's name, printed beforehand, is the last line.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern int	LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

/* Reads a whole file; the caller frees it. */
static uint8_t *
replay_read_file(const char *path, size_t *size)
{
	FILE	   *file = fopen(path, "rb");
	uint8_t    *data = NULL;
	long		length;

	if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (length = ftell(file)) < 0 ||
		fseek(file, 0, SEEK_SET) != 0)
	{
		perror(path);
		exit(2);
	}
	/* Exactly as long as the input, so that reading past its end is seen. */
	data = malloc(length > 0 ? (size_t) length : 1);
	if (data == NULL || fread(data, 1, (size_t) length, file) != (size_t) length)
	{
		perror(path);
		exit(2);
	}
	fclose(file);
	*size = (size_t) length;
	return data;
}

int
main(int argc, char **argv)
{
	if (LLVMFuzzerInitialize != NULL)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
	{
		size_t		size;
		uint8_t    *data = replay_read_file(argv[i], &size);

		fprintf(stderr, "%s\n", argv[i]);
		LLVMFuzzerTestOneInput(data, size);
		free(data);
	}
	return 0;
}
