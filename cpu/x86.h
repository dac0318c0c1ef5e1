/* SPDX-License-Identifier: MIT */
/* What a board, and a local interrupt controller, know of an x86 vCPU beyond cpu/cpu.h. */
#ifndef CPU_X86_H
#define CPU_X86_H

#include "cpu/arch.h"
#include "cpu/cpu.h"

extern const struct arch x86_64_arch, i386_arch;
extern const struct cpu_class x86_cpu_class, x86_i386_cpu_class; /* the second: no long mode */

/* Input lines of vcpu.interrupt_lines. INTR follows its level; the others are the functions' below,
 * which latch. */
enum x86_line {
    X86_LINE_INTR,
    X86_LINE_NMI,
    X86_LINE_INIT,
    X86_LINE_SMI,
    X86_LINE_WAKE /* the CPU's own: ends MWAIT */
};

/* The vCPU's second space of addresses (vcpu.spaces): its I/O ports. */
#define X86_SPACE_PORTS 1
/* The third, which the board may leave out: memory as the CPU sees it in system management mode. */
#define X86_SPACE_SMM 2

/*
 * What the CPU asks of its local interrupt controller: which interrupt is next, and the
 * controller's part of the CPU's own registers. The device publishes it; the functions run on the
 * owning vCPU's thread. The other way round the device sets the line INTR (vcpu_irq).
 */
struct x86_apic {
    void *opaque;
    /* The CPU takes an interrupt: its vector, which is in service from now on (the 8259's, too);
     * -1: there is none any more. */
    int (*acknowledge)(void *opaque, int vcpu);
    /* CR8: bits 7 to 4 of the task priority register. */
    unsigned (*priority)(void *opaque, int vcpu);
    void (*set_priority)(void *opaque, int vcpu, unsigned priority);
    /* RDMSR and WRMSR of the numbers below; false: #GP(0). The deadline of the timer is a time of
     * the machine's clock in ns here, 0 for none. */
    bool (*read)(void *opaque, int vcpu, uint32_t msr, uint64_t *value);
    bool (*write)(void *opaque, int vcpu, uint32_t msr, uint64_t value);
};
#define X86_MSR_APIC_BASE 0x1bu
#define X86_MSR_TSC_DEADLINE 0x6e0u
#define X86_MSR_X2APIC 0x800u /* the first of 256 */

/* ---- before the vCPU runs, on the loop's thread */

/* NULL (at creation): CPUID says that there is none, and INTR gives vector 32. */
void x86_set_apic(struct vcpu *v, const struct x86_apic *apic);
/* How many CPUs the machine has, for CPUID; 1 at creation. */
void x86_set_cpu_count(struct vcpu *v, unsigned count);
/* The seed of RDRAND and RDSEED; each vCPU draws its own sequence from it. */
void x86_set_seed(struct vcpu *v, uint64_t seed);

/* What cpu_class.boot does with its entry and argument. */
enum x86_boot {
    X86_BOOT_PLAIN,   /* RIP and RSI, the rest as a reset leaves it */
    X86_BOOT_STARTUP, /* of a start-up message: real mode, CS is entry / 16 and IP 0 */
    X86_BOOT_PVH, /* 32-bit code in flat segments: EIP, and EBX, which points to the start info */
    X86_BOOT_MULTIBOOT, /* the same, and EAX says that it is the Multiboot Specification's */
    X86_BOOT_LINUX      /* the same, with ESI, which points to the boot parameters */
};
void x86_set_boot(struct vcpu *v, enum x86_boot boot);

/* FERR#: rises when an x87 instruction finds an exception while CR0.NE is clear. IRQ 13 of PCs. */
void x86_set_ferr(struct vcpu *v, struct irq line);

/* ---- on v's thread: a write to port 0xf0 lowers FERR#, and asserts IGNNE# */

void x86_ignore_ferr(struct vcpu *v);

/* ---- on v's thread, within an access to port 0x5658, of which registers are a part */

struct x86_backdoor {
    uint32_t eax, ebx, ecx, edx;
    bool x2apic; /* the CPU has one */
};
void x86_get_backdoor(struct vcpu *v, struct x86_backdoor *r);
void x86_set_backdoor(struct vcpu *v, const struct x86_backdoor *r);
#define X86_BACKDOOR 0x5658

/* ---- any thread */

void x86_send_nmi(struct vcpu *v);
void x86_send_smi(struct vcpu *v);
/* The A20 gate, open after creation, which no reset changes: it is the board's. By v's own thread
 * it holds from the next instruction on. */
void x86_set_a20(struct vcpu *v, bool open);
/* INIT: v is reset as far as INIT does, and waits for a start-up message; the first CPU (index 0)
 * goes on at its reset vector. */
void x86_send_init(struct vcpu *v);
/* A start-up message: v, which must be waiting for one, starts at vector << 12. */
void x86_send_startup(struct vcpu *v, uint8_t vector);

#endif
