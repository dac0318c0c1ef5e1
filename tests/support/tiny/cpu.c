/* SPDX-License-Identifier: MIT */
/* The architecture "tiny" and its CPU: see tiny.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/cursor.h"
#include "base/mem.h"
#include "base/softfloat.h"
#include "tcg/build.h"
#include "tests/support/tiny/tiny.h"

struct tiny_cpu {
    struct vcpu vcpu;
    uint32_t a;
    uint64_t pc;
};

static struct tiny_cpu *tiny(struct vcpu *v)
{
    return (struct tiny_cpu *)(void *)v;
}

/* ---- life */

static struct vcpu *create(const char *model, unsigned index, struct error *e)
{
    if (strcmp(model, "one") != 0) {
        error_set(e, "-cpu %s: there is no such model; accepted: one", model);
        return NULL;
    }
    struct tiny_cpu *cpu = vcpu_alloc(sizeof(*cpu));
    assert(cpu);
    cpu->vcpu.cls = &tiny_cpu_class;
    cpu->vcpu.index = index;
    return &cpu->vcpu;
}

static void destroy(struct vcpu *v)
{
    vcpu_free(tiny(v));
}

static void reset(struct vcpu *v)
{
    tiny(v)->a = 0;
    tiny(v)->pc = 0;
}

static char *describe_models(void)
{
    return mem_strdup("CPU models:\n  one\n");
}

static void print(struct vcpu *v, struct strbuf *out)
{
    strbuf_printf(out, "CPU#%u A=%08x PC=%08x\n", v->index, tiny(v)->a, (unsigned)tiny(v)->pc);
}

/* ---- registers */

static const struct ir_reg rows[] = {{"a", T_I32, offsetof(struct tiny_cpu, a), 0}};
static const struct ir_guest guest = {
    .regs = rows, .reg_count = array_len(rows), .fp_rules = &fp_rules_arm};

static const struct cpu_reg regs[] = {
    {"a", offsetof(struct tiny_cpu, a), 32, 0, "org.dragoman.tiny", "tiny_flags", NULL, NULL, NULL},
    {"pc", offsetof(struct tiny_cpu, pc), 32, 1, "org.dragoman.tiny", "code_ptr", NULL, NULL, NULL},
    {.name = NULL},
};
static const struct gdb_type gdb_types[] = {
    {"tiny_flags",
     "<flags id=\"tiny_flags\" size=\"4\"><field name=\"ODD\" start=\"0\" end=\"0\"/></flags>"},
    {NULL, NULL}};

static uint64_t get_pc(const struct vcpu *v)
{
    return ((const struct tiny_cpu *)(const void *)v)->pc;
}

static void set_pc(struct vcpu *v, uint64_t pc)
{
    tiny(v)->pc = pc;
}

/* ---- instructions */

static uint64_t undefined(struct vcpu *v, uint64_t pc, uint64_t b, uint64_t c, uint32_t aux)
{
    (void)b, (void)c, (void)aux;
    v->power->request(v->power, POWER_PANIC);
    vcpu_exit_soon(v);
    atomic_store(&v->powered_off, true);
    return pc;
}
static const struct ir_call row_undefined = {
    .name = "undefined", .fn = (void (*)(void))undefined, .class = IR_CALL_FULL};

static uint64_t wait_for_line(struct vcpu *v, uint64_t pc, uint64_t b, uint64_t c, uint32_t line)
{
    (void)b, (void)c;
    if (atomic_load(&v->interrupt_lines) >> line & 1) {
        return pc + 2;
    }
    atomic_store(&v->halted, true);
    vcpu_exit_soon(v);
    return pc;
}
static const struct ir_call row_wait = {
    .name = "wait", .fn = (void (*)(void))wait_for_line, .class = IR_CALL_FULL};

static void translate(struct vcpu *v, struct ir_builder *b)
{
    uint64_t pc = b->pc;
    for (; !b->ended && pc - b->pc + 2 <= b->code_bytes && !ir_full(b) &&
           b->guest_insns < b->max_guest_insns;
         pc += 2) {
        const uint8_t *insn = b->code + (pc - b->pc);
        const uint32_t n = (uint32_t)(int8_t)insn[1];
        ir_insn_start(b, pc);
        const ir_val a = ir_get(b, 0);
        switch (insn[0]) {
        case TINY_SET:
            ir_put(b, 0, ir_konst(b, T_I32, n));
            break;
        case TINY_ADD:
            ir_put(b, 0, ir_add(b, a, ir_konst(b, T_I32, n)));
            break;
        case TINY_OUT:
            ir_store(b, MO_8, ir_konst(b, T_I64, TINY_PORTS + n), 0, a);
            break;
        case TINY_LOOP:
            ir_brcond(b, ir_cmp(b, IR_NE, a, ir_konst(b, T_I32, 0)),
                      (uint32_t)(pc + 2 * (uint64_t)(int64_t)(int8_t)n));
            ir_br(b, pc + 2);
            break;
        case TINY_IN:
            ir_put(b, 0, ir_load(b, T_I32, MO_8, ir_konst(b, T_I64, TINY_PORTS + n), 0));
            break;
        case TINY_WAIT:
            ir_tail(b, n < 32 ? &row_wait : &row_undefined, ir_address(b, pc), IR_NONE, IR_NONE, n);
            break;
        default:
            ir_tail(b, &row_undefined, ir_address(b, pc), IR_NONE, IR_NONE, 0);
        }
    }
    b->guest_bytes = (uint32_t)(pc - b->pc);
    if (!b->ended) {
        ir_br(b, pc);
    }
    (void)v;
}

