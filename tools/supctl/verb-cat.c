/* SPDX-License-Identifier: GPL-2.0-or-later */

/* cat: the policy as it was loaded, merged, each line below the place that it comes from. */

#include <stdlib.h>

#include "tools/supctl/client.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/text.h"

/* name "": all of it. */
static int cat(sd_bus *bus, const char *name) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    int status = client_call(bus, *name ? name : NULL, CALL_READS, &reply, "Cat", "s", name), r;
    const char *text;

    if (status != EXIT_SUCCESS)
        return status;
    r = sd_bus_message_read(reply, "s", &text);
    if (r < 0)
        return client_bad_reply(r);
    text_print_lines(stdout, "", text);
    return EXIT_SUCCESS;
}

int verb_cat(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    int worst = client_open(options, &bus);

    if (worst != EXIT_SUCCESS)
        return worst;
    if (!*arguments)
        return cat(bus, "");
    for (char **name = arguments; *name; name++) {
        if (name > arguments)
            putchar('\n');

        int status = cat(bus, *name);

        worst = status > worst ? status : worst;
    }
    return worst;
}
