/* SPDX-License-Identifier: MIT */
/*
 * A test program is one file that includes this header and defines tests:
 *
 *     TEST(adds_sets_carry_on_unsigned_wrap)
 *     {
 *         CHECK_EQ(add(UINT64_MAX, 1), 0);
 *     }
 *
 * main() is here: without arguments it runs every test, with arguments
 * those named; -l lists. Each test prints one line, "ok NAME", "not ok NAME: why" or
 * "skip NAME: reason", after a "# NAME" line that tells tests/run where a crash happened.
 *
 * CHECK* record a failure and go on; REQUIRE also leaves the function (of type void) it stands in.
 */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_case {
    const char *name;
    void (*run)(void);
};

/* The state of the test that runs; a test program is single-threaded where it checks. */
struct test_state {
    int failures;
    char why[2000]; /* of the first failure */
    char skip[200]; /* reason */
};

static struct test_state test_state;

extern const struct test_case *const __start_test_cases[];
extern const struct test_case *const __stop_test_cases[];

/* The linker collects these rows into one array. */
#define TEST(name_)                                                                                \
    static void test_##name_(void);                                                                \
    static const struct test_case test_case_##name_ = {#name_, test_##name_};                      \
    __attribute__((section("test_cases"),                                                          \
                   used)) static const struct test_case *const test_row_##name_ =                  \
        &test_case_##name_;                                                                        \
    static void test_##name_(void)

__attribute__((format(printf, 3, 4), unused)) static void test_fail(const char *file, int line,
                                                                    const char *fmt, ...)
{
    char text[1900];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    for (char *p = text; *p; p++) {
        if (*p == '\n') {
            *p = ' ';
        }
    }
    if (test_state.failures++ == 0) {
        snprintf(test_state.why, sizeof(test_state.why), "%s:%d: %s", file, line, text);
    } else if (test_state.failures <= 20) {
        fprintf(stderr, "  also %s:%d: %s\n", file, line, text);
    }
}

#define CHECK(cond) ((cond) ? (void)0 : test_fail(__FILE__, __LINE__, "%s", #cond))

/* As CHECK, with a formatted text that says which case failed. */
#define CHECK_MSG(cond, ...) ((cond) ? (void)0 : test_fail(__FILE__, __LINE__, __VA_ARGS__))

#define CHECK_EQ(a, b)                                                                             \
    do {                                                                                           \
        uint64_t check_a = (uint64_t)(a), check_b = (uint64_t)(b);                                 \
        if (check_a != check_b) {                                                                  \
            test_fail(__FILE__, __LINE__, "%s is 0x%" PRIx64 ", not %s (0x%" PRIx64 ")", #a,       \
                      check_a, #b, check_b);                                                       \
        }                                                                                          \
    } while (0)

#define CHECK_STR(a, b)                                                                            \
    do {                                                                                           \
        const char *check_a = (a), *check_b = (b);                                                 \
        if (!check_a || !check_b || strcmp(check_a, check_b) != 0) {                               \
            test_fail(__FILE__, __LINE__, "%s is \"%s\", not \"%s\"", #a,                          \
                      check_a ? check_a : "(null)", check_b ? check_b : "(null)");                 \
        }                                                                                          \
    } while (0)

#define CHECK_MEM(a, b, n)                                                                         \
    do {                                                                                           \
        if (memcmp((a), (b), (n)) != 0) {                                                          \
            test_fail(__FILE__, __LINE__, "%s and %s differ in their %zu bytes", #a, #b,           \
                      (size_t)(n));                                                                \
        }                                                                                          \
    } while (0)

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            test_fail(__FILE__, __LINE__, "%s", #cond);                                            \
            return;                                                                                \
        }                                                                                          \
    } while (0)

/* Ends the test (from its own function) as not run, with the reason. */
#define SKIP(...)                                                                                  \
    do {                                                                                           \
        snprintf(test_state.skip, sizeof(test_state.skip), __VA_ARGS__);                           \
        return;                                                                                    \
    } while (0)

/* The seed of random tests: TEST_SEED of the environment, else a fixed one; printed once. */
__attribute__((unused)) static uint64_t test_seed(void)
{
    static bool told;
    const char *s = getenv("TEST_SEED");
    uint64_t seed = s ? strtoull(s, NULL, 0) : UINT64_C(0x5eed);
    if (!told) {
        told = true;
        printf("# TEST_SEED=0x%" PRIx64 "\n", seed);
    }
    return seed;
}

/* How many times as much as usual a random test should do: TEST_SCALE of the environment. */
__attribute__((unused)) static unsigned test_scale(void)
{
    const char *s = getenv("TEST_SCALE");
    unsigned long n = s ? strtoul(s, NULL, 0) : 1;
    return n ? (unsigned)n : 1;
}

static bool test_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(name, argv[i]) == 0) {
            return true;
        }
    }
    return argc < 2;
}

int main(int argc, char **argv)
{
    bool list = argc > 1 && strcmp(argv[1], "-l") == 0;
    int failed = 0, ran = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (const struct test_case *const *t = __start_test_cases; t < __stop_test_cases; t++) {
        if (list) {
            printf("%s\n", (*t)->name);
            continue;
        }
        if (!test_wanted((*t)->name, argc, argv)) {
            continue;
        }
        memset(&test_state, 0, sizeof(test_state));
        printf("# %s\n", (*t)->name);
        (*t)->run();
        ran++;
        if (test_state.failures) {
            printf("not ok %s: %s\n", (*t)->name, test_state.why);
            failed++;
        } else if (test_state.skip[0]) {
            printf("skip %s: %s\n", (*t)->name, test_state.skip);
        } else {
            printf("ok %s\n", (*t)->name);
        }
    }
    if (!list && ran == 0) {
        fprintf(stderr, "%s: no such test\n", argv[0]);
        return 2;
    }
    return failed ? 1 : 0;
}

#endif
