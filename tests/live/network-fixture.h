/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Where the live tests of links run: a network namespace made for the test, so the host's links are never touched, with
 * one network, the lab, and namespaces that are wired to it.
 */

#include <net/if.h>
#include <stdint.h>
#include <sys/types.h>

#include "kernel/network.h"
#include "tests/unit/check.h"

enum { EXIT_SKIP = 77 };

extern char lab_bridge[];
extern Network lab;

/* Goes into the namespace, or ends the program with 77. The lab's bridge is not made yet. */
Links *lab_open(void);
Network lab_with(const char *ipv4, const char *ipv6, uint64_t mtu_bytes);
/* Names of their own: who has the name of another has its hardware address too, and a bridge may send what is for one to the other. */
enum { WORKLOAD_NAME_SIZE = 8 };
const char *workload_of(uint8_t serial, char name[static WORKLOAD_NAME_SIZE]);
Attachment attachment_of(uint8_t serial); /* to the lab, with addresses of its own: 10.213.0.(serial + 10) */

ino_t namespace_here(void);
int namespace_new(void);
/* A wire to the lab, with what it points to. */
typedef struct LabWire {
    char name[WORKLOAD_NAME_SIZE];
    Invocation invocation;
    Attachment attachment;
    LinkWire wire;
} LabWire;
const LinkWire *wire_of(uint8_t serial, LabWire *buffer);
void wire_up(Links *links, int namespace_fd, uint8_t serial);
size_t count_links(void);
void check_links_become(size_t expected); /* the kernel takes a namespace away some time after its last descriptor */

int listen_at(const char *address);
int connect_to(const char *address);
/* Runs `act` in a child inside the namespace; it has at most a minute. */
pid_t fork_inside(int namespace_fd, void (*act)(int fd), int fd);

/* Of the namespace that is wired as the first: its addresses, and that what is sent arrives, both ways. */
void check_addresses(int namespace_fd);
void check_talk(int namespace_fd);

uint64_t now_usec(void);
uint64_t median(uint64_t *values, size_t n); /* sorts them */
