/* SPDX-License-Identifier: MIT */
/*
 * Reads how a row of an opcode map is encoded, in the notation of the Intel SDM, volume 2, section
 * 3.1.1.1 ("Opcode Column"), and its attributes, which are those of appendix A.2.5 and prefixes.
 */
#include "tools/decgen_read.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"

static bool is_byte(const char *s)
{
    return strchr("0123456789ABCDEF", s[0]) && s[0] && strchr("0123456789ABCDEF", s[1]) && s[1] &&
           !decgen_word_char(s[2]);
}

static unsigned digit(char c)
{
    return (unsigned)(isdigit((unsigned char)c) ? c - '0' : c - 'A' + 10);
}

/* Takes a byte written as two capital hexadecimal digits. */
static bool take_byte(struct reader *r, unsigned *byte)
{
    decgen_skip_space(r);
    if (!is_byte(r->p)) {
        return false;
    }
    *byte = digit(r->p[0]) << 4 | digit(r->p[1]);
    r->p += 2;
    return true;
}

static bool take_literal(struct reader *r, const char *s)
{
    decgen_skip_space(r);
    if (strncmp(r->p, s, strlen(s)) != 0) {
        return false;
    }
    r->p += strlen(s);
    return true;
}

static void ask(struct reader *r, struct row *row, enum key_field field, unsigned mask,
                unsigned value)
{
    if (!decgen_key_set(row, field, mask, value)) {
        FAIL(r, "row %s contradicts itself at \"%.20s\"", row->id, r->p);
    }
}

static void flag(struct row *row, const char *name)
{
    row->flags = mem_printf("%s%sX86_F_%s", row->flags ? row->flags : "", row->flags ? " | " : "",
                            name);
}

struct word {
    const char *text;
    enum key_field field;
    unsigned mask, value;
    const char *flag;
};

/* The parts of VEX.128.66.0F38.W0; LIG and WIG ask for nothing. */
static const struct word vex_words[] = {
    {"128", KEY_L, 1, 0, NULL},  {"256", KEY_L, 1, 1, NULL},    {"LZ", KEY_L, 1, 0, NULL},
    {"L0", KEY_L, 1, 0, NULL},   {"L1", KEY_L, 1, 1, NULL},     {"LIG", KEY_L, 0, 0, NULL},
    {"NP", KEY_PP, 3, 0, NULL},  {"66", KEY_PP, 3, 1, NULL},    {"F3", KEY_PP, 3, 2, NULL},
    {"F2", KEY_PP, 3, 3, NULL},  {"0F38", KEY_MAP, 3, 2, NULL}, {"0F3A", KEY_MAP, 3, 3, NULL},
    {"0F", KEY_MAP, 3, 1, NULL}, {"W0", KEY_W, 1, 0, NULL},     {"W1", KEY_W, 1, 1, NULL},
    {"WIG", KEY_W, 0, 0, NULL},
};

