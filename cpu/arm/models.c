/* SPDX-License-Identifier: MIT */
/*
 * CPU models: identification registers as the Technical Reference Manuals and the products have
 * them, cut to what is emulated, field by field (`emulated`). So the registers say exactly what
 * there is: no AArch32, EL2, EL3, big-endian data, RAS, SVE, SME or MTE yet. `max` is all that is
 * emulated.
 */
#include "cpu/arm/models.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"

#define U(x) UINT64_C(x)

/* Each field the most that is emulated. Also the model `max`. */
static const uint64_t emulated[ARM_ID_COUNT] = {
    [ARM_ID_PFR0] = U(0x1301000000110011), /* CSV3, CSV2_3, DIT, FP16, EL1 and EL0 AArch64 only */
    [ARM_ID_PFR1] = U(0x21),               /* SSBS2, BTI */
    [ARM_ID_DFR0] = U(
        0x10305408), /* 2 context breakpoints, 4 watchpoints, 6 breakpoints, PMUv3p1, v8.2 */
    [ARM_ID_ISAR0] = U(0x1221111110212120), /* RNG, TLBIRANGE, FlagM2, FHM, DotProd, SM4, SM3, SHA3,
                                               RDM, LSE, ... */
    [ARM_ID_ISAR1] = U(0x0011111111211552), /* I8MM, BF16, SPECRES, SB, FRINTTS, LRCPC2, FCMA,
                                               JSCVT, PAuth, DPB2 */
    [ARM_ID_ISAR2] = U(0x0010000000115102), /* CSSC, HBC, MOPS, QARMA3, WFxT */
    [ARM_ID_MMFR0] = U(
        0x1000000010200026), /* ECV, 4K and 16K with LPA2, 64K, 16-bit ASIDs, 52 bits */
    [ARM_ID_MMFR1] = U(0x0000102000311002), /* AFP, ETS2, PAN3, LOR, HPDS, HAFDBS */
    [ARM_ID_MMFR2] = U(
        0x1021001110110011), /* E0PD, BBM 2, TTL, IDST, LSE2, TTST, CCIDX, LVA, UAO, CnP */
};

/* QARMA5, the implementation-defined algorithm and QARMA3 are exclusive; properties choose. */
#define ISAR1_APA U(0x00000000000000f0)
#define ISAR1_API U(0x0000000000000f00)
#define ISAR1_GPA U(0x000000000f000000)
#define ISAR1_GPI U(0x00000000f0000000)
#define ISAR2_GPA3 U(0x0000000000000f00)
#define ISAR2_APA3 U(0x000000000000f000)
#define ISAR1_PAUTH (ISAR1_APA | ISAR1_API | ISAR1_GPA | ISAR1_GPI)
#define ISAR2_PAUTH (ISAR2_APA3 | ISAR2_GPA3)

#define COUNTER_8_0 62500000u
#define COUNTER_8_6 1000000000u

