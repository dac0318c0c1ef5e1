/* SPDX-License-Identifier: MIT */
/* Exceptions to EL1: syndromes (DDI 0487, D19.2.37, ESR_ELx), entry and return. */
#ifndef CPU_ARM_EXCEPTION_H
#define CPU_ARM_EXCEPTION_H

#include "cpu/arm/cpu.h"

/* Exception classes, ESR_ELx.EC. Those with _LOWER are one less than their form for the same
 * exception level. */
enum {
    EC_UNKNOWN = 0x00,
    EC_WFX = 0x01,
    EC_FP_ACCESS = 0x07,
    EC_PAC_ACCESS = 0x09,
    EC_BTI = 0x0d,
    EC_ILLEGAL_STATE = 0x0e,
    EC_SVC = 0x15,
    EC_HVC = 0x16,
    EC_SMC = 0x17,
    EC_SYSREG = 0x18,
    EC_PAC_FAIL = 0x1c,
    EC_FETCH_LOWER = 0x20,
    EC_PC_ALIGN = 0x22,
    EC_DATA_LOWER = 0x24,
    EC_SP_ALIGN = 0x26,
    EC_MOPS = 0x27,
    EC_BREAKPOINT_LOWER = 0x30,
    EC_STEP_LOWER = 0x32,
    EC_WATCHPOINT_LOWER = 0x34,
    EC_BRK = 0x3c,
};

#define SYNDROME(ec, iss) ((uint32_t)(ec) << 26 | 1u << 25 | (uint32_t)(iss))
#define SYNDROME_UNDEFINED SYNDROME(EC_UNKNOWN, 0)

/* Fields of ISS of aborts, and fault status codes. */
enum {
    ISS_WNR = 1u << 6,
    ISS_CM = 1u << 8,
    FSC_ADDRESS_SIZE = 0x00, /* + level */
    FSC_TRANSLATION = 0x04,
    FSC_ACCESS_FLAG = 0x08,
    FSC_PERMISSION = 0x0c,
    FSC_EXTERNAL = 0x10,
    FSC_EXTERNAL_WALK = 0x14, /* + level */
    FSC_ALIGNMENT = 0x21,
    FSC_DEBUG = 0x22,
    FSC_ATOMIC_UPDATE = 0x31, /* unsupported hardware update of a descriptor */
    FSC_EXCLUSIVE = 0x35,     /* unsupported exclusive or atomic access */
    FSC_TRANSLATION_MINUS1 = 0x2b,
    FSC_ADDRESS_SIZE_MINUS1 = 0x29,
    FSC_EXTERNAL_WALK_MINUS1 = 0x13,
};

/*
 * From a RAISES function: records the exception with this syndrome (and FAR_EL1 if has_far) at the
 * current instruction; the run-time then calls take_exception.
 */
void arm_raise(struct arm_cpu *cpu, uint32_t syndrome);
void arm_raise_far(struct arm_cpu *cpu, uint32_t syndrome, uint64_t far);

/* From a guard's function: the block is left, and the instruction executed again, in the mode that
 * is then in force. */
void arm_retry(struct arm_cpu *cpu);

/*
 * From a function that ends a block, with all state in memory: takes the exception at once, with pc
 * as preferred return address. Gives the PC of the handler.
 */
uint64_t arm_take_sync(struct arm_cpu *cpu, uint64_t pc, uint32_t syndrome);

/* Where a function that ended a block goes on: at pc; ends a software step. */
uint64_t arm_next(struct arm_cpu *cpu, uint64_t pc);

/* Exception return to pc with the PSTATE of spsr; gives the new PC. */
uint64_t arm_return(struct arm_cpu *cpu, uint64_t pc, uint64_t spsr);

/* With all state in memory: takes an interrupt that is not masked, with pc as return address. Gives
 * the PC to go on at. */
uint64_t arm_look_for_interrupts(struct arm_cpu *cpu, uint64_t pc);

/* The exception of a data access, instruction fetch or cache operation (is_cm) at va; fault is
 * arm_walk's word. */
uint32_t arm_abort_syndrome(const struct arm_cpu *cpu, enum access a, uint64_t fault, bool is_cm);

/* pc as a branch leaves it: the top byte ignored where the translation regime says so. */
static inline uint64_t arm_branch_addr(uint64_t mode, uint64_t pc)
{
    const uint64_t top = UINT64_C(0xff) << 56;
    if (bit(pc, 55)) {
        return mode & MODE_TBI1 ? pc | top : pc;
    }
    return mode & MODE_TBI0 ? pc & ~top : pc;
}

/* Hooks of the class. */
void arm_take_exception(struct vcpu *v);
void arm_raise_memory(struct vcpu *v, vaddr va, enum access a, uint64_t fault);
bool arm_interrupt_ready(struct vcpu *v);
void arm_take_interrupt(struct vcpu *v);
bool arm_has_work(struct vcpu *v);

/* Rows that end a block: x is the PC of the instruction, aux the syndrome or the immediate. */
extern const struct ir_call arm_row_exception, arm_row_svc, arm_row_hvc, arm_row_brk, arm_row_hlt,
    arm_row_eret;
/* Ends a stepped instruction: x is the PC to go on at. */
extern const struct ir_call arm_row_step_done;
/* Software step exception; x is the PC. */
extern const struct ir_call arm_row_step_due;
/* A guard's function: raises the exception with syndrome aux. */
extern const struct ir_call arm_row_raise;
/* A guard's function: takes an interrupt. Ends a block: x is the PC to go on at, or to take an
 * interrupt at. */
extern const struct ir_call arm_row_interrupt, arm_row_unmasked;
/* Called before an instruction: raises the exception of a breakpoint at PC x. */
extern const struct ir_call arm_row_breakpoint;
/* A guard's function: SP is about to become misaligned. Ends a block: SP was written, x is the PC
 * to go on at. */
extern const struct ir_call arm_row_sp_misaligns, arm_row_sp_written, arm_row_sp_open;

#endif
