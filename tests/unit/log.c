/* SPDX-License-Identifier: MIT */
/* The log, its categories, filters and rate limit: base/log.h. */
#include "base/log.h"

#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "tests/test.h"

/* A log file of its own for one test. */
struct capture {
    char path[64];
};

static bool capture_start(struct capture *c, unsigned mask)
{
    snprintf(c->path, sizeof(c->path), "/tmp/dragoman-log-%d", (int)getpid());
    struct error e;
    bool good = log_open(c->path, &e);
    CHECK_MSG(good, "%s", e.text);
    log_set_mask(mask);
    return good;
}

/* Ends the capture and gives what was logged (mem_free). */
static char *capture_end(struct capture *c)
{
    log_set_mask(0);
    log_close();
    char *text = mem_alloc(65536);
    FILE *f = fopen(c->path, "r");
    if (f) {
        text[fread(text, 1, 65535, f)] = '\0';
        fclose(f);
    }
    unlink(c->path);
    return text;
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;
    for (const char *p = text; (p = strstr(p, what)) != NULL; p++) {
        n++;
    }
    return n;
}

TEST(list_of_categories_becomes_a_mask)
{
    unsigned mask = 0;
    struct error e;
    CHECK(log_parse("in_asm,int,guest_errors", &mask, &e));
    CHECK_EQ(mask, LOG_IN_ASM | LOG_INT | LOG_GUEST_ERRORS);
    CHECK(log_parse("", &mask, &e));
    CHECK_EQ(mask, 0);
}

TEST(unknown_category_names_the_nearest_and_all)
{
    unsigned mask = 5;
    struct error e;
    CHECK(!log_parse("int,in_ams", &mask, &e));
    CHECK_EQ(mask, 5);
    CHECK(strstr(e.text, "unknown log category 'in_ams'"));
    CHECK(strstr(e.text, "did you mean 'in_asm'?"));
    CHECK(strstr(e.text, "guest_errors"));
    CHECK(strstr(e.text, "out_asm"));
}

TEST(every_category_has_a_name_that_parses_to_one_bit)
{
    const char *name, *help;
    unsigned all = 0, mask, n = 0;
    struct error e;
    for (size_t i = 0; log_category_at(i, &name, &help); i++, n++) {
        CHECK(log_parse(name, &mask, &e));
        CHECK(mask && !(mask & (mask - 1)) && !(mask & all));
        CHECK(help && *help);
        all |= mask;
    }
    CHECK_EQ(n, 11);
}

TEST(only_enabled_categories_are_written)
{
    struct capture c;
    REQUIRE(capture_start(&c, LOG_INT | LOG_UNIMP));
    CHECK(log_enabled(LOG_INT));
    CHECK(log_enabled(LOG_INT | LOG_MMU));
    CHECK(!log_enabled(LOG_MMU));
    log_print(LOG_INT, "taken %d\n", 5);
    log_print(LOG_MMU, "walk\n");
    log_guest("pl011", "write to a read-only register\n");
    log_unimp("pl011", "DMA");
    char *text = capture_end(&c);
    CHECK_STR(text, "taken 5\npl011: DMA\n");
    mem_free(text);
}

TEST(a_noisy_device_is_held_back_and_counted_and_others_are_not)
{
    struct capture c;
    REQUIRE(capture_start(&c, LOG_GUEST_ERRORS));
    int64_t start = os_now_ns() / 1000000000;
    for (unsigned i = 0; i < 1000; i++) {
        log_guest("noisy", "line %u", i);
    }
    log_guest("quiet", "its first line");
    int64_t seconds = os_now_ns() / 1000000000 - start + 1; /* that the loop had a part of */
    char *text = capture_end(&c);
    unsigned lines = count(text, "noisy: line "), held_back = 0;
    for (const char *p = text; (p = strstr(p, "noisy: ")) != NULL; p++) {
        unsigned n;
        held_back += sscanf(p, "noisy: %u more lines held back", &n) == 1 ? n : 0;
    }
    CHECK_MSG(lines >= LOG_GUEST_LINES && lines <= LOG_GUEST_LINES * seconds, "%u lines", lines);
    CHECK_EQ(lines + held_back, 1000);
    CHECK(strstr(text, "noisy: line 0\n"));
    CHECK(strstr(text, "quiet: its first line\n"));
    mem_free(text);
}

