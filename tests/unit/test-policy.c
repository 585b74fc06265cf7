/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Policy: what golden cases cannot say, because it needs many files, large ones, or calls. */

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sys/stat.h>

#include "base/parse.h"
#include "model/policy/keys.h"
#include "model/policy/load.h"
#include "model/suggestion.h"
#include "unit/check.h"

static const HostFacts facts = { .scale = { .memory_total_bytes = UINT64_C(1) << 30, .page_bytes = 4096 },
    .name = "node" };
static char scratch[] = "/tmp/test-policy.XXXXXX";

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw) {
    return remove(path);
}

static void remove_scratch(void) {
    nftw(scratch, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* A new directory within the scratch directory. */
static const char *directory_new(void) {
    static char path[sizeof(scratch) + 16];
    static unsigned n;

    snprintf(path, sizeof(path), "%s/%u", scratch, n++);
    if (mkdir(path, 0700) < 0)
        err(EXIT_FAILURE, "%s", path);
    return path;
}

static FILE *file_new(const char *directory, const char *name) {
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    if (!file)
        err(EXIT_FAILURE, "%s", path);
    return file;
}

/* The errors of a directory: how many, and that the last one ends as expected. */
static void check_errors(const char *directory, size_t n, const char *last) {
    _cleanup_(diagnostics_done) Diagnostics diagnostics = {};
    const PolicyPaths paths = { .directories = (char *[]){ (char *) directory, NULL } };
    Policy *policy = NULL;

    CHECK_EQ(policy_load(&paths, &facts, &diagnostics, &policy), -EBADMSG);
    CHECK(!policy);
    CHECK_EQ(diagnostics.n_lines + diagnostics.n_dropped, n);

    const char *line = diagnostics.lines[diagnostics.n_lines - 1];
    if (strlen(line) < strlen(last) || strcmp(line + strlen(line) - strlen(last), last) != 0)
        CHECK_FAIL("\"%s\" does not end in \"%s\"", line, last);
}

static Policy *load(const char *directory) {
    _cleanup_(diagnostics_done) Diagnostics diagnostics = {};
    const PolicyPaths paths = { .directories = (char *[]){ (char *) directory, NULL },
        .transient_directory = "/nonexistent" };
    Policy *policy = NULL;

    CHECK_EQ(policy_load(&paths, &facts, &diagnostics, &policy), 0);
    return policy;
}

static void test_sources(void) {
    const char *directory = directory_new();
    char path[256];

    check_errors("/nonexistent", 1, "/nonexistent: cannot read the directory: No such file or directory");
    policy_unref(load(directory));

    FILE *file = file_new(directory, "large.ini");
    fprintf(file, "#%*s", POLICY_FILE_BYTES_MAX, "\n");
    fclose(file);
    check_errors(directory, 1, "large.ini: the file is larger than 1048576 bytes");

    snprintf(path, sizeof(path), "%s/large.ini", directory);
    CHECK_EQ(unlink(path), 0);
    CHECK_EQ(mkfifo(path, 0600), 0);
    check_errors(directory, 1, "large.ini: cannot read the file: Illegal seek");
}

/* As one text, and of that again: the same, whatever stands in them. Half of one is none. */
static void test_sources_as_text(void) {
    _cleanup_(diagnostics_done) Diagnostics diagnostics = {};
    _cleanup_(sources_done) Sources sources = {}, copy = {};
    _cleanup_(cleanup_free) char *text = NULL;
    const char *directory = directory_new();

    FILE *file = file_new(directory, "a\nb.ini");
    fprintf(file, "[slice:a]\n1 2 3\n");
    fclose(file);
    file = file_new(directory, "c.ini");
    fprintf(file, "# no line end");
    fclose(file);
    CHECK_EQ(sources_read_directories(&sources, (char *[]){ (char *) directory, NULL }, &diagnostics), 0);
    CHECK_EQ(sources_read_transient(&sources, directory, &diagnostics), 0);
    CHECK_EQ(sources.n_items, 4);

    CHECK_EQ(sources_to_text(&sources, &text), 0);
    CHECK_EQ(sources_from_text(text, strlen(text), &copy), 0);
    CHECK_EQ(copy.n_items, sources.n_items);
    CHECK_EQ(copy.n_bytes, sources.n_bytes);
    for (size_t i = 0; i < sources.n_items; i++) {
        CHECK_EQ(copy.items[i].kind, sources.items[i].kind);
        CHECK_STREQ(copy.items[i].path, sources.items[i].path);
        CHECK_STREQ(copy.items[i].text, sources.items[i].text);
    }
    for (size_t length = 0; length < strlen(text); length++) {
        _cleanup_(sources_done) Sources part = {};
        _cleanup_(cleanup_free) char *cut = strndup(text, length);
        int r = sources_from_text(cut, length, &part);

        CHECK(r == -EBADMSG || part.n_items < sources.n_items);
    }
}

static void test_named_files(void) {
    _cleanup_(diagnostics_done) Diagnostics diagnostics = {};
    _cleanup_(cleanup_policy_unref) Policy *policy = NULL;
    const char *directory = directory_new();
    char first[256], second[256];

    FILE *file = file_new(directory, "z.conf");
    fprintf(file, "[slice:z]\n");
    fclose(file);
    file = file_new(directory, "a.conf");
    fprintf(file, "[slice:a]\n");
    fclose(file);
    snprintf(first, sizeof(first), "%s/z.conf", directory);
    snprintf(second, sizeof(second), "%s/a.conf", directory);

    const PolicyPaths paths = { .files = (char *[]){ first, second, NULL } };
    CHECK_EQ(policy_load(&paths, &facts, &diagnostics, &policy), 0);
    CHECK_EQ(policy->n_groups, 2);
    CHECK_STREQ(policy->groups[0]->name, "z");
    CHECK_STREQ(policy->groups[1]->name, "a");

    const PolicyPaths missing = { .files = (char *[]){ (char *) "/nonexistent", NULL } };
    Policy *none = NULL;
    CHECK_EQ(policy_load(&missing, &facts, &diagnostics, &none), -EBADMSG);
    CHECK(!none);
    CHECK_STREQ(diagnostics.lines[0], "/nonexistent: cannot read the file: No such file or directory");
}

static void test_file_count(void) {
    const char *directory = directory_new();
    char name[32];

    for (int i = 0; i < POLICY_FILES_MAX; i++) {
        snprintf(name, sizeof(name), "%d.ini", i);
        fclose(file_new(directory, name));
    }
    policy_unref(load(directory));
    fclose(file_new(directory, "x.ini"));
    check_errors(directory, 1, ": more than 1024 policy files");
}

static void test_section_count(void) {
    const char *directory = directory_new();

    FILE *file = file_new(directory, "a.ini");
    for (int i = 0; i < GROUPS_MAX; i++)
        fprintf(file, "[slice:s%d]\n", i);
    for (int i = 0; i < NETWORKS_MAX; i++)
        fprintf(file, "[network:n%d]\nBridge=b%d\nSubnet=10.0.%d.1/24\n", i, i, i);
    fclose(file);

    Policy *policy = load(directory);
    CHECK_EQ(policy->n_groups, GROUPS_MAX);
    CHECK_EQ(policy->n_networks, NETWORKS_MAX);
    policy_unref(policy);

    file = file_new(directory, "b.ini");
    fprintf(file, "[slice:one-more]\n[network:one-more]\nnonsense\n");
    fclose(file);
    check_errors(directory, 3, "b.ini:3: expected [section], Key=value or a comment, not 'nonsense'");
}

/* All that are wrong are counted; the first ones are kept. */
static void test_error_count(void) {
    const char *directory = directory_new();

    FILE *file = file_new(directory, "a.ini");
    for (int i = 0; i < DIAGNOSTICS_MAX + 50; i++)
        fprintf(file, "wrong%d\n", i);
    fclose(file);
    check_errors(directory, DIAGNOSTICS_MAX + 50, ":200: expected [section], Key=value or a comment, not 'wrong199'");
}

/* A long chain of slices below a long cycle: every walk ends. */
static void test_long_cycle(void) {
    const char *directory = directory_new();

    FILE *file = file_new(directory, "a.ini");
    for (int i = 0; i < GROUPS_MAX; i++)
        fprintf(file, "[slice:s%d]\nSlice=s%d\n", i, i + 1 < GROUPS_MAX ? i + 1 : GROUPS_MAX / 2);
    fclose(file);

    _cleanup_(diagnostics_done) Diagnostics diagnostics = {};
    const PolicyPaths paths = { .directories = (char *[]){ (char *) directory, NULL } };
    Policy *policy = NULL;
    CHECK_EQ(policy_load(&paths, &facts, &diagnostics, &policy), -EBADMSG);
    bool found = false;
    for (size_t i = 0; i < diagnostics.n_lines; i++)
        found = found || strstr(diagnostics.lines[i], "[slice:s2048] Slice=: the slice would be within itself");
    CHECK(found);
}

static void *take_and_drop(void *policy) {
    for (int i = 0; i < 10000; i++) {
        policy_ref(policy);
        policy_unref(policy);
    }
    return NULL;
}

static void test_references(void) {
    Policy *policy = load(directory_new());
    pthread_t thread;

    CHECK_EQ(pthread_create(&thread, NULL, take_and_drop, policy), 0);
    take_and_drop(policy);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(policy->n_references, 1);
    CHECK(policy_ref(policy) == policy);
    CHECK(!policy_unref(policy));
    CHECK(!policy_unref(policy));
    CHECK(!policy_unref(NULL));
}

static void test_questions(void) {
    _cleanup_(cleanup_policy_unref) Policy *policy = NULL;
    const char *directory = directory_new();
    char path[32];

    FILE *file = file_new(directory, "a.ini");
    fprintf(file, "[slice:apps]\n[workload:web]\nSlice=apps\nExecStart=/bin/true\n");
    fprintf(file, "[network:lan]\nBridge=br0\nSubnet=10.0.0.1/24\n");
    fclose(file);
    policy = load(directory);

    Group *web = policy_group(policy, "web");
    CHECK(web && web->kind == GROUP_WORKLOAD && web->parent == policy_group(policy, "apps"));
    CHECK(!policy_group(policy, "lan"));
    CHECK(policy_network(policy, "lan"));
    CHECK(!policy_network(policy, "web"));
    CHECK_EQ(group_path(web, path, sizeof(path)), 0);
    CHECK_STREQ(path, "apps/web");
    CHECK_EQ(group_path(web, path, sizeof("apps/web")), 0);
    CHECK_EQ(group_path(web, path, sizeof("apps/web") - 1), -ENAMETOOLONG);
    CHECK_EQ(policy->settings.sample_interval_usec, USEC_PER_SEC);
}

static void test_directory_names(void) {
    static const char *const taken[] = { "cgroup.procs", "cpu.max", "cpuset.cpus", "io.max", "irq.pressure", "memory.x",
        "pids.max", "hugetlb.2MB.max", "misc.max", "rdma.max", "tasks", "notify_on_release", "release_agent" };
    static const char *const free_names[] = { "web", "cpu", "cpux.max", "io", "tasks2", "a.cpu.max", "1" };
    char buffer[NAME_LENGTH_MAX + 2];

    for (size_t i = 0; i < ELEMENTSOF(taken); i++) {
        CHECK_STREQ(group_directory(taken[i], buffer, sizeof(buffer)) + 1, taken[i]);
        CHECK_EQ(buffer[0], '_');
    }
    for (size_t i = 0; i < ELEMENTSOF(free_names); i++)
        CHECK_STREQ(group_directory(free_names[i], buffer, sizeof(buffer)), free_names[i]);
}

static void test_excerpt(void) {
    char text[EXCERPT_SIZE + 1] = "", excerpt[EXCERPT_SIZE];

    memset(text, 'x', EXCERPT_SIZE - 1);
    CHECK_STREQ(diagnostics_excerpt(text, excerpt), text);
    text[EXCERPT_SIZE - 1] = 'y';
    CHECK_EQ(strlen(diagnostics_excerpt(text, excerpt)), EXCERPT_SIZE - 1);
    CHECK_STREQ(excerpt + EXCERPT_SIZE - 5, "x...");
    /* The cut falls into the second byte of a character, which goes as a whole. */
    memcpy(text + EXCERPT_SIZE - 5, "ö", strlen("ö"));
    CHECK_STREQ(diagnostics_excerpt(text, excerpt) + EXCERPT_SIZE - 6, "x...");
}

static const char *suggested(const char *wrong) {
    Suggestion suggestion = { .wrong = wrong };

    suggestion_offer(&suggestion, "cpu");
    suggestion_offer(&suggestion, "MemoryMax");
    suggestion_offer(&suggestion, "MemoryMin");
    return suggestion.nearest;
}

static void test_suggestion(void) {
    CHECK_STREQ(suggested("memorymax"), "MemoryMax");
    CHECK_STREQ(suggested("MEMORYMIN"), "MemoryMin");
    CHECK_STREQ(suggested("MemroyMax"), "MemoryMax");
    CHECK_STREQ(suggested("CPU"), "cpu");
    CHECK_STREQ(suggested("cup"), "cpu");
    CHECK_STREQ(suggested("cat"), NULL);
    CHECK_STREQ(suggested("TasksMax"), NULL);
    CHECK_STREQ(suggested("cpu"), NULL);
    CHECK_STREQ(suggested(""), NULL);
}

/* A key that only workloads have is either a default that slices may give, or what a workload is: one or the other is said. */
static void test_inherited_keys(void) {
    static const char *const own[] = { "ExecStart", "ExecStartPre", "ExecStartPost", "ExecStop", "CollectMode", "State",
        "Network", "Address", "Publish", "OOMPolicy", "NetworkEgressMax" };

    for (KeyId key = 0; key < KEYS_COUNT; key++) {
        bool is_own = false;

        for (size_t i = 0; i < ELEMENTSOF(own); i++)
            is_own = is_own || strcmp(own[i], key_name(key)) == 0;
        if (key_belongs(key, SECTION_WORKLOAD) && !key_belongs(key, SECTION_SLICE) && !is_own)
            CHECK_FAIL("%s=: may a slice give it? Say .inherited in its row, or name it here", key_name(key));
        CHECK(!is_own || !key_is_inherited(key));
    }
}

static uint64_t recipe_of(const char *text) {
    const char *directory = directory_new();
    FILE *file = file_new(directory, "a.ini");

    fputs(text, file);
    fclose(file);
    Policy *policy = load(directory);
    uint64_t recipe = policy_group(policy, "w")->workload->recipe;
    policy_unref(policy);
    return recipe;
}

/* What a start takes from the policy, wherever it is said; and nothing else. */
static void test_recipe(void) {
#define W "[workload:w]\nExecStart=/bin/true\n"
    static const char *const same[] = {
        W "User=nobody\n",
        W "User=nobody\nMemoryMax=1G\nRestart=always\nExecStop=/bin/true\n",
        "[slice:s]\nUser=nobody\n" W "Slice=s\n",
        "[slice:s]\nUser=root\nEnvironment=A=1\n" W "Slice=s\nUser=nobody\nEnvironment=\n",
        "[workload:w]\nUser=nobody\nExecStart=/bin/true\n",
    };
    static const char *const others[] = {
        W,
        W "User=nobody\nNice=5\n",
        W "User=nobody\nNetwork=private\n",
        W "User=nobody\nEnvironment=A=1\n",
        W "User=nobody\nEnvironment=A=1\nEnvironment=B=1\n",
        "[workload:w]\nUser=nobody\nExecStart=/bin/true x\n",
    };
#undef W
    uint64_t recipe = recipe_of(same[0]);

    CHECK(recipe != 0);
    for (size_t i = 0; i < ELEMENTSOF(same); i++)
        if (recipe_of(same[i]) != recipe)
            CHECK_FAIL("another recipe: %s", same[i]);
    for (size_t i = 0; i < ELEMENTSOF(others); i++)
        if (recipe_of(others[i]) == recipe)
            CHECK_FAIL("the same recipe: %s", others[i]);
}

static void test_hidden_places(void) {
    _cleanup_(diagnostics_done) Diagnostics diagnostics = {};

    diagnostics_add(&diagnostics, "/run/set.ini", 12, "workload:web", "Slice", "no slice [slice:x] here");
    diagnostics_add(&diagnostics, "/run/set.ini", 3, NULL, NULL, "not a line");
    diagnostics_add(&diagnostics, "/run/set.ini", 0, NULL, NULL, "too large");
    diagnostics_add(&diagnostics, "/run/set.ini.other", 3, NULL, NULL, "not a line");
    diagnostics_hide_place(&diagnostics, "/run/set.ini");
    CHECK_STREQ(diagnostics.lines[0], "Slice=: no slice [slice:x] here");
    CHECK_STREQ(diagnostics.lines[1], "not a line");
    CHECK_STREQ(diagnostics.lines[2], "too large");
    CHECK_STREQ(diagnostics.lines[3], "/run/set.ini.other:3: not a line");
}

int main(void) {
    if (!mkdtemp(scratch))
        err(EXIT_FAILURE, "%s", scratch);
    atexit(remove_scratch);
    test_sources();
    test_sources_as_text();
    test_inherited_keys();
    test_recipe();
    test_hidden_places();
    test_named_files();
    test_file_count();
    test_section_count();
    test_error_count();
    test_long_cycle();
    test_references();
    test_questions();
    test_directory_names();
    test_excerpt();
    test_suggestion();
    return 0;
}
