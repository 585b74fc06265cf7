/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * top: what slices and workloads use now, live or as tables for scripts. Rates are differences between two samplings of
 * the daemon; supctl's own clock has no part in them. What is not known is "-", never 0.
 */

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/parse.h"
#include "tools/supctl/client.h"
#include "tools/supctl/hierarchy.h"
#include "tools/supctl/screen.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/table.h"
#include "tools/supctl/text.h"
#include "tools/supctl/usage.h"

enum {
    INDENT = 2, /* of a level */
    BAR_WIDTH = 6,
    ROWS_TAKEN = 2, /* title, headings */
};

#define TOP_CALL_USEC (5 * USEC_PER_SEC) /* keys wait as long as a call */

typedef struct Top {
    const Options *options;
    sd_bus *bus;
    bool live;
    Screen screen;
    int signal_fd;             /* -1 unless live */
    const char *full, *empty;  /* places of a bar */
    Listing listing;           /* the newest */
    UsageTable earlier, later; /* the two newest that differ in time */
} Top;

typedef enum Next {
    NEXT_REFRESH,
    NEXT_REDRAW,
    NEXT_QUIT,
} Next;

static const Column columns[] = {
    { .heading = "NAME", .width_min = 15 },
    { .heading = "STATE", .width_min = 8 },
    { .heading = "CPU%", .right = true, .width_min = 5 },
    { .heading = "SHARE", .width_min = BAR_WIDTH },
    { .heading = "WAIT", .right = true, .width_min = 5 },
    { .heading = "MEM", .right = true, .width_min = 5 },
    { .heading = "READ/s", .right = true },
    { .heading = "WRIT/s", .right = true },
    { .heading = "RX b/s", .right = true },
    { .heading = "TX b/s", .right = true },
};

/* "17.3" or "173": as much as five places hold. */
static void add_number(Table *table, double value) {
    if (isnan(value))
        table_add_text(table, "");
    else
        table_add(table, "%.*f", value < 99.95 ? 1 : 0, value);
}

/* "17", "1.7K", "173M" */
static void add_scaled(Table *table, double value, double base) {
    static const char prefixes[] = "KMGTPE";
    int n = -1;

    if (isnan(value)) {
        table_add_text(table, "");
        return;
    }
    for (; value >= base - 0.5 && prefixes[n + 1]; n++)
        value /= base;
    if (n < 0)
        table_add(table, "%.0f", value);
    else
        table_add(table, "%.*f%c", value < 9.95 ? 1 : 0, value, prefixes[n]);
}

/* The share of the CPU time that all siblings took. */
static void add_bar(Table *table, const Top *top, double cpu, double cpu_of_siblings) {
    char bar[BAR_WIDTH * MB_LEN_MAX + 1] = "";
    long n_full;

    if (isnan(cpu)) {
        table_add_text(table, "");
        return;
    }
    n_full = cpu_of_siblings > 0 ? (long) (cpu / cpu_of_siblings * BAR_WIDTH + 0.5) : 0;
    for (long i = 0; i < BAR_WIDTH; i++)
        strcat(bar, i < n_full ? top->full : top->empty);
    table_add(table, "%s", bar);
}

static void add_row(Table *table, const Top *top, const HierarchyRow *row, double cpu_of_siblings) {
    const Status *status = &top->listing.entries[row->entry];
    double cpu = usage_rate(&top->earlier, &top->later, status->name, METER_CPU_USAGE);

    table_add(table, "%*s%s", (int) row->depth * INDENT, "", status->name);
    table_add_text(table, status->state);
    add_number(table, cpu * 100);
    add_bar(table, top, cpu, cpu_of_siblings);
    add_number(table, usage_rate(&top->earlier, &top->later, status->name, METER_CPU_WAIT) * 1000);
    add_scaled(table, usage_value(&top->later, status->name, METER_MEMORY_USAGE), 1024);
    add_scaled(table, usage_rate(&top->earlier, &top->later, status->name, METER_IO_READ_BYTES), 1024);
    add_scaled(table, usage_rate(&top->earlier, &top->later, status->name, METER_IO_WRITE_BYTES), 1024);
    add_scaled(table, usage_rate(&top->earlier, &top->later, status->name, METER_NETWORK_RECEIVE_BYTES) * 8, 1000);
    add_scaled(table, usage_rate(&top->earlier, &top->later, status->name, METER_NETWORK_TRANSMIT_BYTES) * 8, 1000);
}

