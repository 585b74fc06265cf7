/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A golden test of shares: the file `tree` says what there is, and what each is entitled to and gets comes out. A line is
 *
 *     cpus LIST                                    those of the host, first of all
 *     NAME [in PARENT] [weight N | weight idle] [reserve N] [quota N] [cpus LIST] [demand N]
 *
 * A CPU has 1000 in a window. Who says nothing of it has weight 100, and takes all it gets.
 */

#include <err.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "golden.h"
#include "model/limit.h"
#include "model/share.h"

enum { WINDOW = 1000, NODES_MAX = 64, NAME_SIZE = 32 };

typedef struct Input {
    const char *path;
    CpuSet host;
    ShareNode nodes[NODES_MAX];
    CpuSet cpus[NODES_MAX];
    char names[NODES_MAX][NAME_SIZE];
    size_t n;
} Input;

static size_t find_node(const Input *input, const char *name) {
    for (size_t i = 1; i < input->n; i++)
        if (strcmp(input->names[i], name) == 0)
            return i;
    errx(EXIT_FAILURE, "%s: %s is not said before", input->path, name);
}

static uint64_t read_number(const Input *input, const char *text) {
    uint64_t number;

    if (!text || parse_u64(text, &number) < 0)
        errx(EXIT_FAILURE, "%s: %s is no number", input->path, text ? text : "nothing");
    return number;
}

static void read_cpus(const Input *input, const char *text, CpuSet *ret) {
    if (!text || cpu_set_parse(text, ret) < 0)
        errx(EXIT_FAILURE, "%s: %s is no list of CPUs", input->path, text ? text : "nothing");
}

static void read_word(Input *input, ShareNode *node, const char *word, const char *value) {
    if (strcmp(word, "in") == 0)
        node->parent = find_node(input, value ? value : "");
    else if (strcmp(word, "weight") == 0)
        node->weight = value && strcmp(value, "idle") == 0 ? (uint64_t) CPU_WEIGHT_IDLE : read_number(input, value);
    else if (strcmp(word, "reserve") == 0)
        node->reserve = read_number(input, value);
    else if (strcmp(word, "quota") == 0)
        node->quota = read_number(input, value);
    else if (strcmp(word, "demand") == 0)
        node->demand = read_number(input, value);
    else if (strcmp(word, "cpus") == 0) {
        read_cpus(input, value, input->cpus + input->n);
        node->cpus = input->cpus + input->n;
    } else
        errx(EXIT_FAILURE, "%s: nobody knows '%s'", input->path, word);
}

static void read_line(Input *input, char *line) {
    char *rest, *name = strtok_r(line, " \n", &rest), *word;

    if (!name || *name == '#')
        return;
    if (strcmp(name, "cpus") == 0) {
        read_cpus(input, strtok_r(NULL, " \n", &rest), &input->host);
        return;
    }
    ShareNode node = { .weight = 100, .quota = SHARE_QUOTA_NONE, .demand = SHARE_DEMAND_ALL };
    if (input->n == NODES_MAX || strlen(name) >= NAME_SIZE)
        errx(EXIT_FAILURE, "%s: too much", input->path);
    while ((word = strtok_r(NULL, " \n", &rest)))
        read_word(input, &node, word, strtok_r(NULL, " \n", &rest));
    strcpy(input->names[input->n], name);
    input->nodes[input->n++] = node;
}

static void read_tree(Input *input) {
    _cleanup_(cleanup_free) char *line = NULL;
    size_t size = 0;
    FILE *file = fopen(input->path, "re");

    if (!file)
        err(EXIT_FAILURE, "%s", input->path);
    while (getline(&line, &size, file) >= 0)
        read_line(input, line);
    fclose(file);
}

static char *shares_of(const char *directory) {
    uint64_t entitled[NODES_MAX], gets[NODES_MAX];
    char path[4096], *text;
    size_t size;
    Input input = { .path = path, .nodes = { { .quota = SHARE_QUOTA_NONE } }, .names = { "all" }, .n = 1 };

    snprintf(path, sizeof path, "%s/tree", directory);
    read_tree(&input);
    const ShareHost host = { &input.host, WINDOW };
    if (share_entitle(input.nodes, input.n, &host, entitled) < 0 ||
            share_allocate(input.nodes, input.n, &host, gets) < 0)
        errx(EXIT_FAILURE, "%s: no such tree", path);

    FILE *out = open_memstream(&text, &size);
    if (!out)
        err(EXIT_FAILURE, "memory");
    fprintf(out, "%-10s %8s %8s\n", "", "entitled", "gets");
    for (size_t i = 0; i < input.n; i++)
        fprintf(out, "%-10s %8ju %8ju\n", input.names[i], (uintmax_t) entitled[i], (uintmax_t) gets[i]);
    fclose(out);
    return text;
}

int main(int argc, char *argv[]) {
    return golden_main(argc, argv, shares_of);
}
