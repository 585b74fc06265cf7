/* SPDX-License-Identifier: GPL-2.0-or-later */

/* show: all that is known of one slice or workload, for people as tables or for scripts as KEY=value. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/strv.h"
#include "tools/supctl/block.h"
#include "tools/supctl/client.h"
#include "tools/supctl/property.h"
#include "tools/supctl/report.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/table.h"
#include "tools/supctl/text.h"

static int print_limits(const Options *options, const Detail *detail) {
    static const Column columns[] = {
        { .heading = "LIMIT" },
        { .heading = "SET" },
        { .heading = "WRITTEN" },
        { .heading = "EFFECTIVE" },
        { .heading = "BITTEN", .right = true },
    };
    _cleanup_(table_done) Table table = TABLE(columns);
    TableStyle style = table_style(options, 0);

    for (size_t i = 0; i < detail->n_limits; i++) {
        const LimitReport *limit = &detail->limits[i];

        table_add_text(&table, limit->key);
        table_add_text(&table, limit->set);
        table_add_text(&table, limit->written);
        table_add_text(&table, limit->effective);
        if (limit->bitten == UINT64_MAX)
            table_add_text(&table, "");
        else
            table_add(&table, "%" PRIu64, limit->bitten);
    }
    return table_print(&table, &style, stdout);
}

static int print_meters(const Options *options, const Detail *detail) {
    static const Column columns[] = { { .heading = "METER" }, { .heading = "VALUE", .right = true } };
    _cleanup_(table_done) Table table = TABLE(columns);
    TableStyle style = table_style(options, 0);
    char text[AMOUNT_TEXT_MAX];

    for (size_t i = 0; i < detail->n_meters; i++) {
        table_add_text(&table, detail->meters[i].name);
        table_add_text(&table, meter_report_show(&detail->meters[i], text, sizeof(text)));
    }
    return table_print(&table, &style, stdout);
}

static int print_all(const Options *options, const Detail *detail) {
    int status = block_print(options, detail, false);

    if (status == EXIT_SUCCESS && detail->n_limits > 0) {
        putchar('\n');
        status = print_limits(options, detail);
    }
    if (status == EXIT_SUCCESS && detail->n_meters > 0) {
        putchar('\n');
        status = print_meters(options, detail);
    }
    return status;
}

static int print_property(const Options *options, const Detail *detail, const char *key) {
    _cleanup_(cleanup_free) char *prefix = NULL;
    char buffer[AMOUNT_TEXT_MAX];
    const char *value = detail_property(detail, key, buffer, sizeof(buffer));

    if (!value) {
        complain("%s: has no property %s (`supctl show %s` shows them)", detail->status.name, key, detail->status.name);
        return EXIT_FAILURE;
    }
    if (text_printf(&prefix, "%s%s", options->value ? "" : key, options->value ? "" : "=") < 0)
        return complain_memory();
    text_print_line(stdout, prefix, value);
    return EXIT_SUCCESS;
}

static int print_properties(const Options *options, const Detail *detail) {
    int worst = EXIT_SUCCESS;

    for (char **key = options->properties; *key; key++) {
        int status = print_property(options, detail, *key);

        worst = status > worst ? status : worst;
    }
    return worst;
}

/* Blocks of several names have an empty line between them. */
static int show(const Options *options, sd_bus *bus, const char *name, bool is_first, Json *json) {
    _cleanup_(detail_done) Detail detail = { 0 };
    int status = detail_fetch(bus, name, &detail);

    if (status != EXIT_SUCCESS)
        return status;
    if (!is_first && !options->json)
        putchar('\n');
    if (options->json)
        detail_write(json, &detail);
    else if (options->properties)
        return print_properties(options, &detail);
    else
        return print_all(options, &detail);
    return EXIT_SUCCESS;
}

int verb_show(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    Json json = JSON(stdout, options->json);
    int worst;

    if (options->value && !options->properties) {
        complain("--value: of which property? (-p KEY)");
        return EXIT_USAGE;
    }
    worst = client_open(options, &bus);
    if (worst != EXIT_SUCCESS)
        return worst;
    if (options->json)
        json_begin_array(&json, NULL);
    for (char **name = arguments; *name; name++) {
        int status = show(options, bus, *name, name == arguments, &json);

        worst = status > worst ? status : worst;
    }
    if (options->json) {
        json_end_array(&json);
        json_end(&json);
    }
    return worst;
}
