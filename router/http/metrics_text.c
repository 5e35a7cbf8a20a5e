/*-------------------------------------------------------------------------
 *
 * metrics_text.c
 *	  Builds Prometheus' text format.
 *
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 *
 *-------------------------------------------------------------------------
 */
#include "http/metrics_text.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const type_names[] = {
	[METRIC_COUNTER] = "counter",
	[METRIC_GAUGE] = "gauge",
	[METRIC_HISTOGRAM] = "histogram"
};

static void append_escaped(Buf *text, const char *string, bool is_label);
static void append_labels(Buf *text, const MetricLabel *labels, int nlabels, const char *le);
static void append_seconds(Buf *text, uint64_t value_us);

void
metrics_text_family(Buf *text, const char *name, MetricType type, const char *help)
{
	buf_printf(text, "# HELP %s ", name);
	append_escaped(text, help, false);
	buf_printf(text, "\n# TYPE %s %s\n", name, type_names[type]);
}

void
metrics_text_sample(Buf *text, const char *name, const MetricLabel *labels, int nlabels, uint64_t value)
{
	buf_append_string(text, name);
	append_labels(text, labels, nlabels, NULL);
	buf_printf(text, " %" PRIu64 "\n", value);
}

void
metrics_text_seconds(Buf *text, const char *name, const MetricLabel *labels, int nlabels, uint64_t value_us)
{
	buf_append_string(text, name);
	append_labels(text, labels, nlabels, NULL);
	append_seconds(text, value_us);
}

/* Buckets are cumulative here. */
void
metrics_text_histogram(Buf *text, const char *name, const MetricLabel *labels, int nlabels,
					   const Histogram *histogram)
{
	uint64_t	below = 0;

	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
	{
		char		le[32] = "+Inf";

		if (i < HISTOGRAM_BUCKETS - 1)
			snprintf(le, sizeof(le), "%g", (double) histogram_bounds_us[i] / 1e6);
		below += histogram->buckets[i];
		buf_printf(text, "%s_bucket", name);
		append_labels(text, labels, nlabels, le);
		buf_printf(text, " %" PRIu64 "\n", below);
	}
	buf_printf(text, "%s_sum", name);
	append_labels(text, labels, nlabels, NULL);
	append_seconds(text, histogram->sum_us);
	buf_printf(text, "%s_count", name);
	append_labels(text, labels, nlabels, NULL);
	buf_printf(text, " %" PRIu64 "\n", histogram->count);
}

/* le: the upper bound of a bucket, or NULL. */
static void
append_labels(Buf *text, const MetricLabel *labels, int nlabels, const char *le)
{
	const char *separator = "{";

	for (int i = 0; i < nlabels; i++)
	{
		buf_printf(text, "%s%s=\"", separator, labels[i].name);
		append_escaped(text, labels[i].value, true);
		buf_append_u8(text, '"');
		separator = ",";
	}
	if (le != NULL)
		buf_printf(text, "%sle=\"%s\"}", separator, le);
	else if (nlabels > 0)
		buf_append_u8(text, '}');
}

static void
append_escaped(Buf *text, const char *string, bool is_label)
{
	for (; *string != '\0'; string++)
	{
		if (*string == '\n')
			buf_append_string(text, "\\n");
		else if (*string == '\\' || (*string == '"' && is_label))
			buf_printf(text, "\\%c", *string);
		else
			buf_append_u8(text, (uint8_t) *string);
	}
}

/* Whole microseconds: a double would lose them in sums of months. */
static void
append_seconds(Buf *text, uint64_t value_us)
{
	buf_printf(text, " %" PRIu64 ".%06" PRIu64 "\n", value_us / 1000000, value_us % 1000000);
}
