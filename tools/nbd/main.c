/* SPDX-License-Identifier: MIT */
/* dragoman-nbd: serves an image to NBD clients, with qemu-nbd's options. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "config.h"
#include "tools/command/image.h"
#include "tools/nbd/nbd.h"

const char command_program[] = "dragoman-nbd";

enum {
    NBD_PORT_ = COMMAND_HELP + 1,
    NBD_BIND,
    NBD_SOCKET,
    NBD_SHARED,
    NBD_PERSISTENT,
    NBD_VERBOSE,
    NBD_EXPORT,
    NBD_ABOUT,
    NBD_HANDSHAKE,
    NBD_OFFSET,
    NBD_LIST,
    NBD_FORK,
    NBD_PID_FILE,
    NBD_FORMAT,
    NBD_READ_ONLY_,
    NBD_SNAPSHOT,
    NBD_LOAD_SNAPSHOT,
    NBD_NO_CACHE,
    NBD_CACHE,
    NBD_AIO,
    NBD_DISCARD,
    NBD_DETECT,
    NBD_IMAGE_OPTS,
    NBD_VERSION,
    NBD_NOT_BUILT, /* it and all behind it */
};

static const struct command_option options[] = {
    COMMAND_ROW_HELP,
    {NBD_VERSION, 'V', "version", NULL, "print the version and exit"},
    {NBD_PORT_, 'p', "port", "PORT", "TCP port to listen on (" NBD_PORT ")"},
    {NBD_BIND, 'b', "bind", "ADDRESS", "address to listen on (0.0.0.0)"},
    {NBD_SOCKET, 'k', "socket", "PATH", "listen on this unix socket, not on TCP"},
    {NBD_SHARED, 'e', "shared", "NUMBER", "clients at a time (1); 0: any number"},
    {NBD_PERSISTENT, 't', "persistent", NULL, "go on when the last client has gone"},
    {NBD_VERBOSE, 'v', "verbose", NULL, "tell of clients on standard error"},
    {NBD_EXPORT, 'x', "export-name", "NAME", "name of the export (an empty one)"},
    {NBD_ABOUT, 'D', "description", "TEXT", "what is said of it to people"},
    {NBD_HANDSHAKE, 0, "handshake-limit", "SECONDS",
     "a client that is silent for so long before it uses the export is dropped (10); 0: none is"},
    {NBD_OFFSET, 'o', "offset", "BYTES", "export the image from there on"},
    {NBD_LIST, 'L', "list", NULL, "list what another server exports, and exit"},
    {NBD_FORK, 0, "fork", NULL, "go to the background, once clients can come"},
    {NBD_PID_FILE, 0, "pid-file", "FILE", "write the number of the process there"},
    {NBD_FORMAT, 'f', "format", "FORMAT", "format of the image (by looking at it)"},
    {NBD_READ_ONLY_, 'r', "read-only", NULL, "clients may not write"},
    {NBD_SNAPSHOT, 's', "snapshot", NULL, "what they write goes to a temporary file"},
    {NBD_LOAD_SNAPSHOT, 'l', "load-snapshot", "SNAPSHOT",
     "the image as this snapshot kept it, read-only"},
    {NBD_NO_CACHE, 'n', "nocache", NULL, "as --cache=none"},
    {NBD_CACHE, 0, "cache", "CACHE",
     "none, writeback, writethrough, directsync or unsafe (writeback)"},
    {NBD_AIO, 0, "aio", "AIO", "native, io_uring or threads"},
    {NBD_DISCARD, 0, "discard", "HOW", "ignore (off) or unmap (on), which it is without this"},
    {NBD_DETECT, 0, "detect-zeroes", "HOW", "off, on or unmap (off)"},
    {NBD_IMAGE_OPTS, 0, "image-opts", NULL, "FILENAME is driver=...,file.filename=..."},
    {NBD_NOT_BUILT, 'c', "connect", "DEVICE", "refused: it is a matter of the kernel's client"},
    {NBD_NOT_BUILT, 'd', "disconnect", NULL, "refused, likewise"},
    {NBD_NOT_BUILT, 'A', "allocation-depth", NULL, "refused"},
    {NBD_NOT_BUILT, 'B', "bitmap", "NAME", "refused"},
    {NBD_NOT_BUILT, 0, "object", "OBJDEF", "refused: no object has a use here"},
    {NBD_NOT_BUILT, 0, "tls-creds", "ID", "refused: there is no TLS"},
    {NBD_NOT_BUILT, 0, "tls-authz", "ID", "refused: there is no TLS"},
    {NBD_NOT_BUILT, 0, "tls-hostname", "NAME", "refused: there is no TLS"},
    {NBD_NOT_BUILT, 0, "selinux-label", "LABEL", "refused"},
    COMMAND_ROW_END,
};

