/* SPDX-License-Identifier: MIT */
/* Text from outside made fit to be shown. */
#include "base/visible.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/strbuf.h"
#include "tests/test.h"

static const char *shown(const char *text, bool lines)
{
    static char out[256];
    CHECK_EQ(visible_copy(out, sizeof(out), text, strlen(text), lines), strlen(out));
    return out;
}

TEST(text_of_any_language_is_left_as_it_is)
{
    static const char text[] = "disk of J\303\274rgen \346\227\245 \360\237\220\211 50 % \\x41";
    CHECK_STR(shown(text, false), text);
}

TEST(control_characters_are_escaped)
{
    CHECK_STR(shown("\033[31mred\a\177", false), "\\x1b[31mred\\x07\\x7f");
    CHECK_STR(shown("one\n\ttwo\r", false), "one\\x0a\\x09two\\x0d");
    CHECK_STR(shown("one\n\ttwo\r", true), "one\n\ttwo\\x0d");
    CHECK_STR(shown("\302\233"
                    "31m",
                    true),
              "\\xc2\\x9b31m"); /* CSI of ISO 6429 */
}

TEST(what_is_no_utf_8_is_escaped)
{
    CHECK_STR(shown("\233", false), "\\x9b");
    CHECK_STR(shown("\303", false), "\\xc3");
    CHECK_STR(shown("\303(", false), "\\xc3(");
    CHECK_STR(shown("\300\233", false), "\\xc0\\x9b");
    CHECK_STR(shown("\340\202\233", false), "\\xe0\\x82\\x9b");
    CHECK_STR(shown("\355\240\200", false), "\\xed\\xa0\\x80");
    CHECK_STR(shown("\364\220\200\200", false), "\\xf4\\x90\\x80\\x80");
}

TEST(what_does_not_fit_is_left_off_by_whole_characters)
{
    char out[6];
    CHECK_EQ(visible_copy(out, 6, "abcd\303\274", 6, false), 4);
    CHECK_STR(out, "abcd");
    CHECK_EQ(visible_copy(out, 6, "ab\033", 3, false), 2);
    CHECK_STR(out, "ab");
    CHECK_EQ(visible_copy(out, 6, "a\0b", 3, false), 5);
    CHECK_STR(out, "a\\x00");
}

TEST(no_bytes_steer_a_terminal)
{
    struct rng g;
    char text[64], out[4 * 64 + 1];
    rng_seed(&g, test_seed());
    for (unsigned i = 0; i < 20000; i++) {
        rng_bytes(&g, text, sizeof(text));
        const size_t n = visible_copy(out, sizeof(out), text, sizeof(text), false);
        for (size_t k = 0; k < n; k++) {
            const uint8_t c = (uint8_t)out[k];
            CHECK(c >= 0x20 && c != 0x7f && !(c == 0xc2 && (uint8_t)out[k + 1] < 0xa0));
        }
    }
}

TEST(errors_are_one_line_that_can_be_shown)
{
    struct error e;
    error_set(&e, "-kernel %s: gone", "a\nb\033[2J");
    CHECK_STR(e.text, "-kernel a\\x0ab\\x1b[2J: gone");
    error_prefix(&e, "%s: ", "\001");
    error_append(&e, " (%s)", "\002");
    CHECK_STR(e.text, "\\x01: -kernel a\\x0ab\\x1b[2J: gone (\\x02)");
    error_append_lines(&e, "  one\n");
    CHECK(strstr(e.text, "(\\x02)\n  one\n"));
}

TEST(string_is_made_visible_in_place)
{
    struct strbuf s = {0};
    strbuf_make_visible(&s);
    CHECK_STR(strbuf_text(&s), "");
    strbuf_puts(&s, "a\033\n");
    strbuf_make_visible(&s);
    CHECK_STR(strbuf_text(&s), "a\\x1b\n");
    strbuf_puts(&s, "more");
    CHECK_STR(strbuf_text(&s), "a\\x1b\nmore");
    strbuf_free(&s);
}
