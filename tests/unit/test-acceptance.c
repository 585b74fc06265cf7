/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Accept headers, as scrapers send them and as nobody should. */

#include "exporter/acceptance.h"
#include "unit/check.h"

static ExpositionFormat choice(const char *first, const char *second) {
    Acceptance acceptance = { 0 };

    acceptance_add(&acceptance, first);
    acceptance_add(&acceptance, second);
    return acceptance_choice(&acceptance);
}

#define CHECK_OPEN(header) CHECK_EQ(choice(header, ""), EXPOSITION_OPENMETRICS)
#define CHECK_TEXT(header) CHECK_EQ(choice(header, ""), EXPOSITION_TEXT)

static void test_scrapers(void) {
    CHECK_TEXT("");
    CHECK_TEXT("*/*"); /* curl */
    CHECK_TEXT("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
    /* Prometheus 2.42, 2.50 with protobuf, 3 */
    CHECK_OPEN("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
               "text/plain;version=0.0.4;q=0.5,*/*;q=0.1");
    CHECK_OPEN("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
               "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1");
    CHECK_OPEN("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=1.0.0;q=0.5,"
               "*/*;q=0.2");
    CHECK_TEXT("text/plain;version=0.0.4");
}

static void test_qualities(void) {
    CHECK_OPEN("application/openmetrics-text");
    CHECK_OPEN("application/openmetrics-text, text/plain");
    CHECK_TEXT("application/openmetrics-text;q=0.5, text/plain");
    CHECK_OPEN("text/plain;q=0.499, application/openmetrics-text;q=0.5");
    CHECK_TEXT("application/openmetrics-text;q=0");
    CHECK_TEXT("application/openmetrics-text; q=0.000, text/plain; q=0.001");
    CHECK_TEXT("application/openmetrics-text;q=0.5, */*;q=0.6");
    CHECK_OPEN("Application/OpenMetrics-Text ; Version=\"1.0.0\" ; Q=1.000 , text/*;q=0.9");
    CHECK_TEXT("application/openmetrics-text;version=0.0.1");
    CHECK_TEXT("application/openmetrics-text;version=2.0.0");
    CHECK_TEXT("application/*");
    CHECK_EQ(choice("text/plain;q=0.5", "application/openmetrics-text"), EXPOSITION_OPENMETRICS);
    CHECK_EQ(choice("application/openmetrics-text;q=0.5", "text/plain"), EXPOSITION_TEXT);
}

static void test_rubbish(void) {
    CHECK_TEXT("application/openmetrics-text;q=2");
    CHECK_TEXT("application/openmetrics-text;q=1.001");
    CHECK_TEXT("application/openmetrics-text;q=0.0001");
    CHECK_TEXT("application/openmetrics-text;q=.5");
    CHECK_TEXT("application/openmetrics-text;q=");
    CHECK_TEXT("application/openmetrics-text;q=-1");
    CHECK_TEXT("application/openmetrics-text;q=0,5");
    CHECK_TEXT("application/openmetrics-textual");
    CHECK_TEXT("x;y=\"application/openmetrics-text,application/openmetrics-text\"");
    CHECK_TEXT("x;y=\"\\\",application/openmetrics-text");
    CHECK_TEXT(",,;;,\"");
    CHECK_OPEN(",;q=0,, \t application/openmetrics-text\t;;=;, \"");
}

int main(void) {
    test_scrapers();
    test_qualities();
    test_rubbish();
    return EXIT_SUCCESS;
}
