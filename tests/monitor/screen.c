/* SPDX-License-Identifier: MIT */
/* The machine's screen: in the terminal (-display curses), and as a picture by the monitor. */
#include "tests/monitor/session.h"

static struct session s;

static void finish(int status)
{
    CHECK_EQ(session_end(&s), status);
    CHECK(session_terminal_is_cooked(&s));
    session_close(&s);
}

/* ---- -display curses */

static bool start_curses(void)
{
    session_start(&s,
                  ARGS("-M", "virt", "-nic", "none", "-S", "-device", "VGA", "-display", "curses"));
    return session_expect(&s, "640 x 480, graphics");
}

TEST(curses_ends_by_its_key)
{
    NEEDS_PROGRAM();
    setenv("TERM", "xterm", 1);
    REQUIRE(start_curses());
    CHECK(!session_terminal_is_cooked(&s));
    session_type(&s, "\001h");
    CHECK(session_expect(&s, "ctrl-a x ends"));
    session_type(&s, "\001x");
    CHECK(session_expect(&s, "\033[?1049l")); /* the screen that was there before */
    finish(0);
}

TEST(signals_and_crashes_give_the_terminal_back)
{
    static const struct {
        int signal, status;
    } rows[] = {{SIGTERM, 0},
                {SIGINT, 0},
                {SIGHUP, 0},
                {SIGABRT, 128 + SIGABRT},
                {SIGBUS, 128 + SIGBUS},
                {SIGSEGV, 128 + SIGSEGV},
                {SIGILL, 128 + SIGILL}};
    NEEDS_PROGRAM();
    setenv("TERM", "xterm", 1);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        REQUIRE(start_curses());
        kill(s.pid, rows[i].signal);
        CHECK(session_expect(&s, "\033[?1049l"));
        finish(rows[i].status);
    }
}

TEST(curses_is_refused_where_it_cannot_be)
{
    static const struct {
        const char *option, *value, *why;
    } rows[] = {{"-nographic", NULL, "-nographic leaves to others"},
                {"-serial", "stdio", "a serial line or monitor has the terminal"}};
    NEEDS_PROGRAM();
    setenv("TERM", "xterm", 1);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        session_start(&s, ARGS("-M", "virt", "-nic", "none", "-S", "-display", "curses",
                               rows[i].option, rows[i].value));
        CHECK(session_expect(&s, rows[i].why));
        finish(1);
    }
    setenv("TERM", "no-such-terminal", 1);
    session_start(&s, ARGS("-M", "virt", "-nic", "none", "-S", "-display", "curses"));
    CHECK(session_expect(&s, "curses knows no terminal 'no-such-terminal'"));
    finish(1);
}

TEST(what_is_to_come_is_refused_by_its_name)
{
    static const struct {
        const char *option, *value, *why;
    } rows[] = {{"-display", "gtk", "-display gtk: not in this build yet; accepted: none, curses"},
                {"-display", "vnc=:1", "-display vnc=:1: not in this build yet"},
                {"-display", "curses,charset=x", "'curses' takes no keys in this build"},
                {"-display", "windows", "there is no such choice; accepted: none, curses"},
                {"-vga", "cirrus", "-vga cirrus: not in this build yet; accepted: none, std"},
                {"-vga", "svga", "there is no such choice"}};
    NEEDS_PROGRAM();
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        session_start(&s, ARGS("-M", "virt", rows[i].option, rows[i].value));
        CHECK(session_expect(&s, rows[i].why));
        finish(1);
    }
}

/* ---- pictures */

static bool file_begins(const char *path, const char *text, size_t n)
{
    char bytes[32] = "";
    FILE *f = fopen(path, "rb");
    const bool good = f && fread(bytes, 1, n, f) == n && memcmp(bytes, text, n) == 0;
    if (f) {
        fclose(f);
    }
    return good;
}

TEST(screendump_writes_ppm_and_png)
{
    static const char ppm[] = "/tmp/dragoman-test.ppm", png[] = "/tmp/dragoman-test.png";
    NEEDS_PROGRAM();
    session_start(&s, ARGS("-M", "virt", "-nic", "none", "-S", "-device", "VGA,id=v", "-serial",
                           "null", "-monitor", "stdio"));
    CHECK(session_expect(&s, "the machine has a screen: -display curses"));
    CHECK(session_expect(&s, "(dragoman) "));
    session_type(&s, "screendump /tmp/dragoman-test.ppm\r");
    CHECK(session_expect(&s, "(dragoman) "));
    CHECK(file_begins(ppm, "P6\n640 480\n255\n", 15));
    session_type(&s, "screendump -f png /tmp/dragoman-test.png v 0\r");
    CHECK(session_expect(&s, "(dragoman) "));
    CHECK(file_begins(png, "\x89PNG\r\n\x1a\n", 8));
    session_type(&s, "screendump /tmp/dragoman-test.ppm w\r");
    CHECK(session_expect(&s, "there is no screen 0 of 'w'; there are: v 0"));
    session_type(&s, "screendump /tmp/dragoman-test.ppm v 1\r");
    CHECK(session_expect(&s, "there is no screen 1 of 'v'"));
    session_type(&s, "screendump /tmp/dragoman-test.ppm -f gif\r");
    CHECK(session_expect(&s, "format 'gif': ppm or png is accepted"));
    session_type(&s, "screendump /nonexistent/x.ppm\r");
    CHECK(session_expect(&s, "/nonexistent/x.ppm"));
    session_type(&s, "quit\r");
    finish(0);
    remove(ppm);
    remove(png);
}

TEST(without_a_screen_there_is_no_picture)
{
    NEEDS_PROGRAM();
    session_start(&s,
                  ARGS("-M", "virt", "-nic", "none", "-S", "-serial", "null", "-monitor", "stdio"));
    CHECK(session_expect(&s, "(dragoman) "));
    CHECK(!strstr(s.before, "has a screen"));
    session_type(&s, "screendump /tmp/dragoman-test.ppm\r");
    CHECK(session_expect(&s, "the machine has no screen"));
    session_type(&s, "quit\r");
    finish(0);
}
