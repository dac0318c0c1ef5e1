/* SPDX-License-Identifier: MIT */
/*
 * The human monitor: commands in lines, on a byte stream. gdb's "monitor" command runs the same
 * commands. Loop thread only.
 */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include "accel/accel.h"
#include "base/control.h"
#include "base/loop.h"
#include "base/stream.h"
#include "hw/machine.h"

/* What a monitor steers; all of it outlives the monitor. */
struct monitor_context {
    struct control *control;
    struct machine *machine;
    struct accel *accel;
    struct loop *loop;
    const char *prompt; /* NULL: "(dragoman) " */
};

struct monitor;

/* Serves the stream, which stays the caller's. Never NULL. */
struct monitor *monitor_create(const struct monitor_context *c, struct stream *s);
void monitor_destroy(struct monitor *m);

/* Who gives commands: the CPU that they are about. */
struct monitor_session {
    const struct monitor_context *context;
    unsigned cpu;
    bool of_gdb; /* gdb gives them, by its "monitor" command */
};

/* Runs one line; what the command says is appended to out, a newline at the end of each line. */
void monitor_execute(struct monitor_session *s, const char *line, struct strbuf *out);

#endif
