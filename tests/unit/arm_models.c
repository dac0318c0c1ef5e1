/* SPDX-License-Identifier: MIT */
/* CPU models of Arm: what -cpu accepts, and what identification registers say. */
#include "base/mem.h"
#include "cpu/arm/cpu.h"
#include "cpu/arm/models.h"
#include "tests/test.h"

/* A vCPU of the model; NULL with the error's text in e. */
static struct arm_cpu *make(const char *model, struct error *e)
{
    return (struct arm_cpu *)arm_cpu_class.create(model, 0, e);
}

static void drop(struct arm_cpu *cpu)
{
    arm_cpu_class.destroy(&cpu->vcpu);
}

/* The field of a model's register. */
static unsigned field(const char *model, enum arm_id id, unsigned lo)
{
    struct error e = {""};
    struct arm_cpu *cpu = make(model, &e);
    if (!cpu) {
        test_fail(__FILE__, __LINE__, "%s: %s", model, e.text);
        return 99;
    }
    const unsigned value = cpu->id[id] >> lo & 15;
    drop(cpu);
    return value;
}

TEST(every_model_can_be_made)
{
    for (unsigned i = 0; arm_model_names[i]; i++) {
        struct error e = {""};
        struct arm_cpu *cpu = make(arm_model_names[i], &e);
        CHECK_MSG(cpu != NULL, "%s: %s", arm_model_names[i], e.text);
        if (cpu) {
            CHECK_STR(cpu->model->name, arm_model_names[i]);
            drop(cpu);
        }
    }
}

TEST(no_model_has_what_is_not_emulated)
{
    for (unsigned i = 0; arm_model_names[i]; i++) {
        const char *name = arm_model_names[i];
        CHECK_EQ(field(name, ARM_ID_PFR0, 0), 1);  /* EL0: AArch64 only */
        CHECK_EQ(field(name, ARM_ID_PFR0, 4), 1);  /* EL1 */
        CHECK_EQ(field(name, ARM_ID_PFR0, 8), 0);  /* EL2 */
        CHECK_EQ(field(name, ARM_ID_PFR0, 12), 0); /* EL3 */
        CHECK_EQ(field(name, ARM_ID_PFR0, 32), 0); /* SVE */
        CHECK_EQ(field(name, ARM_ID_PFR1, 8), 0);  /* MTE */
        CHECK_EQ(field(name, ARM_ID_PFR1, 24), 0); /* SME */
    }
}

TEST(features_of_models_differ)
{
    CHECK_EQ(field("cortex-a53", ARM_ID_ISAR0, 20), 0); /* LSE */
    CHECK_EQ(field("cortex-a76", ARM_ID_ISAR0, 20), 2);
    CHECK_EQ(field("cortex-a53", ARM_ID_MMFR0, 0), 2);  /* 40 bits of physical address */
    CHECK_EQ(field("neoverse-n1", ARM_ID_MMFR0, 0), 5); /* 48 */
    CHECK_EQ(field("max", ARM_ID_MMFR0, 0), 6);         /* 52 */
    CHECK_EQ(field("cortex-a53", ARM_ID_MMFR0, 20), 0); /* no pages of 16 KB */
    CHECK_EQ(field("cortex-a35", ARM_ID_MMFR0, 20), 1);
    CHECK_EQ(field("max", ARM_ID_ISAR2, 16), 1); /* MOPS */
    CHECK_EQ(field("neoverse-v1", ARM_ID_ISAR2, 16), 0);
}

TEST(half_precision_follows_the_signed_field)
{
    struct error e;
    struct arm_cpu *a53 = make("cortex-a53", &e), *max = make("max", &e);
    REQUIRE(a53 && max);
    CHECK(!arm_has(a53, ARM_HAS_fp16));
    CHECK(arm_has(max, ARM_HAS_fp16));
    drop(a53);
    drop(max);
}

