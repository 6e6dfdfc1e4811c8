/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Is this a record? The only code that looks at bytes nobody has checked; everything behind it
 * trusts the result. */
#ifndef RSSTRACE_MODEL_DECODE_H
#define RSSTRACE_MODEL_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include "checkpoint_abi.h"
#include "base/err.h"

#define SPACE_MAX 1024		      /* address-space ids are below this */
#ifndef RECORD_PAGES_MAX	      /* a fuzzer's is lower */
#define RECORD_PAGES_MAX (1ULL << 26) /* most pages one record may tell (256 GiB) */
#endif
#define FAULT_PAGES_MAX                                                                            \
	(1U << 20) /* the same of faults; no machine zeroes 4 GiB between two drains */
#define RECORD_COUNT_MAX (1LL << 36) /* largest value of a counter, pages (256 TiB) */
#define PAGES_SUM_MAX (1LL << 48) /* of any sum; what several come to in bytes is still an __s64   \
				   */

/*
 * decode__check() - does @rec, of @len bytes, keep every promise of record_abi.h: size, enums,
 * counts against size, strings terminated, addresses and amounts in range. @rec must be 8-byte
 * aligned. 0: yes; 1: well-formed but of a type not known here; -EBADMSG with a sentence: no.
 */
int decode__check(const struct rec *rec, size_t len, struct err *err);

/* decode_state.c: what is wrong with a REC_STATE or REC_CHECKPOINT of sufficient length, or NULL.
 */
const char *decode__check_state(const void *record);
const char *decode__check_checkpoint(const void *record);

/* What the pages told by @state (not those of spaces and series) come to; above PAGES_SUM_MAX: too
 * many. */
__u64 decode__state_weight(const struct rec_state *state);

#endif
