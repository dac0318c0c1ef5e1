/* SPDX-License-Identifier: MIT */
/*
 * Operands of rows of opcode maps, in the notation of the Intel SDM, volume 2, appendix A.2: a
 * capital for how the operand is addressed, small letters for its type. The further notations are
 * in the comments of the tables. What an operand asks of the ModRM byte becomes part of the row.
 */
#include "tools/decgen_read.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"

enum mod {
    NO_MODRM,
    ANY,
    MEMORY,
    REGISTER
};

struct method {
    const char *name;
    enum mod mod;
    bool vvvv;         /* named by VEX.vvvv */
    const char *mixed; /* of Ux/Mq and its like: the method that allows registers and memory */
    const char *types; /* that there are; NULL: all of the list below */
};

/* sI: an immediate that is extended by its sign. */
static const struct method methods[] = {
    {"A", NO_MODRM, false, NULL, "p"},
    {"B", NO_MODRM, true, NULL, NULL},
    {"C", ANY, false, NULL, NULL},
    {"D", ANY, false, NULL, NULL},
    {"E", ANY, false, "E", NULL},
    {"F", NO_MODRM, false, NULL, NULL},
    {"G", ANY, false, NULL, NULL},
    {"H", NO_MODRM, true, NULL, NULL},
    {"I", NO_MODRM, false, NULL, "b w d q v z"},
    {"sI", NO_MODRM, false, NULL, "b"},
    {"J", NO_MODRM, false, NULL, "b z"},
    {"L", NO_MODRM, false, NULL, NULL},
    {"M", MEMORY, false, NULL, NULL},
    {"N", REGISTER, false, "Q", NULL},
    {"O", NO_MODRM, false, NULL, NULL},
    {"P", ANY, false, NULL, NULL},
    {"Q", ANY, false, "Q", NULL},
    {"R", REGISTER, false, "E", NULL},
    {"S", ANY, false, NULL, NULL},
    {"U", REGISTER, false, "W", NULL},
    {"V", ANY, false, NULL, NULL},
    {"W", ANY, false, "W", NULL},
    {"X", NO_MODRM, false, NULL, NULL},
    {"Y", NO_MODRM, false, NULL, NULL},
    {"Z", NO_MODRM, false, NULL, NULL},
};

/* Those of the manual; t is ten bytes, and none (as in M) is no type at all. */
static const char *const types[] = {"a", "b",  "d",  "dq", "p", "pd", "pi", "ps", "q", "qq",
                                    "s", "sd", "ss", "t",  "v", "w",  "x",  "y",  "z", ""};

/* Registers and numbers that an opcode implies. vm32x and its like: memory with a vector as index.
 */
