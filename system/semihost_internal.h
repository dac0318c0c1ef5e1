/* SPDX-License-Identifier: MIT */
/* Semihosting between its files. */
#ifndef SYSTEM_SEMIHOST_INTERNAL_H
#define SYSTEM_SEMIHOST_INTERNAL_H

#include <stdatomic.h>

#include "base/os.h"
#include "cpu/cpu.h"
#include "system/semihost.h"

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITEC = 0x03,
    SYS_WRITE0 = 0x04,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_READC = 0x07,
    SYS_ISERROR = 0x08,
    SYS_ISTTY = 0x09,
    SYS_SEEK = 0x0a,
    SYS_FLEN = 0x0c,
    SYS_TMPNAM = 0x0d,
    SYS_REMOVE = 0x0e,
    SYS_RENAME = 0x0f,
    SYS_CLOCK = 0x10,
    SYS_TIME = 0x11,
    SYS_SYSTEM = 0x12,
    SYS_ERRNO = 0x13,
    SYS_GET_CMDLINE = 0x15,
    SYS_HEAPINFO = 0x16,
    SYS_EXIT = 0x18,
    SYS_EXIT_EXTENDED = 0x20,
    SYS_ELAPSED = 0x30,
    SYS_TICKFREQ = 0x31
};

enum {
    SEMIHOST_HANDLES = 1024, /* that a guest may have at a time */
    SEMIHOST_NAME = 4096,    /* bytes of a name or command, with its end */
    SEMIHOST_INPUT = 4096,   /* bytes of input that wait to be read */
    SEMIHOST_PIECE = 256 /* bytes that a terminal or pipe takes at once when it says it is ready */
};
#define SEMIHOST_MOST (64ull << 20) /* bytes that one call moves */
#define SEMIHOST_FAILED UINT64_MAX

enum handle_kind {
    HANDLE_FREE,
    HANDLE_FILE,     /* fd is ours */
    HANDLE_STANDARD, /* fd is 0, 1 or 2 of this process */
    HANDLE_FEATURES,
    HANDLE_REMOTE /* fd is the debugger's */
};

struct handle {
    enum handle_kind kind;
    int fd;
    uint32_t position; /* of HANDLE_FEATURES */
};

/* A vCPU that waits for a file of the host, or for the console. */
struct semihost_wait {
    bool console; /* under the lock, as all of it */
    bool sleeps;
    int of; /* the file, as it was asked for; -1: none */
    unsigned events;
    int next, watched; /* copies of it: to be watched, and watched by the loop; -1: none */
    struct loop_watch *watch;
    struct semihost_host *host;
    struct vcpu *v;
};

/* A call whose result comes later. */
struct semihost_later {
    atomic_bool used; /* set by the vCPU's thread, cleared by the loop's */
    uint32_t op;
    uint64_t words[3]; /* of a call that gdb does */
    uint64_t buffer;
    int process, process_fd; /* SYS_SYSTEM: the child; -1: none */
    struct loop_watch *watch;
    void (*finish)(struct vcpu *v, uint64_t result);
    struct semihost_request request;
    struct semihost_host *host;
    struct vcpu *v;
};

struct semihost_host {
    struct semihost base; /* first */
    struct semihost_config c;
    int64_t start_ns;
    bool stopped;     /* there are no vCPUs any more; of the loop's thread */
    atomic_int error; /* SYS_ERRNO */
    atomic_int where; /* SEMIHOST_NATIVE or SEMIHOST_GDB; SEMIHOST_AUTO: not known yet */

    struct os_mutex lock; /* guards what follows */
    struct handle *handles;
    unsigned handle_count;
    uint8_t input[SEMIHOST_INPUT];
    unsigned input_from, input_count;
    struct semihost_wait *waits; /* one a vCPU */
    struct semihost_later *later;
};

/* One call: what the functions of each operation get. */
struct call {
    struct semihost_host *host;
    struct semihost_call *c;
    uint64_t words[4]; /* of the block */
};

/* ---- semihost_memory.c: guest memory as the vCPU of the call sees it; nothing is raised */

/* As much of n bytes as is there: how many. */
uint64_t semihost_fetch(struct vcpu *v, uint64_t va, void *bytes, uint64_t n);
uint64_t semihost_store(struct vcpu *v, uint64_t va, const void *bytes, uint64_t n);
/* The first n words of the block; false: it is not there, and the call has failed. */
bool semihost_words(struct call *k, unsigned n);
bool semihost_put_word(struct call *k, uint64_t va, uint64_t value);
/* The text of n bytes at va with a zero behind it, in `text` of SEMIHOST_NAME bytes; false: failed.
 */
bool semihost_text(struct call *k, uint64_t va, uint64_t n, char *text);

/* ---- results */

static inline enum semihost_end semihost_done(struct call *k, uint64_t result)
{
    k->c->result = result;
    return SEMIHOST_DONE;
}

enum semihost_end semihost_fail(struct call *k, int error); /* -1 */

/* ---- semihost_files.c */

enum semihost_end semihost_open(struct call *k);
enum semihost_end semihost_close(struct call *k);
enum semihost_end semihost_write_file(struct call *k);
enum semihost_end semihost_read_file(struct call *k);
enum semihost_end semihost_is_tty(struct call *k);
enum semihost_end semihost_seek(struct call *k);
enum semihost_end semihost_length(struct call *k);
enum semihost_end semihost_remove(struct call *k);
enum semihost_end semihost_rename(struct call *k);
enum semihost_end semihost_temporary_name(struct call *k);
/* A handle of that kind; 0: there are too many. */
unsigned semihost_new_handle(struct semihost_host *h, struct handle what);
struct handle semihost_handle(struct semihost_host *h, uint64_t number); /* under the lock */
void semihost_close_all(struct semihost_host *h);

/* ---- semihost_console.c */

enum semihost_end semihost_write_char(struct call *k);
enum semihost_end semihost_write_text(struct call *k);
enum semihost_end semihost_read_char(struct call *k);
bool semihost_is_plain(int fd); /* a regular file */
/* fd can be read, or written (POLLIN, POLLOUT), without waiting. */
bool semihost_is_ready(int fd, short events);
void semihost_console_begin(struct semihost_host *h);

/* ---- semihost_wait.c */

/* The call is made again when fd can be read, or written (LOOP_READ, LOOP_WRITE). */
enum semihost_end semihost_wait_file(struct call *k, int fd, unsigned events);
/* Under the lock: the same when there is input. */
enum semihost_end semihost_wait_input(struct call *k);
void semihost_wake_readers(struct semihost_host *h); /* under the lock */
void semihost_wake_all(struct semihost_host *h);
void semihost_waits_begin(struct semihost_host *h);
void semihost_waits_end(struct semihost_host *h);

/* ---- semihost_later.c */

/* The record of the call's vCPU, which is held from now on; NULL: it has a call under way, of the
 * time before a reset. */
struct semihost_later *semihost_begin_later(struct call *k);
/* Loop's thread: the vCPU has its result, and goes on. */
void semihost_finish_later(struct semihost_later *l, uint64_t result);
enum semihost_end semihost_system(struct call *k);
void semihost_later_begin(struct semihost_host *h);
void semihost_later_end(struct semihost_host *h);

/* ---- semihost_remote.c: calls that gdb does */

bool semihost_is_remote(struct semihost_host *h);
enum semihost_end semihost_remote(struct call *k);
enum semihost_end semihost_remote_open(struct call *k, const char *name, uint64_t mode);

#endif