/* Fills sums[i + 1] with the CPU rate of all children of entry i, sums[0] with that of the top. */
static void sum_children(const Top *top, const HierarchyRow *rows, double *sums) {
    for (size_t i = 0; i < top->listing.n_entries; i++) {
        const Status *status = &top->listing.entries[rows[i].entry];
        double cpu = usage_rate(&top->earlier, &top->later, status->name, METER_CPU_USAGE);

        sums[rows[i].parent == NO_ENTRY ? 0 : rows[i].parent + 1] += isnan(cpu) ? 0 : cpu;
    }
}

/* At most n_max rows, at most width wide (0: no bound). The exit status. */
static int print_table(const Top *top, size_t n_max, size_t width, FILE *file) {
    size_t n = top->listing.n_entries;
    _cleanup_(cleanup_free) HierarchyRow *rows = NULL;
    _cleanup_(cleanup_free) double *sums = calloc(n + 1, sizeof(double));
    _cleanup_(table_done) Table table = TABLE(columns);
    TableStyle style = table_style(top->options, 1);

    style.width = width;
    style.dense = top->live;
    if (!sums || hierarchy_build(&top->listing, &rows) < 0)
        return complain_memory();
    sum_children(top, rows, sums);
    for (size_t i = 0; i < n && i < n_max; i++)
        add_row(&table, top, &rows[i], sums[rows[i].parent == NO_ENTRY ? 0 : rows[i].parent + 1]);
    return table_print(&table, &style, file);
}

static void print_title(const Top *top, size_t n_shown, FILE *file) {
    char now[AMOUNT_TEXT_MAX];

    fprintf(file, "supctl top  %s", format_realtime(realtime_now_usec(), now, sizeof(now)));
    if (n_shown < top->listing.n_entries)
        fprintf(file, "  first %zu of %zu", n_shown, top->listing.n_entries);
    fputs("  q quits\n", file);
}

static int draw_live(const Top *top) {
    _cleanup_(cleanup_free) char *text = NULL;
    size_t size, rows, width, n_shown = top->listing.n_entries;
    FILE *file = open_memstream(&text, &size);
    int status;

    if (!file)
        return complain_memory();
    screen_size(&rows, &width);
    if (n_shown + ROWS_TAKEN > rows)
        n_shown = rows > ROWS_TAKEN ? rows - ROWS_TAKEN : 1;
    print_title(top, n_shown, file);
    /* One column stays free: terminals differ in what they do behind the last one. */
    status = print_table(top, n_shown, width - 1, file);
    if (fclose(file) != 0)
        return complain_memory();
    if (status == EXIT_SUCCESS)
        screen_draw(text);
    return status;
}

static int draw_batch(const Top *top) {
    int status = print_table(top, SIZE_MAX, 0, stdout);

    return fflush(stdout) == 0 ? status : EXIT_FAILURE;
}

static int fetch(Top *top, sd_bus_error *error) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *list = NULL, *samples = NULL;
    _cleanup_(listing_done) Listing listing = { 0 };
    _cleanup_(usage_table_done) UsageTable usage = { 0 };
    int r = client_try(top->bus, TOP_CALL_USEC, error, &list, "List", NULL);

    if (r < 0 || (r = client_try(top->bus, TOP_CALL_USEC, error, &samples, "Samples", NULL)) < 0)
        return r;
    if ((r = listing_read(list, &listing)) < 0 || (r = usage_table_read(samples, &usage)) < 0)
        return r;
    listing_done(&top->listing);
    top->listing = listing;
    listing = (Listing){ 0 };
    /* Asked more often than it samples, the daemon answers with the same sampling again: the rates still hold. */
    if (usage.at_usec != top->later.at_usec) {
        usage_table_done(&top->earlier);
        top->earlier = top->later;
        top->later = usage;
        usage = (UsageTable){ 0 };
    }
    return 0;
}

/* The exit status; on failure the screen is left first, so that the words are still there afterwards. */
static int refresh(Top *top) {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = fetch(top, &error), status = EXIT_SUCCESS;

    if (r < 0) {
        screen_leave(&top->screen);
        status = sd_bus_error_is_set(&error) ? client_explain(NULL, &error) : client_bad_reply(r);
    }
    sd_bus_error_free(&error);
    return status;
}

