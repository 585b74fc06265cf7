/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Answers: what a scraper gets for each path and method. */

#include "exporter/snapshots.h"

typedef struct Answers {
    Snapshots snapshots;
    struct MHD_Response *index, *away, *not_found, *not_allowed;
} Answers;

int answers_open(Answers *answers, const char *socket_path, uint64_t interval_usec); /* -ENOMEM */
void answers_done(Answers *answers);
/* For MHD_start_daemon(), with an Answers as userdata. */
enum MHD_Result answers_give(void *userdata, struct MHD_Connection *connection, const char *url, const char *method,
        const char *version, const char *upload, size_t *upload_size, void **request);
