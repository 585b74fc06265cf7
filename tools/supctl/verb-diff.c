/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * diff: what a reload would change: in the policy, line by line, and on the node, step by step. Like diff(1), it returns 1
 * when there is anything, and more when it cannot tell.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strv.h"
#include "serve/protocol.h"
#include "tools/supctl/client.h"
#include "tools/supctl/policy-text.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/text.h"

enum { DIFFERS = 1, TROUBLE = 2 }; /* as diff(1) has them */

typedef struct Diff {
    bool differs;
    Json json;
    const char *heading; /* the section that the last line was of; NULL: none yet */
} Diff;

typedef struct Block {
    const PolicyLine *lines;
    size_t n;
} Block;

static int compare_keys(const PolicyLine *a, const PolicyLine *b) {
    int order = strcmp(a->section, b->section);

    return order ? order : strcmp(a->key ? a->key : "", b->key ? b->key : "");
}

/* Those of one key stay in their order: their text comes from one buffer. */
static int compare_lines(const void *a, const void *b) {
    const PolicyLine *left = a, *right = b;
    int order = compare_keys(left, right);

    return order ? order : (left->value > right->value) - (left->value < right->value);
}

static void show_line(Diff *diff, char sign, const PolicyLine *line) {
    _cleanup_(cleanup_free) char *text = NULL;
    char prefix[] = { sign, '\0' };

    if (!diff->differs)
        puts("--- running policy\n+++ policy files");
    if (!diff->heading || strcmp(diff->heading, line->section) != 0)
        printf("@@ [%s] @@\n", line->section);
    if (text_printf(&text, "%s%s%s  # %s:%" PRIu64 "%s%s%s", line->key ? line->key : "[",
                line->key ? "=" : line->section, line->key ? line->value : "]", line->file, line->line,
                line->from ? " [" : "", line->from ? line->from : "", line->from ? "]" : "") >= 0)
        text_print_line(stdout, prefix, text);
}

static void say_line(Diff *diff, char sign, const PolicyLine *line) {
    if (diff->json.style) {
        json_begin_object(&diff->json, NULL);
        json_text(&diff->json, "change", sign == '+' ? "added" : "removed");
        policy_line_write(&diff->json, line);
        json_end_object(&diff->json);
    } else
        show_line(diff, sign, line);
    diff->heading = line->section;
    diff->differs = true;
}

static bool same_value(const PolicyLine *a, const PolicyLine *b) {
    return strcmp(a->value ? a->value : "", b->value ? b->value : "") == 0;
}

/* What stands between a common beginning and a common end. */
static void compare_blocks(Diff *diff, Block running, Block files) {
    size_t begin = 0;

    while (begin < running.n && begin < files.n && same_value(running.lines + begin, files.lines + begin))
        begin++;
    while (running.n > begin && files.n > begin &&
            same_value(running.lines + running.n - 1, files.lines + files.n - 1)) {
        running.n--;
        files.n--;
    }
    for (size_t i = begin; i < running.n; i++)
        say_line(diff, '-', running.lines + i);
    for (size_t i = begin; i < files.n; i++)
        say_line(diff, '+', files.lines + i);
}

/* The lines at position that are of one key in one section. */
static Block block_at(const PolicyText *policy, size_t position) {
    Block block = { .lines = policy->lines + position };

    while (position + block.n < policy->n_lines && compare_keys(block.lines, block.lines + block.n) == 0)
        block.n++;
    return block;
}

static void sort_lines(PolicyText *policy) {
    if (policy->n_lines > 0) /* NULL is nothing that qsort() may be given */
        qsort(policy->lines, policy->n_lines, sizeof(PolicyLine), compare_lines);
}

static void compare_policies(Diff *diff, PolicyText *running, PolicyText *files) {
    size_t i = 0, j = 0;

    sort_lines(running);
    sort_lines(files);
    while (i < running->n_lines || j < files->n_lines) {
        Block left = block_at(running, i), right = block_at(files, j);
        int order = left.n == 0 ? 1 : right.n == 0 ? -1 : compare_keys(left.lines, right.lines);

        if (order < 0)
            right.n = 0;
        if (order > 0)
            left.n = 0;
        compare_blocks(diff, left, right);
        i += left.n;
        j += right.n;
    }
}

