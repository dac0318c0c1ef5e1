/* SPDX-License-Identifier: MIT */
/* The terminal in raw mode, and that it comes back at every end of the process. */
#include "tests/test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "system/loop.h"
#include "system/signals.h"
#include "system/terminal.h"

struct session {
    int master;
    pid_t child;
};

static int tell;

/* Called by the child when it may be looked at, and waits until it was. */
static void ready_now(void)
{
    char byte;
    CHECK(write(tell, "", 1) == 1);
    CHECK(read(0, &byte, 1) == 1);
}

/*
 * Runs body in a child whose standard input is a terminal in raw mode; returns when the child was
 * ready. *raw: the terminal was seen raw.
 */
static struct session start(void (*body)(void), bool *raw)
{
    struct session s = {.master = posix_openpt(O_RDWR | O_NOCTTY)};
    int ready[2];
    char byte;
    CHECK(grantpt(s.master) == 0 && unlockpt(s.master) == 0 && pipe(ready) == 0);
    char *name = mem_strdup(ptsname(s.master));
    fflush(stdout);
    s.child = fork();
    if (s.child == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        setsid();
        dup2(open(name, O_RDWR), 0);
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 2);
        terminal_raw(0, false);
        tell = ready[1];
        body();
        _exit(3);
    }
    close(ready[1]);
    CHECK(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    struct termios t;
    tcgetattr(s.master, &t);
    CHECK(write(s.master, "k", 1) == 1);
    *raw = !(t.c_lflag & (ICANON | ECHO | ISIG)) && (t.c_oflag & OPOST);
    mem_free(name);
    return s;
}

/* The status of the child's end; checks that the terminal is as it was. */
static int finish(struct session s)
{
    int status;
    struct termios t;
    waitpid(s.child, &status, 0);
    tcgetattr(s.master, &t);
    CHECK((t.c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG));
    close(s.master);
    return status;
}

static void end_by_exit(void)
{
    ready_now();
    exit(0);
}

static void end_by_abort(void)
{
    ready_now();
    abort();
}

static void end_by_fault(void)
{
    ready_now();
    /* Some instruction that no CPU has. */
    __builtin_trap();
}

static void end_by_signal(void)
{
    ready_now();
    raise(SIGSEGV);
}

TEST(terminal_comes_back_at_exit)
{
    bool raw;
    int status = finish(start(end_by_exit, &raw));
    CHECK(raw);
    CHECK(WIFEXITED(status));
}

TEST(terminal_comes_back_when_the_process_crashes)
{
    void (*const bodies[])(void) = {end_by_abort, end_by_fault, end_by_signal};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        bool raw;
        int status = finish(start(bodies[i], &raw));
        CHECK(raw);
        CHECK(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
    }
}

/* Under signals_watch: the first signal is told to the loop. */
static void told(void *opaque, int sig, int sender)
{
    (void)opaque;
    _exit(sig == SIGTERM && sender != 0 ? (terminal_restore(), 42) : 43);
}

static void wait_in_loop(void)
{
    struct loop *l = loop_create();
    signals_watch(l, told, NULL);
    ready_now();
    loop_run(l);
}

TEST(signal_reaches_the_loop_with_its_sender)
{
    bool raw;
    struct session s = start(wait_in_loop, &raw);
    CHECK(raw);
    kill(s.child, SIGTERM);
    int status = finish(s);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 42);
}

/* Nobody turns the loop: as when the orderly way is stuck. */
static void hang(void)
{
    sigset_t term, none;
    sigemptyset(&none);
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    signals_watch(loop_create(), told, NULL);
    ready_now();
    sigsuspend(&none);
    CHECK(write(0, "1", 1) == 1);
    sigsuspend(&none);
}

TEST(second_signal_ends_a_process_that_hangs)
{
    bool raw;
    struct session s = start(hang, &raw);
    CHECK(raw);
    kill(s.child, SIGTERM);
    char byte;
    CHECK(read(s.master, &byte, 1) == 1); /* the first has arrived */
    kill(s.child, SIGTERM);
    int status = finish(s);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGTERM);
}