static int run(const struct command_line *l);

static const struct command nbd = {
    .name = "",
    .summary = "Serve a disk image to NBD clients",
    .operands = "FILENAME",
    .options = options,
    .run = run,
};

/* ---- signals */

static int stop_pipe[2];

static void on_stop(int number)
{
    const int why = errno;
    (void)number;
    if (write(stop_pipe[1], "", 1) < 0) { /* it is full: that is enough */
    }
    errno = why;
}

static bool catch_signals(struct error *e)
{
    const struct sigaction a = {.sa_handler = on_stop};
    if (pipe2(stop_pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
        return error_set(e, "no pipe can be made: %s", strerror(errno));
    }
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    sigaction(SIGHUP, &a, NULL);
    signal(SIGPIPE, SIG_IGN);
    return true;
}

/* ---- to the background */

/* In the parent: until the child says that clients can come, or has ended. */
static int await_child(pid_t child, int ready)
{
    char word;
    int status = 1;
    if (read(ready, &word, 1) == 1) {
        return 0;
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1;
}

/* *ready: what the child says it by. Returns in the child alone, or with a status. */
static int to_background(int *ready)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return command_failf("--fork: %s", strerror(errno));
    }
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) {
        return command_failf("--fork: %s", strerror(errno));
    }
    if (child > 0) {
        close(ends[1]);
        exit(await_child(child, ends[0]));
    }
    close(ends[0]);
    *ready = ends[1];
    setsid();
    return 0;
}

/* Nothing is left of the terminal and of pipes that somebody may be reading. */
static bool leave_terminal(int ready, struct error *e)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 || chdir("/") < 0 ||
        write(ready, "", 1) != 1) {
        return error_set(e, "--fork: %s", strerror(errno));
    }
    close(null);
    close(ready);
    return true;
}

static bool write_pid(const char *path, struct error *e)
{
    FILE *f = fopen(path, "we");
    bool good = f && fprintf(f, "%ld\n", (long)getpid()) > 0;
    good = f && fclose(f) == 0 && good;
    return good || error_set(e, "--pid-file=%s: %s", path, strerror(errno));
}

/* ---- serving */

struct job {
    struct image_how how;
    struct nbd_server_export x;
    struct nbd_listener listener;
    struct nbd_service service;
    char *pid_file; /* absolute */
    int ready;      /* -1: in the foreground */
};

/* The image is open. */
static int listen_and_serve(struct job *j)
{
    struct error e;
    bool good = nbd_listener_open(&j->listener, &e) &&
                (!j->pid_file || write_pid(j->pid_file, &e)) &&
                (j->ready < 0 || leave_terminal(j->ready, &e));
    if (good) {
        nbd_service_run(&j->service);
    }
    nbd_listener_close(&j->listener);
    if (good && j->pid_file) {
        unlink(j->pid_file);
    }
    return good ? 0 : command_fail(&e);
}

static int serve(struct job *j)
{
    struct error e;
    struct image m;
    struct block_graph *g = block_graph_create();
    int status;
    if (!image_open(&m, g, &j->how, &e)) {
        status = command_fail(&e);
    } else {
        j->x.node = m.node;
        status = listen_and_serve(j);
        if (!image_close(&m, &e)) {
            status = command_fail(&e);
        }
    }
    block_graph_destroy(g);
    return status;
}

/* ---- the command line */

static bool refuse(const struct command_line *l, struct error *e)
{
    for (size_t i = 0; i < l->item_count; i++) {
        const struct command_option *o = l->items[i].option;
        if (o->id == NBD_NOT_BUILT) {
            return error_set(e, "--%s is not in this build%s%s", o->name,
                             strncmp(o->name, "tls", 3) == 0  ? ": there is no TLS"
                             : strcmp(o->name, "object") == 0 ? ": no object has a use here"
                             : strstr(o->name, "connect")
                                 ? ": nbd-client connects the kernel to a server"
                                 : "",
                             "");
        }
    }
    return true;
}

static const char *misfit(const struct command_line *l)
{
    const bool lists = command_given(l, NBD_LIST);
    if (l->name_count != (lists ? 0 : 1)) {
        return lists ? "-L lists what a server has: no image is expected"
                     : "the name of one image is expected";
    }
    if (lists && (command_given(l, NBD_EXPORT) || command_given(l, NBD_FORMAT) ||
                  command_given(l, NBD_READ_ONLY_) || command_given(l, NBD_SNAPSHOT) ||
                  command_given(l, NBD_OFFSET))) {
        return "-L takes the place of a server alone: -k, or -b and -p";
    }
    if (command_given(l, NBD_SOCKET) &&
        (command_given(l, NBD_PORT_) || command_given(l, NBD_BIND))) {
        return "-k is for a unix socket, -b and -p for TCP: one of them is accepted";
    }
    if (command_given(l, NBD_NO_CACHE) && command_given(l, NBD_CACHE)) {
        return "-n and --cache say the same: one of them is accepted";
    }
    if (command_given(l, NBD_SNAPSHOT) && command_given(l, NBD_LOAD_SNAPSHOT)) {
        return "-s and -l are two kinds of snapshots: one of them is accepted";
    }
    return NULL;
}

