/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Network namespaces, and the ground that bridges, veths and shapers stand on.
 *
 * A thread is in another namespace only for as long as it takes to open a descriptor there. Whatever fails, it is home
 * again when a function returns; if the way home is lost the process ends, since all it did next would hit the wrong node.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/parse.h"
#include "kernel/links.h"
#include "kernel/process.h"

int links_result(int nl_result) {
    /* The inverse of libnl's own table of errnos, for what rtnetlink answers. */
    static const int errnos[] = {
        [NLE_INTR] = EINTR,
        [NLE_BAD_SOCK] = EBADF,
        [NLE_AGAIN] = EAGAIN,
        [NLE_NOMEM] = ENOMEM,
        [NLE_EXIST] = EEXIST,
        [NLE_INVAL] = EINVAL,
        [NLE_RANGE] = ERANGE,
        [NLE_MSGSIZE] = EMSGSIZE,
        [NLE_OPNOTSUPP] = EOPNOTSUPP,
        [NLE_AF_NOSUPPORT] = EAFNOSUPPORT,
        [NLE_OBJ_NOTFOUND] = ENOENT,
        [NLE_NOACCESS] = EACCES,
        [NLE_PERM] = EPERM,
        [NLE_BUSY] = EBUSY,
        [NLE_NOADDR] = EADDRNOTAVAIL,
        [NLE_NODEV] = ENODEV,
    };

    if (nl_result >= 0)
        return 0;

    size_t i = -(long) nl_result;
    return i < ELEMENTSOF(errnos) && errnos[i] ? -errnos[i] : -EIO;
}

static int socket_connect(struct nl_sock **ret) {
    _cleanup_(cleanup_nl_socket_free) struct nl_sock *socket = nl_socket_alloc();
    if (!socket)
        return -ENOMEM;

    int r = links_result(nl_connect(socket, NETLINK_ROUTE));
    if (r < 0)
        return r;

    *ret = TAKE_PTR(socket);
    return 0;
}

