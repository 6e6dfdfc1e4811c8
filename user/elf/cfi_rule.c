// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <dwarf.h>
#include "elf/cfi_program.h"

#define DWARF_RBP 6
#define DWARF_RSP 7
#define DWARF_RIP 16

#define MAX_HIGH (1 << 22) /* what cfa_off >> 8 holds, with room to spare */

static bool set_high_low(struct unwind_rule *rule, __s64 high, __u64 low)
{
	if (high <= -MAX_HIGH || high >= MAX_HIGH || low > 255)
		return false;
	rule->cfa_off = (__s32)((__u32)(__s32)high << 8 | (__u32)low);
	return true;
}

/* breg6|breg7 n, deref [, plus_uconst m]: a function that realigned its stack, or keeps its
 * caller's rsp on it. */
static bool cfa_by_deref(struct byte_cursor code, struct unwind_rule *rule)
{
	__u8 op = (__u8)byte_cursor__fixed(&code, 1);
	__s64 high = byte_cursor__sleb(&code);
	__u64 low = 0;

	if ((op != DW_OP_breg6 && op != DW_OP_breg7) || byte_cursor__fixed(&code, 1) != DW_OP_deref)
		return false;
	if (byte_cursor__left(&code)) {
		if (byte_cursor__fixed(&code, 1) != DW_OP_plus_uconst)
			return false;
		low = byte_cursor__uleb(&code);
	}
	if (code.bad || byte_cursor__left(&code) || !set_high_low(rule, high, low))
		return false;
	rule->how = op == DW_OP_breg7 ? UNWIND_CFA_DEREF_RSP : UNWIND_CFA_DEREF_RBP;
	return true;
}

/* What linkers write for .plt: rsp + 8 + ((rip & 15) >= n) * 8, for an entry that pushes one word
 * on its way. */
static bool cfa_of_plt(struct byte_cursor code, struct unwind_rule *rule)
{
	static const __u8 head[] = { DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and };
	static const __u8 tail[] = { DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus };
	__u8 limit;

	if (byte_cursor__left(&code) != sizeof(head) + 1 + sizeof(tail) ||
	    memcmp(code.at, head, sizeof(head)) != 0 ||
	    memcmp(code.at + sizeof(head) + 1, tail, sizeof(tail)) != 0)
		return false;
	limit = code.at[sizeof(head)];
	if (limit < DW_OP_lit0 || limit > DW_OP_lit15)
		return false;
	rule->how = UNWIND_CFA_PLT;
	rule->cfa_off = limit - DW_OP_lit0;
	return true;
}

static bool cfa_by_register(const struct cfi_state *state, struct unwind_rule *rule)
{
	if (state->cfa_register == DWARF_RSP || state->cfa_register == DWARF_RBP) {
		if (state->cfa_offset != (__s32)state->cfa_offset)
			return false;
		rule->how = state->cfa_register == DWARF_RSP ? UNWIND_CFA_RSP : UNWIND_CFA_RBP;
		rule->cfa_off = (__s32)state->cfa_offset;
		return true;
	}
	rule->how = UNWIND_CFA_REG;
	return state->cfa_register < DWARF_RIP &&
	       set_high_low(rule, state->cfa_offset, state->cfa_register);
}

static bool set_cfa(const struct cfi_state *state, struct unwind_rule *rule)
{
	struct byte_cursor code = { .at = state->cfa_expression };

	if (!state->cfa_expression)
		return cfa_by_register(state, rule);
	code.end = code.at + state->cfa_expression_len;
	return cfa_by_deref(code, rule) || cfa_of_plt(code, rule);
}

/* breg6 n: where a function that realigned its stack keeps its caller's rbp. */
static bool rbp_by_expression(const struct cfi_register *rbp, __s64 *offset)
{
	struct byte_cursor code = { .at = rbp->expression,
				    .end = rbp->expression + rbp->expression_len };

	if (byte_cursor__fixed(&code, 1) != DW_OP_breg6)
		return false;
	*offset = byte_cursor__sleb(&code);
	return !code.bad && !byte_cursor__left(&code);
}

static bool set_rbp(const struct cfi_register *rbp, struct unwind_rule *rule)
{
	enum unwind_rbp how = UNWIND_RBP_SAME;
	__s64 offset = 0;

	switch (rbp->saved) {
	case CFI_SAME:
	case CFI_UNDEFINED:
		return true;
	case CFI_AT_CFA:
		how = UNWIND_RBP_CFA;
		offset = rbp->offset;
		break;
	case CFI_AT_EXPRESSION:
		how = UNWIND_RBP_RBP;
		if (!rbp_by_expression(rbp, &offset))
			return false;
		break;
	case CFI_OTHER:
		return false;
	}
	if (offset != (__s16)offset)
		return false;
	rule->how |= (__u8)(how << 4);
	rule->rbp_off = (__s16)offset;
	return true;
}

/* rbx is followed only where that is free: it is the frame register of a few hand-written
 * functions. */
static void set_rbx(const struct cfi_register *rbx, struct unwind_rule *rule)
{
	if (rbx->saved == CFI_SAME)
		rule->rbx_words = UNWIND_RBX_SAME;
	else if (rbx->saved == CFI_AT_CFA && rbx->offset % 8 == 0 && rbx->offset / 8 >= -128 &&
		 rbx->offset < 0)
		rule->rbx_words = (__s8)(rbx->offset / 8);
	else
		rule->rbx_words = UNWIND_RBX_LOST;
}

void cfi_state__rule(const struct cfi_state *state, bool signal, struct unwind_rule *rule)
{
	*rule = (struct unwind_rule){ .how = UNWIND_CFA_SIGNAL };
	if (signal)
		return;
	if (state->ra.saved == CFI_UNDEFINED) {
		rule->how = UNWIND_CFA_STOP;
		return;
	}
	if (state->ra.saved != CFI_AT_CFA || state->ra.offset != -8 || !set_cfa(state, rule) ||
	    !set_rbp(&state->rbp, rule)) {
		*rule = (struct unwind_rule){ .how = UNWIND_CFA_UNSUPPORTED };
		return;
	}
	set_rbx(&state->rbx, rule);
}