static bool job_of_line(const struct command_line *l, struct job *j, struct error *e)
{
    uint64_t clients = 1, silence = 10, offset;
    const char *pid = command_value(l, NBD_PID_FILE), *name = command_value(l, NBD_EXPORT);
    const bool keeps = command_given(l, NBD_READ_ONLY_) || command_given(l, NBD_LOAD_SNAPSHOT);
    if (!command_number(l, NBD_SHARED, 0, 10000, &clients, e) ||
        !command_number(l, NBD_HANDSHAKE, 0, 1000000, &silence, e) ||
        !command_bytes(l, NBD_OFFSET, 0, &offset, e)) {
        return false;
    }
    if (name && strlen(name) > NBD_NAME_MAX) {
        return error_set(e, "-x: at most %d characters are accepted", NBD_NAME_MAX);
    }
    j->how = (struct image_how){
        .name = l->names[0],
        .format = command_value(l, NBD_FORMAT),
        .opts = command_given(l, NBD_IMAGE_OPTS),
        .cache = command_given(l, NBD_NO_CACHE) ? "none" : command_value(l, NBD_CACHE),
        .aio = command_value(l, NBD_AIO),
        .discard = command_value(l, NBD_DISCARD),
        .detect_zeroes = command_value(l, NBD_DETECT),
        .offset = offset,
        .snapshot = command_value(l, NBD_LOAD_SNAPSHOT),
        .overlay = command_given(l, NBD_SNAPSHOT) && !keeps,
    };
    j->how.write = !keeps && !j->how.overlay;
    j->x = (struct nbd_server_export){
        .name = command_value_or(l, NBD_EXPORT, ""),
        .description = command_value(l, NBD_ABOUT),
        .read_only = keeps,
        .shared = clients != 1,
        .unmap = true, /* the image's mode says whether it is done */
        .silence_s = (uint32_t)silence,
    };
    j->service = (struct nbd_service){
        .x = &j->x,
        .listener = &j->listener,
        .most = clients,
        .persistent = command_given(l, NBD_PERSISTENT),
        .verbose = command_given(l, NBD_VERBOSE),
    };
    if (pid) {
        char *here = pid[0] == '/' ? NULL : getcwd(NULL, 0);
        j->pid_file = here ? mem_printf("%s/%s", here, pid) : mem_strdup(pid);
        free(here);
    }
    return true;
}

static int run(const struct command_line *l)
{
    struct error e;
    struct job j = {.ready = -1};
    if (!refuse(l, &e)) {
        return command_fail(&e);
    }
    if (misfit(l)) {
        return command_usage(l, "%s", misfit(l));
    }
    const char *path = command_value(l, NBD_SOCKET),
               *port = command_value_or(l, NBD_PORT_, NBD_PORT);
    if (command_given(l, NBD_LIST)) {
        const struct nbd_address a = {path, command_value_or(l, NBD_BIND, "127.0.0.1"), port};
        return nbd_list(&a, &e) ? 0 : command_fail(&e);
    }
    if (!job_of_line(l, &j, &e)) {
        return command_fail(&e);
    }
    j.listener = (struct nbd_listener){
        .path = path, .host = command_value_or(l, NBD_BIND, "0.0.0.0"), .port = port};
    int status = command_given(l, NBD_FORK) ? to_background(&j.ready) : 0;
    if (status == 0) {
        status = catch_signals(&e) ? 0 : command_fail(&e);
    }
    j.service.stop = stop_pipe[0];
    status = status ? status : serve(&j);
    mem_free(j.pid_file);
    return status;
}

int main(int argc, char **argv)
{
    struct command_line l;
    struct error e;
    int status = 0;
    if (argc == 2 && strcmp(argv[1], "-man") == 0) {
        command_manual(&nbd);
        return 0;
    }
    if (!command_line_read(&l, &nbd, argc - 1, argv + 1, &e)) {
        status = command_usage(&l, "%s", e.text);
    } else if (command_given(&l, COMMAND_HELP)) {
        command_help(&nbd);
    } else if (command_given(&l, NBD_VERSION)) {
        printf("%s %s\n", command_program, DRAGOMAN_VERSION);
    } else {
        status = run(&l);
    }
    command_line_free(&l);
    return status;
}
