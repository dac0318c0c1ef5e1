/* SPDX-License-Identifier: MIT */
/*
 * Runs the cases of the .ir files here. A case is
 *
 *   case NAME
 *   in x0=1 v0=2:3 [0x10000]=0x55 rounding=1     state before; all else is 0; v0 is high:low
 *                                                y0 and z0: the halves of row y0
 *   ...                                          instructions, after an insn 0x1000
 *   out x2=3 pc=0x2000 fp=0x10                   state after; what is not named is unchanged
 *
 * `env1` in an instruction is that field's offset. `br 0x2000` is appended where the block does not
 * end. Each case runs as written and folded.
 */
#include <dirent.h>

#include "base/bits.h"
#include "base/error.h"
#include "tests/ir/engines.h"

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

static struct place place_of(struct rig_state *s, const char *name)
{
    static const struct {
        const char *name;
        size_t offset;
        unsigned bytes;
    } others[] = {{"pc", offsetof(struct rig_state, pc), 8},
                  {"fault", offsetof(struct rig_state, fault), 8},
                  {"raised", offsetof(struct rig_state, raised), 1},
                  {"f", offsetof(struct rig_state, f), 2},
                  {"g", offsetof(struct rig_state, g), 2},
                  {"env0", offsetof(struct rig_state, env[0]), 8},
                  {"env1", offsetof(struct rig_state, env[1]), 8},
                  {"fp", offsetof(struct rig_state, fp_flags), 4},
                  {"rounding", offsetof(struct rig_state, rounding), 1},
                  {"monitor", offsetof(struct rig_state, monitor), 8}};
    unsigned long n;
    char kind;

    for (size_t i = 0; i < array_len(others); i++) {
        if (strcmp(others[i].name, name) == 0) {
            return (struct place){(uint8_t *)s + others[i].offset, others[i].bytes};
        }
    }
    if (sscanf(name, "[%lx]", &n) == 1 && n >= RIG_BASE && n + 8 <= RIG_BASE + RIG_BYTES) {
        return (struct place){s->memory + (n - RIG_BASE), 8};
    }
    if (sscanf(name, "%c%lu", &kind, &n) == 2) {
        if (kind == 'x' && n < 16) {
            return (struct place){&s->x[n], 8};
        }
        if (kind == 'w' && n < 4) {
            return (struct place){&s->w[n], 4};
        }
        if (kind == 'v' && n < 16) {
            return (struct place){&s->v[n], 16};
        }
        if ((kind == 'y' || kind == 'z') && n < 8) {
            return (struct place){s->y[n][kind == 'z'].u8, 16};
        }
    }
    return (struct place){NULL, 0};
}

/* Sets the places named on a line, or (out) puts the values that are expected there. */
static bool assign(struct rig_state *s, const char *line)
{
    char item[LINE_MAX_LENGTH];
    int length = 0;

    for (; sscanf(line, " %399s%n", item, &length) == 1; line += length) {
        char *value = strchr(item, '=');
        if (!value) {
            return false;
        }
        *value++ = '\0';
        const struct place at = place_of(s, item);
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

static void run_on(const struct engine *engine, const struct text_case *c, bool fold)
{
    static struct ir_builder b;
    static struct rig_state got, want;
    struct error e = {.text = ""};
    char why[200];

    if (!b.insns) {
        ir_builder_init(&b, &rig_guest);
    }
    rig_clear(&got);
    CHECK_MSG(build(&b, c, fold, &e), "%s: %s", c->name, e.text);
    CHECK_MSG(assign(&got, c->in), "%s: the in line", c->name);
    if (e.text[0]) {
        return;
    }
    want = got;
    want.pc = 0x2000;
    CHECK_MSG(assign(&want, c->out), "%s: the out line", c->name);
    rig_run(engine->rig, &b, &got);
    if (rig_differs(&got, &want, IR_FLAGS_ALL, why, sizeof(why))) {
        test_fail(__FILE__, __LINE__, "%s by %s, %s: %s", c->name, engine->name,
                  fold ? "folded" : "as written", why);
        engine_tell(engine, &b);
    }
}

static void run_case(const struct engine *engine, const struct text_case *c)
{
    run_on(engine, c, false);
    run_on(engine, c, true);
}

/* A line of the body; "env1" is the offset of that field. */
static void add_line(struct text_case *c, const char *line)
{
    const char *name = strstr(line, "env1");
    const size_t used = strlen(c->body), room = sizeof(c->body) - used;

    if (name) {
        snprintf(c->body + used, room, "%.*s%u%s", (int)(name - line), line, rig_env_offset(1),
                 name + 4);
    } else {
        snprintf(c->body + used, room, "%s", line);
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
            add_line(c, line);
        }
    }
    return false;
}

static void run_file(const struct engine *engine, const char *path)
{
    static struct text_case c;
    FILE *f = fopen(path, "r");
    unsigned cases = 0;

    REQUIRE(f);
    while (read_case(f, &c)) {
        CHECK_MSG(c.name[0], "%s: a case without a name", path);
        run_case(engine, &c);
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

static void run_files(const struct engine *engine)
{
    struct dirent **files;
    const int n = scandir("tests/ir", &files, is_ir, alphasort);

    REQUIRE(n > 0);
    for (int i = 0; i < n; i++) {
        char path[300];
        snprintf(path, sizeof(path), "tests/ir/%s", files[i]->d_name);
        run_file(engine, path);
        free(files[i]);
    }
    free(files);
}

TEST(interpreter_leaves_the_state_each_case_names)
{
    run_files(&engines()[0]);
}

#define TEST_LEVEL(n)                                                                              \
    TEST(host_code_of_v##n##_leaves_the_state_each_case_names)                                     \
    {                                                                                              \
        if (!engines()[n - 1].rig) {                                                               \
            SKIP("%s", engines()[n - 1].why);                                                      \
        }                                                                                          \
        run_files(&engines()[n - 1]);                                                              \
    }
TEST_LEVEL(2)
TEST_LEVEL(3)
TEST_LEVEL(4)

TEST(parallel_engines_leave_the_state_each_case_names)
{
    run_files(&engines()[ENGINE_PARALLEL]);
    run_files(&engines()[ENGINE_PARALLEL_HOST]);
}
