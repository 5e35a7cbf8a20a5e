/*-------------------------------------------------------------------------
 *
 * metrics_text.h
 *	  Builds Prometheus' text format, version 0.0.4.
 *
 * A family is named once, then its samples follow:
 *
 *	  metrics_text_family(&buf, "andon_router_clients", METRIC_GAUGE, "Clients connected.");
 *	  metrics_text_sample(&buf, "andon_router_clients", labels, 1, 12);
 *
 * Durations go in as microseconds and come out as seconds, as the name
 * (..._seconds) must say.  Labels carry no user data (router.md §10); they are
 * escaped all the same.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ROUTER_HTTP_METRICS_TEXT_H
#define ROUTER_HTTP_METRICS_TEXT_H

#include "base/buf.h"
#include "base/histogram.h"

typedef enum MetricType
{
	METRIC_COUNTER,				/* the name ends in _total */
	METRIC_GAUGE,
	METRIC_HISTOGRAM
} MetricType;

typedef struct MetricLabel
{
	const char *name;
	const char *value;
} MetricLabel;

extern void metrics_text_family(Buf *text, const char *name, MetricType type, const char *help);
extern void metrics_text_sample(Buf *text, const char *name, const MetricLabel *labels, int nlabels, uint64_t value);
extern void metrics_text_seconds(Buf *text, const char *name, const MetricLabel *labels, int nlabels, uint64_t value_us);
extern void metrics_text_histogram(Buf *text, const char *name, const MetricLabel *labels, int nlabels,
								   const Histogram *histogram);

#endif							/* ROUTER_HTTP_METRICS_TEXT_H */
