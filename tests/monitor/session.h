/* SPDX-License-Identifier: MIT */
/*
 * Sessions with the program itself, as a user has them: it runs behind a terminal of ours, or with
 * pipes; the test types and waits for what it expects to see. Guests are assembled from
 * tests/guests/.
 */
#ifndef TESTS_MONITOR_SESSION_H
#define TESTS_MONITOR_SESSION_H

#include "tests/test.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum {
    SESSION_SEEN = 1 << 16,
    SESSION_PATIENCE_S = 30
};

struct session {
    pid_t pid;
    int master;              /* our end of its terminal */
    char seen[SESSION_SEEN]; /* what it has written since the last match, NUL-terminated */
    size_t n;
    char before[SESSION_SEEN]; /* what came before the last match */
};

static char session_dir[] = "/tmp/dragoman-session-XXXXXX";

/* The program's path, or NULL if it is not built. */
__attribute__((unused)) static const char *session_program(void)
{
    static char path[4096];
    const char *build = getenv("BUILD");
    snprintf(path, sizeof(path), "%s/dragoman-system-aarch64", build ? build : "build");
    return access(path, X_OK) == 0 ? path : NULL;
}

static void session_remove_dir(void)
{
    char command[100];
    snprintf(command, sizeof(command), "rm -rf %s", session_dir);
    if (system(command) != 0) {
        fprintf(stderr, "cannot remove %s\n", session_dir);
    }
}

/* A folder of this process for files of the tests. */
__attribute__((unused)) static const char *session_folder(void)
{
    static bool made;
    if (!made) {
        made = mkdtemp(session_dir) != NULL;
        atexit(session_remove_dir);
    }
    return session_dir;
}

/* tests/guests/NAME.S as a kernel; NULL if it could not be assembled. */
__attribute__((unused)) static const char *session_guest(const char *name)
{
    static char path[200];
    char command[400];
    snprintf(path, sizeof(path), "%s/%s.elf", session_folder(), name);
    snprintf(command, sizeof(command), "tests/guests/bare.sh %s tests/guests/%s.S", path, name);
    return access(path, R_OK) == 0 || system(command) == 0 ? path : NULL;
}

/* Starts the program on a new terminal with the arguments, which end with NULL. */
__attribute__((unused)) static void session_start(struct session *s, const char *const *arguments)
{
    const char *argv[64] = {session_program()};
    for (int i = 0; arguments[i] && i < 62; i++) {
        argv[i + 1] = arguments[i];
    }
    memset(s, 0, sizeof(*s));
    s->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK(s->master >= 0 && grantpt(s->master) == 0 && unlockpt(s->master) == 0);
    char *name = ptsname(s->master);
    fflush(stdout);
    s->pid = fork();
    if (s->pid == 0) {
        setsid();
        int fd = open(name, O_RDWR | O_CLOEXEC);
        dup2(fd, 0);
        dup2(fd, 1);
        dup2(fd, 2);
        execv(argv[0], (char *const *)argv);
        _exit(127);
    }
}

static int64_t session_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Reads what is there, waiting at most until due. False: nothing more will come. */
static bool session_read(struct session *s, int64_t due_ms)
{
    int64_t left = due_ms - session_now_ms();
    struct pollfd p = {.fd = s->master, .events = POLLIN};
    if (left <= 0 || poll(&p, 1, (int)left) <= 0) {
        return false;
    }
    if (s->n > SESSION_SEEN / 2) { /* nobody waits for what is so old */
        memmove(s->seen, s->seen + SESSION_SEEN / 4, s->n -= SESSION_SEEN / 4);
    }
    ssize_t n = read(s->master, s->seen + s->n, SESSION_SEEN - 1 - s->n);
    if (n <= 0) {
        return false; /* the other end is closed */
    }
    s->n += (size_t)n;
    s->seen[s->n] = '\0';
    return true;
}

/* Waits for text, and forgets what came up to it. */
__attribute__((unused)) static bool session_expect(struct session *s, const char *text)
{
    int64_t due = session_now_ms() + SESSION_PATIENCE_S * 1000;
    char *at;
    while (!(at = strstr(s->seen, text))) {
        if (!session_read(s, due)) {
            char *tail = s->seen + (s->n > 200 ? s->n - 200 : 0);
            test_fail(__FILE__, __LINE__, "did not see \"%s\" but: %s", text, tail);
            return false;
        }
    }
    size_t gone = (size_t)(at - s->seen) + strlen(text);
    memcpy(s->before, s->seen, (size_t)(at - s->seen));
    s->before[at - s->seen] = '\0';
    memmove(s->seen, s->seen + gone, s->n - gone + 1);
    s->n -= gone;
    return true;
}

__attribute__((unused)) static void session_type(struct session *s, const char *keys)
{
    size_t n = strlen(keys);
    CHECK(write(s->master, keys, n) == (ssize_t)n);
}

/* Waits for the end; the exit status, 128 and more for a signal, -1 if it had to be killed. */
__attribute__((unused)) static int session_end(struct session *s)
{
    int64_t due = session_now_ms() + SESSION_PATIENCE_S * 1000;
    while (session_read(s, due)) {
    }
    int status = -1;
    while (waitpid(s->pid, &status, WNOHANG) == 0) {
        if (session_now_ms() > due) {
            kill(s->pid, SIGKILL);
            waitpid(s->pid, &status, 0);
            test_fail(__FILE__, __LINE__, "the program did not end");
            return -1;
        }
        usleep(1000);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The terminal is in its usual mode. */
__attribute__((unused)) static bool session_terminal_is_cooked(struct session *s)
{
    struct termios t;
    tcgetattr(s->master, &t);
    return (t.c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG);
}

/* Ends a session that is of no more use. */
__attribute__((unused)) static void session_close(struct session *s)
{
    close(s->master);
}

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Starts the guest on virt, with an option and more arguments (or NULL), and waits for its
 * greeting. */
__attribute__((unused)) static bool session_start_guest(struct session *s, const char *guest,
                                                        const char *option, const char *const *more,
                                                        const char *greeting)
{
    const char *argv[40] = {"-M", "virt", "-nic", "none", "-kernel", session_guest(guest)};
    int n = 6;
    if (!argv[5]) {
        test_fail(__FILE__, __LINE__, "the guest does not assemble");
        return false;
    }
    if (option) {
        argv[n++] = option;
    }
    while (more && *more) {
        argv[n++] = *more++;
    }
    session_start(s, argv);
    return session_expect(s, greeting);
}

#define NEEDS_PROGRAM()                                                                            \
    do {                                                                                           \
        if (!session_program()) {                                                                  \
            SKIP("the program is not built");                                                      \
        }                                                                                          \
    } while (0)

#endif
