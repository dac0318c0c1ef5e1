/* SPDX-License-Identifier: MIT */
/* Tables of state: base/fields.h. */
#include "base/fields.h"

#include "base/clock.h"
#include "base/mem.h"
#include "tests/test.h"

struct part {
    uint32_t a;
    uint16_t b;
    bool c;
    uint8_t pad;
};

struct whole {
    uint64_t wide;
    uint16_t half[3];
    uint8_t small;
    bool flag;
    struct part part[2];
    uint32_t *buffer;
    size_t buffer_bytes;
    struct part *list;
    size_t list_count;
    struct clock_timer *timer;
    uint32_t newer; /* since version 2 */
    uint32_t scratch;
};

static const struct field part_rows[] = {
    FIELD(part, a), FIELD_MOST(part, b, 9), FIELD(part, c), FIELD_SKIP(part, pad), FIELD_END,
};

static const struct field rows[] = {
    FIELD(whole, wide),
    FIELD(whole, half),
    FIELD(whole, small),
    FIELD(whole, flag),
    FIELD_PARTS(whole, part, part_rows, part),
    FIELD_BUF(whole, buffer, buffer_bytes),
    FIELD_LIST_PARTS(whole, list, list_count, part_rows, part, 3),
    FIELD_DUE(whole, timer),
    {.name = "newer",
     .offset = offsetof(struct whole, newer),
     .size = 4,
     .type = FIELD_U32,
     .since = 2,
     .initial = 77},
    FIELD_SKIP(whole, scratch),
    FIELD_END,
};

enum {
    BYTES_OF_1 = 8 + 3 * 2 + 1 + 1 + 2 * 7 + (8 + 2 * 4) + 8 + 8,
    FLAG_AT = 15,
    PART_1_B_AT = 16 + 7 + 4,
    LIST_AT = 16 + 14 + 16,
};

static struct clock *clock;

static void nothing(void *opaque)
{
    (void)opaque;
}

static struct whole *make(void)
{
    struct whole *w = mem_alloc(sizeof(*w));
    clock = clock ? clock : clock_manual_create();
    w->buffer_bytes = 8;
    w->buffer = mem_alloc(8);
    w->timer = clock_timer_create(clock, nothing, NULL);
    return w;
}

static void drop(struct whole *w)
{
    fields_free_lists(rows, w);
    clock_timer_destroy(w->timer);
    mem_free(w->buffer);
    mem_free(w);
}

static struct whole *example(void)
{
    struct whole *w = make();
    w->wide = UINT64_C(0x0102030405060708);
    w->half[1] = 0x1122;
    w->small = 5;
    w->flag = true;
    w->part[1] = (struct part){0xaabbccdd, 9, true, 0};
    w->buffer[1] = 0x01020304;
    clock_timer_set(w->timer, 1234);
    w->newer = 3;
    w->scratch = 4;
    return w;
}

static bool load(struct whole *w, const struct strbuf *s, size_t n, unsigned version, bool store,
                 struct error *e)
{
    struct cursor c;
    cursor_init(&c, s->text, n);
    return fields_read(rows, w, &c, version, store, e) &&
           (cursor_left(&c) == 0 || error_set(e, "%zu bytes are left", cursor_left(&c)));
}

TEST(numbers_are_written_low_byte_first_without_padding)
{
    struct whole *w = example();
    struct strbuf s = {0};
    fields_write(rows, w, &s);
    CHECK_EQ(s.len, BYTES_OF_1 + 4);
    const uint8_t first[] = {8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0x22, 0x11, 0, 0, 5, 1};
    const uint8_t part[] = {0xdd, 0xcc, 0xbb, 0xaa, 9, 0, 1};
    const uint8_t buffer[] = {2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 3, 2, 1};
    const uint8_t due[] = {0xd2, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0};
    CHECK_MEM(s.text, first, sizeof(first));
    CHECK_MEM(s.text + 23, part, sizeof(part));
    CHECK_MEM(s.text + 30, buffer, sizeof(buffer));
    CHECK_MEM(s.text + 54, due, sizeof(due));
    strbuf_free(&s);
    drop(w);
}

TEST(what_is_written_is_read_again_and_the_rest_is_left_alone)
{
    struct whole *w = example(), *v = make();
    struct strbuf s = {0}, t = {0};
    struct error e = {""};
    w->list = mem_array(2, sizeof(*w->list));
    w->list_count = 2;
    w->list[1] = (struct part){7, 8, false, 0};
    fields_write(rows, w, &s);
    v->scratch = 99;
    CHECK(load(v, &s, s.len, 2, false, &e));
    CHECK_EQ(v->wide, 0);
    CHECK_EQ(v->list_count, 0);
    CHECK(load(v, &s, s.len, 2, true, &e));
    CHECK_EQ(v->half[1], 0x1122);
    CHECK_EQ(v->part[1].a, 0xaabbccdd);
    CHECK(v->part[1].c);
    CHECK_EQ(v->list_count, 2);
    CHECK_EQ(v->list[1].b, 8);
    CHECK_EQ(clock_timer_due_ns(v->timer), 1234);
    CHECK_EQ(v->scratch, 99);
    fields_write(rows, v, &t);
    CHECK_EQ(t.len, s.len);
    CHECK_MEM(t.text, s.text, s.len);
    strbuf_free(&s);
    strbuf_free(&t);
    drop(w);
    drop(v);
}

