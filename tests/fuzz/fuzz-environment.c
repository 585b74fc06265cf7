/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Any bytes as an EnvironmentFile= give assignments, or a problem with its line. */

#include <errno.h>

#include "fuzz.h"
#include "model/environment-file.h"
#include "model/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    _cleanup_(cleanup_strv_free) char **environment = NULL;
    _cleanup_(cleanup_free) char *text = fuzz_text(data, size);
    const char *problem = NULL;
    unsigned line = 0;

    int r = environment_file_parse(text, size, &environment, &line, &problem);
    DEMAND(r >= 0 || (r == -ENOMEM) || (line > 0 && problem));
    for (char **word = environment; r >= 0 && word && *word; word++)
        DEMAND(word_is_assignment(*word));
    return 0;
}