static const struct arm_model models[] = {
    {
        .name = "max",
        .id = {[ARM_ID_MIDR] = U(0x000f0440),
               [ARM_ID_CTR] = U(0x9444c004),
               [ARM_ID_CLIDR] = U(0x0a200023)},
        .ccsidr = {U(0x000000ff0000001a), U(0x000000ff0000001a), U(0x000007ff0000003a)},
        .counter_hz = COUNTER_8_6,
    },
    {
        .name = "cortex-a35",
        .id = {[ARM_ID_MIDR] = U(0x411fd040),
               [ARM_ID_CTR] = U(0x84448004),
               [ARM_ID_CLIDR] = U(0x0a200023),
               [ARM_ID_PFR0] = U(0x2222),
               [ARM_ID_DFR0] = U(0x10305106),
               [ARM_ID_ISAR0] = U(0x11120),
               [ARM_ID_MMFR0] = U(0x00101122)},
        .ccsidr = {U(0x700fe01a), U(0x200fe01a), U(0x703fe07a)},
        .has_l2ctlr = true,
        .counter_hz = COUNTER_8_0,
        .pmu_id = 0x410a,
    },
    {
        .name = "cortex-a53",
        .id = {[ARM_ID_MIDR] = U(0x410fd034),
               [ARM_ID_REVIDR] = U(0x100),
               [ARM_ID_CTR] = U(0x84448004),
               [ARM_ID_CLIDR] = U(0x0a200023),
               [ARM_ID_PFR0] = U(0x2222),
               [ARM_ID_DFR0] = U(0x10305106),
               [ARM_ID_ISAR0] = U(0x11120),
               [ARM_ID_MMFR0] = U(0x1122)},
        .ccsidr = {U(0x700fe01a), U(0x203fe002), U(0x707fe07a)},
        .has_l2ctlr = true,
        .counter_hz = COUNTER_8_0,
        .pmu_id = 0x4103,
    },
    {
        .name = "cortex-a55",
        .id = {[ARM_ID_MIDR] = U(0x412fd050),
               [ARM_ID_CTR] = U(0x84448004),
               [ARM_ID_CLIDR] = U(0x82000023),
               [ARM_ID_PFR0] = U(0x10112222),
               [ARM_ID_PFR1] = U(0x10),
               [ARM_ID_DFR0] = U(0x10305408),
               [ARM_ID_ISAR0] = U(0x0000100010211120),
               [ARM_ID_ISAR1] = U(0x100001),
               [ARM_ID_MMFR0] = U(0x00101122),
               [ARM_ID_MMFR1] = U(0x10212122),
               [ARM_ID_MMFR2] = U(0x1011)},
        .ccsidr = {U(0x700fe01a), U(0x200fe01a), U(0x703fe07a)},
        .counter_hz = COUNTER_8_0,
        .pmu_id = 0x410b,
    },
    {
        .name = "cortex-a57",
        .id = {[ARM_ID_MIDR] = U(0x411fd070),
               [ARM_ID_CTR] = U(0x8444c004),
               [ARM_ID_CLIDR] = U(0x0a200023),
               [ARM_ID_PFR0] = U(0x2222),
               [ARM_ID_DFR0] = U(0x10305106),
               [ARM_ID_ISAR0] = U(0x11120),
               [ARM_ID_MMFR0] = U(0x1124)},
        .ccsidr = {U(0x700fe01a), U(0x201fe012), U(0x70ffe07a)},
        .has_l2ctlr = true,
        .counter_hz = COUNTER_8_0,
        .pmu_id = 0x4101,
    },
    {
        .name = "cortex-a72",
        .id = {[ARM_ID_MIDR] = U(0x410fd083),
               [ARM_ID_CTR] = U(0x8444c004),
               [ARM_ID_CLIDR] = U(0x0a200023),
               [ARM_ID_PFR0] = U(0x2222),
               [ARM_ID_DFR0] = U(0x10305106),
               [ARM_ID_ISAR0] = U(0x11120),
               [ARM_ID_MMFR0] = U(0x1124)},
        .ccsidr = {U(0x700fe01a), U(0x201fe012), U(0x707fe07a)},
        .has_l2ctlr = true,
        .counter_hz = COUNTER_8_0,
        .pmu_id = 0x4102,
    },
    {
        .name = "cortex-a76",
        .id = {[ARM_ID_MIDR] = U(0x414fd0b1),
               [ARM_ID_CTR] = U(0x8444c004),
               [ARM_ID_CLIDR] = U(0x82000023),
               [ARM_ID_PFR0] = U(0x1100000010111112),
               [ARM_ID_PFR1] = U(0x10),
               [ARM_ID_DFR0] = U(0x10305408),
               [ARM_ID_ISAR0] = U(0x0000100010211120),
               [ARM_ID_ISAR1] = U(0x100001),
               [ARM_ID_MMFR0] = U(0x101122),
               [ARM_ID_MMFR1] = U(0x10212122),
               [ARM_ID_MMFR2] = U(0x1011)},
        .ccsidr = {U(0x701fe01a), U(0x201fe01a), U(0x707fe03a)},
        .counter_hz = COUNTER_8_0,
        .pmu_id = 0x410b,
    },
    {
        .name = "neoverse-n1",
        .id = {[ARM_ID_MIDR] = U(0x414fd0c1),
               [ARM_ID_CTR] = U(0x8444c004),
               [ARM_ID_CLIDR] = U(0x82000023),
               [ARM_ID_PFR0] = U(0x1100000010111112),
               [ARM_ID_PFR1] = U(0x20),
               [ARM_ID_DFR0] = U(0x10305408),
               [ARM_ID_ISAR0] = U(0x0000100010211120),
               [ARM_ID_ISAR1] = U(0x100001),
               [ARM_ID_MMFR0] = U(0x101125),
               [ARM_ID_MMFR1] = U(0x10212122),
               [ARM_ID_MMFR2] = U(0x1011)},
        .ccsidr = {U(0x701fe01a), U(0x201fe01a), U(0x70ffe03a)},
        .counter_hz = COUNTER_8_0,
        .pmu_id = 0x410c,
    },
    {
        .name = "neoverse-v1",
        .id = {[ARM_ID_MIDR] = U(0x411fd402),
               [ARM_ID_CTR] = U(0x9444c004),
               [ARM_ID_CLIDR] = U(0x82000023),
               [ARM_ID_PFR0] = U(0x1101110120111112),
               [ARM_ID_PFR1] = U(0x20),
               [ARM_ID_DFR0] = U(0x000001f210305519),
               [ARM_ID_ISAR0] = U(0x1011111110212120),
               [ARM_ID_ISAR1] = U(0x0011100010211302),
               [ARM_ID_MMFR0] = U(0x101125),
               [ARM_ID_MMFR1] = U(0x10212122),
               [ARM_ID_MMFR2] = U(0x0220011102101011)},
        .ccsidr = {U(0x000000ff0000001a), U(0x000000ff0000001a), U(0x000007ff0000003a)},
        .counter_hz = COUNTER_8_0,
        .pmu_id = 0x4121,
    },
};

