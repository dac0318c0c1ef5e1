/* SPDX-License-Identifier: MIT */
/*
 * Runs the cases of the .ir files here. A case is
 *
 *   case NAME
 *   in x0=1 v0=2:3 [0x10000]=0x55 rounding=1 ...     state before; all else is 0; vectors are
 * high:low
 *   ...                                              instructions; the block starts with insn
 * 0x1000 out x2=3 pc=0x2000 fp=0x10 fault=0x20000         state after; what is not named must be
 * unchanged
 *
 * `br 0x2000` is appended where the block does not end. Each case runs as written and folded.
 */
#include <ctype.h>
#include <dirent.h>

#include "tests/ir/rig.h"

enum {
    LINE_MAX_LENGTH = 400,
    TEXT_MAX_LENGTH = 16384
};

struct text_case {
    char name[100];
    char in[LINE_MAX_LENGTH], out[LINE_MAX_LENGTH];
    char body[TEXT_MAX_LENGTH];
};

/* What a name of in and out lines stands for. */
struct place {
    void *p;
    unsigned bytes;
};

static struct place place_of(struct rig *r, const char *name)
{
    unsigned long address;

    for (unsigned i = 0; i < RIG_ROWS; i++) {
        if (strcmp(rig_rows[i].name, name) == 0) {
            const unsigned bytes = ir_type_bits(rig_rows[i].type) / 8;
            return (struct place){(uint8_t *)r + rig_rows[i].offset, bytes};
        }
    }
    if (sscanf(name, "[%lx]", &address) == 1 && address >= RIG_BASE &&
        address + 8 <= RIG_BASE + RIG_BYTES) {
        return (struct place){r->memory + (address - RIG_BASE), 8};
    }
    static const struct {
        const char *name;
        size_t offset;
        unsigned bytes;
    } others[] = {{"pc", offsetof(struct rig, pc), 8},
                  {"fault", offsetof(struct rig, fault), 8},
                  {"raised", offsetof(struct rig, raised), 1},
                  {"env0", offsetof(struct rig, s.env[0]), 8},
                  {"env1", offsetof(struct rig, s.env[1]), 8},
                  {"fp", offsetof(struct rig, vcpu.env.fp_flags), 4},
                  {"rounding", offsetof(struct rig, vcpu.env.fp_rounding), 1},
                  {"excl", offsetof(struct rig, vcpu.hot.excl_addr), 8}};
    for (size_t i = 0; i < array_len(others); i++) {
        if (strcmp(others[i].name, name) == 0) {
            return (struct place){(uint8_t *)r + others[i].offset, others[i].bytes};
        }
    }
    return (struct place){NULL, 0};
}

/* Sets the places named on a line, or (out) puts the values that are expected there. */
static bool assign(struct rig *r, const char *line)
{
    char item[LINE_MAX_LENGTH];
    int length = 0;

    for (; sscanf(line, " %399s%n", item, &length) == 1; line += length) {
        char *value = strchr(item, '=');
        if (!value) {
            return false;
        }
        *value++ = '\0';
        const struct place at = place_of(r, item);
        if (!at.p) {
            return false;
        }
        char *low;
        uint64_t x[2] = {strtoull(value, &low, 0), 0};
        if (*low == ':') {
            x[1] = x[0];
            x[0] = strtoull(low + 1, &low, 0);
        }
        if (*low != '\0') {
            return false;
        }
        memcpy(at.p, x, at.bytes);
    }
    return true;
}

static bool build(struct ir_builder *b, const struct text_case *c, bool fold, struct error *e)
{
    ir_begin(b, RIG_PC, 0);
    b->no_fold = !fold;
    ir_insn_start(b, RIG_PC);
    if (!ir_parse(b, c->body, e)) {
        return false;
    }
    if (!b->ended) {
        ir_br(b, 0x2000);
    }
    return ir_verify(b, e);
}

