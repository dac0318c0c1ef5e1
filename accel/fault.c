/* SPDX-License-Identifier: MIT */
/*
 * Host faults of generated code: the guard page of a code stack, into which a guest runs that calls
 * deeper than the stack is. The handler is the process's (faults have one handler), so what is not
 * ours goes to the handler that was there before.
 */
#include <signal.h>
#include <string.h>

#include "accel/tcg.h"
#include "base/mem.h"

#define SIGNAL_STACK_BYTES (64u << 10)

static struct sigaction *previous(void)
{
    static struct sigaction before;

    return &before;
}

static void handle(int number, siginfo_t *info, void *context)
{
    struct vcpu *v = vcpu_current();

    if (v && v->accel && tcg_of(v)->accel->host &&
        host_fault(tcg_of(v)->accel->host, v, (uintptr_t)info->si_addr, context)) {
        return;
    }
    const struct sigaction *before = previous();
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

    sigaction(SIGSEGV, NULL, &now);
    if (!(now.sa_flags & SA_SIGINFO) || now.sa_sigaction != handle) {
        *previous() = now;
        sigemptyset(&sa.sa_mask);
        sigaction(SIGSEGV, &sa, NULL);
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
