/* SPDX-License-Identifier: MIT */
/*
 * CPU models (products.c), without what is not emulated (`missing`): AArch32, EL2, EL3, SVE, SME,
 * MTE.
 */
#include "cpu/arm/models.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"

#define U(x) UINT64_C(x)

/* QARMA5, the implementation-defined algorithm and QARMA3 are exclusive; properties choose. */
#define ISAR1_APA U(0x00000000000000f0)
#define ISAR1_API U(0x0000000000000f00)
#define ISAR1_GPA U(0x000000000f000000)
#define ISAR1_GPI U(0x00000000f0000000)
#define ISAR2_GPA3 U(0x0000000000000f00)
#define ISAR2_APA3 U(0x000000000000f000)
#define ISAR1_PAUTH (ISAR1_APA | ISAR1_API | ISAR1_GPA | ISAR1_GPI)
#define ISAR2_CSSC (U(1) << 52)
#define MMFR0_LPA2 (U(1) << 28 | U(1) << 20) /* TGRAN4 1 to 0, TGRAN16 2 to 1 */
#define ISAR2_PAUTH (ISAR2_APA3 | ISAR2_GPA3)

/* ---- identification registers and features */

/* Fields of what is not emulated: they become 0. */
static const uint64_t missing[ARM_ID_COUNT] = {
    [ARM_ID_PFR0] = U(0x0000000f0000ff00), /* SVE, EL3, EL2 */
    [ARM_ID_PFR1] = U(0x000000000f000f00), /* SME, MTE */
};

/* EL1 and EL0 are of AArch64 only. */
#define PFR0_EL1_EL0 U(0xff)
#define PFR0_A64_ONLY U(0x11)

static void take_ids(struct arm_cpu *cpu, const struct arm_model *m)
{
    for (enum arm_id i = 0; i < ARM_ID_COUNT; i++) {
        cpu->id[i] = m->id[i] & ~missing[i];
    }
    cpu->id[ARM_ID_PFR0] = (cpu->id[ARM_ID_PFR0] & ~PFR0_EL1_EL0) | PFR0_A64_ONLY;
}

static void set_feature(struct arm_cpu *cpu, enum arm_feature f, bool on)
{
    if (on) {
        cpu->features[f / 64] |= U(1) << (f % 64);
    }
}

static unsigned field(const struct arm_cpu *cpu, enum arm_id id, unsigned lo)
{
    return cpu->id[id] >> lo & 15;
}

