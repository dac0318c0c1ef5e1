/* SPDX-License-Identifier: MIT */
/* Keys of a terminal as keys of a keyboard, and glyphs as characters. */
#include "base/bits.h"
#include "tests/test.h"
#include "ui/curses_internal.h"
#include "ui/curses_library.h"

TEST(characters_are_keys)
{
    static const struct {
        wint_t code;
        bool is_key;
        unsigned count;
        enum input_key keys[2];
    } rows[] = {
        {'a', false, 1, {INPUT_KEY_A}},
        {'Z', false, 2, {INPUT_KEY_SHIFT, INPUT_KEY_Z}},
        {'7', false, 1, {INPUT_KEY_7}},
        {'&', false, 2, {INPUT_KEY_SHIFT, INPUT_KEY_7}},
        {'_', false, 2, {INPUT_KEY_SHIFT, INPUT_KEY_MINUS}},
        {' ', false, 1, {INPUT_KEY_SPC}},
        {'\r', false, 1, {INPUT_KEY_RET}},
        {0x7f, false, 1, {INPUT_KEY_BACKSPACE}},
        {0x1b, false, 1, {INPUT_KEY_ESC}},
        {0x03, false, 2, {INPUT_KEY_CTRL, INPUT_KEY_C}},
        {0x1c, false, 2, {INPUT_KEY_CTRL, INPUT_KEY_BACKSLASH}},
        {0, false, 2, {INPUT_KEY_CTRL, INPUT_KEY_SPC}},
        {KEY_UP, true, 1, {INPUT_KEY_UP}},
        {KEY_F(12), true, 1, {INPUT_KEY_F12}},
        {KEY_BTAB, true, 2, {INPUT_KEY_SHIFT, INPUT_KEY_TAB}},
        {0xe9, false, 0, {0}},
        {KEY_MOUSE, true, 0, {0}},
    };
    for (unsigned i = 0; i < array_len(rows); i++) {
        enum input_key keys[CURSES_KEYS_MOST];
        const size_t n = curses_keys_of(rows[i].code, rows[i].is_key, keys);
        CHECK_EQ(n, rows[i].count);
        for (size_t k = 0; k < n; k++) {
            CHECK_EQ(keys[k], rows[i].keys[k]);
        }
    }
}

TEST(every_code_of_ascii_has_keys)
{
    for (wint_t code = 1; code < 128; code++) {
        enum input_key keys[CURSES_KEYS_MOST];
        const size_t n = curses_keys_of(code, false, keys);
        CHECK_MSG((n > 0 && n <= 2) || code == 0x1e || code == 0x1f, "0x%x", code);
    }
}

TEST(glyphs_are_those_of_the_code_page)
{
    CHECK_EQ(curses_glyph('A'), 'A');
    CHECK_EQ(curses_glyph(0), ' ');
    CHECK_EQ(curses_glyph(1), 0x263a);
    CHECK_EQ(curses_glyph(0xb0), 0x2591);
    CHECK_EQ(curses_glyph(0xda), 0x250c);
    CHECK_EQ(curses_glyph(0x1ff), 0xa0);
}
