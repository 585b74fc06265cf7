/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The exporter between a made-up daemon, good, slow, wrong or absent, and scrapers, good and bad. Needs no root.
 *
 *     exporter-test SUPERVISORD-EXPORTER
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "live/made-up-daemon.h"
#include "unit/check.h"

#define GROUP "nogroup" /* is on every Debian */

enum {
    ANSWER_MAX = 64 * 1024,
    SCRAPERS = 100,
    SCRAPERS_LET_IN_MAX = 16,
    SILENCE_MSEC = 500,
    SOCKET_TIMEOUT_SEC = 10,
};

static const char *exporter_path;
static char directory[] = "/tmp/exporter-test-XXXXXX";
static char control_path[sizeof directory + 16];

/* --- the exporter ------------------------------------------------------------------------------------------------ */

static struct sockaddr_in exporter_address;

static int bind_any_port(void) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof exporter_address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK_EQ(bind(fd, (struct sockaddr *) &address, sizeof address), 0);
    CHECK_EQ(getsockname(fd, (struct sockaddr *) &exporter_address, &size), 0);
    return fd;
}

/* With a socket that is listening already, as systemd gives it. */
static pid_t start_exporter(const char *interval) {
    int fd = bind_any_port();
    char text[16];

    CHECK_EQ(listen(fd, SOMAXCONN), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        snprintf(text, sizeof text, "%d", getpid());
        setenv("LISTEN_PID", text, true);
        setenv("LISTEN_FDS", "1", true);
        if (fd == 3)
            fcntl(fd, F_SETFD, 0);
        else
            dup2(fd, 3);
        execl(exporter_path, "supervisord-exporter", "--socket", control_path, "--interval", interval, "--group", GROUP,
                NULL);
        _exit(127);
    }
    close(fd);
    return pid;
}

static void stop_exporter(pid_t pid) {
    int status;

    kill(pid, SIGTERM);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}