TEST(pauth_algorithm_is_the_one_that_was_chosen)
{
    CHECK_EQ(field("max", ARM_ID_ISAR1, 8), 5); /* API: FPACCOMBINE */
    CHECK_EQ(field("max", ARM_ID_ISAR1, 4), 0);
    CHECK_EQ(field("max,pauth-qarma5=on", ARM_ID_ISAR1, 4), 5); /* APA */
    CHECK_EQ(field("max,pauth-qarma5=on", ARM_ID_ISAR1, 8), 0);
    CHECK_EQ(field("max,pauth-qarma5=on", ARM_ID_ISAR1, 24), 1); /* GPA */
    CHECK_EQ(field("max,pauth-qarma3=on", ARM_ID_ISAR2, 12), 5); /* APA3 */
    CHECK_EQ(field("max,pauth-qarma3=on", ARM_ID_ISAR1, 8), 0);
    CHECK_EQ(field("neoverse-v1", ARM_ID_ISAR1, 8), 3); /* as the product: FEAT_PAuth2 */
}

TEST(pauth_off_removes_it)
{
    struct error e;
    struct arm_cpu *cpu = make("max,pauth=off", &e);
    REQUIRE(cpu);
    CHECK(!arm_has(cpu, ARM_HAS_pauth));
    CHECK_EQ(cpu->id[ARM_ID_ISAR1] & 0xff000ff0, 0);
    drop(cpu);
}

TEST(pmu_and_lpa2_can_be_switched_off)
{
    CHECK_EQ(field("max", ARM_ID_DFR0, 8), 6);
    CHECK_EQ(field("max,pmu=off", ARM_ID_DFR0, 8), 0);
    CHECK_EQ(field("max", ARM_ID_MMFR0, 28), 1);
    CHECK_EQ(field("max,lpa2=off", ARM_ID_MMFR0, 28), 0);
    CHECK_EQ(field("max,lpa2=off", ARM_ID_MMFR0, 20), 1);
    CHECK_EQ(field("max,lpa2=off", ARM_ID_MMFR0, 24), 0); /* pages of 64 KB stay */
}

TEST(short_sequences_are_an_extra_of_max)
{
    CHECK_EQ(field("max", ARM_ID_ISAR2, 52), 0);
    CHECK_EQ(field("max,cssc=on", ARM_ID_ISAR2, 52), 1);
    CHECK_EQ(field("cortex-a57,cssc=off", ARM_ID_ISAR2, 52), 0);
}

TEST(properties_that_change_nothing_are_accepted)
{
    CHECK_EQ(field("max,sve=off,sme=off,aarch64=on,+pmu", ARM_ID_PFR0, 4), 1);
    CHECK_EQ(field("cortex-a53,pauth=off,lpa2=off", ARM_ID_PFR0, 4), 1);
}

static void check_refused(const char *model, const char *says)
{
    struct error e = {""};
    struct arm_cpu *cpu = make(model, &e);
    CHECK_MSG(!cpu, "%s is accepted", model);
    CHECK_MSG(strstr(e.text, says) != NULL, "%s: \"%s\" does not say \"%s\"", model, e.text, says);
    if (cpu) {
        drop(cpu);
    }
}

TEST(unknown_model_is_refused_with_the_list)
{
    check_refused("cortex-a75", "no such CPU model");
    check_refused("cortex-a75", "did you mean 'cortex-a");
    check_refused("cortex-a75", "neoverse-v1");
    check_refused("", "no such CPU model");
}

TEST(unknown_property_is_refused_with_the_list)
{
    check_refused("max,pauht=off", "did you mean 'pauth'");
    check_refused("max,pauht=off", "lpa2");
    check_refused("max,pauth=maybe", "expected on or off");
    check_refused("max,reset-cbar=3", "no property 'reset-cbar'");
}

TEST(contradictions_are_refused)
{
    check_refused("max,sve=on", "only sve=off");
    check_refused("max,sme=on", "only sme=off");
    check_refused("max,aarch64=off", "aarch64=on");
    check_refused("max,pauth=off,pauth-impdef=on", "pauth=off");
    check_refused("max,pauth-qarma3=on,pauth-qarma5=on", "choose one");
    check_refused("cortex-a57,cssc=on", "only max can have it");
    check_refused("cortex-a57,pauth-qarma5=on", "no pointer authentication");
    check_refused("neoverse-n1,pauth=on", "no pointer authentication");
    check_refused("cortex-a76,lpa2=on", "no 52-bit addresses");
}

TEST(help_names_models_and_properties)
{
    char *text = arm_cpu_class.describe_models();
    CHECK(strstr(text, "cortex-a57") && strstr(text, "max") && strstr(text, "pauth-impdef"));
    mem_free(text);
}
