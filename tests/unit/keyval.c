/* SPDX-License-Identifier: MIT */
/* Option groups and their values: splitting, tables, messages. */
#include "tests/test.h"

#include "base/mem.h"
#include "system/keyval.h"

struct group {
    const char *text;
    bool flag;
    int tri, choice;
    uint32_t n32;
    uint64_t n64, size, mega;
};

static const char *const colours[] = {"red", "green", NULL};

static const struct key_row rows[] = {
    {"text", KEY_TEXT, offsetof(struct group, text), "a text", NULL},
    {"flag", KEY_BOOL, offsetof(struct group, flag), "a switch", NULL},
    {"tri", KEY_SWITCH, offsetof(struct group, tri), "a switch that may be left open", NULL},
    {"colour", KEY_CHOICE, offsetof(struct group, choice), "a choice", colours},
    {"n32", KEY_U32, offsetof(struct group, n32), "a number", NULL},
    {"n64", KEY_U64, offsetof(struct group, n64), "a number", NULL},
    {"size", KEY_SIZE, offsetof(struct group, size), "bytes", NULL},
    {"mega", KEY_MEGABYTES, offsetof(struct group, mega), "bytes", NULL},
    {"gone", KEY_REFUSED, 0, "not in this build", NULL},
    {0}};

/* Reads text into *g; "" or the message. The group stays allocated in *k. */
static const char *read_group(const char *text, struct group *g, struct keyvals **k)
{
    static struct error e;
    e.text[0] = '\0';
    *g = (struct group){.tri = -1, .choice = -1};
    *k = keyvals_parse("-x", text, "text", &e);
    if (*k) {
        keyvals_apply(*k, rows, NULL, g, &e);
    }
    return e.text;
}

TEST(items_are_split_at_single_commas_and_double_ones_stay)
{
    struct group g;
    struct keyvals *k;
    CHECK_STR(read_group("a,,b,n32=7", &g, &k), "");
    CHECK_STR(g.text, "a,b");
    CHECK_EQ(g.n32, 7);
    keyvals_free(k);
    CHECK_STR(read_group("text=x=y,,,flag", &g, &k), "");
    CHECK_STR(g.text, "x=y,");
    CHECK(g.flag);
    keyvals_free(k);
}

TEST(all_types_are_read)
{
    struct group g;
    struct keyvals *k;
    CHECK_STR(read_group("colour=green,n64=0x10,size=2K,mega=3,tri=off,flag=yes", &g, &k), "");
    CHECK_EQ(g.choice, 1);
    CHECK_EQ(g.n64, 16);
    CHECK_EQ(g.size, 2048);
    CHECK_EQ(g.mega, 3 << 20);
    CHECK_EQ(g.tri, 0);
    CHECK(g.flag);
    keyvals_free(k);
}

TEST(bare_switch_is_on_and_with_no_in_front_off)
{
    struct group g;
    struct keyvals *k;
    CHECK_STR(read_group("x,flag,notri", &g, &k), "");
    CHECK(g.flag);
    CHECK_EQ(g.tri, 0);
    keyvals_free(k);
}

TEST(last_of_several_values_counts)
{
    struct group g;
    struct keyvals *k;
    CHECK_STR(read_group("x,n32=1,n32=2", &g, &k), "");
    CHECK_EQ(g.n32, 2);
    CHECK_STR(keyvals_get(k, "n32"), "2");
    char *taken = keyvals_take(k, "n32");
    CHECK_STR(taken, "2");
    CHECK(keyvals_get(k, "n32") == NULL);
    mem_free(taken);
    keyvals_free(k);
}