/* Ctrl-Z: the shell shall find its terminal as it was, and we the screen when it lets us go on. */
static Next suspend(Top *top) {
    screen_leave(&top->screen);
    raise(SIGSTOP);
    screen_enter(&top->screen);
    return NEXT_REDRAW;
}

static Next on_signal(Top *top) {
    struct signalfd_siginfo info;

    if (read(top->signal_fd, &info, sizeof(info)) != sizeof(info) || info.ssi_signo == SIGWINCH)
        return NEXT_REDRAW;
    return info.ssi_signo == SIGTSTP ? suspend(top) : NEXT_QUIT;
}

static Next on_key(void) {
    char key;

    return read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q' ? NEXT_QUIT : NEXT_REDRAW;
}

static uint64_t monotonic_now_usec(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / NSEC_PER_USEC;
}

/* Waits for a key, a signal, or the time. In batch there is neither key nor signal to wait for (poll skips -1). */
static Next wait_until(Top *top, uint64_t deadline_usec) {
    struct pollfd fds[] = {
        { .fd = top->signal_fd, .events = POLLIN },
        { .fd = top->screen.active && top->screen.reads_keys ? STDIN_FILENO : -1, .events = POLLIN },
    };
    uint64_t now_usec = monotonic_now_usec(), left_usec = deadline_usec > now_usec ? deadline_usec - now_usec : 0;
    struct timespec left = {
        .tv_sec = (time_t) (left_usec / USEC_PER_SEC),
        .tv_nsec = (long) (left_usec % USEC_PER_SEC * NSEC_PER_USEC),
    };

    if (ppoll(fds, ELEMENTSOF(fds), &left, NULL) <= 0)
        return NEXT_REFRESH;
    return fds[0].revents ? on_signal(top) : on_key();
}

/* Until the next refresh; draws again when the terminal asks for it. */
static Next wait_drawing(Top *top, uint64_t deadline_usec) {
    Next next;

    while ((next = wait_until(top, deadline_usec)) == NEXT_REDRAW)
        if (draw_live(top) != EXIT_SUCCESS)
            return NEXT_QUIT;
    return next;
}

static int show(Top *top) {
    uint64_t deadline_usec = monotonic_now_usec() + top->options->interval_usec;
    int status = EXIT_SUCCESS;

    for (uint64_t n = 0; status == EXIT_SUCCESS && n < top->options->iterations; n++) {
        if (n > 0) {
            if (wait_drawing(top, deadline_usec) == NEXT_QUIT)
                break;
            deadline_usec += top->options->interval_usec;
            status = refresh(top);
            if (!top->live)
                putchar('\n');
        }
        if (status == EXIT_SUCCESS)
            status = top->live ? draw_live(top) : draw_batch(top);
    }
    return status;
}

/* Signals come by descriptor, so that there is no moment in which one could leave the terminal as it is. */
static int show_live(Top *top) {
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP };
    bool is_utf8 = screen_is_utf8();
    sigset_t set;
    int status;

    sigemptyset(&set);
    for (size_t i = 0; i < ELEMENTSOF(signals); i++)
        sigaddset(&set, signals[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    top->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (top->signal_fd < 0) {
        complain("signalfd: %s", strerror(errno));
        return EXIT_FAILURE;
    }
    top->full = is_utf8 ? "█" : "#";
    top->empty = is_utf8 ? "░" : ".";
    screen_enter(&top->screen);
    status = show(top);
    screen_leave(&top->screen);
    close_fd(top->signal_fd);
    return status;
}

/* The first table of a batch waits for its second sampling: a table without rates helps no script. */
static int show_batch(Top *top) {
    wait_until(top, monotonic_now_usec() + top->options->interval_usec);
    int status = refresh(top);

    return status == EXIT_SUCCESS ? show(top) : status;
}

int verb_top(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    Top top = { .options = options, .signal_fd = -1, .full = "#", .empty = "." };
    int status = client_open(options, &bus);

    if (status != EXIT_SUCCESS)
        return status;
    top.bus = bus;
    top.live = !options->batch && screen_is_possible();
    status = refresh(&top);
    if (status == EXIT_SUCCESS)
        status = top.live ? show_live(&top) : show_batch(&top);
    listing_done(&top.listing);
    usage_table_done(&top.earlier);
    usage_table_done(&top.later);
    return status;
}