static void derive_features(struct arm_cpu *cpu)
{
    cpu->features[0] = cpu->features[1] = 0;
#define ARM_FEATURE(name, reg, lo, value)                                                          \
    set_feature(cpu, ARM_HAS_##name, field(cpu, ARM_ID_##reg, lo) >= (value));
#include "cpu/arm/features.h"
    const unsigned levels[] = {field(cpu, ARM_ID_ISAR1, 4), field(cpu, ARM_ID_ISAR1, 8),
                               field(cpu, ARM_ID_ISAR2, 12)};
    cpu->pauth_level = 0;
    for (unsigned i = 0; i < array_len(levels); i++) {
        cpu->pauth_level = levels[i] > cpu->pauth_level ? (uint8_t)levels[i] : cpu->pauth_level;
    }
    set_feature(cpu, ARM_HAS_pauth, cpu->pauth_level > 0);
    set_feature(cpu, ARM_HAS_fp16, field(cpu, ARM_ID_PFR0, 16) == 1);
    set_feature(cpu, ARM_HAS_pmu, field(cpu, ARM_ID_DFR0, 8) > 0);
    set_feature(cpu, ARM_HAS_lpa2, field(cpu, ARM_ID_MMFR0, 28) == 1);
    set_feature(cpu, ARM_HAS_impdef_a5x, cpu->model->impdef == ARM_IMPDEF_A5X);
    set_feature(cpu, ARM_HAS_impdef_n1, cpu->model->impdef >= ARM_IMPDEF_N1);
    set_feature(cpu, ARM_HAS_impdef_v1, cpu->model->impdef == ARM_IMPDEF_V1);
}

uint64_t arm_cache_geometry(const struct arm_cpu *cpu, unsigned csselr)
{
    switch (csselr) {
    case 0:
        return cpu->model->ccsidr[0];
    case 1:
        return cpu->model->ccsidr[1];
    case 2:
        return cpu->model->ccsidr[2];
    default:
        return 0;
    }
}

/* ---- properties */

/* What the user asked for. */
struct settings {
    bool pauth, impdef, qarma3, qarma5, pmu, lpa2, cssc;
    bool sve, sme, aarch64;
};

static const struct property {
    const char *name, *help;
    size_t offset;
} properties[] = {
    {"aarch64", "64-bit state; cannot be switched off", offsetof(struct settings, aarch64)},
    {"cssc", "common short sequence compression, which max alone can have",
     offsetof(struct settings, cssc)},
    {"lpa2", "52-bit addresses with pages of 4 and 16 KB", offsetof(struct settings, lpa2)},
    {"pauth", "pointer authentication", offsetof(struct settings, pauth)},
    {"pauth-impdef", "its implementation-defined algorithm, which is fast",
     offsetof(struct settings, impdef)},
    {"pauth-qarma3", "its algorithm QARMA3", offsetof(struct settings, qarma3)},
    {"pauth-qarma5", "its algorithm QARMA5", offsetof(struct settings, qarma5)},
    {"pmu", "performance monitors", offsetof(struct settings, pmu)},
    {"sme", "scalable matrix extension; only off is accepted", offsetof(struct settings, sme)},
    {"sve", "scalable vector extension; only off is accepted", offsetof(struct settings, sve)},
};

static bool parse_switch(const char *text, bool *on)
{
    static const char *const yes[] = {"on", "yes", "true"}, *const no[] = {"off", "no", "false"};
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *on = strcmp(text, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

static void list_choices(struct error *e, const char *word, const char *const *names, size_t n)
{
    const char *near = error_nearest_name(word, names, n);
    if (near) {
        error_append(e, "; did you mean '%s'?", near);
    }
    error_append(e, "%s accepted:", near ? "" : ";");
    for (size_t i = 0; i < n; i++) {
        error_append(e, "%s %s", i ? "," : "", names[i]);
    }
}

static bool unknown_property(struct error *e, const char *model, const char *name)
{
    const char *names[array_len(properties)];
    for (size_t i = 0; i < array_len(properties); i++) {
        names[i] = properties[i].name;
    }
    error_set(e, "-cpu %s: no property '%s'", model, name);
    list_choices(e, name, names, array_len(properties));
    return false;
}

/* One "name=value"; a name alone means on, as "+name" does, "-name" off. */
static bool set_property(struct settings *s, const char *model, char *item, struct error *e)
{
    char *value = strchr(item, '=');
    bool on = item[0] != '-';
    if (item[0] == '+' || item[0] == '-') {
        item++;
    }
    if (value) {
        *value++ = 0;
    }
    for (size_t i = 0; i < array_len(properties); i++) {
        if (strcmp(properties[i].name, item) == 0) {
            if (value && !parse_switch(value, &on)) {
                return error_set(e, "-cpu %s: %s=%s: expected on or off", model, item, value);
            }
            *(bool *)(void *)((uint8_t *)s + properties[i].offset) = on;
            return true;
        }
    }
    return unknown_property(e, model, item);
}

static bool parse_properties(struct settings *s, const char *model, const char *text,
                             struct error *e)
{
    char *copy = mem_strdup(text), *rest = copy;
    bool ok = true;
    for (char *item; ok && (item = strsep(&rest, ",")) != NULL;) {
        ok = *item == 0 || set_property(s, model, item, e);
    }
    mem_free(copy);
    return ok;
}

static bool check_settings(const struct settings *s, const struct arm_cpu *cpu, struct error *e)
{
    const char *model = cpu->model->name;
    if (s->sve || s->sme) {
        return error_set(e, "-cpu %s: %s is not emulated: only %s=off is accepted", model,
                         s->sve ? "sve" : "sme", s->sve ? "sve" : "sme");
    }
    if (!s->aarch64) {
        return error_set(
            e, "-cpu %s: a CPU without AArch64 is not emulated: only aarch64=on is accepted",
            model);
    }
    if (s->impdef + s->qarma3 + s->qarma5 > 1) {
        return error_set(e, "-cpu %s: choose one of pauth-impdef, pauth-qarma3 and pauth-qarma5",
                         model);
    }
    if (!cpu->pauth_level && (s->pauth || s->impdef + s->qarma3 + s->qarma5 > 0)) {
        return error_set(e, "-cpu %s: this model has no pointer authentication", model);
    }
    if (s->lpa2 && !arm_has(cpu, ARM_HAS_lpa2)) {
        return error_set(e, "-cpu %s: lpa2=on: this model has no 52-bit addresses with these pages",
                         model);
    }
    if (s->cssc && strcmp(model, "max") != 0) {
        return error_set(e, "-cpu %s: cssc=on: only max can have it", model);
    }
    if (!s->pauth && s->impdef + s->qarma3 + s->qarma5 > 0) {
        return error_set(e, "-cpu %s: an algorithm is chosen while pauth=off", model);
    }
    return true;
}

/* The fields of the algorithm that is chosen: the level that the model has, once. */
static void choose_pauth(struct arm_cpu *cpu, const struct settings *s)
{
    const uint64_t level = s->pauth ? cpu->pauth_level : 0, generic = level ? 1 : 0;
    cpu->id[ARM_ID_ISAR1] &= ~ISAR1_PAUTH;
    cpu->id[ARM_ID_ISAR2] &= ~ISAR2_PAUTH;
    if (s->qarma5) {
        cpu->id[ARM_ID_ISAR1] |= level << 4 | generic << 24;
    } else if (s->qarma3) {
        cpu->id[ARM_ID_ISAR2] |= level << 12 | generic << 8;
    } else {
        cpu->id[ARM_ID_ISAR1] |= level << 8 | generic << 28;
    }
}

static const struct arm_model *find_model(const char *name, size_t n)
{
    for (size_t i = 0; arm_model_names[i]; i++) {
        if (strlen(arm_models[i].name) == n && strncmp(arm_models[i].name, name, n) == 0) {
            return &arm_models[i];
        }
    }
    return NULL;
}

static bool unknown_model(const char *name, size_t n, struct error *e)
{
    char word[64];
    snprintf(word, sizeof(word), "%.*s", (int)(n < sizeof(word) ? n : sizeof(word) - 1), name);
    error_set(e, "-cpu %s: no such CPU model", word);
    size_t count = 0;
    while (arm_model_names[count]) {
        count++;
    }
    list_choices(e, word, arm_model_names, count);
    return false;
}

bool arm_model_apply(struct arm_cpu *cpu, const char *text, struct error *e)
{
    const size_t n = strcspn(text, ",");
    cpu->model = find_model(text, n);
    if (!cpu->model) {
        return unknown_model(text, n, e);
    }
    take_ids(cpu, cpu->model);
    derive_features(cpu);
    struct settings s = {.pauth = cpu->pauth_level > 0,
                         .pmu = true,
                         .lpa2 = arm_has(cpu, ARM_HAS_lpa2),
                         .aarch64 = true};
    if (!parse_properties(&s, cpu->model->name, text + n, e) || !check_settings(&s, cpu, e)) {
        return false;
    }
    choose_pauth(cpu, &s);
    if (!s.pmu) {
        cpu->id[ARM_ID_DFR0] &= ~(U(0xf00) | U(0xf) << 60); /* PMUVer, HPMN0 */
    }
    if (!s.lpa2 && arm_has(cpu, ARM_HAS_lpa2)) {
        cpu->id[ARM_ID_MMFR0] -= MMFR0_LPA2;
    }
    cpu->id[ARM_ID_ISAR2] |= s.cssc ? ISAR2_CSSC : 0;
    derive_features(cpu);
    cpu->cntfrq_hz = cpu->model->counter_hz;
    return true;
}

char *arm_model_help(void)
{
    struct strbuf out = {0};
    strbuf_puts(&out, "Available CPUs:\n");
    for (size_t i = 0; arm_model_names[i]; i++) {
        strbuf_printf(&out, "  %s\n", arm_model_names[i]);
    }
    strbuf_puts(&out, "Properties (on or off):\n");
    for (size_t i = 0; i < array_len(properties); i++) {
        strbuf_printf(&out, "  %-14s %s\n", properties[i].name, properties[i].help);
    }
    return strbuf_take(&out);
}