TEST(messages_say_where_what_and_what_is_accepted)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"x,sise=3", "-x x,sise=3: unknown key 'sise'; did you mean 'size'? accepted: text, flag, "
                     "tri, colour, n32, n64, "
                     "size, mega"},
        {"x,n32=4294967296", "-x x,n32=4294967296: n32: 4294967296 is more than 2^32-1"},
        {"x,n64=-1", "-x x,n64=-1: n64: '-1' is not a number from 0 to 2^64-1"},
        {"x,flag=maybe", "-x x,flag=maybe: flag: 'maybe' is neither on nor off"},
        {"x,colour=grean", "-x x,colour=grean: colour: 'grean' is not known; did you mean 'green'? "
                           "accepted: red, green"},
        {"x,size=1Q", "-x x,size=1Q: size: '1Q' is not a size; accepted: a number and perhaps a "
                      "unit: 512, 4K, 1.5G, 0x1000"},
        {"x,size=99999999999G",
         "-x x,size=99999999999G: size: '99999999999G' is more than 2^64 bytes"},
        {"x,n32", "-x x,n32: 'n32' needs a value: n32=..."},
        {"x,gone=1", "-x x,gone=1: gone: not in this build"},
        {"x,=1", "-x x,=1: an item without a key; items are key=value"},
        {"x,,,", "-x x,,,: an item without a key; items are key=value"},
        {"{\"sise\":3}",
         "-x {\"sise\":3}: unknown key 'sise'; did you mean 'size'? accepted: text, "
         "flag, tri, colour, n32, n64, size, mega"},
        {"{\"a\":1", "-x {\"a\":1: no JSON: '}' expected near end of file at character 6"},
        {"{\"n32\":1,\"n32\":2}",
         "-x {\"n32\":1,\"n32\":2}: no JSON: duplicate object key near '\"n32\"' at character 14"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct group g;
        struct keyvals *k;
        const char *said = read_group(cases[i].text, &g, &k);
        CHECK_MSG(strcmp(said, cases[i].message) == 0, "%s: \"%s\"", cases[i].text, said);
        keyvals_free(k);
    }
}

TEST(json_gives_the_same_items)
{
    struct error e = {{0}};
    struct keyvals *k = keyvals_parse(
        "-x",
        "{\"text\":\"a,b=c\",\"flag\":true,\"tri\":false,\"n32\":7,\"far\":{\"type\":\"unix\","
        "\"in\":{\"deep\":-3}},\"f\":1.5,\"list\":[1,{\"a\":2}],\"fwd\":[{\"str\":\"tcp::1-:2\"},"
        "{\"str\":\"udp::3-:4\"}]}",
        "text", &e);
    static const char *const items[][2] = {
        {"text", "a,b=c"},    {"flag", "on"},        {"tri", "off"},       {"n32", "7"},
        {"far.type", "unix"}, {"far.in.deep", "-3"}, {"f", "1.5"},         {"list.0", "1"},
        {"list.1.a", "2"},    {"fwd", "tcp::1-:2"},  {"fwd", "udp::3-:4"},
    };
    REQUIRE(k != NULL);
    REQUIRE(k->count == sizeof(items) / sizeof(items[0]));
    for (size_t i = 0; i < k->count; i++) {
        CHECK_STR(k->items[i].key, items[i][0]);
        CHECK_STR(k->items[i].value, items[i][1]);
    }
    keyvals_free(k);
}

TEST(sizes_take_units_and_fractions)
{
    static const struct {
        const char *text;
        uint64_t unit, bytes;
    } cases[] = {{"512", 1, 512},
                 {"512", 1 << 20, UINT64_C(512) << 20},
                 {"1.5G", 1, UINT64_C(3) << 29},
                 {"0x1000", 1, 4096},
                 {"4k", 1, 4096},
                 {"0.25M", 1, 1 << 18},
                 {"16E", 1, 0},
                 {"7B", 1 << 20, 7},
                 {"0x10K", 1, 16384}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t bytes = 0;
        bool ok = keyval_parse_size(cases[i].text, cases[i].unit, &bytes, NULL);
        if (strcmp(cases[i].text, "16E") == 0) {
            CHECK(!ok);
        } else {
            CHECK_MSG(ok && bytes == cases[i].bytes, "%s: %" PRIu64, cases[i].text, bytes);
        }
    }
}

TEST(help_has_a_line_for_each_row_that_is_not_refused)
{
    struct strbuf s = {0};
    keyval_rows_help(rows, &s);
    CHECK(strstr(strbuf_text(&s), "  colour=red|green             a choice\n") != NULL);
    CHECK(strstr(strbuf_text(&s), "gone") == NULL);
    strbuf_free(&s);
}
