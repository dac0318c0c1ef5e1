/* SPDX-License-Identifier: MIT */
/*
 * CPU models and their versions: what CPUID says of the processors of these names, in the terms of
 * -cpu. A later version is what another one is, and the changes. Intel SDM, volume 2, CPUID; AMD
 * APM, volume 3, appendix E; and what QEMU 10 shows its guests, to which the names belong.
 */
#include "cpu/x86/models.h"

/* Of AMD's processors since Zen, that is leaves 0x80000005, 0x80000006 and 0x8000001d. */
static const struct x86_caches epyc = {{0x20080140, 0x40040140, 0x02006140, 0x00408140},
                                       {{0x121, 0x1c0003f, 0x3f, 1},
                                        {0x122, 0xc0003f, 0xff, 1},
                                        {0x43, 0x1c0003f, 0x3ff, 0},
                                        {0x163, 0x3c0003f, 0x1fff, 2}}};
static const struct x86_caches rome = {{0x20080140, 0x20080140, 0x02006140, 0x00808140},
                                       {{0x121, 0x1c0003f, 0x3f, 1},
                                        {0x122, 0x1c0003f, 0x3f, 1},
                                        {0x43, 0x1c0003f, 0x3ff, 0},
                                        {0x163, 0x3c0003f, 0x3fff, 2}}};
static const struct x86_caches milan = {{0x20080140, 0x20080140, 0x02006140, 0x01008140},
                                        {{0x121, 0x1c0003f, 0x3f, 1},
                                         {0x122, 0x1c0003f, 0x3f, 1},
                                         {0x43, 0x1c0003f, 0x3ff, 0},
                                         {0x163, 0x3c0003f, 0x7fff, 2}}};
static const struct x86_caches genoa = {{0x20080140, 0x20080140, 0x04006140, 0x01008140},
                                        {{0x121, 0x1c0003f, 0x3f, 1},
                                         {0x122, 0x1c0003f, 0x3f, 1},
                                         {0x43, 0x1c0003f, 0x7ff, 0},
                                         {0x163, 0x3c0003f, 0x7fff, 2}}};