static unsigned disas(uint64_t mode_key, const uint8_t *bytes, size_t n, uint64_t pc, char *text,
                      size_t size)
{
    static const char *const names[] = {"?", "set", "add", "out", "loop", "in", "wait"};
    (void)mode_key;
    (void)pc;
    if (n < 2) {
        return 0;
    }
    snprintf(text, size, "%s %d", names[bytes[0] <= TINY_WAIT ? bytes[0] : 0], (int8_t)bytes[1]);
    return 2;
}

/* ---- memory: addresses are physical */

static uint64_t mode_key(struct vcpu *v)
{
    (void)v;
    return 0;
}

static unsigned mmu_index(struct vcpu *v)
{
    (void)v;
    return 0;
}

static uint32_t space_tag(struct vcpu *v, vaddr va, unsigned idx)
{
    (void)v, (void)va, (void)idx;
    return 0;
}

static bool walk(struct vcpu *v, vaddr va, enum access a, unsigned idx, struct translation *t,
                 uint64_t *fault)
{
    (void)v, (void)a, (void)idx, (void)fault;
    *t = (struct translation){.pa = va,
                              .page_bits = GUEST_PAGE_BITS,
                              .read = true,
                              .write = true,
                              .exec = true,
                              .global = true};
    return true;
}

static bool debug_translate(struct vcpu *v, vaddr va, paddr *pa)
{
    (void)v;
    *pa = va;
    return true;
}

/* Nothing answers there: there are no exceptions, so it ends. */
static void raise_memory(struct vcpu *v, vaddr va, enum access a, uint64_t fault)
{
    (void)va, (void)a, (void)fault;
    vcpu_raise(v);
}

static void take_exception(struct vcpu *v)
{
    v->power->request(v->power, POWER_PANIC);
    atomic_store(&v->powered_off, true);
}

static bool never(struct vcpu *v)
{
    (void)v;
    return false;
}

/* In TINY_WAIT. */
static bool has_work(struct vcpu *v)
{
    return atomic_load(&v->interrupt_lines);
}

static void nothing(struct vcpu *v)
{
    (void)v;
}

/* ---- state */

static void save(struct vcpu *v, struct strbuf *out)
{
    uint8_t bytes[8];
    store_be32(bytes, tiny(v)->a);
    store_be32(bytes + 4, (uint32_t)tiny(v)->pc);
    strbuf_bytes(out, bytes, sizeof(bytes));
}

static bool load(struct vcpu *v, struct cursor *c, unsigned version, bool store, struct error *e)
{
    uint32_t a, pc;
    (void)version;
    if (!cursor_be32(c, &a) || !cursor_be32(c, &pc)) {
        return error_set(e, "the state is too short");
    }
    if (store) {
        tiny(v)->a = a;
        tiny(v)->pc = pc;
    }
    return true;
}

static bool check_state(struct vcpu *v, struct error *e)
{
    (void)v, (void)e;
    return true;
}

const struct cpu_class tiny_cpu_class = {
    .name = "tiny",
    .regs = regs,
    .gdb_arch = "tiny",
    .gdb_types = gdb_types,
    .big_endian = true,
    .create = create,
    .destroy = destroy,
    .reset = reset,
    .describe_models = describe_models,
    .registers = print,
    .state_version = 1,
    .save = save,
    .load = load,
    .check_state = check_state,
    .loaded = nothing,
    .ir = &guest,
    .pc = get_pc,
    .set_pc = set_pc,
    .mode_key = mode_key,
    .translate = translate,
    .disas = disas,
    .mmu_index = mmu_index,
    .mmu_index_user = mmu_index,
    .walk = walk,
    .debug_translate = debug_translate,
    .space_tag = space_tag,
    .take_exception = take_exception,
    .raise_memory = raise_memory,
    .interrupt_ready = never,
    .take_interrupt = nothing,
    .has_work = has_work,
};

static const struct cpu_class *const cpus[] = {&tiny_cpu_class, NULL};
static const struct arch_elf elf[] = {{0x7177, 32, true, "tiny"}, {0}};
static const struct arch_firmware firmware[] = {{"tiny.fd", "tiny-firmware"}, {NULL, NULL}};

const struct arch tiny_arch = {
    .name = "tiny",
    .desc = "one register",
    .cpus = cpus,
    .elf = elf,
    .firmware = firmware,
};