TEST(more_names_than_rows_still_write)
{
    struct capture c;
    REQUIRE(capture_start(&c, LOG_GUEST_ERRORS));
    for (unsigned i = 0; i < 300; i++) {
        char name[80];
        snprintf(name, sizeof(name), "device-with-a-name-longer-than-any-row-keeps-%u", i);
        log_guest(i % 2 ? name : name + 40, "x");
    }
    char *text = capture_end(&c);
    CHECK(count(text, ": x\n") >= 150);
    mem_free(text);
}

TEST(a_log_that_cannot_be_opened_says_why)
{
    struct error e;
    CHECK(!log_open("/nonexistent/folder/log", &e));
    CHECK(strstr(e.text, "/nonexistent/folder/log"));
    CHECK(strstr(e.text, "No such file"));
}

TEST(filter_takes_its_three_forms)
{
    struct log_filter f;
    struct error e;
    REQUIRE(log_filter_parse("0x1000..0x1fff,0x8000+0x10,0x9fff-0x1000", &f, &e));
    CHECK_EQ(f.count, 3);
    CHECK_EQ(f.range[0].first, 0x1000);
    CHECK_EQ(f.range[0].last, 0x1fff);
    CHECK_EQ(f.range[1].first, 0x8000);
    CHECK_EQ(f.range[1].last, 0x800f);
    CHECK_EQ(f.range[2].first, 0x9000);
    CHECK_EQ(f.range[2].last, 0x9fff);
    CHECK(log_filter_parse("0..0xffffffffffffffff", &f, &e));
    CHECK(log_filter_parse("0xffffffffffffffff+1", &f, &e));
}

TEST(malformed_filters_are_refused_with_the_item)
{
    static const char *const bad[] = {
        "x",      "0x10",    "0x10..",    "0x20..0x10",           "0x10+0", "0x10-0x12", "0x10+1x",
        "-1..-1", "1..2,,3", "1...0x100", "0xffffffffffffffff+2", "1.2",    "1*2",       "+5",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct log_filter f = {.count = 7};
        struct error e;
        CHECK_MSG(!log_filter_parse(bad[i], &f, &e), "accepted '%s'", bad[i]);
        CHECK_EQ(f.count, 7);
        CHECK(strstr(e.text, "START..LAST"));
    }
}

TEST(too_many_ranges_are_refused)
{
    struct log_filter f;
    struct error e;
    CHECK(log_filter_parse("1+1,1+1,1+1,1+1,1+1,1+1,1+1,1+1,1+1,1+1,1+1,1+1,1+1,1+1,1+1,1+1", &f,
                           &e));
    CHECK(!log_filter_parse("1+1,1+1,1+1,1+1,1+1,1+1,1+1,1+1,1+1,1+1,1+1,1+1,1+1,1+1,1+1,1+1,1+1",
                            &f, &e));
    CHECK(strstr(e.text, "16"));
}

TEST(filter_in_force_selects_addresses)
{
    struct log_filter f, none = {0};
    struct error e;
    CHECK(log_filter_match(0));
    REQUIRE(log_filter_parse("0x1000+0x1000", &f, &e));
    log_filter_set(&f);
    CHECK(log_filter_match(0x1000));
    CHECK(log_filter_match(0x1fff));
    CHECK(!log_filter_match(0x2000));
    CHECK(!log_filter_match(0xfff));
    log_filter_set(&none);
    CHECK(log_filter_match(0x2000));
}

TEST(other_names_of_qemu_are_taken)
{
    struct error e;
    unsigned mask = 0;
    CHECK(log_parse("op,op_opt,invalid_mem,cpu_reset", &mask, &e));
    CHECK_EQ(mask, LOG_IR | LOG_OPT | LOG_GUEST_ERRORS | LOG_CPU_RESET);
    CHECK(log_parse("page,nochain,tid", &mask, &e));
    CHECK_EQ(mask, 0);
}