static int run_exporter(const char *option, const char *value) {
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        int null_fd = open("/dev/null", O_WRONLY);
        dup2(null_fd, STDOUT_FILENO);
        dup2(null_fd, STDERR_FILENO);
        execl(exporter_path, "supervisord-exporter", option, value, NULL);
        _exit(127);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* --- scrapers ---------------------------------------------------------------------------------------------------- */

static int scraper(void) {
    const struct timeval timeout = { .tv_sec = SOCKET_TIMEOUT_SEC };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    return connect(fd, (struct sockaddr *) &exporter_address, sizeof exporter_address) < 0 ? close_fd(fd) : fd;
}

/* All that comes until the other side closes. */
static const char *read_answer(int fd) {
    static char answer[ANSWER_MAX];
    size_t length = 0;
    ssize_t n;

    while ((n = read(fd, answer + length, sizeof answer - 1 - length)) > 0)
        length += (size_t) n;
    answer[length] = '\0';
    return answer;
}

/* more: header lines with their ends */
static const char *ask_with(const char *method, const char *path, const char *more) {
    _cleanup_(cleanup_close) int fd = scraper();

    CHECK(fd >= 0);
    CHECK(dprintf(fd, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", method, path, more) > 0);
    return read_answer(fd);
}

static const char *ask(const char *method, const char *path) {
    return ask_with(method, path, "");
}

static void check_answer(const char *answer, unsigned status) {
    unsigned found = 0;

    if (sscanf(answer, "HTTP/1.1 %u ", &found) != 1 || found != status)
        CHECK_FAIL("expected status %u, got: %.200s", status, answer);
}

static void check_has(const char *answer, const char *part) {
    if (!strcasestr(answer, part))
        CHECK_FAIL("no \"%s\" in: %.400s", part, answer);
}

static const char *body_of(const char *answer) {
    const char *end = strstr(answer, "\r\n\r\n");
    return end ? end + 4 : "";
}

static double now_seconds(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

/* --- tests ------------------------------------------------------------------------------------------------------- */

static void test_answers(void) {
    pid_t daemon_pid = start_daemon(control_path, MANNER_GOOD), pid = start_exporter("60s");
    const char *answer = ask("GET", "/metrics");

    check_answer(answer, 200);
    check_has(answer, "Content-Type: text/plain; version=0.0.4");
    CHECK_STREQ(body_of(answer), METRICS);
    answer = ask("HEAD", "/metrics");
    check_answer(answer, 200);
    check_has(answer, "Content-Length: ");
    CHECK_STREQ(body_of(answer), "");
    answer = ask("GET", "/");
    check_answer(answer, 200);
    check_has(answer, "href=\"/metrics\"");
    check_answer(ask("GET", "/metrics/"), 404);
    check_answer(ask("GET", "/../etc/passwd"), 404);
    answer = ask("POST", "/metrics");
    check_answer(answer, 405);
    check_has(answer, "Allow: GET, HEAD");
    check_answer(ask("DELETE", "/nothing"), 405);
    CHECK_EQ(atomic_load(n_calls), 1); /* the daemon was asked once for all that */
    stop_exporter(pid);
    stop_daemon(daemon_pid, control_path);
}

static void test_formats(void) {
    pid_t daemon_pid = start_daemon(control_path, MANNER_GOOD), pid = start_exporter("60s");
    const char *answer = ask_with("GET", "/metrics",
            "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n");

    check_answer(answer, 200);
    check_has(answer, "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n");
    check_has(answer, "Vary: Accept\r\n");
    CHECK_STREQ(body_of(answer), OPENMETRICS);
    answer = ask_with("GET", "/metrics", "Accept: text/plain;q=0.5\r\naccept: application/openmetrics-text\r\n");
    CHECK_STREQ(body_of(answer), OPENMETRICS);
    answer = ask_with("GET", "/metrics", "Accept: application/openmetrics-text;q=0.4, text/plain\r\n");
    check_has(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
    check_has(answer, "Vary: Accept\r\n");
    CHECK_STREQ(body_of(answer), METRICS);
    CHECK_EQ(atomic_load(n_calls), 2); /* once for each format */
    stop_exporter(pid);
    stop_daemon(daemon_pid, control_path);
}

static void test_keep_alive(void) {
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    static const char last[] = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    pid_t daemon_pid = start_daemon(control_path, MANNER_GOOD), pid = start_exporter("60s");
    _cleanup_(cleanup_close) int fd = scraper();

    CHECK(dprintf(fd, "%s%s%s", request, request, last) > 0);
    const char *answer = read_answer(fd);
    check_answer(answer, 200);
    const char *second = strstr(body_of(answer), "HTTP/1.1 200 ");
    CHECK(second && strstr(body_of(second), "HTTP/1.1 200 "));
    stop_exporter(pid);
    stop_daemon(daemon_pid, control_path);
}

static void test_daemon_comes_and_goes(void) {
    pid_t pid = start_exporter("1ms");

    check_answer(ask("GET", "/metrics"), 503);
    pid_t daemon_pid = start_daemon(control_path, MANNER_GOOD);
    usleep(5000);
    check_answer(ask("GET", "/metrics"), 200);
    stop_daemon(daemon_pid, control_path);
    usleep(5000);
    const char *answer = ask("GET", "/metrics");
    check_answer(answer, 503);
    CHECK_STREQ(strchr(body_of(answer), '\n'), "\n"); /* one line */
    check_answer(ask("GET", "/"), 200);
    stop_exporter(pid);
}

static void check_bad_daemon(Manner manner, double seconds_min, double seconds_max) {
    pid_t daemon_pid = start_daemon(control_path, manner), pid = start_exporter("60s");
    double began = now_seconds();

    check_answer(ask("GET", "/metrics"), 503);
    CHECK(now_seconds() - began >= seconds_min);
    CHECK(now_seconds() - began < seconds_max);
    began = now_seconds();
    check_answer(ask("GET", "/metrics"), 503); /* a failure too holds for the interval */
    CHECK(now_seconds() - began < 1);
    stop_exporter(pid);
    stop_daemon(daemon_pid, control_path);
}

static void test_bad_daemons(void) {
    check_bad_daemon(MANNER_ERROR, 0, 1.5);
    check_bad_daemon(MANNER_STRANGE, 0, 1.5);
    check_bad_daemon(MANNER_SILENT, 1.9, 4);
    check_bad_daemon(MANNER_DEAF, 1.9, 4);
}

static void test_many_scrapers(void) {
    pid_t daemon_pid = start_daemon(control_path, MANNER_GOOD), pid = start_exporter("60s");
    int fds[SCRAPERS];
    unsigned let_in = 0;
    char byte;

    for (size_t i = 0; i < ELEMENTSOF(fds); i++)
        fds[i] = scraper();
    usleep(SILENCE_MSEC * 1000);
    for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
        let_in += fds[i] >= 0 && recv(fds[i], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
        close_fd(fds[i]);
    }
    CHECK(let_in > 0);
    CHECK(let_in <= SCRAPERS_LET_IN_MAX);
    usleep(SILENCE_MSEC * 1000);
    check_answer(ask("GET", "/metrics"), 200);
    stop_exporter(pid);
    stop_daemon(daemon_pid, control_path);
}

/* Whatever is sent, the next scraper is served. */
static void test_rubbish(void) {
    static char longer[64 * 1024];
    pid_t daemon_pid = start_daemon(control_path, MANNER_GOOD), pid = start_exporter("60s");
    const char *rubbish[] = { "", "\r\n\r\n", "GET\r\n\r\n", "\xff\xfe\x01 / HTTP/9.9\r\n\r\n",
        "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nx",
        "GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", longer };

    memset(longer, 'a', sizeof longer - 1);
    memcpy(longer, "GET /", 5);
    for (size_t i = 0; i < ELEMENTSOF(rubbish); i++) {
        _cleanup_(cleanup_close) int fd = scraper();
        send(fd, rubbish[i], strlen(rubbish[i]), MSG_NOSIGNAL);
        check_answer(ask("GET", "/metrics"), 200);
    }
    stop_exporter(pid);
    stop_daemon(daemon_pid, control_path);
}

static void test_options(void) {
    CHECK_EQ(run_exporter("--help", NULL), 0);
    CHECK_EQ(run_exporter("--version", NULL), 0);
    CHECK_EQ(run_exporter("--no-such-option", NULL), 2);
    CHECK_EQ(run_exporter("--interval", "soon"), 2);
    CHECK_EQ(run_exporter("argument", NULL), 2);
    CHECK_EQ(run_exporter("--listen", "localhost"), 1);
    CHECK_EQ(run_exporter("--listen", "127.0.0.1:99999"), 1);
    CHECK_EQ(run_exporter("--user", "root"), 1);
}

static void test_listen(void) {
    char text[32];
    pid_t pid;

    close(bind_any_port());
    snprintf(text, sizeof text, "127.0.0.1:%u", ntohs(exporter_address.sin_port));
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(exporter_path, "supervisord-exporter", "--listen", text, "--socket", control_path, "--group", GROUP,
                NULL);
        _exit(127);
    }
    for (unsigned i = 0; i < 500; i++) {
        _cleanup_(cleanup_close) int fd = scraper();
        if (fd >= 0)
            break;
        usleep(10000);
    }
    check_answer(ask("GET", "/"), 200);
    stop_exporter(pid);
}

int main(int argc, char *argv[]) {
    static void (*const tests[])(void) = { test_options, test_listen, test_answers, test_formats, test_keep_alive,
        test_daemon_comes_and_goes, test_bad_daemons, test_many_scrapers, test_rubbish };

    CHECK_EQ(argc, 2);
    exporter_path = argv[1];
    CHECK(mkdtemp(directory));
    CHECK_EQ(chmod(directory, 0755), 0); /* started by root, the exporter becomes nobody */
    snprintf(control_path, sizeof control_path, "%s/control", directory);
    n_calls = mmap(NULL, sizeof *n_calls, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(n_calls != MAP_FAILED);
    for (size_t i = 0; i < ELEMENTSOF(tests); i++) {
        atomic_store(n_calls, 0);
        tests[i]();
    }
    rmdir(directory);
    return EXIT_SUCCESS;
}