static const struct fixed {
    const char *name, *method, *type;
    enum mod mod;
} fixed[] = {
    {"AL", "rAX", "b", NO_MODRM},    {"AX", "rAX", "w", NO_MODRM},
    {"eAX", "rAX", "z", NO_MODRM},   {"rAX", "rAX", "v", NO_MODRM},
    {"CL", "rCX", "b", NO_MODRM},    {"DX", "rDX", "w", NO_MODRM},
    {"1", "1", "none", NO_MODRM},    {"ES", "ES", "w", NO_MODRM},
    {"CS", "CS", "w", NO_MODRM},     {"SS", "SS", "w", NO_MODRM},
    {"DS", "DS", "w", NO_MODRM},     {"FS", "FS", "w", NO_MODRM},
    {"GS", "GS", "w", NO_MODRM},     {"ST", "ST", "t", NO_MODRM},
    {"STi", "STi", "t", ANY},        {"XMM0", "XMM0", "dq", NO_MODRM},
    {"vm32x", "VM32", "dq", MEMORY}, {"vm32y", "VM32", "qq", MEMORY},
    {"vm64x", "VM64", "dq", MEMORY}, {"vm64y", "VM64", "qq", MEMORY},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Has the method operands of the type? An address alone, without type, is memory. */
static bool has_type(const struct method *m, const char *type)
{
    const size_t n = strlen(type);
    if (!n || !m->types) {
        return n || m->mod == MEMORY;
    }
    for (const char *p = m->types; *p; p += strcspn(p, " "), p += *p == ' ') {
        if (strcspn(p, " ") == n && strncmp(p, type, n) == 0) {
            return true;
        }
    }
    return false;
}

/* Splits an appendix-A notation; NULL if its letters mean nothing. */
static const struct method *split(const char *s, const char **type)
{
    const size_t n = s[0] == 's' && s[1] == 'I' ? 2 : 1;
    for (size_t i = 0; i < COUNT(methods); i++) {
        if (strlen(methods[i].name) == n && strncmp(s, methods[i].name, n) == 0) {
            for (size_t k = 0; k < COUNT(types); k++) {
                if (strcmp(s + n, types[k]) == 0 && has_type(&methods[i], types[k])) {
                    *type = *types[k] ? types[k] : "none";
                    return &methods[i];
                }
            }
        }
    }
    return NULL;
}

static void ask_mod(struct reader *r, struct row *row, struct arg *a, enum mod mod)
{
    a->modrm = mod != NO_MODRM;
    if ((mod == MEMORY || mod == REGISTER) && !decgen_key_set(row, KEY_MEM, 1, mod == MEMORY)) {
        FAIL(r, "operands of row %s ask for a register and for memory", row->id);
    }
}

/* Ux/Mq: of type x as a register, q in memory. */
static void mixed_operand(struct reader *r, struct arg *a, const struct method *m)
{
    char *memory = decgen_need_name(r, "notation of an operand in memory");
    const struct method *second = split(memory, &a->memtype);
    if (!m->mixed || !second || second->mod != MEMORY) {
        FAIL(r, "a register or memory is written as Ex/Mx, Rx/Mx, Ux/Mx, Wx/Mx, Nx/Mx or Qx/Mx");
    }
    a->method = m->mixed;
    a->modrm = true;
}

static void take_operand(struct reader *r, struct row *row)
{
    static const char *const members[MAX_ARGS] = {"dst", "src", "src2", "src3"};
    if (row->args == MAX_ARGS) {
        FAIL(r, "more than %d operands", MAX_ARGS);
    }
    struct arg *a = &row->arg[row->args];
    char *name = decgen_need_name(r, "operand");
    a->member = mem_printf("%s", members[row->args]);
    row->args++;
    if (decgen_take_char(r, '=')) {
        a->member = name;
        name = decgen_need_name(r, "notation of an operand");
    }
    for (size_t i = 0; i < COUNT(fixed); i++) {
        if (strcmp(fixed[i].name, name) == 0) {
            a->method = fixed[i].method;
            a->type = a->memtype = fixed[i].type;
            ask_mod(r, row, a, fixed[i].mod);
            return;
        }
    }
    const struct method *m = split(name, &a->type);
    if (!m) {
        FAIL(r, "\"%s\" is no notation of an operand", name);
    }
    a->method = m->name;
    a->memtype = a->type;
    if (m->vvvv) {
        row->vvvv = true;
    }
    if (*r->p == '/') {
        r->p++;
        mixed_operand(r, a, m);
    } else {
        ask_mod(r, row, a, row->any_mod && m->mod == REGISTER ? ANY : m->mod);
    }
}

/* Does an operand come next? Attributes and features begin with small letters. */
static bool at_operand(const struct reader *r)
{
    static const char *const small[] = {"eAX", "rAX", "vm32", "vm64", "sI"};
    for (size_t i = 0; i < COUNT(small); i++) {
        if (strncmp(r->p, small[i], strlen(small[i])) == 0) {
            return true;
        }
    }
    size_t n = 0;
    while (decgen_word_char(r->p[n])) {
        n++;
    }
    return isupper((unsigned char)*r->p) || *r->p == '1' || r->p[n] == '=';
}

void decgen_operands(struct reader *r, struct row *row)
{
    decgen_skip_space(r);
    const char *start = r->p;
    bool more = at_operand(r);
    while (more) {
        take_operand(r, row);
        more = decgen_take_char(r, ',');
        decgen_skip_space(r);
    }
    size_t n = (size_t)(r->p - start);
    while (n && isspace((unsigned char)start[n - 1])) {
        n--;
    }
    row->operand_text = decgen_copy(start, n);
}
