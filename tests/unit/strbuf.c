/* SPDX-License-Identifier: MIT */
/* The string that grows: base/strbuf.h. */
#include "base/strbuf.h"

#include "base/mem.h"
#include "tests/test.h"

TEST(an_untouched_buffer_is_the_empty_string)
{
    struct strbuf s = {0};
    CHECK_STR(strbuf_text(&s), "");
    char *t = strbuf_take(&s);
    CHECK_STR(t, "");
    mem_free(t);
    strbuf_free(&s);
}

TEST(additions_are_joined)
{
    struct strbuf s = {0};
    strbuf_puts(&s, "x");
    strbuf_putc(&s, '=');
    strbuf_printf(&s, "%d", 42);
    strbuf_bytes(&s, ";!", 1);
    CHECK_STR(strbuf_text(&s), "x=42;");
    CHECK_EQ(s.len, 5);
    strbuf_free(&s);
}

TEST(text_longer_than_the_room_is_whole)
{
    struct strbuf s = {0};
    strbuf_printf(&s, "%1000d", 7);
    for (unsigned i = 0; i < 1000; i++) {
        strbuf_printf(&s, "%03u", i);
    }
    CHECK_EQ(s.len, 4000);
    CHECK_EQ(strlen(strbuf_text(&s)), 4000);
    CHECK_STR(strbuf_text(&s) + 3994, "998999");
    CHECK_EQ(strbuf_text(&s)[999], '7');
    strbuf_free(&s);
}

TEST(clearing_keeps_nothing_of_the_text)
{
    struct strbuf s = {0};
    strbuf_clear(&s);
    strbuf_puts(&s, "old");
    strbuf_clear(&s);
    CHECK_STR(strbuf_text(&s), "");
    strbuf_puts(&s, "n");
    CHECK_STR(strbuf_text(&s), "n");
    strbuf_free(&s);
}

TEST(taken_text_belongs_to_the_taker)
{
    struct strbuf s = {0};
    strbuf_puts(&s, "first");
    char *t = strbuf_take(&s);
    strbuf_puts(&s, "second");
    CHECK_STR(t, "first");
    CHECK_STR(strbuf_text(&s), "second");
    mem_free(t);
    strbuf_free(&s);
}

TEST(bytes_may_contain_nul)
{
    struct strbuf s = {0};
    strbuf_bytes(&s, "a\0b", 3);
    CHECK_EQ(s.len, 3);
    CHECK_MEM(strbuf_text(&s), "a\0b", 4);
    strbuf_bytes(&s, NULL, 0);
    CHECK_EQ(s.len, 3);
    strbuf_free(&s);
}