/* One that is not there says nothing. *ret_known: it is. */
static int fetch(sd_bus *bus, const char *method, const char *name, PolicyText *ret, bool *ret_known) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    const char *text = "";
    int status = EXIT_SUCCESS, r = client_try(bus, CALL_READS, &error, &reply, method, "s", name);

    *ret_known = r >= 0;
    if (r >= 0)
        r = sd_bus_message_read(reply, "s", &text);
    else if (sd_bus_error_has_name(&error, CONTROL_ERROR_NO_SUCH))
        r = 0;
    else
        status = client_explain(*name ? name : NULL, &error);
    sd_bus_error_free(&error);
    if (status == EXIT_SUCCESS && r < 0)
        status = client_bad_reply(r);
    return status == EXIT_SUCCESS && policy_text_read(text, ret) < 0 ? complain_memory() : status;
}

/* name "": all of it. */
static int diff_policy(Diff *diff, sd_bus *bus, const char *name) {
    _cleanup_(policy_text_done) PolicyText running = { 0 }, files = { 0 };
    bool runs, is_in_files;
    int status = fetch(bus, "Cat", name, &running, &runs);

    if (status == EXIT_SUCCESS)
        status = fetch(bus, "CatFiles", name, &files, &is_in_files);
    if (status != EXIT_SUCCESS)
        return status;
    if (!runs && !is_in_files) {
        complain("%s: no such slice, workload or network", name);
        return EXIT_NO_SUCH;
    }
    compare_policies(diff, &running, &files);
    diff->heading = NULL; /* its text is gone */
    return EXIT_SUCCESS;
}

/* Is it a step for one of the names? For all if there are none. */
static bool is_asked_for(const char *step, char *const *names) {
    for (char *const *name = names; *name; name++)
        for (const char *found = step; (found = strstr(found, *name)); found++) {
            char behind = found[strlen(*name)];

            if (found > step && found[-1] == ' ' && (behind == '\0' || strchr(" :", behind)))
                return true;
        }
    return !*names;
}

static void say_step(Diff *diff, const char *step, bool is_first) {
    if (diff->json.style)
        json_text(&diff->json, NULL, step);
    else {
        if (is_first)
            puts("--- node\n+++ node after a reload");
        text_print_line(stdout, "+", step);
    }
    diff->differs = true;
}

static int diff_node(Diff *diff, sd_bus *bus, char *const *names) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *reply = NULL;
    _cleanup_(cleanup_strv_free) char **steps = NULL;
    int status = client_call(bus, NULL, CALL_READS, &reply, "Plan", NULL), r;
    bool is_first = true;

    if (status != EXIT_SUCCESS)
        return status;
    r = sd_bus_message_read_strv(reply, &steps);
    if (r < 0)
        return client_bad_reply(r);
    for (char **step = steps; step && *step; step++)
        if (is_asked_for(*step, names)) {
            say_step(diff, *step, is_first);
            is_first = false;
        }
    return EXIT_SUCCESS;
}

static int diff_policies(Diff *diff, sd_bus *bus, char *const *names) {
    int status = *names ? EXIT_SUCCESS : diff_policy(diff, bus, "");

    for (; *names && status == EXIT_SUCCESS; names++)
        status = diff_policy(diff, bus, *names);
    return status;
}

static int diff_all(Diff *diff, sd_bus *bus, char *const *names) {
    int status = diff_policies(diff, bus, names);

    return status == EXIT_SUCCESS ? diff_node(diff, bus, names) : status;
}

static int write_all(Diff *diff, sd_bus *bus, char *const *names) {
    int status;

    json_begin_object(&diff->json, NULL);
    json_begin_array(&diff->json, "policy");
    status = diff_policies(diff, bus, names);
    json_end_array(&diff->json);
    json_begin_array(&diff->json, "plan");
    if (status == EXIT_SUCCESS)
        status = diff_node(diff, bus, names);
    json_end_array(&diff->json);
    json_end_object(&diff->json);
    json_end(&diff->json);
    return status;
}

int verb_diff(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    Diff diff = { .json = JSON(stdout, options->json) };
    int status = client_open(options, &bus);

    if (status == EXIT_SUCCESS)
        status = options->json ? write_all(&diff, bus, arguments) : diff_all(&diff, bus, arguments);
    if (status == EXIT_SUCCESS)
        return diff.differs ? DIFFERS : EXIT_SUCCESS;
    return status == EXIT_FAILURE ? TROUBLE : status;
}
