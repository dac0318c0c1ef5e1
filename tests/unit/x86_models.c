/* SPDX-License-Identifier: MIT */
/* CPU models of x86: what -cpu accepts, and what of it CPUID says. */
#include "base/mem.h"
#include "cpu/x86/models.h"
#include "tests/test.h"

/* A vCPU of the model; NULL with the error's text in e. */
static struct x86_cpu *make(const char *model, struct error *e)
{
    *e = (struct error){""};
    return (struct x86_cpu *)x86_cpu_class.create(model, 0, e);
}

static void drop(struct x86_cpu *c)
{
    x86_cpu_class.destroy(&c->vcpu);
}

/* A register of a leaf. */
static uint32_t says(const char *model, uint32_t leaf, unsigned reg)
{
    struct error e;
    uint32_t r[4] = {0};
    struct x86_cpu *c = make(model, &e);
    CHECK_MSG(c != NULL, "%s: %s", model, e.text);
    if (c) {
        x86_cpuid_leaf(c, leaf, 0, r);
        drop(c);
    }
    return r[reg];
}

static void refuses(const char *model, const char *why)
{
    struct error e;
    struct x86_cpu *c = make(model, &e);
    CHECK_MSG(c == NULL, "%s is accepted", model);
    CHECK_STR(e.text, why);
    if (c) {
        drop(c);
    }
}

/* Lines of what is not there. */
static void misses(const char *model, const char *lines)
{
    struct error e;
    struct x86_cpu *c = make(model, &e);
    REQUIRE(c);
    char *text = x86_cpu_class.missing(&c->vcpu);
    CHECK_STR(text ? text : "", lines);
    mem_free(text);
    drop(c);
}

TEST(every_model_can_be_made_and_has_nothing_that_is_not_emulated)
{
    for (const struct x86_model *m = x86_models; m->name; m++) {
        struct error e;
        struct x86_cpu *c = make(m->name, &e);
        CHECK_MSG(c != NULL, "%s: %s", m->name, e.text);
        if (c) {
            CHECK_EQ(c->cpuid[X86_WORD_7_EBX] >> 16 & 1, 0); /* AVX-512 */
            CHECK_EQ(c->cpuid[X86_WORD_81_ECX] >> 2 & 1, 0); /* SVM */
            CHECK_EQ(c->cpuid[X86_WORD_1_ECX] >> 5 & 1, 0);  /* VMX */
            drop(c);
        }
    }
}

TEST(names_without_a_version_are_those_of_the_first_one)
{
    CHECK_EQ(says("Haswell", 1, 0), 0x306c4);
    CHECK_EQ(says("Haswell-v2", 1, 0), 0x306c1);
    CHECK_EQ(says("Haswell-noTSX", 1, 0), 0x306c1);
    CHECK_EQ(says("EPYC-Rome-v4", 1, 0), 0x830f10);
    CHECK_EQ(says("pentium3", 1, 0), 0x673);
}

TEST(features_are_switched_by_all_their_names)
{
    CHECK_EQ(says("qemu64", 1, 2) & 0x80001, 1);
    CHECK_EQ(says("qemu64,sse4.1=on,-pni", 1, 2) & 0x80001, 0x80000);
    CHECK_EQ(says("qemu64,+sse4_1,sse3=off", 1, 2) & 0x80001, 0x80000);
    CHECK_EQ(says("max,-lahf-lm", 0x80000001, 2) & 1, 0);
    CHECK_EQ(says("qemu64,lahf_lm=on", 0x80000001, 2) & 1, 1);
    CHECK_EQ(says("qemu64,hypervisor=off", 1, 2) >> 31, 0);
    CHECK_EQ(says("base,+avx2", 0, 0), 7); /* there is the leaf */
    CHECK_EQ(says("base,+avx2", 7, 1), 0x20);
}

TEST(a_feature_that_is_off_is_not_executed)
{
    struct error e;
    struct x86_cpu *c = make("max,-avx2", &e), *all = make("max", &e);
    REQUIRE(c && all);
    CHECK_EQ(all->features & ~c->features, all->features ^ c->features);
    CHECK(all->features != c->features);
    drop(c);
    drop(all);
}

