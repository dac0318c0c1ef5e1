/* SPDX-License-Identifier: MIT */
/*
 * Host faults of generated code: the guard page of a code stack, into which a guest runs that calls
 * deeper than the stack is, and floating-point exceptions that are not masked (tcg/host/). The
 * handlers are the process's, so what is not ours goes to the handler that was there before.
 */
#include <signal.h>
#include <string.h>

#include "accel/fault.h"
#include "accel/tcg.h"
#include "base/bits.h"
#include "base/mem.h"

#define SIGNAL_STACK_BYTES (64u << 10)

static const int signals[] = {SIGSEGV, SIGFPE};

static struct sigaction *previous(int number)
{
    static struct sigaction before[array_len(signals)];

    return &before[number == SIGFPE];
}

static bool mend(struct vcpu *v, int number, const siginfo_t *info, void *context)
{
    struct host *h = tcg_of(v)->accel->host;

    return number == SIGFPE ? host_fp_fault(h, v, context)
                            : host_fault(h, v, (uintptr_t)info->si_addr, context);
}

static void handle(int number, siginfo_t *info, void *context)
{
    struct vcpu *v = vcpu_current();

    if (v && tcg_of(v) && tcg_of(v)->accel->host && mend(v, number, info, context)) {
        return;
    }
    const struct sigaction *before = previous(number);
    if (before->sa_flags & SA_SIGINFO) {
        before->sa_sigaction(number, info, context);
    } else if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN) {
        before->sa_handler(number);
    } else {
        signal(number, SIG_DFL); /* the fault comes again and ends the process */
    }
}

void fault_handler_install(void)
{
    struct sigaction now,
        sa = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

    sigemptyset(&sa.sa_mask);
    for (unsigned i = 0; i < array_len(signals); i++) {
        sigaction(signals[i], NULL, &now);
        if (!(now.sa_flags & SA_SIGINFO) || now.sa_sigaction != handle) {
            *previous(signals[i]) = now;
            sigaction(signals[i], &sa, NULL);
        }
    }
}

void *fault_stack_create(void)
{
    void *stack = mem_alloc(SIGNAL_STACK_BYTES);
    const stack_t ss = {.ss_sp = stack, .ss_size = SIGNAL_STACK_BYTES};

    sigaltstack(&ss, NULL);
    return stack;
}

void fault_stack_free(void *stack)
{
    const stack_t off = {.ss_flags = SS_DISABLE};

    sigaltstack(&off, NULL);
    mem_free(stack);
}
