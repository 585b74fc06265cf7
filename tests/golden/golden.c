/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Comparing is left to diff(1), which gets what came out on its standard input. */

#include "golden.h"

#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

static int show_difference(const char *expected, const char *text) {
    int status, fd = memfd_create("golden", 0);

    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t) strlen(text) || lseek(fd, 0, SEEK_SET) < 0)
        err(EXIT_FAILURE, "memfd");
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fd, STDIN_FILENO);
        execlp("diff", "diff", "-u", "--label", expected, "--label", "came out", expected, "-", NULL);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        err(EXIT_FAILURE, "diff");
    close(fd);
    return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int write_expected(const char *expected, const char *text) {
    FILE *file = fopen(expected, "we");

    if (!file || fputs(text, file) < 0 || fclose(file) != 0)
        err(EXIT_FAILURE, "%s", expected);
    return EXIT_SUCCESS;
}

int golden_main(int argc, char *argv[], char *(*produce)(const char *directory)) {
    bool update = argc == 3 && strcmp(argv[1], "--update") == 0;
    char expected[4096];

    if (argc != 2 && !update)
        errx(EXIT_FAILURE, "usage: %s [--update] DIRECTORY", program_invocation_short_name);
    snprintf(expected, sizeof expected, "%s/expected", argv[argc - 1]);

    _cleanup_(cleanup_free) char *text = produce(argv[argc - 1]);
    return update ? write_expected(expected, text) : show_difference(expected, text);
}