/* The differences between what a case left and what it should. */
static void compare(const struct text_case *c, const struct rig *got, const struct rig *want,
                    const char *engine)
{
    for (unsigned i = 0; i < RIG_ROWS; i++) {
        const unsigned bytes = ir_type_bits(rig_rows[i].type) / 8;
        const uint64_t *g = (const void *)((const uint8_t *)got + rig_rows[i].offset);
        const uint64_t *w = (const void *)((const uint8_t *)want + rig_rows[i].offset);
        CHECK_MSG(memcmp(g, w, bytes) == 0, "%s, %s: %s is 0x%" PRIx64 ", not 0x%" PRIx64, c->name,
                  engine, rig_rows[i].name, *g & mask64(8 * bytes), *w & mask64(8 * bytes));
    }
    CHECK_MSG(memcmp(got->s.env, want->s.env, sizeof(got->s.env)) == 0, "%s, %s: env differs",
              c->name, engine);
    for (unsigned i = 0; i < RIG_BYTES; i++) {
        CHECK_MSG(got->memory[i] == want->memory[i], "%s, %s: byte 0x%x is 0x%x, not 0x%x", c->name,
                  engine, (unsigned)RIG_BASE + i, got->memory[i], want->memory[i]);
    }
    CHECK_MSG(got->pc == want->pc, "%s, %s: went to 0x%" PRIx64 ", not 0x%" PRIx64, c->name, engine,
              got->pc, want->pc);
    CHECK_MSG(got->raised == want->raised, "%s, %s: raised is %d", c->name, engine, got->raised);
    CHECK_MSG(got->fault == want->fault, "%s, %s: fault at 0x%" PRIx64, c->name, engine,
              got->fault);
    CHECK_MSG(got->vcpu.env.fp_flags == want->vcpu.env.fp_flags, "%s, %s: fp flags are 0x%x",
              c->name, engine, got->vcpu.env.fp_flags);
    CHECK_MSG(got->vcpu.hot.excl_addr == want->vcpu.hot.excl_addr,
              "%s, %s: the monitor is at 0x%" PRIx64, c->name, engine, got->vcpu.hot.excl_addr);
}

static void run_case(const struct text_case *c)
{
    static struct ir_builder b;
    static struct rig want;
    struct error e;

    if (!b.insns) {
        ir_builder_init(&b, &rig_guest);
    }
    for (int fold = 0; fold < 2; fold++) {
        struct rig *r = rig_reset();
        CHECK_MSG(build(&b, c, fold, &e), "%s: %s", c->name, e.text);
        CHECK_MSG(assign(r, c->in), "%s: the in line", c->name);
        if (test_state.failures) {
            return;
        }
        memcpy(&want, r, sizeof(want));
        want.pc = 0x2000;
        CHECK_MSG(assign(&want, c->out), "%s: the out line", c->name);
        rig_interpret(r, &b);
        compare(c, r, &want, fold ? "folded" : "as written");
    }
}

/* Reads the next case; false at the end of the file. */
static bool read_case(FILE *f, struct text_case *c)
{
    char line[LINE_MAX_LENGTH];

    c->in[0] = c->out[0] = c->body[0] = c->name[0] = '\0';
    while (fgets(line, sizeof(line), f)) {
        if (strncmp(line, "in ", 3) == 0) {
            strncat(c->in, line + 2, sizeof(c->in) - strlen(c->in) - 1);
        } else if (strncmp(line, "out", 3) == 0) {
            strncat(c->out, line + 3, sizeof(c->out) - strlen(c->out) - 1);
            return true;
        } else if (sscanf(line, "case %99s", c->name) != 1) {
            strncat(c->body, line, sizeof(c->body) - strlen(c->body) - 1);
        }
    }
    return false;
}

static void run_file(const char *path)
{
    static struct text_case c;
    FILE *f = fopen(path, "r");
    unsigned cases = 0;

    REQUIRE(f);
    while (read_case(f, &c)) {
        CHECK_MSG(c.name[0], "%s: a case without a name", path);
        run_case(&c);
        cases++;
    }
    fclose(f);
    CHECK_MSG(cases > 0, "%s: no cases", path);
}

static int is_ir(const struct dirent *d)
{
    const char *dot = strrchr(d->d_name, '.');
    return dot && strcmp(dot, ".ir") == 0;
}

TEST(every_case_leaves_the_state_it_names)
{
    struct dirent **files;
    const int n = scandir("tests/ir", &files, is_ir, alphasort);

    REQUIRE(n > 0);
    for (int i = 0; i < n; i++) {
        char path[300];
        snprintf(path, sizeof(path), "tests/ir/%s", files[i]->d_name);
        run_file(path);
        free(files[i]);
    }
    free(files);
}
