/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What keys there are is the daemon's to say; here only what the protocol cannot carry is refused. */

#include "tools/supctl/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/text.h"

int settings_check(char *const *settings) {
    for (; settings && *settings; settings++)
        if (!text_is_utf8(*settings) || !strchr(*settings, '=') || **settings == '=') {
            complain("%s: not KEY=VALUE", *settings);
            return EXIT_USAGE;
        }
    return EXIT_SUCCESS;
}

int settings_append(sd_bus_message *call, char *const *settings) {
    int r = sd_bus_message_open_container(call, 'a', "(ss)");

    for (; r >= 0 && settings && *settings; settings++) {
        const char *equals = strchr(*settings, '=');
        _cleanup_(cleanup_free) char *key = strndup(*settings, (size_t) (equals - *settings));

        r = key ? sd_bus_message_append(call, "(ss)", key, equals + 1) : -ENOMEM;
    }
    return r < 0 ? r : sd_bus_message_close_container(call);
}
