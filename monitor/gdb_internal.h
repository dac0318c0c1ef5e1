/* SPDX-License-Identifier: MIT */
/* gdb's stub between its files: the session, and what each file answers. */
#ifndef MONITOR_GDB_INTERNAL_H
#define MONITOR_GDB_INTERNAL_H

#include "cpu/cpu.h"
#include "monitor/gdb.h"
#include "monitor/gdb_packet.h"

/* A break or watch point that gdb has put; gdb's type: 0 software, 1 hardware, 2 write, 3 read, 4
 * access. */
struct gdb_point {
    struct gdb_point *next;
    unsigned type;
    uint64_t address, bytes;
    unsigned count; /* so often it was put; so often it is to be taken out */
};

enum {
    GDB_PROCESS = 1, /* the machine, as a process */
    /* numbers of errors, which gdb only shows */
    GDB_EFAULT = 14,
    GDB_EINVAL = 22,
    /* qemu.sstep: interrupts and the clock wait while a vCPU makes a step */
    GDB_SSTEP_ENABLE = 1,
    GDB_SSTEP_NOIRQ = 2,
    GDB_SSTEP_NOTIMER = 4,
    GDB_SSTEP_ALL = 7
};

struct gdb {
    struct monitor_context context;
    const struct gdb_guest *guest;
    struct stream *stream;
    struct gdb_packets packets;
    struct control_listener listener;
    struct monitor_session session; /* of the "monitor" command */

    bool connected;
    bool detached;                     /* gdb has said goodbye */
    bool resumes;                      /* only the debugger keeps the machine from running */
    bool stopping;                     /* the change of state that is being told is ours */
    bool multiprocess;                 /* threads are named with their process */
    bool waiting;                      /* gdb let the machine run and waits for a stop reply */
    bool tells_swbreak, tells_hwbreak; /* gdb understands these stop reasons */
    bool physical;                     /* memory packets are about physical memory */
    bool frozen;                       /* some vCPUs stand still while others run */
    struct vcpu *general;              /* Hg: of registers and memory */
    struct vcpu *running;              /* Hc: of s and c; NULL: any */
    struct gdb_point *points;
    struct gdb_pending *calls; /* that gdb does for the guest; it is at the first */

    unsigned sstep;        /* GDB_SSTEP_ */
    bool has_stepped;      /* it has, and then come to a call that gdb does */
    struct vcpu *stepped;  /* who made the last step; NULL: all were let go */
    struct vcpu *in_range; /* vCont;r: steps on while its PC is in the range */
    uint64_t range_start, range_end;
};

/* ---- gdb.c */

void gdb_reply(struct gdb *g, const char *text);        /* "" : not supported */
void gdb_reply_buffer(struct gdb *g, struct strbuf *s); /* and frees s */
void gdb_ok(struct gdb *g);
void gdb_error(struct gdb *g, unsigned number); /* E NN, in decimal digits, as QEMU has it */

/* Threads are numbered from 1, with "pPROCESS." in front or without; "0" and "-1" mean any: *v is
 * then NULL. False: there is none of that number. */
bool gdb_thread(struct gdb *g, const char **text, struct vcpu **v);
void gdb_put_thread(const struct gdb *g, const struct vcpu *v, struct strbuf *out);

/* The machine stands, for that reason. */
void gdb_stop_reply(struct gdb *g, enum run_state state);
const struct gdb_point *gdb_breakpoint_at(struct gdb *g, uint64_t pc); /* NULL: none */
void gdb_stop(struct gdb *g);                                          /* by our own wish */

/* ---- gdb_run.c */

void gdb_resume(struct gdb *g, const char *args, bool stepping);             /* c, s */
void gdb_resume_with_signal(struct gdb *g, const char *args, bool stepping); /* C, S */
void gdb_resume_threads(struct gdb *g, const char *args);                    /* vCont */
void gdb_go_on(struct gdb *g);                                               /* as it ran */
/* A step within a range is over: true: another one begins. */
bool gdb_steps_on(struct gdb *g, enum run_state state);
/* Also for who lets the machine go on from elsewhere. */
void gdb_thaw_all(struct gdb *g);

/* ---- gdb_state.c: registers, memory, points */

void gdb_read_registers(struct gdb *g, const char *args);         /* g */
void gdb_write_registers(struct gdb *g, const char *args);        /* G */
void gdb_read_register(struct gdb *g, const char *args);          /* p */
void gdb_write_register(struct gdb *g, const char *args);         /* P */
void gdb_read_memory(struct gdb *g, const char *args);            /* m */
void gdb_write_memory(struct gdb *g, const char *args);           /* M */
void gdb_write_binary(struct gdb *g, const char *args, size_t n); /* X */
void gdb_insert_point(struct gdb *g, const char *args);           /* Z */
void gdb_remove_point(struct gdb *g, const char *args);           /* z */
void gdb_remove_all_points(struct gdb *g);

/* ---- gdb_fileio.c */

void gdb_send_call(struct gdb *g);                   /* the first one */
void gdb_call_done(struct gdb *g, const char *args); /* F */
void gdb_lose_calls(struct gdb *g);                  /* nobody does them any more */

/* ---- gdb_query.c: q, Q */

void gdb_query(struct gdb *g, const char *packet);
void gdb_set(struct gdb *g, const char *packet);

#endif
