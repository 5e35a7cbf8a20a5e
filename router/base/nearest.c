/*-------------------------------------------------------------------------
 *
 * nearest.c
 *	  The name that was probably meant.
 *
 *-------------------------------------------------------------------------
 */
#include "base/nearest.h"

#include <string.h>

#define NEAR_NAME_MAX 64

static int	edit_distance(const char *a, const char *b);
static int	least(int a, int b);

const char *
nearest_find(const char *name, const char *const *names)
{
	const char *nearest = NULL;
	int			best = 4;		/* further away it is another word */

	if (strlen(name) > NEAR_NAME_MAX)
		return NULL;
	for (int i = 0; names[i] != NULL; i++)
	{
		int			distance = edit_distance(name, names[i]);

		if (distance < best && distance < (int) strlen(names[i]))
		{
			best = distance;
			nearest = names[i];
		}
	}
	return nearest;
}

/* Insertions, deletions, substitutions, and swaps of neighbours. */
static int
edit_distance(const char *a, const char *b)
{
	int			rows[3][NEAR_NAME_MAX + 1];
	int			b_len = (int) strlen(b);

	if (b_len > NEAR_NAME_MAX)
		return NEAR_NAME_MAX;
	for (int j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (int i = 1; a[i - 1] != '\0'; i++)
	{
		int		   *row = rows[i % 3];
		const int  *above = rows[(i + 2) % 3];
		const int  *above_that = rows[(i + 1) % 3];

		row[0] = i;
		for (int j = 1; j <= b_len; j++)
		{
			row[j] = least(above[j] + 1, row[j - 1] + 1);
			row[j] = least(row[j], above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], above_that[j - 2] + 1);
		}
	}
	return rows[strlen(a) % 3][b_len];
}

static int
least(int a, int b)
{
	return a < b ? a : b;
}