const struct x86_model x86_models[] = {
    {.name = "486-v1",
     .id = "",
     .options = "vendor=GenuineIntel family=4 model=8 stepping=0 level=0x1 xlevel=0x0"
                " fpu pse hypervisor"},
    {.name = "Broadwell-v1",
     .id = "Intel Core Processor (Broadwell)",
     .options =
         "vendor=GenuineIntel family=6 model=61 stepping=2 level=0xd xlevel=0x80000008"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni pclmulqdq ssse3 fma cx16 sse4.1 sse4.2 x2apic movbe popcnt aes xsave avx "
         "f16c rdrand hypervisor arat fsgsbase bmi1 avx2 smep bmi2 erms rdseed adx smap xsaveopt "
         "nx rdtscp syscall lm lahf-lm abm 3dnowprefetch pcid tsc-deadline hle invpcid rtm"},
    {.name = "Broadwell-v2",
     .alias = "Broadwell-noTSX",
     .from = "Broadwell-v1",
     .id = "Intel Core Processor (Broadwell, no TSX)",
     .options = "-hle -rtm"},
    {.name = "Broadwell-v3",
     .alias = "Broadwell-IBRS",
     .from = "Broadwell-v2",
     .id = "Intel Core Processor (Broadwell, IBRS)",
     .options = "+hle +rtm +spec-ctrl"},
    {.name = "Broadwell-v4",
     .alias = "Broadwell-noTSX-IBRS",
     .from = "Broadwell-v3",
     .id = "Intel Core Processor (Broadwell, no TSX, IBRS)",
     .options = "-hle -rtm"},
    {.name = "Cascadelake-Server-v1",
     .id = "Intel Xeon Processor (Cascadelake)",
     .options =
         "vendor=GenuineIntel family=6 model=85 stepping=6 level=0xd xlevel=0x80000008"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni pclmulqdq ssse3 fma cx16 sse4.1 sse4.2 x2apic movbe popcnt aes xsave avx "
         "f16c rdrand hypervisor arat fsgsbase bmi1 avx2 smep bmi2 erms rdseed adx smap "
         "clflushopt clwb pku xsaveopt xgetbv1 nx pdpe1gb rdtscp syscall lm lahf-lm abm "
         "3dnowprefetch pcid tsc-deadline hle invpcid rtm avx512f avx512dq avx512cd avx512bw "
         "avx512vl avx512vnni spec-ctrl ssbd xsavec"},
    {.name = "Cascadelake-Server-v2",
     .from = "Cascadelake-Server-v1",
     .note = "[ARCH_CAPABILITIES]",
     .options = "+arch-capabilities"},
    {.name = "Cascadelake-Server-v3",
     .alias = "Cascadelake-Server-noTSX",
     .from = "Cascadelake-Server-v2",
     .note = "[ARCH_CAPABILITIES, no TSX]",
     .options = "-hle -rtm"},
    {.name = "Cascadelake-Server-v4",
     .from = "Cascadelake-Server-v3",
     .note = "[ARCH_CAPABILITIES, EPT switching, no TSX]"},
    {.name = "Cascadelake-Server-v5",
     .from = "Cascadelake-Server-v4",
     .note = "[ARCH_CAPABILITIES, EPT switching, XSAVES, no TSX]",
     .options = "+xsaves"},
    {.name = "Conroe-v1",
     .id = "Intel Celeron_4x0 (Conroe/Merom Class Core 2)",
     .options =
         "vendor=GenuineIntel family=6 model=15 stepping=3 level=0xa xlevel=0x80000008"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni ssse3 hypervisor nx syscall lm lahf-lm"},
    {.name = "Cooperlake-v1",
     .id = "Intel Xeon Processor (Cooperlake)",
     .options =
         "vendor=GenuineIntel family=6 model=85 stepping=10 level=0xd xlevel=0x80000008"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni pclmulqdq ssse3 fma cx16 sse4.1 sse4.2 x2apic movbe popcnt aes xsave avx "
         "f16c rdrand hypervisor arat fsgsbase bmi1 avx2 smep bmi2 erms rdseed adx smap "
         "clflushopt clwb pku xsaveopt xgetbv1 nx pdpe1gb rdtscp syscall lm lahf-lm abm "
         "3dnowprefetch pcid tsc-deadline hle invpcid rtm avx512f avx512dq avx512cd avx512bw "
         "avx512vl avx512vnni spec-ctrl stibp arch-capabilities ssbd avx512-bf16 xsavec"},
    {.name = "Cooperlake-v2", .from = "Cooperlake-v1", .note = "[XSAVES]", .options = "+xsaves"},
    {.name = "Denverton-v1",
     .id = "Intel Atom Processor (Denverton)",
     .options =
         "vendor=GenuineIntel family=6 model=95 stepping=1 level=0x15 xlevel=0x80000008"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni pclmulqdq monitor ssse3 cx16 sse4.1 sse4.2 x2apic movbe popcnt aes xsave "
         "rdrand hypervisor arat fsgsbase smep erms mpx rdseed smap clflushopt sha-ni xsaveopt "
         "xgetbv1 nx pdpe1gb rdtscp syscall lm lahf-lm 3dnowprefetch tsc-deadline spec-ctrl "
         "arch-capabilities ssbd xsavec"},
    {.name = "Denverton-v2",
     .from = "Denverton-v1",
     .note = "[no MPX, no MONITOR]",
     .options = "-monitor -mpx"},
    {.name = "Denverton-v3",
     .from = "Denverton-v2",
     .note = "[XSAVES, no MPX, no MONITOR]",
     .options = "+xsaves"},
    {.name = "EPYC-Genoa-v1",
     .id = "AMD EPYC-Genoa Processor",
     .caches = &genoa,
     .options =
         "vendor=AuthenticAMD family=25 model=17 stepping=0 level=0xd xlevel=0x80000022"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni pclmulqdq monitor ssse3 fma cx16 sse4.1 sse4.2 movbe popcnt aes xsave avx "
         "f16c rdrand hypervisor arat fsgsbase bmi1 avx2 smep bmi2 erms rdseed adx smap "
         "clflushopt clwb sha-ni umip pku vaes la57 rdpid fsrm xsaveopt xgetbv1 syscall nx mmxext "
         "pdpe1gb rdtscp lm lahf-lm svm cr8legacy abm sse4a 3dnowprefetch xsaveerptr wbnoinvd npt "
         "svme-addr-chk pcid invpcid avx512f avx512dq avx512ifma avx512cd avx512bw avx512vl "
         "avx512vbmi avx512vbmi2 gfni vpclmulqdq avx512vnni avx512bitalg avx512-vpopcntdq "
         "avx512-bf16 fxsr-opt misalignsse osvw topoext perfctr-core clzero ibpb ibrs amd-stibp "
         "stibp-always-on amd-ssbd amd-psfd no-nested-data-bp lfence-always-serializing "
         "null-sel-clr-base auto-ibrs nrip-save vnmi xsavec xsaves"},
    {.name = "EPYC-Milan-v1",
     .id = "AMD EPYC-Milan Processor",
     .caches = &milan,
     .options =
         "vendor=AuthenticAMD family=25 model=1 stepping=1 level=0xd xlevel=0x8000001e"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni pclmulqdq monitor ssse3 fma cx16 sse4.1 sse4.2 movbe popcnt aes xsave avx "
         "f16c rdrand hypervisor arat fsgsbase bmi1 avx2 smep bmi2 erms rdseed adx smap "
         "clflushopt clwb sha-ni umip pku rdpid fsrm xsaveopt xgetbv1 syscall nx mmxext pdpe1gb "
         "rdtscp lm lahf-lm svm cr8legacy abm sse4a 3dnowprefetch xsaveerptr wbnoinvd npt "
         "svme-addr-chk pcid invpcid fxsr-opt misalignsse osvw topoext perfctr-core clzero ibpb "
         "ibrs amd-stibp amd-ssbd nrip-save xsavec xsaves"},
    {.name = "EPYC-Milan-v2",
     .from = "EPYC-Milan-v1",
     .id = "AMD EPYC-Milan-v2 Processor",
     .options = "xlevel=0x80000021 +vaes +vpclmulqdq +stibp-always-on +amd-psfd +no-nested-data-bp "
                "+lfence-always-serializing +null-sel-clr-base"},
    {.name = "EPYC-Rome-v1",
     .id = "AMD EPYC-Rome Processor",
     .caches = &rome,
     .options =
         "vendor=AuthenticAMD family=23 model=49 stepping=0 level=0xd xlevel=0x8000001e"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni pclmulqdq monitor ssse3 fma cx16 sse4.1 sse4.2 movbe popcnt aes xsave avx "
         "f16c rdrand hypervisor arat fsgsbase bmi1 avx2 smep bmi2 rdseed adx smap clflushopt "
         "clwb sha-ni umip rdpid xsaveopt xgetbv1 syscall nx mmxext pdpe1gb rdtscp lm lahf-lm svm "
         "cr8legacy abm sse4a 3dnowprefetch xsaveerptr wbnoinvd npt fxsr-opt misalignsse osvw "
         "topoext perfctr-core clzero ibpb amd-stibp nrip-save xsavec xsaves"},
    {.name = "EPYC-Rome-v2", .from = "EPYC-Rome-v1", .options = "+ibrs +amd-ssbd"},
    {.name = "EPYC-Rome-v3", .from = "EPYC-Rome-v2", .id = "AMD EPYC-Rome-v3 Processor"},
    {.name = "EPYC-Rome-v4",
     .from = "EPYC-Rome-v3",
     .id = "AMD EPYC-Rome-v4 Processor (no XSAVES)",
     .options = "-xsaves"},
    {.name = "EPYC-v1",
     .id = "AMD EPYC Processor",
     .caches = &epyc,
     .options =
         "vendor=AuthenticAMD family=23 model=1 stepping=2 level=0xd xlevel=0x8000001e"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni pclmulqdq monitor ssse3 fma cx16 sse4.1 sse4.2 movbe popcnt aes xsave avx "
         "f16c rdrand hypervisor arat fsgsbase bmi1 avx2 smep bmi2 rdseed adx smap clflushopt "
         "sha-ni xsaveopt xgetbv1 syscall nx mmxext pdpe1gb rdtscp lm lahf-lm svm cr8legacy abm "
         "sse4a 3dnowprefetch npt fxsr-opt misalignsse osvw topoext nrip-save xsavec"},
    {.name = "EPYC-v2",
     .alias = "EPYC-IBPB",
     .from = "EPYC-v1",
     .id = "AMD EPYC Processor (with IBPB)",
     .options = "+ibpb"},
    {.name = "EPYC-v3",
     .from = "EPYC-v2",
     .id = "AMD EPYC Processor",
     .options = "+xsaveerptr +perfctr-core +clzero +xsaves"},
    {.name = "EPYC-v4", .from = "EPYC-v3", .id = "AMD EPYC-v4 Processor"},
    {.name = "Haswell-v1",
     .id = "Intel Core Processor (Haswell)",
     .options =
         "vendor=GenuineIntel family=6 model=60 stepping=4 level=0xd xlevel=0x80000008"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni pclmulqdq ssse3 fma cx16 sse4.1 sse4.2 x2apic movbe popcnt aes xsave avx "
         "f16c rdrand hypervisor arat fsgsbase bmi1 avx2 smep bmi2 erms xsaveopt nx rdtscp "
         "syscall lm lahf-lm abm pcid tsc-deadline hle invpcid rtm"},
    {.name = "Haswell-v2",
     .alias = "Haswell-noTSX",
     .from = "Haswell-v1",
     .id = "Intel Core Processor (Haswell, no TSX)",
     .options = "stepping=1 -hle -rtm"},
    {.name = "Haswell-v3",
     .alias = "Haswell-IBRS",
     .from = "Haswell-v2",
     .id = "Intel Core Processor (Haswell, IBRS)",
     .options = "stepping=4 +hle +rtm +spec-ctrl"},
    {.name = "Haswell-v4",
     .alias = "Haswell-noTSX-IBRS",
     .from = "Haswell-v3",
     .id = "Intel Core Processor (Haswell, no TSX, IBRS)",
     .options = "stepping=1 -hle -rtm"},
    {.name = "Icelake-Server-v1",
     .id = "Intel Xeon Processor (Icelake)",
     .options =
         "vendor=GenuineIntel family=6 model=134 stepping=0 level=0xd xlevel=0x80000008"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni pclmulqdq ssse3 fma cx16 sse4.1 sse4.2 x2apic movbe popcnt aes xsave avx "
         "f16c rdrand hypervisor arat fsgsbase bmi1 avx2 smep bmi2 erms rdseed adx smap "
         "clflushopt clwb umip pku vaes la57 xsaveopt xgetbv1 nx pdpe1gb rdtscp syscall lm "
         "lahf-lm abm 3dnowprefetch wbnoinvd pcid tsc-deadline hle invpcid rtm avx512f avx512dq "
         "avx512cd avx512bw avx512vl avx512vbmi avx512vbmi2 gfni vpclmulqdq avx512vnni "
         "avx512bitalg avx512-vpopcntdq spec-ctrl ssbd xsavec"},
    {.name = "Icelake-Server-v2",
     .alias = "Icelake-Server-noTSX",
     .from = "Icelake-Server-v1",
     .note = "[no TSX]",
     .options = "-hle -rtm"},
    {.name = "Icelake-Server-v3", .from = "Icelake-Server-v2", .options = "+arch-capabilities"},
    {.name = "Icelake-Server-v4",
     .from = "Icelake-Server-v3",
     .options = "model=106 +sha-ni +rdpid +fsrm +avx512ifma"},
    {.name = "Icelake-Server-v5",
     .from = "Icelake-Server-v4",
     .note = "[XSAVES]",
     .options = "+xsaves"},
    {.name = "Icelake-Server-v6", .from = "Icelake-Server-v5", .note = "[5-level EPT]"},
    {.name = "Icelake-Server-v7",
     .from = "Icelake-Server-v6",
     .note = "[TSX, taa-no]",
     .options = "+hle +rtm"},
    {.name = "IvyBridge-v1",
     .id = "Intel Xeon E3-12xx v2 (Ivy Bridge)",
     .options =
         "vendor=GenuineIntel family=6 model=58 stepping=9 level=0xd xlevel=0x80000008"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni pclmulqdq ssse3 cx16 sse4.1 sse4.2 x2apic popcnt aes xsave avx f16c rdrand "
         "hypervisor arat fsgsbase smep erms xsaveopt nx rdtscp syscall lm lahf-lm tsc-deadline"},
    {.name = "IvyBridge-v2",
     .alias = "IvyBridge-IBRS",
     .from = "IvyBridge-v1",
     .id = "Intel Xeon E3-12xx v2 (Ivy Bridge, IBRS)",
     .options = "+spec-ctrl"},
    {.name = "Nehalem-v1",
     .id = "Intel Core i7 9xx (Nehalem Class Core i7)",
     .options =
         "vendor=GenuineIntel family=6 model=26 stepping=3 level=0xb xlevel=0x80000008"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni ssse3 cx16 sse4.1 sse4.2 popcnt hypervisor nx syscall lm lahf-lm"},
    {.name = "Nehalem-v2",
     .alias = "Nehalem-IBRS",
     .from = "Nehalem-v1",
     .id = "Intel Core i7 9xx (Nehalem Core i7, IBRS update)",
     .options = "+spec-ctrl"},
    {.name = "Opteron_G1-v1",
     .id = "AMD Opteron 240 (Gen 1 Class Opteron)",
     .options =
         "vendor=AuthenticAMD family=15 model=6 stepping=1 level=0x5 xlevel=0x80000008"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni hypervisor syscall nx lm"},
    {.name = "Opteron_G2-v1",
     .id = "AMD Opteron 22xx (Gen 2 Class Opteron)",
     .options =
         "vendor=AuthenticAMD family=15 model=6 stepping=1 level=0x5 xlevel=0x8000000a"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni cx16 hypervisor syscall nx lm lahf-lm svm"},
    {.name = "Opteron_G3-v1",
     .id = "AMD Opteron 23xx (Gen 3 Class Opteron)",
     .options =
         "vendor=AuthenticAMD family=16 model=2 stepping=3 level=0x5 xlevel=0x8000000a"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni monitor cx16 popcnt hypervisor syscall nx rdtscp lm lahf-lm svm abm sse4a "
         "misalignsse"},
    {.name = "Opteron_G4-v1",
     .id = "AMD Opteron 62xx class CPU",
     .options =
         "vendor=AuthenticAMD family=21 model=1 stepping=2 level=0xd xlevel=0x8000001a"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni pclmulqdq ssse3 cx16 sse4.1 sse4.2 popcnt aes xsave avx hypervisor syscall "
         "nx pdpe1gb rdtscp lm lahf-lm svm abm sse4a 3dnowprefetch npt misalignsse xop fma4 "
         "nrip-save"},
    {.name = "Opteron_G5-v1",
     .id = "AMD Opteron 63xx class CPU",
     .options =
         "vendor=AuthenticAMD family=21 model=2 stepping=0 level=0xd xlevel=0x8000001a"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni pclmulqdq ssse3 fma cx16 sse4.1 sse4.2 popcnt aes xsave avx f16c "
         "hypervisor syscall nx pdpe1gb rdtscp lm lahf-lm svm abm sse4a 3dnowprefetch npt "
         "misalignsse xop fma4 tbm nrip-save"},
    {.name = "Penryn-v1",
     .id = "Intel Core 2 Duo P9xxx (Penryn Class Core 2)",
     .options =
         "vendor=GenuineIntel family=6 model=23 stepping=3 level=0xa xlevel=0x80000008"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni ssse3 cx16 sse4.1 hypervisor nx syscall lm lahf-lm"},
    {.name = "SandyBridge-v1",
     .id = "Intel Xeon E312xx (Sandy Bridge)",
     .options =
         "vendor=GenuineIntel family=6 model=42 stepping=1 level=0xd xlevel=0x80000008"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni pclmulqdq ssse3 cx16 sse4.1 sse4.2 x2apic popcnt aes xsave avx hypervisor "
         "arat xsaveopt nx rdtscp syscall lm lahf-lm tsc-deadline"},
    {.name = "SandyBridge-v2",
     .alias = "SandyBridge-IBRS",
     .from = "SandyBridge-v1",
     .id = "Intel Xeon E312xx (Sandy Bridge, IBRS update)",
     .options = "+spec-ctrl"},
    {.name = "Skylake-Client-v1",
     .id = "Intel Core Processor (Skylake)",
     .options =
         "vendor=GenuineIntel family=6 model=94 stepping=3 level=0xd xlevel=0x80000008"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni pclmulqdq ssse3 fma cx16 sse4.1 sse4.2 x2apic movbe popcnt aes xsave avx "
         "f16c rdrand hypervisor arat fsgsbase bmi1 avx2 smep bmi2 erms rdseed adx smap xsaveopt "
         "xgetbv1 nx rdtscp syscall lm lahf-lm abm 3dnowprefetch pcid tsc-deadline hle invpcid "
         "rtm xsavec"},
    {.name = "Skylake-Client-v2",
     .alias = "Skylake-Client-IBRS",
     .from = "Skylake-Client-v1",
     .id = "Intel Core Processor (Skylake, IBRS)",
     .options = "+spec-ctrl"},
    {.name = "Skylake-Client-v3",
     .alias = "Skylake-Client-noTSX-IBRS",
     .from = "Skylake-Client-v2",
     .id = "Intel Core Processor (Skylake, IBRS, no TSX)",
     .options = "-hle -rtm"},
    {.name = "Skylake-Client-v4",
     .from = "Skylake-Client-v3",
     .note = "[IBRS, XSAVES, no TSX]",
     .options = "+xsaves"},
    {.name = "Skylake-Server-v1",
     .id = "Intel Xeon Processor (Skylake)",
     .options =
         "vendor=GenuineIntel family=6 model=85 stepping=4 level=0xd xlevel=0x80000008"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni pclmulqdq ssse3 fma cx16 sse4.1 sse4.2 x2apic movbe popcnt aes xsave avx "
         "f16c rdrand hypervisor arat fsgsbase bmi1 avx2 smep bmi2 erms rdseed adx smap "
         "clflushopt clwb pku xsaveopt xgetbv1 nx pdpe1gb rdtscp syscall lm lahf-lm abm "
         "3dnowprefetch pcid tsc-deadline hle invpcid rtm avx512f avx512dq avx512cd avx512bw "
         "avx512vl xsavec"},
    {.name = "Skylake-Server-v2",
     .alias = "Skylake-Server-IBRS",
     .from = "Skylake-Server-v1",
     .id = "Intel Xeon Processor (Skylake, IBRS)",
     .options = "-clflushopt +spec-ctrl"},
    {.name = "Skylake-Server-v3",
     .alias = "Skylake-Server-noTSX-IBRS",
     .from = "Skylake-Server-v2",
     .id = "Intel Xeon Processor (Skylake, IBRS, no TSX)",
     .options = "-hle -rtm"},
    {.name = "Skylake-Server-v4",
     .from = "Skylake-Server-v3",
     .note = "[IBRS, EPT switching, no TSX]"},
    {.name = "Skylake-Server-v5",
     .from = "Skylake-Server-v4",
     .note = "[IBRS, XSAVES, EPT switching, no TSX]",
     .options = "+xsaves"},
    {.name = "Westmere-v1",
     .id = "Westmere E56xx/L56xx/X56xx (Nehalem-C)",
     .options =
         "vendor=GenuineIntel family=6 model=44 stepping=1 level=0xb xlevel=0x80000008"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni pclmulqdq ssse3 cx16 sse4.1 sse4.2 popcnt aes hypervisor arat nx syscall "
         "lm lahf-lm"},
    {.name = "Westmere-v2",
     .alias = "Westmere-IBRS",
     .from = "Westmere-v1",
     .id = "Westmere E56xx/L56xx/X56xx (IBRS update)",
     .options = "+spec-ctrl"},
    {.name = "athlon-v1",
     .id = "QEMU Virtual CPU version 2.5+",
     .options =
         "vendor=AuthenticAMD family=6 model=2 stepping=3 level=0x2 xlevel=0x80000008"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 mmx fxsr sse sse2 "
         "hypervisor mmxext 3dnowext 3dnow"},
    {.name = "core2duo-v1",
     .id = "Intel(R) Core(TM)2 Duo CPU     T7700  @ 2.40GHz",
     .options =
         "vendor=GenuineIntel family=6 model=15 stepping=11 level=0xa xlevel=0x80000008"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush acpi mmx "
         "fxsr sse sse2 ss pni monitor ssse3 cx16 hypervisor nx syscall lm lahf-lm"},
    {.name = "coreduo-v1",
     .id = "Genuine Intel(R) CPU           T2600  @ 2.16GHz",
     .options =
         "vendor=GenuineIntel family=6 model=14 stepping=8 level=0xa xlevel=0x80000008"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat clflush acpi mmx fxsr "
         "sse sse2 ss pni monitor hypervisor nx"},
    {.name = "kvm32-v1",
     .id = "Common 32-bit KVM processor",
     .options =
         "vendor=GenuineIntel family=15 model=6 stepping=1 level=0x5 xlevel=0x80000008"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni hypervisor"},
    {.name = "kvm64-v1",
     .id = "Common KVM processor",
     .options =
         "vendor=GenuineIntel family=15 model=6 stepping=1 level=0xd xlevel=0x80000008"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni cx16 hypervisor nx syscall lm"},
    {.name = "n270-v1",
     .id = "Intel(R) Atom(TM) CPU N270   @ 1.60GHz",
     .options =
         "vendor=GenuineIntel family=6 model=28 stepping=2 level=0xa xlevel=0x80000008"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat clflush acpi mmx fxsr "
         "sse sse2 ss pni monitor ssse3 movbe hypervisor nx lahf-lm"},
    {.name = "pentium-v1",
     .id = "",
     .options = "vendor=GenuineIntel family=5 model=4 stepping=3 level=0x1 xlevel=0x0"
                " fpu de pse tsc msr mce cx8 apic mmx hypervisor"},
    {.name = "pentium2-v1",
     .id = "",
     .options = "vendor=GenuineIntel family=6 model=5 stepping=2 level=0x2 xlevel=0x0"
                " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 mmx fxsr "
                "hypervisor"},
    {.name = "pentium3-v1",
     .id = "",
     .options = "vendor=GenuineIntel family=6 model=7 stepping=3 level=0x3 xlevel=0x0"
                " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 mmx fxsr sse "
                "hypervisor"},
    {.name = "phenom-v1",
     .id = "AMD Phenom(tm) 9550 Quad-Core Processor",
     .options =
         "vendor=AuthenticAMD family=16 model=2 stepping=3 level=0x5 xlevel=0x8000001a"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni monitor cx16 popcnt hypervisor syscall nx mmxext pdpe1gb rdtscp lm "
         "3dnowext 3dnow lahf-lm svm abm sse4a npt fxsr-opt"},
    {.name = "qemu32-v1",
     .id = "QEMU Virtual CPU version 2.5+",
     .options =
         "vendor=GenuineIntel family=6 model=6 stepping=3 level=0x4 xlevel=0x80000004"
         " fpu de pse tsc msr pae mce cx8 apic sep pge cmov pat mmx fxsr sse sse2 pni hypervisor"},
    {.name = "qemu64-v1",
     .id = "QEMU Virtual CPU version 2.5+",
     .options =
         "vendor=AuthenticAMD family=15 model=107 stepping=1 level=0xd xlevel=0x8000000a"
         " fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr "
         "sse sse2 pni cx16 hypervisor syscall nx lm lahf-lm svm"},
    {.name = "base", .note = "base CPU model type with no features enabled", .options = ""},
    {.name = "max",
     .id = "QEMU TCG CPU version 2.5+",
     .note = "Enables all features supported by the accelerator in the current host",
     .options = "vendor=AuthenticAMD family=6 model=6 stepping=3 level=0xd xlevel=0x8000000a"},
    {.name = NULL},
};
