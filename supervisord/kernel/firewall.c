/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Ours is the table whose comment says so; it names the rules that were asked for by their seal. What the kernel made of
 * them is listed once after each change, and the hash of that listing kept in the runtime directory: while the listing has
 * that hash, the rules hold as they were written. A daemon that dies in between finds another hash, and writes them anew.
 */

#include "kernel/firewall.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <string.h>

#include "base/crash-point.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/strv.h"
#include "kernel/links.h"

#define LIBRARY "libnftables.so.1"
#define NOTE_NAME "firewall" /* in the runtime directory: there as long as there may be a table */

enum { TABLE_NAME_MAX = 80 };

typedef struct Nft {
    void *library;
    struct nft_ctx *context;
    __typeof__(nft_ctx_free) *context_free;
    __typeof__(nft_ctx_get_output_buffer) *output;
    __typeof__(nft_ctx_get_error_buffer) *error;
    __typeof__(nft_run_cmd_from_buffer) *run;
} Nft;

/* What parsing took is given back to the kernel: a megabyte that the daemon would keep for good. */
static void nft_close(Nft *nft) {
    if (nft->context)
        nft->context_free(nft->context);
    if (!nft->library)
        return;
    dlclose(nft->library);
    malloc_trim(0);
}

static int nft_make_context(Nft *nft) {
    __typeof__(nft_ctx_new) *context_new = dlsym(nft->library, "nft_ctx_new");
    __typeof__(nft_ctx_output_set_flags) *set_flags = dlsym(nft->library, "nft_ctx_output_set_flags");
    __typeof__(nft_ctx_buffer_output) *buffer_output = dlsym(nft->library, "nft_ctx_buffer_output");
    __typeof__(nft_ctx_buffer_error) *buffer_error = dlsym(nft->library, "nft_ctx_buffer_error");

    nft->context_free = dlsym(nft->library, "nft_ctx_free");
    nft->output = dlsym(nft->library, "nft_ctx_get_output_buffer");
    nft->error = dlsym(nft->library, "nft_ctx_get_error_buffer");
    nft->run = dlsym(nft->library, "nft_run_cmd_from_buffer");
    if (!context_new || !set_flags || !buffer_output || !buffer_error || !nft->context_free || !nft->output ||
            !nft->error || !nft->run)
        return -ELIBACC;
    nft->context = context_new(NFT_CTX_DEFAULT);
    if (!nft->context || buffer_output(nft->context) != 0 || buffer_error(nft->context) != 0)
        return -ENOMEM;
    set_flags(nft->context, NFT_CTX_OUTPUT_STATELESS);
    return 0;
}

static int nft_open(Nft *ret) {
    Nft nft = { .library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL) };

    if (!nft.library)
        return -ELIBACC;
    int r = nft_make_context(&nft);
    if (r < 0) {
        nft_close(&nft);
        return r;
    }
    *ret = nft;
    return 0;
}

bool firewall_available(void) {
    void *library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);

    if (library)
        dlclose(library);
    return library;
}

/* The instance, with what nft takes in a name. */
static const char *table_name(const Links *links, char name[static TABLE_NAME_MAX]) {
    snprintf(name, TABLE_NAME_MAX, "%s%s", strchr("0123456789", *links->instance) ? "_" : "", links->instance);
    for (char *at = name; (at = strchr(at, '@'));)
        *at = '_';
    return name;
}

/* The table as nft lists it, NULL if there is none. */
static int list_table(const Links *links, const Nft *nft, const char **ret) {
    char name[TABLE_NAME_MAX], command[TABLE_NAME_MAX + 32];

    snprintf(command, sizeof command, "list table inet %s", table_name(links, name));
    if (nft->run(nft->context, command) == 0)
        *ret = nft->output(nft->context);
    else if (strstr(nft->error(nft->context), strerror(ENOENT)))
        *ret = NULL;
    else
        return -EIO;
    return 0;
}

