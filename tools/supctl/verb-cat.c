/* SPDX-License-Identifier: GPL-2.0-or-later */

/* cat: the policy as it was loaded, merged, each line below the place that it comes from. */

#include <stdlib.h>

#include "tools/supctl/client.h"
#include "tools/supctl/policy-text.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/text.h"

static int write_lines(Json *json, const char *text) {
    _cleanup_(policy_text_done) PolicyText policy = { 0 };

    if (policy_text_read(text, &policy) < 0)
        return complain_memory();
    for (size_t i = 0; i < policy.n_lines; i++) {
        json_begin_object(json, NULL);
        policy_line_write(json, &policy.lines[i]);
        json_end_object(json);
    }
    return EXIT_SUCCESS;
}

/* name "": all of it. */
static int cat(sd_bus *bus, const char *name, Json *json) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    int status = client_call(bus, *name ? name : NULL, CALL_READS, &reply, "Cat", "s", name), r;
    const char *text;

    if (status != EXIT_SUCCESS)
        return status;
    r = sd_bus_message_read(reply, "s", &text);
    if (r < 0)
        return client_bad_reply(r);
    if (json->style)
        return write_lines(json, text);
    text_print_lines(stdout, "", text);
    return EXIT_SUCCESS;
}

static int cat_each(sd_bus *bus, char **names, Json *json) {
    int worst = EXIT_SUCCESS;

    for (char **name = names; *name; name++) {
        if (name > names && !json->style)
            putchar('\n');

        int status = cat(bus, *name, json);

        worst = status > worst ? status : worst;
    }
    return worst;
}

int verb_cat(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    Json json = JSON(stdout, options->json);
    int status = client_open(options, &bus);

    if (status != EXIT_SUCCESS)
        return status;
    if (json.style)
        json_begin_array(&json, NULL);
    status = *arguments ? cat_each(bus, arguments, &json) : cat(bus, "", &json);
    if (json.style) {
        json_end_array(&json);
        json_end(&json);
    }
    return status;
}
