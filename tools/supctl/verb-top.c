/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * top: what slices and workloads use now, live or as tables or JSON for scripts. The rule: supctl's own clock has no part in
 * any figure, and whatever ends us gives the terminal back as it was.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/parse.h"
#include "tools/supctl/client.h"
#include "tools/supctl/screen.h"
#include "tools/supctl/supctl.h"
#include "tools/supctl/text.h"
#include "tools/supctl/top-view.h"

enum {
    ROWS_TAKEN = 3, /* title, headings, keys */
};

#define TOP_CALL_USEC (5 * USEC_PER_SEC) /* keys wait as long as a call */

typedef struct Top {
    const Options *options;
    sd_bus *bus;
    Screen screen;
    int signal_fd; /* -1 unless live */
    TopData data;
    TopView view;
} Top;

typedef enum Next {
    NEXT_REFRESH,
    NEXT_REDRAW,
    NEXT_QUIT,
} Next;

/* --- drawing ----------------------------------------------------------------------------------------------------- */

static size_t last_first(const Top *top) {
    size_t n = top_count(&top->data, &top->view);

    return n > top->view.n_rows ? n - top->view.n_rows : 0;
}

/* Cut to the screen, as nothing may wrap. */
static void print_line(const Top *top, FILE *file, const char *text) {
    fprintf(file, "%.*s\n", (int) top->view.width, text);
}

static void print_title(const Top *top, FILE *file) {
    size_t n = top_count(&top->data, &top->view), last = top->view.first + top->view.n_rows;
    char line[512], now[AMOUNT_TEXT_MAX], interval[AMOUNT_TEXT_MAX];

    snprintf(line, sizeof(line), "supctl top  %s  every %s  by %s  %zu-%zu of %zu",
            format_realtime(realtime_now_usec(), now, sizeof(now)),
            format_usec(top->options->interval_usec, interval, sizeof(interval)), top_sort_name(top->view.sort),
            n > 0 ? top->view.first + 1 : 0, last < n ? last : n, n);
    print_line(top, file, line);
}

static void print_keys(const Top *top, FILE *file) {
    size_t n = top_count(&top->data, &top->view);

    for (size_t i = n < top->view.n_rows ? n : top->view.n_rows; i < top->view.n_rows; i++)
        fputc('\n', file);
    print_line(top, file, "q quit  t tree  c cpu  m mem  i io  n net  w wait  a name  p policy  jk scroll");
}

static int draw_live(Top *top) {
    _cleanup_(cleanup_free) char *text = NULL;
    size_t size, rows, width;
    FILE *file = open_memstream(&text, &size);
    int status;

    if (!file)
        return complain_memory();
    screen_size(&rows, &width);
    top->view.n_rows = rows > ROWS_TAKEN ? rows - ROWS_TAKEN : 1;
    /* One column stays free: terminals differ in what they do behind the last one. */
    top->view.width = width > 1 ? width - 1 : 1;
    if (top->view.first > last_first(top))
        top->view.first = last_first(top);
    print_title(top, file);
    status = top_print(top->options, &top->data, &top->view, file);
    print_keys(top, file);
    if (fclose(file) != 0)
        return complain_memory();
    if (status == EXIT_SUCCESS)
        screen_draw(text);
    return status;
}

static int draw_batch(const Top *top) {
    int status = top->options->json ? top_write(top->options, &top->data, &top->view)
                                    : top_print(top->options, &top->data, &top->view, stdout);

    return fflush(stdout) == 0 ? status : EXIT_FAILURE;
}

/* --- asking ------------------------------------------------------------------------------------------------------ */

/* Asked more often than it samples, the daemon answers with the same sampling again: the rates still hold. */
static void take_usage(TopData *data, UsageTable *usage) {
    if (usage->at_usec == data->later.at_usec)
        return;
    usage_table_continue(&data->later, usage);
    usage_table_done(&data->earlier);
    data->earlier = data->later;
    data->later = *usage;
    *usage = (UsageTable){ 0 };
}