/* Of the comment of a table of ours; false: it is not ours. */
static bool read_comment(const Links *links, const char *listing, char ret_seal[static FIREWALL_SEAL_SIZE]) {
    const char *comment = strstr(listing, "\tcomment \""), *first_block = strstr(listing, "\n\n");
    size_t length = strlen(links->instance);

    if (!comment || (first_block && comment > first_block))
        return false;
    comment += strlen("\tcomment \"");
    if (strncmp(comment, links->instance, length) != 0 || comment[length] != ' ')
        return false;
    return sscanf(comment + length, " %16[0-9a-f]", ret_seal) == 1;
}

static const char *listing_hash(const char *listing, char text[static FIREWALL_SEAL_SIZE]) {
    snprintf(text, FIREWALL_SEAL_SIZE, "%016" PRIx64, hash_bytes(HASH_START, listing, strlen(listing)));
    return text;
}

int firewall_read(Links *links, char ret_seal[static FIREWALL_SEAL_SIZE]) {
    _cleanup_(nft_close) Nft nft = {};
    char note[64], hash[FIREWALL_SEAL_SIZE], seal[FIREWALL_SEAL_SIZE];
    const char *listing;

    *ret_seal = '\0';
    if (links->runtime_fd < 0 || file_read_at(links->runtime_fd, NOTE_NAME, note, sizeof note) < 0)
        return 0;
    int r = nft_open(&nft);
    if (r < 0)
        return r;
    r = list_table(links, &nft, &listing);
    if (r == 0 && !listing) /* somebody took it away, or a daemon that died did: the note is still to go */
        strcpy(ret_seal, "none");
    if (r < 0 || !listing || !read_comment(links, listing, seal))
        return r;
    strcpy(ret_seal, strcmp(listing_hash(listing, hash), note) == 0 ? seal : "other");
    return 0;
}

static int script_new(const Links *links, const char *rules, char **ret) {
    char name[TABLE_NAME_MAX], seal[FIREWALL_SEAL_SIZE];

    table_name(links, name);
    if (!rules)
        return text_printf(ret, "table inet %s {}\ndelete table inet %s\n", name, name);
    return text_printf(ret,
            "table inet %s {}\n"
            "delete table inet %s\n"
            "table inet %s {\n"
            "    comment \"%s %s\"\n"
            "%s}\n",
            name, name, name, links->instance, firewall_seal(rules, seal), rules);
}

/* The note is there before the table, and goes after it. */
static int note(const Links *links, const char *text) {
    if (text)
        return file_replace_at(links->runtime_fd, NOTE_NAME, text, 0600);
    return unlinkat(links->runtime_fd, NOTE_NAME, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static int replace_table(const Links *links, const Nft *nft, const char *rules, char **ret_message) {
    _cleanup_(cleanup_free) char *script = NULL;
    int r = script_new(links, rules, &script);

    if (r == 0)
        r = note(links, "");
    if (r < 0)
        return r;
    if (nft->run(nft->context, script) == 0)
        return 0;
    *ret_message = strdup(nft->error(nft->context));
    if (*ret_message)
        (*ret_message)[strcspn(*ret_message, "\n")] = '\0';
    return -EIO;
}

static int check_ours(const Links *links, const Nft *nft) {
    char seal[FIREWALL_SEAL_SIZE];
    const char *listing;

    int r = list_table(links, nft, &listing);
    if (r < 0 || !listing)
        return r;
    return read_comment(links, listing, seal) ? 0 : -EEXIST;
}

static int note_listing(const Links *links, const Nft *nft) {
    char hash[FIREWALL_SEAL_SIZE];
    const char *listing;

    int r = list_table(links, nft, &listing);
    if (r < 0)
        return r;
    return listing ? note(links, listing_hash(listing, hash)) : -ENOENT;
}

int firewall_set(Links *links, const char *rules, char **ret_message) {
    _cleanup_(nft_close) Nft nft = {};

    int r = nft_open(&nft);
    if (r < 0)
        return r;
    r = check_ours(links, &nft);
    if (r == 0)
        r = replace_table(links, &nft, rules, ret_message);
    crash_point("firewall replaced");
    if (r < 0)
        return r;
    return rules ? note_listing(links, &nft) : note(links, NULL);
}
