/*-------------------------------------------------------------------------
 *
 * test_metrics_text.c
 *	  Prometheus' text, line by line.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "http/metrics_text.h"

static void
assert_text(Buf *text, const char *expected)
{
	buf_append_u8(text, 0);
	assert_string_equal(buf_slice(text).data, expected);
	buf_release(text);
}

static void
a_family_and_its_samples(void **state)
{
	const MetricLabel labels[] = {{"node", "north"}, {"role", "primary"}};
	Buf			text = BUF_INIT;

	metrics_text_family(&text, "andon_router_clients", METRIC_GAUGE, "Clients connected.");
	metrics_text_sample(&text, "andon_router_clients", NULL, 0, 12);
	metrics_text_sample(&text, "andon_router_clients", labels, 2, UINT64_MAX);
	assert_text(&text,
				"# HELP andon_router_clients Clients connected.\n"
				"# TYPE andon_router_clients gauge\n"
				"andon_router_clients 12\n"
				"andon_router_clients{node=\"north\",role=\"primary\"} 18446744073709551615\n");
}

static void
what_would_break_a_line_is_escaped(void **state)
{
	const MetricLabel label = {"node", "a\"b\\c\nd"};
	Buf			text = BUF_INIT;

	metrics_text_family(&text, "x_total", METRIC_COUNTER, "Not \"so\" \\ simple\nas that");
	metrics_text_sample(&text, "x_total", &label, 1, 0);
	assert_text(&text,
				"# HELP x_total Not \"so\" \\\\ simple\\nas that\n"
				"# TYPE x_total counter\n"
				"x_total{node=\"a\\\"b\\\\c\\nd\"} 0\n");
}

static void
durations_are_seconds(void **state)
{
	Buf			text = BUF_INIT;

	metrics_text_seconds(&text, "lag_seconds", NULL, 0, 1500);
	metrics_text_seconds(&text, "lag_seconds", NULL, 0, 12345678901234567);
	assert_text(&text, "lag_seconds 0.001500\nlag_seconds 12345678901.234567\n");
}

static void
buckets_of_a_histogram_add_up(void **state)
{
	const MetricLabel label = {"route", "replica"};
	Histogram	histogram = {{0}, 0, 0};
	Buf			text = BUF_INIT;
	Slice		all;

	histogram_add(&histogram, 50);	/* le 5e-05 */
	histogram_add(&histogram, 51);	/* le 0.0001 */
	histogram_add(&histogram, 2000);	/* le 0.0025 */
	histogram_add(&histogram, 20000000);	/* +Inf */
	metrics_text_family(&text, "t_seconds", METRIC_HISTOGRAM, "T.");
	metrics_text_histogram(&text, "t_seconds", &label, 1, &histogram);
	buf_append_u8(&text, 0);
	all = buf_slice(&text);
	assert_non_null(strstr(all.data, "# TYPE t_seconds histogram\n"));
	assert_non_null(strstr(all.data, "\nt_seconds_bucket{route=\"replica\",le=\"5e-05\"} 1\n"));
	assert_non_null(strstr(all.data, "\nt_seconds_bucket{route=\"replica\",le=\"0.0001\"} 2\n"));
	assert_non_null(strstr(all.data, "\nt_seconds_bucket{route=\"replica\",le=\"0.001\"} 2\n"));
	assert_non_null(strstr(all.data, "\nt_seconds_bucket{route=\"replica\",le=\"0.0025\"} 3\n"));
	assert_non_null(strstr(all.data, "\nt_seconds_bucket{route=\"replica\",le=\"10\"} 3\n"));
	assert_non_null(strstr(all.data, "\nt_seconds_bucket{route=\"replica\",le=\"+Inf\"} 4\n"));
	assert_non_null(strstr(all.data, "\nt_seconds_sum{route=\"replica\"} 20.002101\n"));
	assert_non_null(strstr(all.data, "\nt_seconds_count{route=\"replica\"} 4\n"));
	buf_release(&text);

	metrics_text_histogram(&text, "u_seconds", NULL, 0, &histogram);
	buf_append_u8(&text, 0);
	assert_non_null(strstr(buf_slice(&text).data, "u_seconds_bucket{le=\"5e-05\"} 1\n"));
	assert_non_null(strstr(buf_slice(&text).data, "\nu_seconds_count 4\n"));
	buf_release(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_family_and_its_samples),
		cmocka_unit_test(what_would_break_a_line_is_escaped),
		cmocka_unit_test(durations_are_seconds),
		cmocka_unit_test(buckets_of_a_histogram_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
