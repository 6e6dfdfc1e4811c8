/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One step up the stack: from the registers of a frame and the rule of its code to the registers
 * of its caller.
 *
 * Pure: no maps, no helpers. The includer says how the target is looked at, by defining struct
 * unwind_target and the two functions declared below, so that the BPF walker (unwind.bpf.h),
 * the walker of copies (live/stack_copy.c) and the unit test compile the same lines.
 */
#ifndef RSSTRACE_UNWIND_STEP_H
#define RSSTRACE_UNWIND_STEP_H

#include "unwind_abi.h"
#include "record_abi.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#define UNWIND_NR_LEAF_REGS 16
#define UNWIND_MAX_FP_FRAME_BYTES (1UL << 20) /* beyond, rbp is a general register */

/* Of struct ucontext (arch/x86/include/uapi/asm/ucontext.h): uc_mcontext is at 40 */
#define UNWIND_UCONTEXT_RBP (40 + 80)
#define UNWIND_UCONTEXT_RBX (40 + 88)
#define UNWIND_UCONTEXT_RSP (40 + 120)
#define UNWIND_UCONTEXT_RIP (40 + 128)

#define UNWIND_DWARF_RBX 3

struct unwind_target;

/* The word at @addr of the target's memory; 0, or anything else when it cannot be read. */
static __always_inline int unwind_read(struct unwind_target *target, __u64 addr, __u64 *value);

/* The id of the rule for @pc (0: UNWIND_RULE_ID_NONE), or minus the enum stack_end it means. */
static __always_inline int unwind_code(struct unwind_target *target, __u64 pc);

struct unwind_regs {
	__u64 ip;
	__u64 sp;
	__u64 bp;
	__u64 bx;    /* 0 once it is not known any more */
	__u32 exact; /* ip is the next instruction (innermost, interrupted), not a return address */
	__u32 leaf;  /* innermost frame: leaf_regs hold */
	__u64 leaf_regs[UNWIND_NR_LEAF_REGS]; /* by DWARF number */
};

/* The address a rule or a name is looked up for: a return address may be the first byte of the next
 * function. */
static __always_inline __u64 unwind__pc(const struct unwind_regs *regs)
{
	return regs->exact ? regs->ip : regs->ip - 1;
}

static __always_inline int unwind__from_signal(struct unwind_target *target,
					       struct unwind_regs *regs)
{
	__u64 uc = regs->sp;

	if (unwind_read(target, uc + UNWIND_UCONTEXT_RBP, &regs->bp) ||
	    unwind_read(target, uc + UNWIND_UCONTEXT_RBX, &regs->bx) ||
	    unwind_read(target, uc + UNWIND_UCONTEXT_RSP, &regs->sp) ||
	    unwind_read(target, uc + UNWIND_UCONTEXT_RIP, &regs->ip))
		return STACK_END_READ;
	regs->exact = 1;
	regs->leaf = 0;
	return regs->ip ? 0 : STACK_END_ZERO;
}

/* The frame rbp points to, if it returns into code. */
static __always_inline int unwind__follow_frame_pointer(struct unwind_target *target,
							struct unwind_regs *regs)
{
	__u64 frame = regs->bp, bp = 0, ip = 0;

	if (unwind_read(target, frame, &bp) || unwind_read(target, frame + 8, &ip))
		return STACK_END_READ;
	if (!ip)
		return STACK_END_ZERO;
	if (unwind_code(target, ip - 1) < 0)
		return STACK_END_NO_RULE;
	regs->ip = ip;
	regs->sp = frame + 16;
	regs->bp = bp;
	regs->bx = 0;
	regs->exact = 0;
	regs->leaf = 0;
	return 0;
}

/* No table speaks for this code, rbp may be a general register: the frame must be of a likely size.
 */
static __always_inline int unwind__from_frame_pointer(struct unwind_target *target,
						      struct unwind_regs *regs)
{
	if (regs->bp < regs->sp || regs->bp - regs->sp >= UNWIND_MAX_FP_FRAME_BYTES)
		return STACK_END_NO_RULE;
	return unwind__follow_frame_pointer(target, regs);
}

#define UNWIND_EPILOGUE 0xc300c48348ULL /* 48 83 c4 NN c3: add $NN,%rsp; ret */
#define UNWIND_EPILOGUE_MASK 0xff80ffffffULL

/*
 * A return into an epilogue says itself how large the frame is: trampolines that keep no frame
 * pointer look like this, as CPython's for each function under -X perf.
 */
static __always_inline int unwind__from_epilogue(struct unwind_target *target,
						 struct unwind_regs *regs)
{
	__u64 code = 0, ip = 0, cfa;

	if (regs->exact || unwind_read(target, regs->ip, &code) ||
	    (code & UNWIND_EPILOGUE_MASK) != UNWIND_EPILOGUE)
		return STACK_END_NO_RULE;
	cfa = regs->sp + (code >> 24 & 0x7f) + 8;
	if (unwind_read(target, cfa - 8, &ip) || unwind_code(target, ip - 1) < 0)
		return STACK_END_NO_RULE;
	regs->ip = ip;
	regs->sp = cfa;
	return 0;
}

