/* SPDX-License-Identifier: MIT */
/* Faults of generated code; see fault.c. */
#ifndef ACCEL_FAULT_H
#define ACCEL_FAULT_H

void fault_handler_install(
    void);                      /* for faults of generated code; others go to the handler before */
void *fault_stack_create(void); /* signal stack of the calling thread */
void fault_stack_free(void *stack);

#endif
