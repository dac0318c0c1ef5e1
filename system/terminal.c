/* SPDX-License-Identifier: MIT */
/*
 * Raw mode of the terminal and the handlers that end it: see terminal.h.
 *
 * State is written before the handlers are installed and only read by them. A crash handler gives
 * the terminal back and then passes the signal to whoever had it before; the accelerator, which has
 * a use for SIGSEGV of its own, installs its handler later and passes on what is not its business.
 * Output processing stays on: messages of ours end their lines with a newline alone, and a guest
 * that sends both characters is not harmed by it.
 */
#include "system/terminal.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct {
    int fd;
    struct termios saved, raw;
    const char *_Atomic farewell;
    _Atomic bool active;
} terminal = {.fd = -1};

static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT, SIGSYS};

enum {
    CRASHES = sizeof(crashes) / sizeof(crashes[0])
};

static struct sigaction before[CRASHES];

void terminal_restore(void)
{
    if (atomic_exchange(&terminal.active, false)) {
        const char *farewell = atomic_exchange(&terminal.farewell, NULL);
        if (farewell) {
            const ssize_t n = write(STDOUT_FILENO, farewell, strlen(farewell));
            (void)n;
        }
        tcsetattr(terminal.fd, TCSANOW, &terminal.saved);
    }
}

static void crashed(int sig, siginfo_t *info, void *context)
{
    terminal_restore();
    for (int i = 0; i < CRASHES; i++) {
        if (crashes[i] != sig) {
            continue;
        }
        if (before[i].sa_flags & SA_SIGINFO) {
            before[i].sa_sigaction(sig, info, context);
            return;
        }
        if (before[i].sa_handler != SIG_DFL && before[i].sa_handler != SIG_IGN) {
            before[i].sa_handler(sig);
            return;
        }
    }
    signal(sig, SIG_DFL);
    raise(sig);
}

/* The shell gave the terminal its own mode while we were stopped. */
static void continued(int sig)
{
    (void)sig;
    if (terminal.active) {
        tcsetattr(terminal.fd, TCSANOW, &terminal.raw);
    }
}

static void install_handlers(void)
{
    struct sigaction sa = {.sa_sigaction = crashed,
                           .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    for (int i = 0; i < CRASHES; i++) {
        sigaction(crashes[i], &sa, &before[i]);
    }
    struct sigaction cont = {.sa_handler = continued, .sa_flags = SA_RESTART};
    sigaction(SIGCONT, &cont, NULL);
    atexit(terminal_restore);
}

/* Saves its mode. False: there is none, or we have one already. */
static bool take(int fd)
{
    if (terminal.active || tcgetattr(fd, &terminal.saved) < 0) {
        return false;
    }
    terminal.raw = terminal.saved;
    if (terminal.fd < 0) {
        install_handlers();
    }
    terminal.fd = fd;
    return true;
}

void terminal_raw(int fd, bool signals)
{
    if (!take(fd)) {
        return;
    }
    terminal.raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL |
                                        IXON);
    terminal.raw.c_oflag |= OPOST;
    terminal.raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN);
    if (!signals) {
        terminal.raw.c_lflag &= ~(tcflag_t)ISIG;
    }
    terminal.raw.c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
    terminal.raw.c_cflag |= CS8;
    terminal.raw.c_cc[VMIN] = 1;
    terminal.raw.c_cc[VTIME] = 0;
    terminal.active = true;
    tcsetattr(fd, TCSANOW, &terminal.raw);
}

void terminal_lend(int fd)
{
    if (take(fd)) {
        terminal.active = true;
    }
}

void terminal_set_farewell(const char *farewell)
{
    terminal.farewell = farewell;
    tcgetattr(terminal.fd, &terminal.raw); /* as it is from now on */
}

bool terminal_is_raw(void)
{
    return terminal.active;
}

unsigned terminal_columns(int fd)
{
    struct winsize w;
    return ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col >= 20 ? w.ws_col : 80;
}