/* Attributes; lock is dealt with by itself. */
static const struct word attributes[] = {
    {"i64", KEY_LONG, 1, 0, NULL},         {"o64", KEY_LONG, 1, 1, NULL},
    {"d64", KEY_LONG, 0, 0, "D64"},        {"f64", KEY_LONG, 0, 0, "F64"},
    {"os16", KEY_OS, 3, 0, NULL},          {"os32", KEY_OS, 3, 1, NULL},
    {"os64", KEY_OS, 3, 2, NULL},          {"as16", KEY_AS, 3, 0, NULL},
    {"as32", KEY_AS, 3, 1, NULL},          {"as64", KEY_AS, 3, 2, NULL},
    {"rep", KEY_PP, 0, 0, "REP"},          {"repz", KEY_PP, 0, 0, "REPZ"},
    {"modreg", KEY_MODRM, 0, 0, "MODREG"},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct word *take_word(struct reader *r, const struct word *words, size_t count)
{
    decgen_skip_space(r);
    for (size_t i = 0; i < count; i++) {
        const size_t n = strlen(words[i].text);
        if (strncmp(r->p, words[i].text, n) == 0 && !decgen_word_char(r->p[n])) {
            r->p += n;
            return &words[i];
        }
    }
    return NULL;
}

bool decgen_is_attribute(const char *name)
{
    for (size_t i = 0; i < COUNT(attributes); i++) {
        if (strcmp(attributes[i].text, name) == 0) {
            return true;
        }
    }
    return strcmp(name, "lock") == 0;
}

static void parse_vex(struct reader *r, struct row *row)
{
    ask(r, row, KEY_VEX, 1, 1);
    do {
        const struct word *w = take_word(r, vex_words, COUNT(vex_words));
        if (!w) {
            FAIL(r, "\"%.10s\" is no part of VEX", r->p);
        }
        ask(r, row, w->field, w->mask, w->value);
    } while (*r->p == '.' && *r->p++);
    if (!decgen_key_mask(row, KEY_MAP)) {
        FAIL(r, "VEX without 0F, 0F38 or 0F3A");
    }
    ask(r, row, KEY_PP, 3, decgen_key_value(row, KEY_PP)); /* as NP if nothing is said */
}

/* NP, NFx, 66, F3, F2, REX.W, W0, and the escape to a map. */
static void parse_prefixes(struct reader *r, struct row *row)
{
    unsigned byte, map = 0;
    const char *before;
    ask(r, row, KEY_VEX, 1, 0);
    for (before = r->p;; before = r->p) {
        if (decgen_take_keyword(r, "NP")) {
            ask(r, row, KEY_PP, 3, 0);
        } else if (decgen_take_keyword(r, "NFx")) {
            ask(r, row, KEY_PP, 2, 0);
        } else if (take_literal(r, "REX.W")) {
            ask(r, row, KEY_W, 1, 1);
        } else if (decgen_take_keyword(r, "W0")) {
            ask(r, row, KEY_W, 1, 0);
        } else if (!take_byte(r, &byte)) {
            break;
        } else if (byte == 0x66 && map == 0) {
            ask(r, row, KEY_PP, 3, 1);
            flag(row, "P66");
        } else if ((byte == 0xf3 || byte == 0xf2) && map == 0) {
            ask(r, row, KEY_PP, 3, byte == 0xf3 ? 2 : 3);
        } else if (byte == 0x0f && map == 0) {
            map = 1;
        } else if ((byte == 0x38 || byte == 0x3a) && map == 1) {
            map = byte == 0x38 ? 2 : 3;
        } else {
            break;
        }
    }
    r->p = before;
    ask(r, row, KEY_MAP, 3, map);
}

/* An octal digit, or three of the same letter (rrr, bbb) for any. */
static void octal(struct reader *r, struct row *row, unsigned shift)
{
    if (isdigit((unsigned char)r->p[0])) {
        unsigned v = 0;
        for (int i = 0; i < 3; i++, r->p++) {
            if (*r->p != '0' && *r->p != '1') {
                FAIL(r, "three bits expected at \"%.10s\"", r->p);
            }
            v = v << 1 | (unsigned)(*r->p - '0');
        }
        ask(r, row, KEY_MODRM, 7 << shift, v << shift);
    } else if (!take_literal(r, shift ? "rrr" : "bbb")) {
        FAIL(r, "%s expected at \"%.10s\"", shift ? "rrr" : "bbb", r->p);
    }
}

/* /r, /0 to /7, 11:rrr:bbb, !(11):rrr:bbb, or all of the ModRM byte, perhaps with +i. */
static void parse_modrm(struct reader *r, struct row *row)
{
    unsigned byte;
    row->modrm = true;
    if (take_literal(r, "/r")) {
        return;
    }
    if (take_literal(r, "/")) {
        if (*r->p < '0' || *r->p > '7') {
            FAIL(r, "/r or /0 to /7 expected");
        }
        ask(r, row, KEY_MODRM, 0x38, (unsigned)(*r->p++ - '0') << 3);
    } else if (strncmp(r->p, "11:", 3) == 0 || strncmp(r->p, "!(11):", 6) == 0) {
        const bool memory = *r->p == '!';
        r->p += memory ? 6 : 3;
        ask(r, row, KEY_MEM, 1, memory);
        octal(r, row, 3);
        if (!decgen_take_char(r, ':')) {
            FAIL(r, "':' expected at \"%.10s\"", r->p);
        }
        octal(r, row, 0);
    } else if (take_byte(r, &byte)) {
        const bool any = take_literal(r, "+i");
        ask(r, row, KEY_MODRM, any ? 0xf8 : 0xff, byte);
        ask(r, row, KEY_MEM, 1, byte < 0xc0);
    } else {
        row->modrm = false;
    }
}

static void parse_opcode(struct reader *r, struct row *row)
{
    unsigned byte, mask = 0xff;
    if (!take_byte(r, &byte)) {
        FAIL(r, "opcode byte expected at \"%.20s\"", r->p);
    }
    if (take_literal(r, "+r")) {
        mask = 0xf8;
    } else if (take_literal(r, "+cc")) {
        mask = 0xf0;
    }
    if (byte & ~mask) {
        FAIL(r, "opcode %02X is no first one of a group", byte);
    }
    ask(r, row, KEY_OPCODE, mask, byte);
    decgen_skip_space(r);
    parse_modrm(r, row);
}

static void parse_attributes(struct reader *r, struct row *row)
{
    bool lock = false;
    for (;;) {
        const struct word *w = take_word(r, attributes, COUNT(attributes));
        if (w) {
            ask(r, row, w->field, w->mask, w->value);
            if (w->flag) {
                flag(row, w->flag);
            }
        } else if (decgen_take_keyword(r, "lock")) {
            lock = true;
        } else {
            break;
        }
    }
    ask(r, row, lock ? KEY_LOCK_REG : KEY_LOCK, 1, 0);
}

static void check_operands(struct reader *r, struct row *row)
{
    for (int i = 0; i < row->args; i++) {
        if (row->arg[i].modrm && !row->modrm) {
            FAIL(r, "operand %s of row %s needs /r or /0 to /7", row->arg[i].member, row->id);
        }
        for (int k = 0; k < i; k++) {
            if (strcmp(row->arg[i].member, row->arg[k].member) == 0) {
                FAIL(r, "operand %s appears twice", row->arg[i].member);
            }
        }
    }
    if (row->vvvv && !decgen_key_value(row, KEY_VEX)) {
        FAIL(r, "row %s has an operand of VEX.vvvv, but no VEX", row->id);
    }
    if (!row->vvvv && decgen_key_value(row, KEY_VEX)) {
        ask(r, row, KEY_VVVV, 1, 0);
    }
}

void decgen_opcode(struct reader *r, struct row *row)
{
    decgen_skip_space(r);
    const char *start = r->p;
    if (take_literal(r, "VEX.")) {
        parse_vex(r, row);
    } else {
        parse_prefixes(r, row);
    }
    parse_opcode(r, row);
    row->bits = decgen_copy(start, (size_t)(r->p - start));
    row->any_mod = strstr(r->p, "modreg") != NULL;
    decgen_operands(r, row);
    const char *text = row->name;
    if (*r->p == '"') {
        text = decgen_need_string(r, "text");
    }
    row->shown = mem_printf("%s%s%s", text, *row->operand_text ? " " : "", row->operand_text);
    row->text = decgen_text(r, row, text);
    decgen_skip_space(r);
    start = r->p;
    parse_attributes(r, row);
    row->bits = mem_printf("%s %.*s", row->bits, (int)(r->p - start), start);
    check_operands(r, row);
}

/* Fails unless all rows of an opcode agree on whether a ModRM byte follows it. */
void decgen_check_modrm(const struct isa *isa)
{
    for (unsigned i = 0; i < isa->rows; i++) {
        for (unsigned k = 0; k < i; k++) {
            const struct row *a = &isa->row[k], *b = &isa->row[i];
            const unsigned both = decgen_key_mask(a, KEY_OPCODE) & decgen_key_mask(b, KEY_OPCODE);
            const unsigned differ = decgen_key_value(a, KEY_OPCODE) ^
                                    decgen_key_value(b, KEY_OPCODE);
            if (a->modrm != b->modrm && !(both & differ) &&
                decgen_key_value(a, KEY_MAP) == decgen_key_value(b, KEY_MAP) &&
                decgen_key_value(a, KEY_VEX) == decgen_key_value(b, KEY_VEX)) {
                decgen_fail(b->file, b->line,
                            "row %s and row %s of line %d differ in whether ModRM follows", b->id,
                            a->id, a->line);
            }
        }
    }
}