/* Code without a table. */
static __always_inline int unwind__from_code(struct unwind_target *target, struct unwind_regs *regs)
{
	if (!unwind__from_epilogue(target, regs))
		return 0;
	return unwind__from_frame_pointer(target, regs);
}

/*
 * A hole in a file's table: hand-written start-up code. With rbp 0 it is _start, by the ABI the
 * outermost frame. Else mostly functions without a frame (deregister_tm_clones, the head of _init).
 */
static __always_inline int unwind__from_hole(struct unwind_target *target, struct unwind_regs *regs)
{
	__u64 ip = 0;

	if (!regs->bp)
		return STACK_END_ROOT;
	if (regs->leaf && !unwind_read(target, regs->sp, &ip) && unwind_code(target, ip - 1) > 0) {
		regs->ip = ip;
		regs->sp += 8;
		regs->exact = 0;
		regs->leaf = 0;
		return 0;
	}
	return unwind__from_frame_pointer(target, regs);
}

static __always_inline int unwind__cfa_of_reg(const struct unwind_regs *regs,
					      const struct unwind_rule *rule, __u64 *cfa)
{
	__u32 reg = unwind_rule__low(rule);

	if (reg == UNWIND_DWARF_RBX)
		*cfa = regs->bx;
	else if (regs->leaf && reg < UNWIND_NR_LEAF_REGS)
		*cfa = regs->leaf_regs[reg];
	else
		return STACK_END_UNSUPPORTED;
	*cfa += unwind_rule__high(rule);
	return 0;
}

static __always_inline int unwind__cfa(struct unwind_target *target, const struct unwind_regs *regs,
				       const struct unwind_rule *rule, __u64 *cfa)
{
	__s64 high = unwind_rule__high(rule);

	switch (rule->how & 15) {
	case UNWIND_CFA_RSP:
		*cfa = regs->sp + rule->cfa_off;
		return 0;
	case UNWIND_CFA_RBP:
		*cfa = regs->bp + rule->cfa_off;
		return 0;
	case UNWIND_CFA_PLT:
		*cfa = regs->sp + ((regs->ip & 15) >= (__u32)rule->cfa_off ? 16 : 8);
		return 0;
	case UNWIND_CFA_REG:
		return unwind__cfa_of_reg(regs, rule, cfa);
	case UNWIND_CFA_DEREF_RSP:
	case UNWIND_CFA_DEREF_RBP:
		high += (rule->how & 15) == UNWIND_CFA_DEREF_RSP ? regs->sp : regs->bp;
		if (unwind_read(target, high, cfa))
			return STACK_END_READ;
		*cfa += unwind_rule__low(rule);
		return 0;
	default:
		return STACK_END_UNSUPPORTED;
	}
}

/* rbp before the return address: it lies lower, and the reader keeps what lies above its last miss.
 */
static __always_inline int unwind__from_table(struct unwind_target *target,
					      struct unwind_regs *regs,
					      const struct unwind_rule *rule)
{
	__u32 rbp = rule->how >> 4;
	__u64 cfa = 0, bp = regs->bp, ip = 0;
	int end = unwind__cfa(target, regs, rule, &cfa);

	if (end)
		return end;
	if (rbp != UNWIND_RBP_SAME &&
	    unwind_read(target, (rbp == UNWIND_RBP_CFA ? cfa : regs->bp) + rule->rbp_off, &bp))
		return STACK_END_READ;
	if (rule->rbx_words == UNWIND_RBX_LOST)
		regs->bx = 0;
	else if (rule->rbx_words && unwind_read(target, cfa + 8LL * rule->rbx_words, &regs->bx))
		return STACK_END_READ;
	if (unwind_read(target, cfa - 8, &ip))
		return STACK_END_READ;
	regs->ip = ip;
	regs->sp = cfa;
	regs->bp = bp;
	regs->exact = 0;
	regs->leaf = 0;
	return ip ? 0 : STACK_END_ZERO;
}

/* 0: @regs are the caller's. Else the enum stack_end with which the walk ends at this frame; @regs
 * are spoilt. */
static __always_inline int unwind__step(struct unwind_target *target, struct unwind_regs *regs,
					const struct unwind_rule *rule)
{
	switch (rule->how & 15) {
	case UNWIND_CFA_STOP:
		return STACK_END_ROOT;
	case UNWIND_CFA_NONE:
		return unwind__from_hole(target, regs);
	case UNWIND_CFA_FP:
		return unwind__from_code(target, regs);
	case UNWIND_CFA_SWITCH:
		return unwind__follow_frame_pointer(target, regs);
	case UNWIND_CFA_SIGNAL:
		return unwind__from_signal(target, regs);
	default:
		return unwind__from_table(target, regs, rule);
	}
}

#endif
