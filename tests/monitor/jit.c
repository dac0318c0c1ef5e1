/* SPDX-License-Identifier: MIT */
/* `info jit on`: what is counted and measured of guests whose work is known (tests/guests/work.S).
 */
#include <ctype.h>

#include "tests/monitor/session.h"

static struct session s;

static bool start(const char *const *more)
{
    return session_start_guest(&s, "work", "-nographic", more, "ready");
}

static void finish(void)
{
    session_type(&s, "\001x");
    CHECK_EQ(session_end(&s), 0);
    session_close(&s);
}

/* A command of the monitor, which is in front; its answer is s.before. */
static bool ask(const char *command)
{
    char keys[80];
    snprintf(keys, sizeof(keys), "%s\r", command);
    session_type(&s, keys);
    return session_expect(&s, command) && session_expect(&s, "(dragoman) ");
}

static bool to_monitor(void)
{
    session_type(&s, "\001c\r");
    return session_expect(&s, "(dragoman) ") && session_expect(&s, "(dragoman) ");
}

/* The number behind a name at the start of a line of text, or -1. */
static double figure_in(const char *text, const char *name)
{
    const size_t n = strlen(name);
    for (const char *at = text; at; at = strchr(at, '\n')) {
        while (isspace((unsigned char)*at)) {
            at++;
        }
        if (strncmp(at, name, n) == 0 && (at[n] == ' ')) {
            return strtod(at + n, NULL);
        }
    }
    return -1;
}

/* The same of the answer. */
static double figure(const char *name)
{
    return figure_in(s.before, name);
}

static const char *const shares[] = {
    "translated code",   "stubs",      "leaf functions", "look-ups",  "translation",
    "TLB refills",       "TLB misses", "other accesses", "functions", "evaluated ops",
    "functions at ends", "exceptions", "run loop"};

static double sum_of_shares(void)
{
    const char *times = strstr(s.before, "time by samples"); /* names stand elsewhere, too */
    double sum = 0;
    for (size_t i = 0; times && i < sizeof(shares) / sizeof(shares[0]); i++) {
        const double share = figure_in(times, shares[i]);
        CHECK(share >= 0 && share <= 100);
        sum += share;
    }
    return sum;
}

TEST(nothing_is_measured_unless_asked)
{
    NEEDS_PROGRAM();
    REQUIRE(start(NULL));
    REQUIRE(to_monitor());
    CHECK(ask("info jit"));
    CHECK(strstr(s.before, "not measured"));
    CHECK(figure("measured") < 0);
    CHECK(ask("info jit maybe"));
    CHECK(strstr(s.before, "usage: info jit [on|off]"));
    CHECK(ask("info jit on"));
    CHECK(ask("info jit"));
    CHECK(figure("measured") >= 0);
    CHECK(ask("info jit off"));
    CHECK(ask("info jit"));
    CHECK(strstr(s.before, "not measured"));
    finish();
}

/* Waiting for keys, half of the instructions are accesses of a device. */
TEST(accesses_of_devices_are_told_for_1000_instructions)
{
    NEEDS_PROGRAM();
    REQUIRE(start(NULL));
    REQUIRE(to_monitor());
    REQUIRE(ask("info jit on"));
    usleep(400000);
    REQUIRE(ask("info jit"));
    const double first = figure("measured");
    CHECK(first > 100000);
    CHECK(figure("exit: memory") > 490 && figure("exit: memory") < 510);
    CHECK(figure("exit: function") >= 0 && figure("exit: function") < 1);
    CHECK(figure("other accesses") > 10);
    CHECK(sum_of_shares() > 99.5 && sum_of_shares() < 100.5);
    usleep(100000);
    REQUIRE(ask("info jit"));
    CHECK(figure("measured") > first);
    REQUIRE(ask("info jit on")); /* from now on */
    REQUIRE(ask("info jit"));
    CHECK(figure("measured") < first);
    finish();
}

/* The instructions of all that the guest did before the key, and of the key's work. */
static void counts_instructions(const char *const *arguments)
{
    REQUIRE(start(arguments));
    REQUIRE(to_monitor());
    REQUIRE(ask("info jit on"));
    REQUIRE(ask("stop"));
    REQUIRE(ask("info jit"));
    const double waiting = figure("measured");
    const double polls = figure("exit: memory") * waiting / 1000;
    CHECK(polls > waiting * 0.49 - 10 && polls < waiting * 0.51 + 10);
    REQUIRE(ask("cont"));
    session_type(&s, "\001cc");
    REQUIRE(session_expect(&s, "done"));
    REQUIRE(to_monitor());
    REQUIRE(ask("stop"));
    REQUIRE(ask("info jit"));
    /* All accesses but those of the two texts' are half of what was executed in waiting. */
    const double all = figure("measured");
    const double accesses = figure("exit: memory") * all / 1000;
    const double work = all - 2 * accesses;
    CHECK(work > 29999000 - all * 1e-5 && work < 30001000 + all * 1e-5);
    finish();
}

TEST(instructions_are_counted)
{
    NEEDS_PROGRAM();
    counts_instructions(NULL);
}

TEST(instructions_are_counted_with_the_counted_clock)
{
    NEEDS_PROGRAM();
    counts_instructions(ARGS("-icount", "shift=0"));
}

TEST(a_guest_that_computes_is_in_translated_code)
{
    NEEDS_PROGRAM();
    REQUIRE(start(ARGS("-accel", "tcg,stats=on")));
    session_type(&s, "a");
    REQUIRE(to_monitor());
    REQUIRE(ask("info jit on"));
    usleep(700000);
    REQUIRE(ask("info jit"));
    CHECK(figure("measured") > 1000000);
    CHECK(figure("translated code") >= 85);
    CHECK(sum_of_shares() > 99.5 && sum_of_shares() < 100.5);
    CHECK(figure("look-ups") >= 0 && figure("look-ups") < 1);
    CHECK(figure("blocks entered") > 1000);
    finish();
}

TEST(functions_are_told_by_name)
{
    NEEDS_PROGRAM();
    REQUIRE(start(NULL));
    session_type(&s, "v");
    REQUIRE(to_monitor());
    REQUIRE(ask("info jit on"));
    usleep(400000);
    REQUIRE(ask("info jit"));
    CHECK(figure("exit: tail") > 190 && figure("exit: tail") < 210);
    CHECK(strstr(s.before, "functions called most, of "));
    CHECK(figure("do_hvc") > 190 && figure("do_hvc") < 210);
    CHECK(figure("translated code") < 85);
    finish();
}

TEST(interpreter_has_nothing_to_measure)
{
    NEEDS_PROGRAM();
    REQUIRE(start(ARGS("-accel", "tcg,engine=interp")));
    REQUIRE(to_monitor());
    CHECK(ask("info jit on"));
    CHECK(strstr(s.before, "the reference interpreter has nothing to measure"));
    CHECK(ask("info jit"));
    CHECK(strstr(s.before, "reference interpreter"));
    finish();
}