const char *const arm_model_names[] = {"max",         "cortex-a35", "cortex-a53", "cortex-a55",
                                       "cortex-a57",  "cortex-a72", "cortex-a76", "neoverse-n1",
                                       "neoverse-v1", NULL};

/* ---- identification registers and features */

/* Fields where 15 means that there is none. */
static bool is_signed_field(enum arm_id id, unsigned lo)
{
    return (id == ARM_ID_MMFR0 && (lo == 28 || lo == 24)) || (id == ARM_ID_DFR0 && lo == 36);
}

/* The less of each field of x and y. */
static uint64_t least_fields(enum arm_id id, uint64_t x, uint64_t y)
{
    uint64_t r = 0;
    for (unsigned lo = 0; lo < 64; lo += 4) {
        const uint64_t fx = x >> lo & 15, fy = y >> lo & 15, flip = is_signed_field(id, lo) ? 8 : 0;
        r |= ((fx ^ flip) < (fy ^ flip) ? fx : fy) << lo;
    }
    return r;
}

static bool is_feature_id(enum arm_id id)
{
    return id >= ARM_ID_PFR0;
}

static void take_ids(struct arm_cpu *cpu, const struct arm_model *m)
{
    const bool all = m->id[ARM_ID_PFR0] == 0;
    for (enum arm_id i = 0; i < ARM_ID_COUNT; i++) {
        if (!is_feature_id(i)) {
            cpu->id[i] = m->id[i];
        } else {
            cpu->id[i] = all ? emulated[i] : least_fields(i, m->id[i], emulated[i]);
        }
    }
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
    set_feature(cpu, ARM_HAS_l2ctlr, cpu->model->has_l2ctlr);
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
    bool pauth, impdef, qarma3, qarma5, pmu, lpa2;
    bool sve, sme, aarch64;
};

static const struct property {
    const char *name, *help;
    size_t offset;
} properties[] = {
    {"aarch64", "64-bit state; cannot be switched off", offsetof(struct settings, aarch64)},
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
    for (size_t i = 0; i < array_len(models); i++) {
        if (strlen(models[i].name) == n && strncmp(models[i].name, name, n) == 0) {
            return &models[i];
        }
    }
    return NULL;
}

static bool unknown_model(const char *name, size_t n, struct error *e)
{
    char word[64];
    snprintf(word, sizeof(word), "%.*s", (int)(n < sizeof(word) ? n : sizeof(word) - 1), name);
    error_set(e, "-cpu %s: no such CPU model", word);
    list_choices(e, word, arm_model_names, array_len(arm_model_names) - 1);
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
        cpu->id[ARM_ID_DFR0] &= ~U(0xf00);
    }
    if (!s.lpa2) {
        cpu->id[ARM_ID_MMFR0] = least_fields(ARM_ID_MMFR0, cpu->id[ARM_ID_MMFR0],
                                             U(0xffffffff071fffff));
    }
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