static int fetch(Top *top, sd_bus_error *error) {
    _cleanup_(cleanup_sd_bus_message_unref) sd_bus_message *list = NULL, *samples = NULL, *limits = NULL;
    _cleanup_(usage_table_done) UsageTable usage = { 0 };
    _cleanup_(top_data_done) TopData fresh = { 0 };
    int r = client_try(top->bus, TOP_CALL_USEC, error, &list, "List", NULL);

    if (r >= 0)
        r = client_try(top->bus, TOP_CALL_USEC, error, &samples, "Samples", NULL);
    if (r >= 0)
        r = client_try(top->bus, TOP_CALL_USEC, error, &limits, "Limits", NULL);
    if (r >= 0)
        r = listing_read(list, &fresh.listing);
    if (r >= 0)
        r = usage_table_read(samples, &usage);
    if (r >= 0)
        r = bounds_table_read(limits, &fresh.bounds);
    if (r < 0)
        return r;
    take_usage(&top->data, &usage);
    listing_done(&top->data.listing);
    bounds_table_done(&top->data.bounds);
    top->data.listing = fresh.listing;
    top->data.bounds = fresh.bounds;
    fresh = (TopData){ 0 };
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

static void scroll(Top *top, bool down, size_t n) {
    TopView *view = &top->view;

    if (down)
        view->first += n < last_first(top) - view->first ? n : last_first(top) - view->first;
    else
        view->first -= n < view->first ? n : view->first;
}

static Next on_key(Top *top) {
    int key = screen_read_key();
    TopSort sort = top_sort_by_key(key);

    if (sort < TOP_SORTS_COUNT)
        top->view.sort = sort;
    switch (key) {
    case SCREEN_KEY_END:
    case 'q':
    case 'Q':
        return NEXT_QUIT;
    case 't':
        top->view.is_flat = !top->view.is_flat;
        break;
    case 'j':
    case SCREEN_KEY_DOWN:
        scroll(top, true, 1);
        break;
    case 'k':
    case SCREEN_KEY_UP:
        scroll(top, false, 1);
        break;
    case SCREEN_KEY_PAGE_DOWN:
        scroll(top, true, top->view.n_rows);
        break;
    case SCREEN_KEY_PAGE_UP:
        scroll(top, false, top->view.n_rows);
        break;
    }
    return NEXT_REDRAW;
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
    return fds[0].revents ? on_signal(top) : on_key(top);
}

/* Until the next refresh; draws again when the terminal asks for it. */
static Next wait_drawing(Top *top, uint64_t deadline_usec) {
    Next next;

    while ((next = wait_until(top, deadline_usec)) == NEXT_REDRAW)
        if (draw_live(top) != EXIT_SUCCESS)
            return NEXT_QUIT;
    return next;
}

/* JSON is one value, unless more are asked for. */
static uint64_t iterations_of(const Top *top) {
    return top->options->json && top->options->iterations == UINT64_MAX ? 1 : top->options->iterations;
}

static int show(Top *top) {
    uint64_t deadline_usec = monotonic_now_usec() + top->options->interval_usec;
    int status = EXIT_SUCCESS;

    for (uint64_t n = 0; status == EXIT_SUCCESS && n < iterations_of(top); n++) {
        if (n > 0) {
            if (wait_drawing(top, deadline_usec) == NEXT_QUIT)
                break;
            deadline_usec += top->options->interval_usec;
            status = refresh(top);
            if (!top->view.is_live && !top->options->json)
                putchar('\n');
        }
        if (status == EXIT_SUCCESS)
            status = top->view.is_live ? draw_live(top) : draw_batch(top);
    }
    return status;
}

/* Signals come by descriptor, so that there is no moment in which one could leave the terminal as it is. */
static int show_live(Top *top) {
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP };
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

static int view_of(const Options *options, TopView *ret) {
    TopSort sort = options->sort ? top_sort_by_name(options->sort) : TOP_SORT_POLICY;

    if (sort == TOP_SORTS_COUNT) {
        complain("--sort %s: not one of " TOP_SORT_NAMES, options->sort);
        return EXIT_USAGE;
    }
    *ret = (TopView){
        .sort = sort,
        .is_flat = options->flat,
        .is_live = !options->batch && !options->json && screen_is_possible(),
        .n_rows = SIZE_MAX,
    };
    return EXIT_SUCCESS;
}

int verb_top(const Options *options, char **arguments) {
    _cleanup_(cleanup_sd_bus_flush_close_unref) sd_bus *bus = NULL;
    Top top = { .options = options, .signal_fd = -1 };
    int status = view_of(options, &top.view);

    if (status == EXIT_SUCCESS)
        status = client_open(options, &bus);
    if (status != EXIT_SUCCESS)
        return status;
    top.bus = bus;
    status = refresh(&top);
    if (status == EXIT_SUCCESS)
        status = top.view.is_live ? show_live(&top) : show_batch(&top);
    top_data_done(&top.data);
    return status;
}