int links_open(const char *instance, const char *runtime_dir, Links **ret) {
    _cleanup_(cleanup_links_close) Links *links = NULL;

    if (!name_is_valid(instance))
        return -EINVAL;
    links = calloc(1, sizeof(*links));
    if (!links)
        return -ENOMEM;
    links->runtime_fd = -1;
    links->instance = strdup(instance);
    if (!links->instance)
        return -ENOMEM;
    if (runtime_dir && (links->runtime_fd = open(runtime_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return -errno;

    int r = socket_connect(&links->socket);
    if (r < 0)
        return r;

    *ret = TAKE_PTR(links);
    return 0;
}

Links *links_close(Links *links) {
    if (!links)
        return NULL;
    nl_socket_free(links->socket);
    close_fd(links->runtime_fd);
    free(links->instance);
    free(links);
    return NULL;
}

static int namespace_current(int *ret_fd) {
    int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

/* At the end of a scope; harmless to a thread that never left. */
static void namespace_return(int *home_fd) {
    if (*home_fd < 0)
        return;
    if (setns(*home_fd, CLONE_NEWNET) < 0)
        abort();
    close(*home_fd);
}

static int loopback_raise(struct nl_sock *socket) {
    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *loopback = NULL;

    int r = links_find(socket, "lo", &loopback);
    if (r < 0)
        return r;
    return links_raise(socket, loopback, NULL);
}

static int namespace_make(int *ret_fd, struct nl_sock **ret_socket) {
    _cleanup_(namespace_return) int home_fd = -1;
    _cleanup_(cleanup_close) int fd = -1;

    int r = namespace_current(&home_fd);
    if (r < 0)
        return r;
    if (unshare(CLONE_NEWNET) < 0)
        return -errno;
    r = namespace_current(&fd);
    if (r < 0)
        return r;
    r = socket_connect(ret_socket);
    if (r < 0)
        return r;

    *ret_fd = TAKE_FD(fd);
    return 0;
}

int links_namespace_new(int *ret_fd) {
    _cleanup_(cleanup_nl_socket_free) struct nl_sock *socket = NULL;
    _cleanup_(cleanup_close) int fd = -1;

    int r = namespace_make(&fd, &socket);
    if (r < 0)
        return r;
    r = loopback_raise(socket);
    if (r < 0)
        return r;

    *ret_fd = TAKE_FD(fd);
    return 0;
}

static bool namespace_is_ours(int namespace_fd) {
    struct stat theirs, ours;

    return fstat(namespace_fd, &theirs) == 0 && stat("/proc/thread-self/ns/net", &ours) == 0 &&
           theirs.st_ino == ours.st_ino;
}

int links_namespace_of(pid_t pid, uint64_t start_ticks, int *ret_fd) {
    char path[sizeof("/proc//ns/net") + 3 * sizeof(pid_t)];
    uint64_t ticks;

    snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
    _cleanup_(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    /* Alive still after it was opened: so it is not that of a later bearer of the pid. */
    int r = process_start_ticks(pid, &ticks);
    if (r < 0 || ticks != start_ticks)
        return r < 0 ? r : -ESRCH;
    if (namespace_is_ours(fd))
        return -ENODEV;

    *ret_fd = TAKE_FD(fd);
    return 0;
}

int links_socket_open(int namespace_fd, struct nl_sock **ret) {
    _cleanup_(namespace_return) int home_fd = -1;

    int r = namespace_current(&home_fd);
    if (r < 0)
        return r;
    if (setns(namespace_fd, CLONE_NEWNET) < 0)
        return -errno;
    return socket_connect(ret);
}

int links_find(struct nl_sock *socket, const char *name, struct rtnl_link **ret) {
    int r = links_result(rtnl_link_get_kernel(socket, 0, name, ret));
    return r == -ENOENT ? -ENODEV : r;
}

int links_raise(struct nl_sock *socket, struct rtnl_link *link, const char *alias) {
    _cleanup_(cleanup_rtnl_link_put) struct rtnl_link *change = rtnl_link_alloc();
    if (!change)
        return -ENOMEM;

    if (alias)
        rtnl_link_set_ifalias(change, alias);
    rtnl_link_set_flags(change, IFF_UP);
    return links_result(rtnl_link_change(socket, link, change, 0));
}

int links_address(const Address *address, unsigned prefix_length, struct nl_addr **ret) {
    struct nl_addr *built = nl_addr_build(address->family, address->bytes, address_size(address));
    if (!built)
        return -ENOMEM;

    nl_addr_set_prefixlen(built, prefix_length);
    *ret = built;
    return 0;
}

bool links_subnet(struct rtnl_addr *address, Subnet *ret) {
    Subnet subnet = { .gateway.family = rtnl_addr_get_family(address) };
    struct nl_addr *local = rtnl_addr_get_local(address);

    if ((subnet.gateway.family != AF_INET && subnet.gateway.family != AF_INET6) || !local ||
            (subnet.gateway.family == AF_INET6 && rtnl_addr_get_scope(address) == RT_SCOPE_LINK))
        return false;
    memcpy(subnet.gateway.bytes, nl_addr_get_binary_addr(local), address_size(&subnet.gateway));
    subnet.prefix_length = rtnl_addr_get_prefixlen(address);
    *ret = subnet;
    return true;
}

/* libnl's own requests for dumps are not strict ones, so only this one is sent as such. */
static int send_strictly(struct nl_sock *socket, struct nl_msg *request) {
    const int on = 1, off = 0;

    if (setsockopt(nl_socket_get_fd(socket), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) < 0)
        return -errno;
    int r = nl_send_auto(socket, request);
    setsockopt(nl_socket_get_fd(socket), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &off, sizeof(off));
    return r < 0 ? links_result(r) : 0;
}

int links_addresses_of(struct nl_sock *socket, int ifindex, struct nl_cache **ret) {
    _cleanup_(cleanup_nl_cache_free) struct nl_cache *cache = NULL;
    _cleanup_(cleanup_nlmsg_free) struct nl_msg *request = nlmsg_alloc_simple(RTM_GETADDR, NLM_F_DUMP);
    struct ifaddrmsg header = { .ifa_family = AF_UNSPEC, .ifa_index = (unsigned) ifindex };

    if (!request || nlmsg_append(request, &header, sizeof(header), NLMSG_ALIGNTO) < 0)
        return -ENOMEM;
    int r = links_result(nl_cache_alloc_name("route/addr", &cache));
    if (r == 0)
        r = send_strictly(socket, request);
    if (r == 0)
        r = links_result(nl_cache_pickup(socket, cache));
    if (r == 0)
        *ret = TAKE_PTR(cache);
    return r;
}

void links_subnets(struct nl_cache *addresses, int ifindex, Subnet ret[static ADDRESS_FAMILIES_COUNT]) {
    memset(ret, 0, ADDRESS_FAMILIES_COUNT * sizeof(Subnet));
    for (struct nl_object *o = nl_cache_get_first(addresses); o; o = nl_cache_get_next(o)) {
        struct rtnl_addr *address = (struct rtnl_addr *) o;
        Subnet subnet;

        if (rtnl_addr_get_ifindex(address) == ifindex && links_subnet(address, &subnet) &&
                !address_is_set(&ret[address_index(&subnet.gateway)].gateway))
            ret[address_index(&subnet.gateway)] = subnet;
    }
}

int links_hardware_address(const Links *links, const char *kind, const char *name, struct nl_addr **ret) {
    char alias[ALIAS_SIZE];
    uint8_t bytes[6] = { 0x02 }; /* locally administered, unicast */

    int r = links_alias(links, kind, name, alias);
    if (r < 0)
        return r;
    uint64_t hash = hash_bytes(HASH_START, alias, strlen(alias));
    memcpy(bytes + 1, &hash, sizeof(bytes) - 1);
    *ret = nl_addr_build(AF_LLC, bytes, sizeof(bytes));
    return *ret ? 0 : -ENOMEM;
}

/* Nobody else has it: an IPv6 address need not be tried out on the link for a second first. */
int links_address_add(struct nl_sock *socket, int ifindex, const Subnet *address) {
    _cleanup_(cleanup_rtnl_addr_put) struct rtnl_addr *added = rtnl_addr_alloc();
    _cleanup_(cleanup_nl_addr_put) struct nl_addr *local = NULL;

    if (!added)
        return -ENOMEM;
    int r = links_address(&address->gateway, address->prefix_length, &local);
    if (r < 0)
        return r;

    rtnl_addr_set_ifindex(added, ifindex);
    if (address->gateway.family == AF_INET6)
        rtnl_addr_set_flags(added, IFA_F_NODAD);
    r = links_result(rtnl_addr_set_local(added, local));
    if (r < 0)
        return r;
    return links_result(rtnl_addr_add(socket, added, NLM_F_REPLACE));
}

int links_alias(const Links *links, const char *kind, const char *name, char ret[static ALIAS_SIZE]) {
    int length = snprintf(ret, ALIAS_SIZE, "%s:%s:%s", links->instance, kind, name);
    return length < ALIAS_SIZE ? 0 : -ENAMETOOLONG;
}

const char *links_alias_name(const Links *links, struct rtnl_link *link, const char *kind) {
    const char *alias = rtnl_link_get_ifalias(link);
    char prefix[ALIAS_SIZE];

    if (!alias || links_alias(links, kind, "", prefix) < 0 || strncmp(alias, prefix, strlen(prefix)) != 0)
        return NULL;
    return alias + strlen(prefix);
}
