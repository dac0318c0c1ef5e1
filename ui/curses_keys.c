/* SPDX-License-Identifier: MIT */
/* Which keys of an American keyboard make what a terminal says. */
#include "base/bits.h"
#include "ui/curses_internal.h"
#include "ui/curses_library.h"

/* What has no key of its name: without shift, and with it. */
static const struct {
    char plain, shifted;
    enum input_key key;
} punctuation[] = {
    {'1', '!', INPUT_KEY_1},
    {'2', '@', INPUT_KEY_2},
    {'3', '#', INPUT_KEY_3},
    {'4', '$', INPUT_KEY_4},
    {'5', '%', INPUT_KEY_5},
    {'6', '^', INPUT_KEY_6},
    {'7', '&', INPUT_KEY_7},
    {'8', '*', INPUT_KEY_8},
    {'9', '(', INPUT_KEY_9},
    {'0', ')', INPUT_KEY_0},
    {'-', '_', INPUT_KEY_MINUS},
    {'=', '+', INPUT_KEY_EQUAL},
    {'[', '{', INPUT_KEY_BRACKET_LEFT},
    {']', '}', INPUT_KEY_BRACKET_RIGHT},
    {';', ':', INPUT_KEY_SEMICOLON},
    {'\'', '"', INPUT_KEY_APOSTROPHE},
    {'`', '~', INPUT_KEY_GRAVE_ACCENT},
    {'\\', '|', INPUT_KEY_BACKSLASH},
    {',', '<', INPUT_KEY_COMMA},
    {'.', '>', INPUT_KEY_DOT},
    {'/', '?', INPUT_KEY_SLASH},
    {' ', ' ', INPUT_KEY_SPC},
};

static const struct {
    wint_t code;
    enum input_key key;
} specials[] = {
    {KEY_UP, INPUT_KEY_UP},
    {KEY_DOWN, INPUT_KEY_DOWN},
    {KEY_LEFT, INPUT_KEY_LEFT},
    {KEY_RIGHT, INPUT_KEY_RIGHT},
    {KEY_HOME, INPUT_KEY_HOME},
    {KEY_END, INPUT_KEY_END},
    {KEY_PPAGE, INPUT_KEY_PGUP},
    {KEY_NPAGE, INPUT_KEY_PGDN},
    {KEY_IC, INPUT_KEY_INSERT},
    {KEY_DC, INPUT_KEY_DELETE},
    {KEY_BACKSPACE, INPUT_KEY_BACKSPACE},
    {KEY_ENTER, INPUT_KEY_RET},
    {KEY_F(1), INPUT_KEY_F1},
    {KEY_F(2), INPUT_KEY_F2},
    {KEY_F(3), INPUT_KEY_F3},
    {KEY_F(4), INPUT_KEY_F4},
    {KEY_F(5), INPUT_KEY_F5},
    {KEY_F(6), INPUT_KEY_F6},
    {KEY_F(7), INPUT_KEY_F7},
    {KEY_F(8), INPUT_KEY_F8},
    {KEY_F(9), INPUT_KEY_F9},
    {KEY_F(10), INPUT_KEY_F10},
    {KEY_F(11), INPUT_KEY_F11},
    {KEY_F(12), INPUT_KEY_F12},
};

static size_t special(wint_t code, enum input_key *keys)
{
    if (code == KEY_BTAB) {
        keys[0] = INPUT_KEY_SHIFT;
        keys[1] = INPUT_KEY_TAB;
        return 2;
    }
    for (size_t i = 0; i < array_len(specials); i++) {
        if (specials[i].code == code) {
            keys[0] = specials[i].key;
            return 1;
        }
    }
    return 0;
}

static bool letter(char c, enum input_key *key)
{
    return c >= 'a' && c <= 'z' && input_find_name(&c, 1, key);
}

/* What is below 32, or 127: keys of their own, else letters with ctrl. */
static size_t control(wint_t code, enum input_key *keys)
{
    static const struct {
        uint8_t code;
        enum input_key key;
    } own[] = {{'\t', INPUT_KEY_TAB}, {'\r', INPUT_KEY_RET},       {'\n', INPUT_KEY_RET},
               {0x1b, INPUT_KEY_ESC}, {0x08, INPUT_KEY_BACKSPACE}, {0x7f, INPUT_KEY_BACKSPACE}};
    for (size_t i = 0; i < array_len(own); i++) {
        if (own[i].code == code) {
            keys[0] = own[i].key;
            return 1;
        }
    }
    keys[0] = INPUT_KEY_CTRL;
    if (letter((char)(code | 0x60), &keys[1])) {
        return 2;
    }
    enum input_key sign[CURSES_KEYS_MOST];
    if (curses_keys_of(code ? code | 0x40 : ' ', false, sign) != 1) {
        return 0; /* a sign with shift, too: nobody says so */
    }
    keys[1] = sign[0];
    return 2;
}

size_t curses_keys_of(wint_t code, bool is_key, enum input_key keys[CURSES_KEYS_MOST])
{
    if (is_key) {
        return special(code, keys);
    }
    if (code < 32 || code == 127) {
        return control(code, keys);
    }
    if (code > 127) {
        return 0;
    }
    const char c = (char)code;
    for (size_t i = 0; i < array_len(punctuation); i++) {
        if (punctuation[i].plain == c) {
            keys[0] = punctuation[i].key;
            return 1;
        }
        if (punctuation[i].shifted == c) {
            keys[0] = INPUT_KEY_SHIFT;
            keys[1] = punctuation[i].key;
            return 2;
        }
    }
    if (letter(c, &keys[0])) {
        return 1;
    }
    keys[0] = INPUT_KEY_SHIFT;
    return letter((char)(c | 0x20), &keys[1]) ? 2 : 0;
}