TEST(an_older_section_gives_newer_members_their_first_value)
{
    struct whole *w = example(), *v = make();
    struct strbuf s = {0};
    struct error e = {""};
    fields_write(rows, w, &s);
    CHECK(!load(v, &s, s.len, 1, false, &e));
    CHECK_STR(e.text, "4 bytes are left");
    CHECK_MSG(load(v, &s, BYTES_OF_1, 1, true, &e), "%s", e.text);
    CHECK_EQ(v->newer, 77);
    strbuf_free(&s);
    drop(w);
    drop(v);
}

/* The text with one byte changed is refused, and nothing is touched. */
static void refused(size_t at, uint8_t byte, const char *why)
{
    struct whole *w = example(), *v = make();
    struct strbuf s = {0};
    struct error e = {""};
    fields_write(rows, w, &s);
    s.text[at] = (char)byte;
    CHECK(!load(v, &s, s.len, 2, false, &e));
    CHECK_STR(e.text, why);
    strbuf_free(&s);
    drop(w);
    drop(v);
}

TEST(values_that_cannot_be_are_refused_by_name)
{
    refused(FLAG_AT, 2, "flag: it is 2, and at most 1 is possible");
    refused(PART_1_B_AT, 10, "part[1].b: it is 10, and at most 9 is possible");
    refused(30, 3, "buffer: it has 3 elements, and here it has 2");
    refused(LIST_AT, 4, "list: it has 4 elements, and at most 3 are possible");
    refused(LIST_AT, 1, "timer: the state ends too early");
    refused(LIST_AT + 7, 0x80,
            "list: it has 9223372036854775808 elements, and at most 3 are possible");
}

TEST(a_state_that_is_cut_off_is_refused_at_every_length)
{
    struct whole *w = example(), *v = make();
    struct strbuf s = {0};
    struct error e = {""};
    fields_write(rows, w, &s);
    for (size_t n = 0; n < s.len; n++) {
        CHECK(!load(v, &s, n, 2, false, &e));
        CHECK(strstr(e.text, "ends too early"));
    }
    strbuf_free(&s);
    drop(w);
    drop(v);
}

TEST(reset_zeroes_what_is_not_kept)
{
    static const struct field some[] = {FIELD(whole, wide), FIELD_KEEP(whole, small),
                                        FIELD_BUF(whole, buffer, buffer_bytes), FIELD_END};
    struct whole *w = example();
    fields_reset(some, w);
    CHECK_EQ(w->wide, 0);
    CHECK_EQ(w->small, 5);
    CHECK_EQ(w->buffer[1], 0);
    CHECK_EQ(w->newer, 3);
    drop(w);
}

TEST(tables_name_every_byte_padding_included)
{
    static const struct field gap[] = {FIELD(part, a), FIELD(part, b), FIELD(part, c), FIELD_END};
    static const struct field untyped[] = {FIELD(whole, part), FIELD_END};
    struct error e = {""};
    CHECK_MSG(fields_check(rows, NULL, sizeof(struct whole), "whole", &e), "%s", e.text);
    CHECK(!fields_check(gap, NULL, sizeof(struct part), "part", &e));
    CHECK_STR(e.text, "part: bytes 7 to 7 are in no table");
    CHECK(!fields_check(untyped, NULL, sizeof(struct whole), "whole", &e));
    CHECK_STR(e.text, "whole: part is a struct without a table of its parts");
}

TEST(texts_are_bounded_and_whole)
{
    struct strbuf s = {0};
    struct cursor c;
    char text[6];
    fields_put_text(&s, "hello");
    cursor_init(&c, s.text, s.len);
    CHECK(fields_take_text(&c, text, sizeof(text)));
    CHECK_STR(text, "hello");
    cursor_init(&c, s.text, s.len);
    CHECK(!fields_take_text(&c, text, 5));
    cursor_init(&c, s.text, s.len - 1);
    CHECK(!fields_take_text(&c, text, sizeof(text)));
    s.text[6] = '\0';
    cursor_init(&c, s.text, s.len);
    CHECK(!fields_take_text(&c, text, sizeof(text)));
    strbuf_free(&s);
}
