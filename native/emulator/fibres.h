// Stacks of their own that take turns on one CPU thread.
//
// On x86-64 a change of stack is a dozen instructions, which is what makes a fibre for each CUDA thread affordable
// (`swapcontext` asks the system for the signal mask each time); elsewhere it is `swapcontext`.
#pragma once

#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace retrace::emulator {

constexpr size_t stack_bytes = 128 * 1024;

#if defined(__x86_64__)
struct context {
  void *stack_pointer = nullptr;
};
// Keeps what the System V ABI asks a callee to keep, and goes on where `to` stopped. `noipa`: else the compiler would
// reason that so short a function leaves the other registers alone.
__attribute__((naked, noinline
#if !defined(__clang__)
               ,
               noipa
#endif
               )) inline void switch_stacks(void ** /*from: rdi*/, void * /*to: rsi*/) {
  asm("pushq %rbp\n pushq %rbx\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
      "movq %rsp, (%rdi)\n movq %rsi, %rsp\n"
      "popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbx\n popq %rbp\n ret");
}
inline void switch_context(context &from, context &to) { switch_stacks(&from.stack_pointer, to.stack_pointer); }
inline void make_context(context &fresh, char *stack, void (*entry)()) {
  void **top = reinterpret_cast<void **>(stack + stack_bytes);
  *--top = nullptr;  // where `entry` would return to; it also brings the stack to the alignment of a function's entry
  *--top = reinterpret_cast<void *>(entry);
  for (int i = 0; i < 6; i++) *--top = nullptr;
  fresh.stack_pointer = top;
}
#else
struct context {
  ucontext_t machine;
};
inline void switch_context(context &from, context &to) { swapcontext(&from.machine, &to.machine); }
inline void make_context(context &fresh, char *stack, void (*entry)()) {
  getcontext(&fresh.machine);
  fresh.machine.uc_stack.ss_sp = stack;
  fresh.machine.uc_stack.ss_size = stack_bytes;
  fresh.machine.uc_link = nullptr;
  makecontext(&fresh.machine, entry, 0);
}
#endif

}  // namespace retrace::emulator
