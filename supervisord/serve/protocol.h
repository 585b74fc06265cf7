/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The control protocol: sd-bus, peer to peer, on a unix socket; no bus daemon. What both sides must agree on.
 *
 * One object, one interface. Descriptors pass only between the daemon and peers that may change something. Who may call: root everything; the socket's group what only reads ("r"); a peer whose
 * cgroup lies in the tree only reads, even as uid 0.
 *
 *   Version    () -> s version                                                                         r
 *   List       () -> a(ssssuttsss)  name, kind (slice|workload), slice ("" top), state, main pid (0),
 *                                   since (realtime usec, 0), restarts, last exit in words ("" none),
 *                                   degraded in words ("" healthy), command line ("" for a slice)      r
 *   Samples    () -> t, a(sa{sd})   time of the sample (monotonic usec); name, meter name -> base units; absent left out r
 *   Show       (s name) -> (ssssuttsss), a(sssst), a(ssds)
 *                                   status as in List;
 *                                   limits: key, set (words, "" not set), written (words, "" no file),
 *                                   effective (words, "NAME: words" when an ancestor's is tighter),
 *                                   bitten (UINT64_MAX: the kernel has no witness);
 *                                   meters: heading, name, value in base units, unit ("s", "B", "")       r
 *   Plan       () -> as             what `Reload` would do now, a step a line                           r
 *   WhatIf     (a(sss) changes) -> a(sstt)
 *                                   a slice or workload, a policy key, its value ("" what the files say); of each slice and
 *                                   workload: name, slice ("" top), the CPU time it is entitled to while all that run want
 *                                   all, in usec a second, now and if the policy said so; UINT64_MAX: it does not run   r
 *   Cat        (s name) -> s        what the policy as loaded and the runtime drop-ins say of a slice, workload or network, or
 *                                   of everything (name ""): merged, as policy text, each line below a comment with
 *                                   its file and line and, where it is inherited, the section that gives it   r
 *   CatFiles   (s name) -> s        the same of the files as they are now: what Reload would load             r
 *   PolicyState () -> b ok, t loaded, s errors
 *                                   how the last attempt to load the policy's files went; when they were loaded last
 *                                   (realtime usec; 0: before this daemon); what was wrong, a line each        r
 *   Reload     () -> as, a(ss)      the steps done; what could not be done: slice, workload or network ("" the node), why;
 *                                   error BadPolicy: message is all diagnostics, a line each
 *   Start      (s name)             replies when it runs; Stop (s name): when it has ended; Restart (s name)
 *   StartNoBlock, StopNoBlock, RestartNoBlock (s name)   reply as soon as it is written down that it is wanted
 *   Freeze     (s name) -> as       of a workload or slice; the steps done; replies when all its processes stand still
 *   Thaw       (s name) -> as
 *   Set        (s name, a(ss) settings, b runtime) -> as
 *                                   policy keys and values, "" for what the files say again; the steps done; with
 *                                   runtime until the next boot, else a drop-in in the policy directory
 *   Exec       (s name, u session, as arguments, as environment, s directory, s user, h h h stdio)
 *              -> b known, b signaled, i code, b oom_killed, t cpu_usec
 *                                   a command beside the running start, with all that is the workload's; replies when it
 *                                   has ended. The caller chooses the session, not 0, so that it can signal it
 *   Kill       (s name, s whom: main|all|xSESSION, i signal)   replies when it is sent; SESSION in eight hex digits
 *   Wait       (s name) -> b known, b signaled, i code, b oom_killed, t cpu_usec
 *                                   replies when it has ended, at once when it does not run                r
 *   StopAll    ()                   replies when all have ended; they stay stopped until the next Reload
 *   Run        (s name, as arguments, a(ss) settings, as environment, s directory, h h h stdio, b wait)
 *              -> s name, u pid, b known, b signaled, i code, b oom_killed, t cpu_usec
 *                                   transient workload; settings are policy keys and values; wait: replies when it has
 *                                   ended, else when it runs (and the exit fields say nothing)
 *   Remove     (s name) -> as       a transient workload that has ended, of which `Run` left something to be seen; the steps done
 *   Check      () -> a(sssss)       share, mechanism, state (enforced|measured|absent), why, cure        r
 *   Limits     () -> a(sa{sd})      name, key -> amount of those that stand beside usage: CPUQuota (CPUs), MemoryMax (bytes),
 *                                   TasksMax, NetworkEgressMax (bytes per second); not set left out     r
 *   Outputs    () -> a(ssss)        of each workload: name, its cgroup as /proc/PID/cgroup has it, where standard output and
 *                                   standard error go, as StandardOutput= has it ("journal", "append:/path")   r
 *   Journal    (t after, b wait) -> t last, t lost, a(tss)                                          r
 *                                   the actions that came after the one of that number (0: all that are kept), newest
 *                                   first: realtime usec, slice, workload or network ("" the node), words; last: number
 *                                   of the newest; lost: how many are not kept any more; wait: replies once there are any
 *   Snapshot   (s format) -> ay     the metrics: "text" (Prometheus 0.0.4) or "openmetrics" (1.0.0)       r
 */

#define CONTROL_PATH "/org/supervisord1"
#define CONTROL_INTERFACE "org.supervisord1"
#define CONTROL_DESTINATION "org.supervisord1"

#define CONTROL_ERROR_NO_SUCH CONTROL_INTERFACE ".Error.NoSuchWorkload"
#define CONTROL_ERROR_NOT_RUNNING CONTROL_INTERFACE ".Error.NotRunning"
#define CONTROL_ERROR_BAD_POLICY CONTROL_INTERFACE ".Error.BadPolicy"
#define CONTROL_ERROR_FAILED CONTROL_INTERFACE ".Error.Failed"        /* the message says why */
#define CONTROL_ERROR_SLICE CONTROL_INTERFACE ".Error.IsSlice"        /* where a workload is expected */
#define CONTROL_ERROR_GOING_AWAY CONTROL_INTERFACE ".Error.GoingAway" /* the daemon; what was waited for goes on */
#define CONTROL_ERROR_BUSY CONTROL_INTERFACE ".Error.Busy"

#define CONTROL_CALLS_MAX 16 /* unanswered, of one connection; a further one is an error */

#define CONTROL_SOCKET_DEFAULT "/run/supervisord/control"

#define CONTROL_FORMAT_TEXT "text"
#define CONTROL_FORMAT_OPENMETRICS "openmetrics"

#define CONTROL_STATUS_SIGNATURE "ssssuttsss"

enum { CONTROL_CHANGES_MAX = 256 }; /* of one WhatIf */

#define CONTROL_ENTITLEMENT "cpu_entitlement" /* among the meters of Show: CPUs that it is entitled to now */