TEST(identity_can_be_chosen)
{
    CHECK_EQ(says("qemu64,family=6,model=0x5e,stepping=3", 1, 0), 0x506e3);
    CHECK_EQ(says("qemu64,vendor=GenuineIntel", 0, 1), 0x756e6547);
    CHECK_EQ(says("qemu64,model-id=AB", 0x80000002, 0), 0x4241);
    CHECK_EQ(says("qemu64,phys-bits=46", 0x80000008, 0), 0x302e);
    CHECK_EQ(says("kvm32,level=2", 0, 0), 2);
    CHECK_EQ(says("max,level=2,xlevel=0", 0, 0), 0xd); /* as far as features need it */
}

TEST(words_that_are_not_known_are_refused)
{
    refuses("Haswel", "-cpu: no such CPU model: \"Haswel\": did you mean \"Haswell\"?");
    refuses("Skylake-Cleint", "-cpu: no such CPU model: \"Skylake-Cleint\": did you mean "
                              "\"Skylake-Client\"?");
    refuses("qemu64,+avxx", "-cpu: no such CPU feature: \"avxx\": did you mean \"avx\"?");
    refuses("qemu64,steping=3", "-cpu: no such CPU feature: \"steping\": did you mean "
                                "\"stepping\"?");
    refuses("qemu64,avx=maybe", "-cpu: avx=maybe: expected on or off");
    refuses("qemu64,phys-bits=70", "-cpu: phys-bits=70: expected a number from 32 to 52");
    refuses("qemu64,stepping=16", "-cpu: stepping=16: expected a number from 0 to 15");
    refuses("qemu64,vendor=me", "-cpu: vendor=me: expected 12 characters");
    refuses("host", "-cpu: host: needs KVM, which is to come; max has all that is emulated");
}

TEST(what_is_not_emulated_is_told_of)
{
    const char *hle = "TCG doesn't support requested feature: CPUID.07H:EBX.hle [bit 4]\n"
                      "TCG doesn't support requested feature: CPUID.07H:EBX.rtm [bit 11]\n";
    misses("qemu64", "");
    misses("max", "");
    misses("Haswell", hle);
    misses("Haswell,check=off", "");
    misses("Haswell-noTSX", "");
    misses("qemu64,+svm",
           "TCG doesn't support requested feature: CPUID.80000001H:ECX.svm [bit 2]\n");
}

TEST(enforce_refuses_what_is_not_emulated)
{
    struct error e;
    struct x86_cpu *c = make("Haswell-noTSX,enforce", &e);
    CHECK(c != NULL);
    if (c) {
        drop(c);
    }
    c = make("Haswell,enforce", &e);
    CHECK(c == NULL);
    CHECK(strstr(e.text, "TCG doesn't support requested features"));
    CHECK(strstr(e.text, "CPUID.07H:EBX.rtm [bit 11]"));
}

TEST(what_models_leave_out_can_be_had)
{
    CHECK_EQ(says("Haswell", 1, 2) >> 17 & 1, 0);
    CHECK_EQ(says("Haswell,+pcid", 1, 2) >> 17 & 1, 1);
    CHECK_EQ(says("max", 1, 2) >> 17 & 1, 1);
}

TEST(help_lists_models_in_order_and_features)
{
    char *text = x86_models_describe();
    const char *haswell = strstr(text,
                                 "  Haswell               (alias configured by machine type)\n");
    const char *qemu64 = strstr(text, "  qemu64-v1             QEMU Virtual CPU version 2.5+\n");
    CHECK(haswell && qemu64 && haswell < qemu64);
    CHECK(strstr(text, "  Haswell-noTSX         (alias of Haswell-v2)\n"));
    CHECK(strstr(text, "\nRecognized CPUID flags:\n  3dnow 3dnowext 3dnowprefetch abm"));
    mem_free(text);
}
